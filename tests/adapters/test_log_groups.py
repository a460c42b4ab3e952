"""Execution logs as they are written: by executions that run, to files, standard output and CloudWatch Logs."""

import io
import json
import logging
import subprocess
import sys
import threading

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from stepwell.adapters.hosts.simulation import START, Simulation
from stepwell.adapters.logs import NotWritten
from stepwell.adapters.logs.cloudwatch import (
    LONGEST_SPAN,
    MOST_BYTES,
    MOST_EVENTS,
    CloudWatchLogs,
    batches,
    cloudwatch_client,
)
from stepwell.adapters.logs.console import Console
from stepwell.adapters.logs.execution_log import ExecutionLog
from stepwell.adapters.logs.files import MOST_OPEN, LogFiles, file_name
from stepwell.adapters.logs.redaction import Redaction, UnusablePath
from stepwell.definitions.check import parse
from stepwell.engine.program import compile_program
from support import ACCOUNT, MACHINE_ARN, fail, machine, pass_

GROUP = "/aws/vendedlogs/states/orders"


def configuration(group=GROUP, level="ALL"):
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*"
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]
    return {"level": level, "includeExecutionData": True, "destinations": destinations}


def execute(log, definition=None, *, input="{}", at=START, name=None, **about):
    """Runs an execution, each step of which the log observes."""
    host = Simulation(
        lambda task: iter(()),
        at=at,
        observe=lambda execution, step: log.observe(execution, step, configuration(**about)),
    )
    program = compile_program(parse(definition or machine(A=pass_())))
    execution = host.start(program, input=input, machine_arn=MACHINE_ARN, name=name)
    host.work()
    return execution


def line(**members):
    return {"id": "1", "type": "Any", "details": {}, "event_timestamp": "5", **members}


class Sink:
    """Keeps what it is given. A stuck one writes only as often as it is let."""

    def __init__(self, *, is_stuck=False, fault=None):
        self.written = []
        self.fault = fault
        self.is_closed = False
        self._begun = threading.Semaphore(0)
        self._may_write = threading.Semaphore(0) if is_stuck else None

    def write(self, group, stream, lines):
        self._begun.release()
        if self._may_write is not None:
            self._may_write.acquire()
        if self.fault:
            raise self.fault
        self.written += [(group, stream, each) for each in lines]

    def await_writing(self):
        """Waits until it has begun to write once more."""
        self._begun.acquire()

    def let_write(self, times=1):
        self._may_write.release(times)

    def close(self):
        self.is_closed = True

    @property
    def types(self):
        return [each["type"] for _, _, each in self.written]


TYPES = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]


# --- executions -------------------------------------------------------------------------------------------------------


def test_what_an_execution_does_is_written_to_each_sink():
    sinks = [Sink(), Sink()]
    log = ExecutionLog(*sinks)
    execution = execute(log)
    log.close()

    for sink in sinks:
        assert sink.types == TYPES
        assert {(group, each["execution_arn"]) for group, _, each in sink.written} == {(GROUP, execution.arn)}
        assert sink.is_closed
    assert log.lost == 0


def test_a_stream_belongs_to_a_state_machine_and_an_hour():
    sink = Sink()
    log = ExecutionLog(sink)
    execute(log, at=1_700_000_000_000)
    execute(log, at=1_700_000_000_000 + 3_600_000)
    log.close()

    streams = [stream.rpartition("/") for stream in dict.fromkeys(stream for _, stream, _ in sink.written)]
    assert [stream[0] for stream in streams] == ["states/tested/2023-11-14-22-00", "states/tested/2023-11-14-23-00"]
    assert len({stream[2] for stream in streams}) == 1
    assert len(streams[0][2]) == 8


def test_time_that_was_skipped_beyond_all_dates_harms_no_execution():
    sink = Sink()
    log = ExecutionLog(sink)
    execution = execute(log, at=300_000_000_000_000)
    log.close()

    assert execution.status == "SUCCEEDED"
    assert sink.types == TYPES


def test_nothing_is_begun_where_nothing_is_to_be_logged():
    sink = Sink()
    before = threading.active_count()
    log = ExecutionLog(sink)
    execute(log, level="OFF")
    execute(log, level="ERROR")

    assert threading.active_count() == before
    log.close()
    assert sink.written == []


def test_neither_an_execution_nor_another_sink_waits_for_one_that_hangs():
    stuck, sound = Sink(is_stuck=True), Sink()
    log = ExecutionLog(stuck, sound)
    assert execute(log).status == "SUCCEEDED"
    stuck.await_writing()
    sound.await_writing()
    stuck.let_write()
    log.close()

    assert stuck.types == sound.types == TYPES


