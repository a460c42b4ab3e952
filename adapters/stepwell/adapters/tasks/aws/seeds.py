"""What is there before the first task: tables, buckets, queues, topics ... of a file, or of a template.

    tables:
      Stock: sku                                 a table and its partition key
      Orders:
        key: {customer: S, at: N}                partition and sort key, with their types
        items: [{customer: ann, at: 7, total: 12.5}]
    buckets:
      uploads:
        in/day.csv: "@data/day.csv"              a file, by a path beside this one
        settings.json: {limit: 5}                anything but a text is written as JSON
    queues: [Jobs, Payments.fifo]
    topics: {Alerts: [Jobs]}                     with the queues that are subscribed to it
    buses: [orders]
    parameters: {/shop/limit: "5"}               of Systems Manager
    secrets: {shop/key: s3cret}
    calls:                                       anything else, in their order
      - ses:verifyEmailIdentity: {EmailAddress: shop@example.com}

Calls spell their parameters as the API does. Of a template (SAM or CloudFormation) its own resources of these kinds are
made, under the names by which its state machines know them.

Rule: a seed is a call of an API; what the file says in short is written out as calls, and all of them are made alike.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any

from msgspec import Struct

from stepwell.adapters.definition_files import ACCOUNT, REGION, TemplateResource, resources_in
from stepwell.adapters.tasks.aws.endpoints import Credentials, Endpoints
from stepwell.adapters.tasks.aws.names import client_name, uncapitalized
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import dumps, dumps_checked
from stepwell.definitions.problems import InvalidSource
from stepwell.definitions.source import read_source

Members = dict[str, Any]


class InvalidSeeds(Exception):
    """A file of seeds that cannot be used. The text says where, what is wrong, and what there is."""


class Seed(Struct, frozen=True, kw_only=True):
    """A call that is made before anything runs."""

    service: str
    """As Resources name it."""
    action: str
    parameters: Members
    where: str
    """What it comes from."""


def seeds_of_file(path: Path) -> list[Seed]:
    """The seeds that a file in YAML or JSON lists; raises InvalidSeeds."""
    try:
        given = read_source(path.read_text(encoding="utf-8"), name=str(path)).value
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "is no text in UTF-8"
        raise InvalidSeeds(f"{path}: cannot be read: {reason}") from None
    except InvalidSource as fault:
        raise InvalidSeeds(f"{path}: {fault.problems[0].message}") from None
    table = _object(given, str(path))
    for kind in table:
        if kind not in _KINDS:
            raise InvalidSeeds(f"{path}: there is no {kind!r}; there are: {', '.join(_KINDS)}")
    return [seed for kind, made in _KINDS.items() if kind in table for seed in made(table[kind], f"{path}: {kind}")]


def seeds_of_template(template: str | PathLike[str]) -> list[Seed]:
    """The seeds of a template's resources; none where the file is no template. Raises as `read_definition`."""
    return [
        seed
        for resource in resources_in(template, *_RESOURCES)
        for seed in _RESOURCES[resource.type](resource, f"{template}: {resource.logical_id}")
    ]


def sow(seeds: Iterable[Seed], endpoints: Endpoints) -> None:
    """Makes the calls of all seeds; raises InvalidSeeds for the first that is refused."""
    seeds = list(seeds)
    if not seeds:
        return
    from boto3.session import Session  # here, not above: who has no seeds pays nothing for it
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError

    from stepwell.adapters.tasks.aws.clients import session_without_files

    credentials = Credentials()
    session = Session(
        credentials.access_key_id,
        credentials.secret_access_key,
        region_name=endpoints.region or REGION,
        botocore_session=session_without_files(),
    )
    with ExitStack() as until_the_end:
        clients: dict[str, Any] = {}
        for seed in seeds:
            client = clients.get(seed.service)
            if client is None:
                name = client_name(seed.service, session.get_available_services())
                if name is None:
                    raise InvalidSeeds(f"{seed.where}: there is no AWS service {seed.service!r}")
                client = clients[seed.service] = session.client(name, endpoint_url=endpoints.url(seed.service))
                until_the_end.callback(client.close)
            operations = {uncapitalized(each): each for each in client.meta.service_model.operation_names}
            if seed.action not in operations:
                raise InvalidSeeds(f"{seed.where}: {seed.service!r} has no action {seed.action!r}")
            try:
                getattr(client, xform_name(operations[seed.action]))(**seed.parameters)
            except (BotoCoreError, ClientError, TypeError) as fault:  # or a parameter's name is none
                raise InvalidSeeds(f"{seed.where}: {seed.service}:{seed.action}: {fault}") from None


# --- files ------------------------------------------------------------------------------------------------------------


