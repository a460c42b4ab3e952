"""Execution logs: which events make a line, what stands in it, and what is asked of a configuration."""

import pytest

from stepwell.engine.errors import InvalidLoggingConfiguration
from stepwell.engine.history import HistoryEvent, from_api
from stepwell.engine.logs import DATA_BYTES, log_lines, logging_of
from stepwell.engine.operations.logging_configuration import checked_logging_configuration
from support import ACCOUNT, fail, fails, machine, map_, pass_, run, scope, task

ARN = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:tested:e"
GROUP = "/aws/vendedlogs/states/orders"
GROUP_ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}:*"


def to(*arns):
    return [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}} for arn in arns]


def configuration(level="ALL", includes_data=True, *arns):
    return {"level": level, "includeExecutionData": includes_data, "destinations": to(*arns or [GROUP_ARN])}


def logged(history, level="ALL", includes_data=True, **about):
    events = [event if isinstance(event, HistoryEvent) else from_api(event) for event in history]
    return list(log_lines(events, logging_of(configuration(level, includes_data)), execution_arn=ARN, **about))


def exited(**details):
    return HistoryEvent(3, 2, "PassStateExited", 1_700_000_000_123, {"name": "A", **details})


# --- levels -----------------------------------------------------------------------------------------------------------

FAILING = machine(
    Each=map_(scope(Call=task()), Catch=[{"ErrorEquals": ["States.ALL"], "Next": "No"}]), No=fail("Mine", "Why")
)


@pytest.mark.parametrize(
    ("level", "types"),
    [
        (
            "ERROR",
            [
                "LambdaFunctionFailed",
                "MapIterationFailed",
                "TaskStateAborted",
                "MapStateFailed",
                "FailStateEntered",
                "ExecutionFailed",
            ],
        ),
        ("FATAL", ["ExecutionFailed"]),
    ],
)
def test_a_level_lets_through_what_has_gone_wrong(level, types):
    history = run(FAILING, [1], fails("Boom")).history

    assert {line["type"] for line in logged(history, level)} == set(types)


def test_all_lets_everything_through():
    history = run(FAILING, [1], fails("Boom")).history

    assert [line["id"] for line in logged(history)] == [str(event["id"]) for event in history]


@pytest.mark.parametrize("level", ["ERROR", "FATAL"])
def test_an_execution_that_goes_well_logs_nothing_but_at_level_all(level):
    assert logged(run(machine(A=pass_())).history, level) == []


@pytest.mark.parametrize("event_type", ["ExecutionAborted", "ExecutionTimedOut"])
def test_ends_that_nobody_has_caused_are_fatal_too(event_type):
    assert logged([HistoryEvent(3, 0, event_type, 0, {})], "FATAL")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"level": "OFF", "destinations": to(GROUP_ARN)},
        {"level": "ALL"},
        {"level": "ALL", "destinations": []},
        {"level": "ALL", "destinations": to(GROUP_ARN.removesuffix(":*"))},
        {"level": "ALL", "destinations": [{}]},
        {"destinations": to(GROUP_ARN)},
    ],
)
def test_nothing_is_asked_for_without_a_level_and_a_log_group(given):
    assert logging_of(given) is None


def test_the_log_group_is_named_without_its_arn():
    assert logging_of({"level": "ALL", "destinations": to(GROUP_ARN)}).group == GROUP


# --- lines ------------------------------------------------------------------------------------------------------------


def test_a_line_has_the_shape_that_aws_gives_it():
    (line,) = logged([exited(output='{"a":1}')])

    assert list(line.items()) == [
        ("id", "3"),
        ("type", "PassStateExited"),
        ("details", {"name": "A", "output": '{"a":1}', "outputDetails": {"truncated": False}}),
        ("previous_event_id", "2"),
        ("event_timestamp", "1700000000123"),
        ("execution_arn", ARN),
        ("redrive_count", "0"),
    ]


def test_details_are_in_the_order_of_their_names():
    first, second, *_ = logged(run(machine(A=pass_())).history)

    assert list(first["details"]) == ["input", "inputDetails", "roleArn"]
    assert list(second["details"]) == ["input", "inputDetails", "name"]