def test_what_finds_no_room_is_counted_and_said_once(caplog):
    sink = Sink(is_stuck=True)
    log = ExecutionLog(sink, most_waiting=2_000)
    execute(log)
    sink.await_writing()
    for _ in range(3):
        execute(log)
    assert log.lost == 8
    sink.let_write(2)
    log.close()

    assert sink.types == TYPES * 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "lines are lost" in caplog.text


def test_room_is_there_again_when_something_was_written():
    sink = Sink(is_stuck=True)
    log = ExecutionLog(sink, most_waiting=2_000)
    execute(log)
    sink.await_writing()
    execute(log)
    sink.let_write()
    sink.await_writing()
    execute(log)
    sink.let_write(2)
    log.close()

    assert (log.lost, sink.types) == (0, TYPES * 3)


def test_large_data_take_the_room_of_many_lines():
    sink = Sink()
    log = ExecutionLog(sink, most_waiting=10_000)
    execute(log, input=json.dumps("x" * 10_000))
    log.close()

    assert (log.lost, sink.written) == (4, [])


def test_what_is_left_when_the_time_is_over_is_lost(caplog):
    sink = Sink(is_stuck=True)
    log = ExecutionLog(sink)
    execute(log)
    sink.await_writing()
    execute(log)
    log.close(timeout=0)

    assert log.lost == 4
    assert "4 lines are lost" in caplog.text
    sink.let_write()


def test_what_comes_after_the_end_is_lost():
    log = ExecutionLog(Sink())
    log.close()
    execute(log)
    log.close()

    assert log.lost == 4


def test_a_sink_that_cannot_write_is_spoken_of_once_and_harms_nobody(caplog):
    sink = Sink(fault=NotWritten("there is no such place", 4))
    log = ExecutionLog(sink)
    for _ in range(3):
        assert execute(log).status == "SUCCEEDED"
        sink.await_writing()
    log.close()

    assert [record.getMessage() for record in caplog.records] == ["Execution logs are lost: there is no such place"]
    assert log.lost == 12


def test_a_bug_in_a_sink_is_shown_as_one_and_ends_no_logging(caplog):
    sink = Sink(fault=ZeroDivisionError("mine"))
    log = ExecutionLog(sink)
    execute(log)
    log.close()

    assert log.lost == 4
    assert "ZeroDivisionError: mine" in caplog.text
    assert sink.is_closed


# --- files ------------------------------------------------------------------------------------------------------------


def test_each_log_group_has_a_file_of_json_lines(tmp_path):
    log = ExecutionLog(LogFiles(tmp_path / "made" / "here"))
    execute(log)
    execute(log, machine(No=fail("Mine", "Why €")), group="failures", level="FATAL")
    log.close()

    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "made" / "here").iterdir()}
    assert sorted(written) == ["%2Faws%2Fvendedlogs%2Fstates%2Forders.jsonl", "failures.jsonl"]
    assert [json.loads(each)["type"] for each in written[file_name(GROUP)].splitlines()] == TYPES
    assert json.loads(written["failures.jsonl"])["details"] == {"cause": "Why €", "error": "Mine"}


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("orders-1_a.b", "orders-1_a.b"),
        ("..", "%2E."),
        (".", "%2E"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("a\\b:c", "a%5Cb%3Ac"),
        ("a\x00\n", "a%00%0A"),
        ("100%", "100%25"),
        ("é", "%C3%A9"),
        ("\ud800", "%ED%A0%80"),
        ("", ""),
    ],
)
def test_the_name_of_a_file_leads_nowhere_else(group, name):
    assert file_name(group) == f"{name}.jsonl"


def test_long_names_are_cut_and_stay_different():
    names = {file_name("/" * 511 + last) for last in "ab"}

    assert len(names) == 2
    assert all(len(name) <= 255 for name in names)


def test_no_group_is_written_outside_the_directory(tmp_path):
    files = LogFiles(tmp_path / "logs")
    for group in ("../up", "..", ".", "/root", "a/../../up", "\x00"):
        files.write(group, "stream", [line()])
    files.close()

    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    assert len(list((tmp_path / "logs").iterdir())) == 6


def test_more_groups_than_may_be_open_lose_nothing(tmp_path):
    files = LogFiles(tmp_path)
    for _ in range(2):
        for index in range(MOST_OPEN + 1):
            files.write(f"group{index}", "stream", [line()])
    files.close()

    assert {len(path.read_text().splitlines()) for path in tmp_path.iterdir()} == {2}
    assert len(list(tmp_path.iterdir())) == MOST_OPEN + 1


