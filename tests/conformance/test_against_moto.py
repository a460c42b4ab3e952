"""Recorded machines once more, against moto in the place of AWS: the same ends, but for ids, dates and headers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from conformance.cases import Case, with_executions
from conformance.compare import Bindings, compare
from conformance.play import started
from conformance.summary import SELECTION
from stepwell.world import World

FAMILIES = ("services", "error_handling")
KINDS = frozenset({"dynamodb_table", "sqs_queue", "sns_topic", "s3_bucket", "s3_object"})
LEFT_OUT = frozenset(
    {
        *("SdkHttpMetadata", "SdkResponseMetadata", "LastModified"),
        *("ChecksumCRC32", "ChecksumType", "SequenceNumber", "ServerSideEncryption"),  # moto gives others, or none
    }
)

DIFFER: Mapping[str, str] = {
    "services/sns_task_service.fifo_message_attribute--input_params0-True": "moto has another error for no group",
    "services/sns_task_service.publish_base_error_topic_arn": "the record names a topic that is there",
}
"""Cases that cannot end as on AWS, with the reason."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = with_executions(metafunc.config.stash[SELECTION].cases())
        metafunc.parametrize(
            "case", [pytest.param(case, id=case.id, marks=_marks(case)) for case in cases if _is_for_moto(case)]
        )


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    reason = DIFFER.get(case.id)
    return [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(calls="moto") as world:
        yield world


def test_a_machine_ends_against_moto_as_on_aws(case: Case, world: World) -> None:
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
    case = _here(case)
    _make(case, world)
    for execution in case.executions:
        run, expected = started(case, execution, world), execution["expected"]

        ended = {"status": str(run.status), "output": run.output, "error": run.error, "cause": run.cause}
        for name, actual in ended.items():
            assert compare(_plain(expected.get(name)), _plain(actual), Bindings()) is None, ended


def _is_for_moto(case: Case) -> bool:
    kinds = {resource["type"] for resource in case.resources}
    has_token = "waitForTaskToken" in json.dumps([machine["definition"] for machine in case.machines])
    return case.family in FAMILIES and bool(kinds) and kinds <= KINDS and not has_token


def _here(case: Case) -> Case:
    """The case in moto's account."""

    def moved(value: Any) -> Any:
        return json.loads(json.dumps(value).replace("111111111111", "123456789012"))

    return replace(
        case, **{name: tuple(moved(list(getattr(case, name)))) for name in ("executions", "machines", "resources")}
    )


def _make(case: Case, world: World) -> None:
    for resource in case.resources:
        match resource:
            case {"type": "dynamodb_table", "name": name, "partition_key": key}:
                world.client("dynamodb").create_table(
                    TableName=name,
                    AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                    BillingMode="PAY_PER_REQUEST",
                )
            case {"type": "sqs_queue", "name": name}:
                world.client("sqs").create_queue(QueueName=name)
            case {"type": "sns_topic", "name": name}:
                fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
                world.client("sns").create_topic(Name=name, Attributes=fifo)
            case {"type": "s3_bucket", "name": name}:
                world.client("s3").create_bucket(Bucket=name)
            case {"type": "s3_object", "bucket": bucket, "key": key, "body": body}:
                world.client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode())


def _plain(value: Any) -> Any:
    """A value without what tells of HTTP; a text that is JSON as its value."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        return _plain(json.loads(value))
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if name not in LEFT_OUT}
    return [_plain(each) for each in value] if isinstance(value, list) else value
