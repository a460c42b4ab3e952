"""`stepwell test-state`: one state of a definition, by itself."""

import json

import pytest

from commands import FUNCTION
from stepwell.adapters.command.main import invoke

MACHINE = {
    "StartAt": "Price",
    "States": {
        "Price": {
            "Type": "Task",
            "Resource": f"{FUNCTION}price",
            "ResultPath": "$.price",
            "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["Busy"], "Next": "Mend"}],
            "Next": "Done",
        },
        "Mend": {"Type": "Wait", "Seconds": 200, "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.json").write_text(json.dumps(MACHINE))
    (tmp_path / "alone.yaml").write_text("Type: Pass\nParameters: {who.$: $name}\nNext: Elsewhere\n")
    (tmp_path / "shop.py").write_text("def price(order):\n    print('thinking')\n    return order['id'] * 2\n")
    return tmp_path


@pytest.fixture
def tell(capsys):
    """Runs the command: its exit code, what stands on stdout and on stderr."""

    def run(*arguments):
        code = invoke(["test-state", *arguments])
        return code, *capsys.readouterr()

    return run


def test_a_task_is_performed_by_a_function_and_its_output_written(tell):
    code, out, err = tell("order.json", "--state", "Price", "-i", '{"id": 7}', "--functions", "shop.py")

    assert (code, out, err) == (0, '{"id":7,"price":14}\n', "thinking\n")


def test_json_is_the_response_of_the_api(tell):
    code, out, _ = tell("order.json", "--state", "Price", "-i", "{}", "--mock-result", "[1.50]", "--json")

    response = json.loads(out)
    assert code == 0
    assert (response["status"], response["nextState"]) == ("SUCCEEDED", "Done")
    assert json.loads(response["inspectionData"]["afterResultPath"]) == {"price": [1.5]}


def test_info_leaves_the_stages_out(tell):
    _, out, _ = tell("alone.yaml", "--variables", '{"name": "Ada"}', "--level", "info", "--json")

    assert json.loads(out) == {"output": '{"who":"Ada"}', "status": "SUCCEEDED", "nextState": "Elsewhere"}


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param(["--retry-count", "0"], "RETRIABLE", id="retried"),
        pytest.param(["--retry-count", "2"], "CAUGHT_ERROR", id="caught when the retries are used up"),
    ],
)
def test_a_mocked_error_is_handled_and_tells_of_it(tell, options, status):
    code, _, err = tell("order.json", "--state", "Price", "--mock-error", "Busy", "--mock-cause", "full", *options)

    assert (code, err) == (1, f"stepwell: Price: {status}: Busy: full\n")


def test_a_wait_need_not_be_waited_for(tell):
    assert tell("order.json", "--state", "Mend", "--fast-forward") == (0, "{}\n", "")


def test_the_data_of_a_reader_comes_from_a_file(tell, folder):
    state = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "Parameters": {"Bucket": "b", "Key": "k"},
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
        },
        "ItemSelector": {"id.$": "$$.Map.Item.Value.id"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "In",
            "States": {"In": {"Type": "Pass", "End": True}},
        },
        "End": True,
    }
    (folder / "each.json").write_text(json.dumps(state))
    (folder / "rows.csv").write_text("id\n1\n2\n")

    _, out, _ = tell("each.json", "--reader-data", "@rows.csv", "--mock-result", "[]", "--json")

    assert json.loads(json.loads(out)["inspectionData"]["afterItemSelector"]) == [{"id": "1"}, {"id": "2"}]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(
            ["order.json"],
            "stepwell: name a state with --state: it has 'Price', 'Mend', 'Done'\n",
            id="no state named",
        ),
        pytest.param(
            ["order.json", "--state", "Nope"],
            "stepwell: order.json has no state 'Nope': it has 'Price', 'Mend', 'Done'\n",
            id="no such state",
        ),
        pytest.param(
            ["alone.yaml", "--state", "Price"],
            "stepwell: alone.yaml is no state machine but a state alone: leave --state out\n",
            id="a state alone",
        ),
        pytest.param(
            ["order.json", "--state", "Done", "--mock-result", "1"],
            "stepwell: State type 'Succeed' is not supported when a mock is specified\n",
            id="what AWS refuses",
        ),
        pytest.param(
            ["order.json", "--state", "Done", "--mock-result", "1", "--mock-error", "E"],
            "stepwell: --mock-result and --mock-error exclude each other (see `stepwell test-state --help`)\n",
            id="two mocks",
        ),
    ],
)
def test_what_cannot_be_tested_is_told_in_one_line(tell, arguments, text):
    assert tell(*arguments) == (2, "", text)


def test_a_machine_with_errors_is_refused_with_its_lines(tell, folder):
    (folder / "faulty.json").write_text('{"StartAt": "A",\n "States": {"A": {"Type": "Pass"}}}')

    code, out, err = tell("faulty.json", "--state", "A")

    assert (code, out) == (2, "")
    assert err.startswith("faulty.json:2:")