def test_a_line_that_was_torn_stays_alone(tmp_path):
    (tmp_path / "group.jsonl").write_text('{"id":"1"}\n{"id":"2","ty')
    files = LogFiles(tmp_path)
    files.write("group", "stream", [line(id="3")])
    files.close()

    assert [each[:10] for each in (tmp_path / "group.jsonl").read_text().splitlines()] == [
        '{"id":"1"}',
        '{"id":"2",',
        '{"id":"3",',
    ]


def test_a_directory_that_cannot_be_used_is_said_with_its_path(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NotWritten, match=r"taken.group\.jsonl: cannot be written \(.+\)") as refused:
        LogFiles(tmp_path / "taken").write("group", "stream", [line(), line()])

    assert refused.value.lines == 2


def test_half_a_surrogate_pair_is_written_escaped(tmp_path):
    files = LogFiles(tmp_path)
    files.write("group", "stream", [line(details={"cause": "\ud800"})])
    files.close()

    assert json.loads((tmp_path / "group.jsonl").read_text())["details"] == {"cause": "\ud800"}


# --- standard output --------------------------------------------------------------------------------------------------


def test_standard_output_gets_lines_with_their_log_group(capsys):
    log = ExecutionLog(Console())
    execute(log)
    log.close()

    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [each["type"] for each in lines] == TYPES
    assert [next(iter(each.items())) for each in lines] == [("log_group", GROUP)] * 4


def test_a_stream_that_was_closed_is_no_place_for_logs():
    stream = io.StringIO()
    stream.close()

    with pytest.raises(NotWritten, match="standard output"):
        Console(stream).write(GROUP, "stream", [line()])


# --- CloudWatch Logs --------------------------------------------------------------------------------------------------