def _tables(given: Json, where: str) -> Iterator[Seed]:
    for name, about in _object(given, where).items():
        place = f"{where}.{name}"
        table = about if isinstance(about, dict) and "key" in about else {"key": about}
        for member in table:
            if member not in ("key", "items"):
                raise InvalidSeeds(f"{place}: there is no {member!r} of a table; there are: key, items")
        yield _table(name, _key(table["key"], f"{place}.key"), place)
        for index, item in enumerate(_list(table.get("items", []), f"{place}.items")):
            at = f"{place}.items[{index}]"
            typed = {attribute: _attribute(value) for attribute, value in _object(item, at).items()}
            yield _seed("dynamodb", "putItem", {"TableName": name, "Item": typed}, at)


def _key(given: Json, where: str) -> dict[str, str]:
    """The types of the key's attributes."""
    match given:
        case str():
            return {given: "S"}
        case [str(), *_] if len(given) <= 2 and all(isinstance(name, str) for name in given):
            return dict.fromkeys(given, "S")
        case dict() if 1 <= len(given) <= 2 and set(given.values()) <= {"S", "N", "B"}:
            return given
    raise InvalidSeeds(
        f"{where}: must be the name of an attribute, a list of one or two, or a table of one or two with their types: "
        f"S, N or B"
    )


