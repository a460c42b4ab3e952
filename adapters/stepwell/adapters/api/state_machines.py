"""Operations on state machines, their versions and their aliases."""

from collections.abc import Sequence

from stepwell.adapters.api.api import Api, Caller, Params, Response, paged, tags_in
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine.operations import aliases, descriptions, state_machines, versions
from stepwell.engine.operations.descriptions import present
from stepwell.engine.registry import AliasRecord, StateMachineRecord, VersionRecord

# --- state machines ---------------------------------------------------------------------------------------------------


def create_state_machine(api: Api, caller: Caller, params: Params) -> Response:
    written = state_machines.create_state_machine(
        api.runtime.registry,
        at=api.now(),
        name=params["name"],
        definition=params["definition"],
        role_arn=params["roleArn"],
        type=StateMachineType(params.get("type", "STANDARD")),
        publish=params.get("publish", False),
        version_description=params.get("versionDescription"),
        tags=tags_in(params),
        region=caller.region,
        account=caller.account,
        has_log_group=api.has_log_group,
        **_configurations(params),
    )
    api.runtime.machines.forget()
    return present(
        {
            "stateMachineArn": written.arn,
            "creationDate": written.state_machine.created_at,
            "stateMachineVersionArn": None if written.version is None else written.version.arn,
        }
    )


def update_state_machine(api: Api, caller: Caller, params: Params) -> Response:
    written = state_machines.update_state_machine(
        api.runtime.registry,
        params["stateMachineArn"],
        at=api.now(),
        entropy=api.entropy(),
        definition=params.get("definition"),
        role_arn=params.get("roleArn"),
        publish=params.get("publish", False),
        version_description=params.get("versionDescription"),
        has_log_group=api.has_log_group,
        **_configurations(params),
    )
    api.runtime.machines.forget()
    return present(
        {
            "updateDate": written.state_machine.updated_at,
            "revisionId": written.revision_id,
            "stateMachineVersionArn": None if written.version is None else written.version.arn,
        }
    )


def _configurations(params: Params) -> dict[str, dict[str, object] | None]:
    return {
        f"{name}_configuration": params.get(f"{name}Configuration") for name in ("logging", "tracing", "encryption")
    }


def delete_state_machine(api: Api, caller: Caller, params: Params) -> Response:
    runtime = api.runtime
    runtime.from_registry(lambda: runtime.delete_state_machine(params["stateMachineArn"]))
    return {}


def describe_state_machine(api: Api, caller: Caller, params: Params) -> Response:
    record = state_machines.describe_state_machine(api.runtime.registry, params["stateMachineArn"])
    return descriptions.described_state_machine(record, params.get("includedData"))


def list_state_machines(api: Api, caller: Caller, params: Params) -> Response:
    pages = api.pages(params, "ListStateMachines", caller.within)
    found = state_machines.list_state_machines(
        api.runtime.registry, within=caller.within, limit=pages.size + 1, after=pages.last()
    )
    return paged("stateMachines", pages.page(found, key=_arn_of), _listed)


def _listed(machine: StateMachineRecord) -> Response:
    return {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "type": machine.type.value,
        "creationDate": machine.created_at,
    }


# --- versions ---------------------------------------------------------------------------------------------------------


def publish_state_machine_version(api: Api, caller: Caller, params: Params) -> Response:
    version = versions.publish_version(
        api.runtime.registry,
        params["stateMachineArn"],
        at=api.now(),
        revision_id=params.get("revisionId"),
        description=params.get("description"),
    )
    return _version(version)


def delete_state_machine_version(api: Api, caller: Caller, params: Params) -> Response:
    versions.delete_version(api.runtime.registry, params["stateMachineVersionArn"])
    api.runtime.machines.forget()
    return {}


def list_state_machine_versions(api: Api, caller: Caller, params: Params) -> Response:
    arn = params["stateMachineArn"]
    pages = api.pages(params, "ListStateMachineVersions", arn)
    found = versions.list_versions(api.runtime.registry, arn, limit=pages.size + 1, after=pages.last())
    return paged("stateMachineVersions", pages.page(found, key=_arn_of), _version)


def _version(version: VersionRecord) -> Response:
    return {"stateMachineVersionArn": version.arn, "creationDate": version.created_at}


# --- aliases ----------------------------------------------------------------------------------------------------------


def create_state_machine_alias(api: Api, caller: Caller, params: Params) -> Response:
    alias = aliases.create_alias(
        api.runtime.registry,
        at=api.now(),
        name=params["name"],
        routing=_routing(params["routingConfiguration"]),
        description=params.get("description"),
    )
    return _alias(alias)


def update_state_machine_alias(api: Api, caller: Caller, params: Params) -> Response:
    routing = params.get("routingConfiguration")
    alias = aliases.update_alias(
        api.runtime.registry,
        params["stateMachineAliasArn"],
        at=api.now(),
        routing=None if routing is None else _routing(routing),
        description=params.get("description"),
    )
    return {"updateDate": alias.updated_at}


def delete_state_machine_alias(api: Api, caller: Caller, params: Params) -> Response:
    aliases.delete_alias(api.runtime.registry, params["stateMachineAliasArn"])
    return {}


def describe_state_machine_alias(api: Api, caller: Caller, params: Params) -> Response:
    alias = aliases.describe_alias(api.runtime.registry, params["stateMachineAliasArn"])
    return present(
        {
            **_alias(alias),
            "name": alias.name,
            "description": alias.description,
            "routingConfiguration": [
                {"stateMachineVersionArn": arn, "weight": weight} for arn, weight in alias.routing
            ],
            "updateDate": alias.updated_at,
        }
    )


def list_state_machine_aliases(api: Api, caller: Caller, params: Params) -> Response:
    arn = params["stateMachineArn"]
    pages = api.pages(params, "ListStateMachineAliases", arn)
    found = aliases.list_aliases(api.runtime.registry, arn, limit=pages.size + 1, after=pages.last())
    return paged("stateMachineAliases", pages.page(found, key=_arn_of), _alias)


def _alias(alias: AliasRecord) -> Response:
    return {"stateMachineAliasArn": alias.arn, "creationDate": alias.created_at}


def _routing(rows: Sequence[Params]) -> list[tuple[str, int]]:
    return [(row["stateMachineVersionArn"], row["weight"]) for row in rows]


def _arn_of(record: StateMachineRecord | VersionRecord | AliasRecord) -> str:
    return record.arn