@pytest.fixture
def cloudwatch(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("logs", region_name="us-east-1")


def now_in_milliseconds():
    from time import time

    return int(time() * 1000)


def test_lines_arrive_in_cloudwatch_in_a_stream_that_is_made_for_them(cloudwatch):
    cloudwatch.create_log_group(logGroupName=GROUP)
    log = ExecutionLog(CloudWatchLogs(lambda: cloudwatch))
    execution = execute(log, at=now_in_milliseconds(), name="first")
    execute(log, at=now_in_milliseconds(), name="second")
    log.close()

    streams = cloudwatch.describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert all(stream["logStreamName"].startswith("states/tested/") for stream in streams)
    events = cloudwatch.filter_log_events(logGroupName=GROUP)["events"]
    lines = [json.loads(event["message"]) for event in events]
    assert [each["type"] for each in lines if each["execution_arn"] == execution.arn] == TYPES
    assert [str(event["timestamp"]) for event in events] == [each["event_timestamp"] for each in lines]
    assert (log.lost, len(lines)) == (0, 8)


def test_a_missing_log_group_is_said_and_not_made(cloudwatch, caplog):
    log = ExecutionLog(CloudWatchLogs(lambda: cloudwatch))
    assert execute(log).status == "SUCCEEDED"
    log.close()

    assert log.lost == 4
    assert repr(GROUP) in caplog.text
    assert cloudwatch.describe_log_groups()["logGroups"] == []


def test_lines_of_another_time_are_not_taken(cloudwatch):
    cloudwatch.create_log_group(logGroupName=GROUP)
    far = now_in_milliseconds() + 365 * 24 * 3_600_000
    with pytest.raises(NotWritten, match="too old or too new"):
        CloudWatchLogs(lambda: cloudwatch).write(GROUP, "stream", [line(event_timestamp=str(far))])


def test_cloudwatch_knows_which_log_groups_exist(cloudwatch):
    cloudwatch.create_log_group(logGroupName=f"{GROUP}-more")
    sink = CloudWatchLogs(lambda: cloudwatch)

    assert not sink.exists(GROUP)
    cloudwatch.create_log_group(logGroupName=GROUP)
    assert sink.exists(GROUP)


class Client:
    """Answers PutLogEvents with what it is given, one after the other; the rest goes well."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []

    def put_log_events(self, **params):
        self.calls.append(params)
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def create_log_stream(self, **params):
        raise client_error("ResourceAlreadyExistsException", "CreateLogStream")

    def describe_log_groups(self, **params):
        raise self.answers[0]


def client_error(code, operation="PutLogEvents"):
    return ClientError({"Error": {"Code": code, "Message": "told so"}}, operation)


UNREACHABLE = EndpointConnectionError(endpoint_url="http://localhost:1")
DAYS = [line(event_timestamp=str(day * 2 * LONGEST_SPAN)) for day in range(3)]
"""Lines that need a request each."""


def test_a_stream_that_somebody_else_has_made_meanwhile_is_used():
    client = Client(client_error("ResourceNotFoundException"))
    CloudWatchLogs(lambda: client).write(GROUP, "stream", [line()])

    assert [call["logStreamName"] for call in client.calls] == ["stream"] * 2


def test_a_request_that_is_refused_does_not_stop_the_others():
    client = Client({}, client_error("InvalidParameterException"))
    with pytest.raises(NotWritten, match="InvalidParameterException") as refused:
        CloudWatchLogs(lambda: client).write(GROUP, "stream", DAYS)

    assert refused.value.lines == 1
    assert len(client.calls) == 3


@pytest.mark.parametrize(
    ("rejected", "lost"),
    [
        ({"tooNewLogEventStartIndex": 3}, 2),
        ({"tooOldLogEventEndIndex": 2}, 2),
        ({"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}, 3),
        ({"tooNewLogEventStartIndex": 0}, 5),
    ],
)
def test_lines_that_cloudwatch_rejects_are_counted(rejected, lost):
    client = Client({"rejectedLogEventsInfo": rejected})
    with pytest.raises(NotWritten) as refused:
        CloudWatchLogs(lambda: client).write(GROUP, "stream", [line()] * 5)

    assert refused.value.lines == lost


def test_an_endpoint_that_cannot_be_reached_is_not_asked_again_for_the_same_lines():
    client = Client({}, UNREACHABLE)
    with pytest.raises(NotWritten, match="localhost:1") as refused:
        CloudWatchLogs(lambda: client).write(GROUP, "stream", DAYS)

    assert refused.value.lines == 2
    assert len(client.calls) == 2


def test_an_endpoint_that_is_no_address_is_said(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with pytest.raises(NotWritten, match="not an address"):
        CloudWatchLogs(lambda: cloudwatch_client("not an address")).write(GROUP, "stream", [line()])


def test_a_log_group_is_taken_for_granted_where_it_cannot_be_asked_for():
    assert CloudWatchLogs(lambda: Client(UNREACHABLE)).exists(GROUP)


def test_a_client_is_made_when_it_is_needed():
    made = []
    sink = CloudWatchLogs(lambda: made.append(1) or Client())

    assert not made
    sink.write(GROUP, "stream", [line()])
    sink.write(GROUP, "stream", [line()])
    assert made == [1]


def test_requests_are_sorted_by_time():
    (batch,) = batches([line(event_timestamp=str(at)) for at in (3, 1, 2)])

    assert [entry["timestamp"] for entry in batch] == [1, 2, 3]


@pytest.mark.parametrize(
    ("lines", "sizes"),
    [
        ([], []),
        ([line()] * MOST_EVENTS, [MOST_EVENTS]),
        ([line()] * (MOST_EVENTS + 1), [MOST_EVENTS, 1]),
        ([line(event_timestamp="0"), line(event_timestamp=str(LONGEST_SPAN))], [2]),
        ([line(event_timestamp="0"), line(event_timestamp=str(LONGEST_SPAN + 1))], [1, 1]),
        ([line(details="é" * (MOST_BYTES // 4 - 100))] * 2, [2]),
        ([line(details="é" * (MOST_BYTES // 4))] * 2, [1, 1]),
        ([line(details="x" * MOST_BYTES), line()], [1, 1]),
    ],
    ids=["none", "as many", "one more", "a day", "more than a day", "as large", "larger", "one too large"],
)
def test_a_request_keeps_the_limits(lines, sizes):
    assert [len(batch) for batch in batches(lines)] == sizes


# --- secrets ----------------------------------------------------------------------------------------------------------


def redacted(details, *paths):
    return Redaction(paths)(details)


@pytest.mark.parametrize(
    ("path", "text", "shown"),
    [
        pytest.param("$.a.b", '{"a":{"b":1,"c":"x"},"d":1.0}', '{"a":{"b":"***","c":"x"},"d":1.0}', id="a path"),
        pytest.param("$..p", '{"p":{"p":1},"x":[{"p":2}]}', '{"p":"***","x":[{"p":"***"}]}', id="everywhere"),
        pytest.param("$.a[*].n", '{"a":[{"n":1},{"n":2}]}', '{"a":[{"n":"***"},{"n":"***"}]}', id="each"),
        pytest.param("$[?(@.k == 'x')].n", '[{"k":"x","n":1},{"n":2}]', '[{"k":"x","n":"***"},{"n":2}]', id="some"),
        pytest.param("$[0]", "[1,2]", '["***",2]', id="an element"),
        pytest.param("$", '"all of it"', '"***"', id="all"),
        pytest.param("$.missing", '{ "a" : 1 }', '{ "a" : 1 }', id="nothing there"),
        pytest.param("$.a.b", '{"a":"b"}', '{"a":"b"}', id="no object there"),
        pytest.param("$.a", "no JSON", "no JSON", id="no JSON"),
        pytest.param("$.p", '{"Cause":"{\\"p\\":1}"}', '{"Cause":"{\\"p\\":\\"***\\"}"}', id="a text in it"),
        pytest.param("$.p", '"{\\"p\\":1}"', '"{\\"p\\":\\"***\\"}"', id="a text alone"),
        pytest.param("$.p", '"[{\\"p\\":1}]"', '"[{\\"p\\":1}]"', id="a text with nothing there"),
        pytest.param("$.a.`len`", '{"a":[1]}', '"***"', id="no place"),
    ],
)
@pytest.mark.parametrize("member", ["input", "output", "parameters", "cause"])
def test_secrets_are_replaced_in_payloads_by_their_paths(member, path, text, shown):
    assert redacted({member: text, "name": text}, path) == {member: shown, "name": text}


@pytest.mark.parametrize("levels", [10, 900, 999])
def test_secrets_are_not_shown_however_deep_they_are(levels):
    text = '{"a":' * levels + '{"p":"hunter2"}' + "}" * levels

    assert "hunter2" not in str(redacted({"input": text, "assignedVariables": {"x": text}}, "$..p"))


def test_a_path_is_tried_on_what_was_there_before_any_other_has_replaced_it():
    text = '{"kind":"secret","value":1}'

    assert redacted({"input": f"[{text}]"}, "$[*].kind", "$[?(@.kind == 'secret')].value") == {
        "input": '[{"kind":"***","value":"***"}]'
    }


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("$.password", {"password": '"***"', "card": '{"number":1}'}),
        ("$.number", {"password": '"x"', "card": '{"number":"***"}'}),
        ("$.card.number", {"password": '"x"', "card": '{"number":"***"}'}),
        ("$.other", {"password": '"x"', "card": '{"number":1}'}),
        ("$", {"password": '"***"', "card": '"***"'}),
    ],
)
def test_variables_are_payloads_and_one_payload_together(path, shown):
    variables = {"password": '"x"', "card": '{"number":1}'}

    assert redacted({"name": "A", "assignedVariables": variables}, path) == {"name": "A", "assignedVariables": shown}


def test_logs_hold_no_secret_and_executions_keep_theirs():
    sink = Sink()
    log = ExecutionLog(sink, redact=Redaction(["$..password"]))
    execution = execute(log, input='{"password":"hunter2"}')
    log.close()

    assert execution.output == '{"password":"hunter2"}'
    assert sink.types == TYPES
    assert "hunter2" not in json.dumps(sink.written)
    assert sink.written[0][2]["details"]["input"] == '{"password":"***"}'


def test_what_a_function_prints_goes_to_its_own_log_group():
    sink = Sink()
    log = ExecutionLog(sink)
    log.print("Price", "3 x tea")
    log.close()

    ((group, _, line),) = sink.written
    assert (group, line["message"]) == ("/aws/lambda/Price", "3 x tea")
    assert int(line["event_timestamp"]) > 1_700_000_000_000


@pytest.mark.parametrize("path", ["$.[", "", "$.a b", "{}", 5])
def test_a_path_that_is_none_is_refused_with_its_place(path):
    with pytest.raises(UnusablePath) as refused:
        Redaction(["$.fine", path], where="stepwell.toml: logs.redact")

    assert str(refused.value).startswith("stepwell.toml: logs.redact[1]: ")
    assert repr(path) in str(refused.value)
    assert "write it like" in str(refused.value)


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys\n"
        "from stepwell.adapters.logs import cloudwatch, console, execution_log, files, redaction\n"
        "redaction.Redaction([])({'input': '1'})\n"
        "cloudwatch.CloudWatchLogs(lambda: None)\n"
        "print([name for name in ('jsonpath_ng', 'boto3', 'botocore') if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"


@pytest.fixture(autouse=True)
def warnings_are_seen(caplog):
    caplog.set_level(logging.WARNING)