def _table(name: str, key: Mapping[str, str], where: str) -> Seed:
    roles = zip(key, ("HASH", "RANGE"), strict=False)
    parameters = {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": each, "AttributeType": kind} for each, kind in key.items()],
        "KeySchema": [{"AttributeName": each, "KeyType": role} for each, role in roles],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return _seed("dynamodb", "createTable", parameters, where)


def _attribute(value: Json) -> Members:
    """A JSON value as DynamoDB types it."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case list():
            return {"L": [_attribute(each) for each in value]}
        case dict():
            return {"M": {name: _attribute(each) for name, each in value.items()}}
    return {"N": dumps(value)}


def _buckets(given: Json, where: str) -> Iterator[Seed]:
    folder = Path(where.rpartition(": ")[0]).parent
    for name, objects in _by_name(given, where).items():
        place = f"{where}.{name}"
        yield _seed("s3", "createBucket", {"Bucket": name}, place)
        for key, content in _object(objects or {}, place).items():
            body = _content(content, folder, f"{place}.{key}")
            yield _seed("s3", "putObject", {"Bucket": name, "Key": key, "Body": body}, f"{place}.{key}")


def _content(given: Json, folder: Path, where: str) -> bytes:
    if not isinstance(given, str):
        return dumps_checked(given).encode()
    if not given.startswith("@"):
        return given.encode()
    try:
        return (folder / given[1:]).read_bytes()
    except OSError as fault:
        raise InvalidSeeds(f"{where}: {given[1:]} cannot be read: {fault.strerror}") from None


def _queues(given: Json, where: str) -> Iterator[Seed]:
    for name in _texts(given, where):
        yield _queue(name, {}, f"{where}.{name}")


def _queue(name: str, attributes: Mapping[str, str], where: str) -> Seed:
    fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    return _seed("sqs", "createQueue", {"QueueName": name, "Attributes": {**fifo, **attributes}}, where)


def _topics(given: Json, where: str) -> Iterator[Seed]:
    for name, queues in _by_name(given, where).items():
        place = f"{where}.{name}"
        yield _topic(name, place)
        for queue in _texts(queues or [], place):
            arns = {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"}
            about = {"Protocol": "sqs", "Endpoint": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"}
            yield _seed("sns", "subscribe", {**arns, **about}, place)


def _topic(name: str, where: str) -> Seed:
    fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    return _seed("sns", "createTopic", {"Name": name, "Attributes": fifo}, where)


def _buses(given: Json, where: str) -> Iterator[Seed]:
    for name in _texts(given, where):
        yield _seed("eventbridge", "createEventBus", {"Name": name}, f"{where}.{name}")


def _parameters(given: Json, where: str) -> Iterator[Seed]:
    for name, value in _object(given, where).items():
        about = {"Name": name, "Value": _as_text(value), "Type": "String"}
        yield _seed("ssm", "putParameter", about, f"{where}.{name}")


def _secrets(given: Json, where: str) -> Iterator[Seed]:
    for name, value in _object(given, where).items():
        about = {"Name": name, "SecretString": _as_text(value)}
        yield _seed("secretsmanager", "createSecret", about, f"{where}.{name}")


def _calls(given: Json, where: str) -> Iterator[Seed]:
    for index, row in enumerate(_list(given, where)):
        place = f"{where}[{index}]"
        for name, parameters in _object(row, place).items():
            service, colon, action = name.partition(":")
            if not (service and colon and action):
                raise InvalidSeeds(f"{place}: {name!r} is no call: write it like 'dynamodb:createTable'")
            yield _seed(service, action, _object(parameters or {}, f"{place}.{name}"), place)


_KINDS: Mapping[str, Callable[[Json, str], Iterable[Seed]]] = {
    "tables": _tables,
    "buckets": _buckets,
    "queues": _queues,
    "topics": _topics,
    "buses": _buses,
    "parameters": _parameters,
    "secrets": _secrets,
    "calls": _calls,
}


def _seed(service: str, action: str, parameters: Members, where: str) -> Seed:
    return Seed(service=service, action=action, parameters=parameters, where=where)


def _object(given: Json, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidSeeds(f"{where}: must be a table, not {_shown(given)}")
    return given


def _by_name(given: Json, where: str) -> dict[str, Any]:
    """A table by names, or names alone."""
    return dict.fromkeys(_texts(given, where)) if isinstance(given, list) else _object(given, where)


def _list(given: Json, where: str) -> list[Any]:
    if not isinstance(given, list):
        raise InvalidSeeds(f"{where}: must be a list, not {_shown(given)}")
    return given


def _texts(given: Json, where: str) -> list[str]:
    return [_text(each, f"{where}[{index}]") for index, each in enumerate(_list(given, where))]


def _text(given: Json, where: str) -> str:
    if not isinstance(given, str) or not given:
        raise InvalidSeeds(f"{where}: must be a name, not {_shown(given)}")
    return given


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else dumps_checked(value)


def _shown(value: Json) -> str:
    return dumps(value)[:80]


# --- templates --------------------------------------------------------------------------------------------------------


def _named(resource: TemplateResource, member: str) -> str:
    """The name of a resource; without one it goes by its logical id."""
    given = resource.properties.get(member)
    return given if isinstance(given, str) and given else resource.logical_id


def _table_resource(resource: TemplateResource, where: str) -> Iterator[Seed]:
    taken = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    properties = {name: resource.properties[name] for name in taken if name in resource.properties}
    for index in properties.get("GlobalSecondaryIndexes", []):
        index.pop("ProvisionedThroughput", None)
    about = {"TableName": _named(resource, "TableName"), **properties, "BillingMode": "PAY_PER_REQUEST"}
    yield _seed("dynamodb", "createTable", about, where)


def _simple_table_resource(resource: TemplateResource, where: str) -> Iterator[Seed]:
    match resource.properties.get("PrimaryKey"):
        case {"Name": str(name), "Type": str(kind)}:
            key = {name: kind[:1].upper()}
        case _:
            key = {"id": "S"}
    yield _table(_named(resource, "TableName"), key, where)


def _queue_resource(resource: TemplateResource, where: str) -> Iterator[Seed]:
    taken = ("ContentBasedDeduplication", "DelaySeconds", "FifoQueue", "VisibilityTimeout")
    properties = resource.properties
    attributes = {name: _as_text(properties[name]).lower() for name in taken if name in properties}
    yield _queue(_named(resource, "QueueName"), attributes, where)


def _topic_resource(resource: TemplateResource, where: str) -> Iterator[Seed]:
    yield _topic(_named(resource, "TopicName"), where)


def _bucket_resource(resource: TemplateResource, where: str) -> Iterator[Seed]:
    yield _seed("s3", "createBucket", {"Bucket": _named(resource, "BucketName")}, where)


def _bus_resource(resource: TemplateResource, where: str) -> Iterator[Seed]:
    yield from _buses([_named(resource, "Name")], where)


def _parameter_resource(resource: TemplateResource, where: str) -> Iterator[Seed]:
    yield from _parameters({_named(resource, "Name"): resource.properties.get("Value", "-")}, where)


def _secret_resource(resource: TemplateResource, where: str) -> Iterator[Seed]:
    generated = base64.b64encode(resource.logical_id.encode()).decode()  # what is generated on AWS is made up here
    yield from _secrets({_named(resource, "Name"): resource.properties.get("SecretString", generated)}, where)


_RESOURCES: Mapping[str, Callable[[TemplateResource, str], Iterable[Seed]]] = {
    "AWS::DynamoDB::Table": _table_resource,
    "AWS::Serverless::SimpleTable": _simple_table_resource,
    "AWS::S3::Bucket": _bucket_resource,
    "AWS::SQS::Queue": _queue_resource,
    "AWS::SNS::Topic": _topic_resource,
    "AWS::Events::EventBus": _bus_resource,
    "AWS::SSM::Parameter": _parameter_resource,
    "AWS::SecretsManager::Secret": _secret_resource,
}