def test_an_event_without_details_has_empty_ones():
    (line,) = logged([HistoryEvent(5, 4, "ParallelStateStarted", 0, None)])

    assert line["details"] == {}


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        ({"input": "1", "roleArn": "role"}, {"roleArn": "role"}),
        ({"name": "A", "output": "1", "assignedVariables": {"x": "1"}}, {"name": "A"}),
        ({"resource": "invoke", "parameters": "{}", "region": "here"}, {"region": "here", "resource": "invoke"}),
        ({"error": "Mine", "cause": "Why"}, {"cause": "Why", "error": "Mine"}),
        ({"output": "1"}, {}),
    ],
)
def test_data_are_left_out_with_their_flags_unless_they_are_asked_for(details, shown):
    (line,) = logged([HistoryEvent(3, 2, "Any", 0, details)], "ALL", False)

    assert line["details"] == shown


def test_lines_after_a_redrive_say_how_often_there_was_one():
    events = [
        HistoryEvent(3, 2, "ExecutionFailed", 0, {}),
        HistoryEvent(4, 3, "ExecutionRedriven", 0, {"redriveCount": 2}),
        HistoryEvent(5, 4, "ExecutionFailed", 0, {}),
    ]

    assert [line["redrive_count"] for line in logged(events, "FATAL", redrive_count=1)] == ["1", "2"]


def test_a_child_of_a_map_run_names_it():
    (line,) = logged([exited()], map_run_arn="arn:of:a:map:run")

    assert line["map_run_arn"] == "arn:of:a:map:run"


# --- what is too long -------------------------------------------------------------------------------------------------


def test_data_that_just_fit_are_whole():
    (line,) = logged([exited(output="x" * DATA_BYTES)])

    assert line["details"]["outputDetails"] == {"truncated": False}
    assert len(line["details"]["output"]) == DATA_BYTES


@pytest.mark.parametrize(("text", "kept"), [("x", DATA_BYTES), ("€", DATA_BYTES // 3), ("𝄞", DATA_BYTES // 4)])
def test_longer_data_are_cut_between_two_characters_and_say_so(text, kept):
    (line,) = logged([exited(output=text * (DATA_BYTES // len(text.encode()) + 1))])

    assert line["details"]["outputDetails"] == {"truncated": True}
    assert line["details"]["output"] == text * kept


def test_output_and_variables_share_the_room_there_is():
    variables = {"x": "2" * 10, "y": "3" * 10}
    (line,) = logged([exited(output="1" * (DATA_BYTES - 15), assignedVariables=variables)])

    assert line["details"]["outputDetails"] == {"truncated": False}
    assert line["details"]["assignedVariables"] == {"x": "2" * 10, "y": "3" * 5}
    assert line["details"]["assignedVariablesDetails"] == {"truncated": True}


def test_what_is_secret_is_taken_out_before_anything_is_cut():
    def redact(details):
        return {**details, "output": details["output"].replace("secret", "***")}

    (line,) = logged([exited(output="x" * (DATA_BYTES - 3) + "secret")], redact=redact)

    assert line["details"]["output"].endswith("x***")


# --- configurations ---------------------------------------------------------------------------------------------------

NOT_ONE = "Invalid Logging Configuration: Must specify exactly one Log Destination."
NOT_FOUND = "Invalid Logging Configuration: Log Destination not found."


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"destinations": []},
        {"level": "OFF", "destinations": to(GROUP_ARN, GROUP_ARN)},
        configuration("FATAL", False),
        {"level": "ALL", "destinations": to(GROUP_ARN.replace("aws:logs", "aws-cn:logs"))},
    ],
)
def test_configurations_that_are_kept_as_they_are(given):
    assert checked_logging_configuration(given) is given


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"level": "ALL"}, NOT_ONE),
        ({"level": "FATAL", "destinations": []}, NOT_ONE),
        ({"level": "ERROR", "destinations": to(GROUP_ARN, GROUP_ARN)}, NOT_ONE),
        ({"level": "ALL", "destinations": to(GROUP_ARN.removesuffix(":*"))}, NOT_FOUND),
        ({"level": "ALL", "destinations": to("orders")}, NOT_FOUND),
        ({"level": "ALL", "destinations": [{}]}, NOT_FOUND),
    ],
)
def test_configurations_that_are_refused(given, text):
    with pytest.raises(InvalidLoggingConfiguration) as refused:
        checked_logging_configuration(given)

    assert str(refused.value) == text
    assert refused.value.code == "InvalidLoggingConfiguration"


def test_whether_a_log_group_exists_is_asked_by_its_name():
    assert checked_logging_configuration(configuration(), {GROUP}.__contains__)
    with pytest.raises(InvalidLoggingConfiguration, match=NOT_FOUND):
        checked_logging_configuration(configuration(), {"another"}.__contains__)
