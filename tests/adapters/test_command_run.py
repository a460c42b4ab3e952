"""`stepwell run`: what goes to stdout, what to stderr, how it exits; in this process where that is enough."""

import json
import signal
from pathlib import Path

import pytest

from stepwell.adapters.command.main import SUBCOMMANDS, group, invoke
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.runs import prepare, run_to_the_end, start
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.definitions.problems import InvalidDefinition, Problem
from stepwell.engine.execution import Execution

HELLO = {"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "End": True}}}
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:charge-card"
CHARGE = {"StartAt": "Charge", "States": {"Charge": {"Type": "Task", "Resource": FUNCTION, "End": True}}}
FAIL = {"StartAt": "Stop", "States": {"Stop": {"Type": "Fail", "Error": "Out", "Cause": "of\nstock"}}}
NAP = {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 86400, "End": True}}}

MOCKED = ["--mock-config", "mocks.json", "--test-case"]
MOCKS = {
    "StateMachines": {
        "charge": {
            "TestCases": {"Paid": {"Charge": "Paid"}, "Declined": {"Charge": "Declined"}, "Lost": {"Gone": "Paid"}}
        }
    },
    "MockedResponses": {
        "Paid": {"0": {"Return": {"paid": True}}},
        "Declined": {"0": {"Throw": {"Error": "CardDeclined", "Cause": '{"errorMessage":"not enough money"}'}}},
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """An empty working directory with a few definitions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    for name, definition in {"hello": HELLO, "charge": CHARGE, "fail": FAIL, "nap": NAP}.items():
        (tmp_path / f"{name}.asl.json").write_text(json.dumps(definition))
    (tmp_path / "mocks.json").write_text(json.dumps(MOCKS))
    return tmp_path


def refused(capsys, *arguments: str) -> str:
    """The one line with which a command line is refused."""
    assert invoke(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("stepwell: ")
    return line.removeprefix("stepwell: ")


def test_the_output_is_all_there_is_where_nobody_watches(capsys):
    assert invoke(["run", "hello.asl.json", "-i", '{"b": 1.0, "a": 12345678901234567890123}']) == 0

    shown = capsys.readouterr()
    assert shown.out == '{"b":1.0,"a":12345678901234567890123}\n'
    assert shown.err == ""


def test_json_is_one_object_about_the_execution(capsys):
    assert invoke(["run", "hello.asl.json", "--json", "--name", "one"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told.pop("startDate") <= told.pop("stopDate")
    assert told == {
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:hello:one",
        "status": "SUCCEEDED",
        "output": {},
        "error": None,
        "cause": None,
    }


def test_a_failure_is_one_line_and_exit_1(capsys):
    assert invoke(["run", "fail.asl.json", "--name", "one"]) == 1

    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "stepwell: one: FAILED: Out: of stock\n")


def test_a_failure_is_an_object_too(capsys):
    assert invoke(["run", "fail.asl.json", "--json"]) == 1

    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["output"], told["error"], told["cause"]) == ("FAILED", None, "Out", "of\nstock")


@pytest.mark.parametrize("option", ["-i", "--input"])
def test_the_input_comes_from_a_file(capsys, folder, option):
    (folder / "in.json").write_bytes('\ufeff{"name": "größe"}'.encode())

    assert invoke(["run", "hello.asl.json", option, "@in.json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "größe"}


def test_functions_come_from_a_file_and_what_they_print_is_kept_out_of_the_output(capsys, folder):
    (folder / "shop.py").write_text(
        "print('loading')\ndef charge_card(event):\n    print('charging')\n    return {'paid': event}\n"
    )

    assert invoke(["run", "charge.asl.json", "-i", "7", "--functions", "shop.py"]) == 0

    shown = capsys.readouterr()
    assert shown.out == '{"paid":7}\n'
    assert shown.err == "loading\ncharging\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("stepwell.toml", '[functions]\nCharge = "till:charge"\n'),
        ("pyproject.toml", '[tool.stepwell.functions]\nCharge = "till:charge"\n'),
    ],
)
def test_functions_come_from_the_configuration(capsys, folder, monkeypatch, file, text):
    (folder / file).write_text(text)
    (folder / "till.py").write_text("def charge(event, context):\n    return context.function_name\n")
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    __import__("sys").modules.pop("till", None)

    assert invoke(["run", "charge.asl.json"]) == 0
    assert capsys.readouterr().out == '"charge-card"\n'


def test_the_error_of_a_function_is_told_by_its_message(capsys, folder):
    (folder / "broken.py").write_text("def charge_card(event):\n    return {}['total']\n")

    assert invoke(["run", "charge.asl.json", "--functions", "broken.py", "--name", "one"]) == 1
    assert capsys.readouterr().err == "stepwell: one: FAILED: KeyError: 'total'\n"


def test_a_test_case_gives_the_results(capsys):
    assert invoke(["run", "charge.asl.json", "--mock-config", "mocks.json", "--test-case", "Paid"]) == 0
    assert capsys.readouterr().out == '{"paid":true}\n'

    assert (
        invoke(["run", "charge.asl.json", "--mock-config", "mocks.json", "--test-case", "Declined", "--name", "n"]) == 1
    )
    assert capsys.readouterr().err == "stepwell: n: FAILED: CardDeclined: not enough money\n"


def test_fast_forward_skips_a_day(capsys):
    assert invoke(["run", "nap.asl.json", "--fast-forward", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["startDate"][:10] < told["stopDate"][:10]


def test_what_is_ephemeral_leaves_no_trace(folder):
    assert invoke(["run", "hello.asl.json", "--ephemeral"]) == 0
    assert not (folder / ".stepwell").exists()


@pytest.mark.parametrize("how", ["flag", "variable", "file"])
def test_the_data_directory_is_chosen(folder, monkeypatch, how):
    arguments = ["run", "hello.asl.json"]
    if how == "flag":
        arguments += ["--data", "kept"]
    elif how == "variable":
        monkeypatch.setenv("STEPWELL_DATA", "kept")
    else:
        (folder / "stepwell.toml").write_text('data = "kept"\n')

    assert invoke(arguments) == 0
    assert (folder / "kept" / "stepwell.db").is_file()
    assert not (folder / ".stepwell").exists()


# --- nested executions ------------------------------------------------------------------------------------------------

KID = {"StartAt": "Charge", "States": {"Charge": {"Type": "Task", "Resource": FUNCTION, "End": True}}}


def starting(name: str, pattern: str = ".sync:2") -> dict:
    """A machine whose one task starts an execution and gives its output."""
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{pattern}",
        "Parameters": {
            "StateMachineArn": f"arn:aws:states:us-east-1:123456789012:stateMachine:{name}",
            "Input": {"n": 1},
        },
        "OutputPath": "$.Output",
        "End": True,
    }
    return {"StartAt": "Start", "States": {"Start": task}}


@pytest.mark.parametrize("option", [[], ["--ephemeral"]])
def test_tasks_start_the_state_machines_of_the_configuration(capsys, folder, option):
    (folder / "machines").mkdir()
    (folder / "machines" / "kid.asl.json").write_text(json.dumps(KID))
    (folder / "stepwell.toml").write_text('[state_machines]\nKid = "machines/kid.asl.json"\n')
    (folder / "parent.asl.json").write_text(json.dumps(starting("Kid")))
    (folder / "shop.py").write_text("def charge_card(event):\n    return {'paid': event}\n")

    assert invoke(["run", "parent.asl.json", "--functions", "shop.py", *option]) == 0
    assert capsys.readouterr().out == '{"paid":{"n":1}}\n'


def test_tasks_start_the_other_state_machines_of_the_template(capsys, folder):
    resources = {
        "Parent": {"Type": "AWS::Serverless::StateMachine", "Properties": {"Definition": starting("Kid")}},
        "Child": {"Type": "AWS::Serverless::StateMachine", "Properties": {"Name": "Kid", "Definition": HELLO}},
    }
    (folder / "template.json").write_text(json.dumps({"Resources": resources}))

    assert invoke(["run", "template.json#Parent"]) == 0
    assert capsys.readouterr().out == '{"n":1}\n'


def test_tasks_start_the_state_machines_of_the_registry(capsys, folder):
    from stepwell.local import Engine

    with Engine(".stepwell") as engine:
        engine.create_state_machine(HELLO, name="Kid")
    (folder / "parent.asl.json").write_text(json.dumps(starting("Kid")))

    assert invoke(["run", "parent.asl.json"]) == 0
    assert capsys.readouterr().out == '{"n":1}\n'


def test_a_state_machine_may_start_itself(capsys, folder):
    done = {"Type": "Pass", "Result": "done", "End": True}
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": True, "Next": "Done"}], "Default": "Start"}
    machine = {"StartAt": "Begin", "States": {"Begin": choice, "Done": done, **starting("self")["States"]}}
    (folder / "self.asl.json").write_text(json.dumps(machine))

    assert invoke(["run", "self.asl.json"]) == 0
    assert capsys.readouterr().out == '"done"\n'


def test_a_state_machine_that_is_not_there_fails_the_task_in_aws_words(capsys, folder):
    (folder / "parent.asl.json").write_text(json.dumps(starting("Kid")))

    assert invoke(["run", "parent.asl.json", "--name", "one"]) == 1
    assert capsys.readouterr().err.startswith(
        "stepwell: one: FAILED: StepFunctions.StateMachineDoesNotExistException: State Machine Does Not Exist: 'arn:"
    )


def test_mocks_are_those_of_the_machine_that_is_run_alone(capsys, folder):
    (folder / "stepwell.toml").write_text('[state_machines]\ncharge = "charge.asl.json"\n')
    start = starting("charge")["States"]["Start"]
    charge = {**CHARGE["States"]["Charge"], "Next": "Start"}
    del charge["End"]
    (folder / "parent.asl.json").write_text(
        json.dumps({"StartAt": "Charge", "States": {"Charge": charge, "Start": start}})
    )
    mocks = {
        "StateMachines": {"parent": {"TestCases": {"Paid": {"Charge": "Paid"}}}},
        "MockedResponses": {"Paid": {"0": {"Return": "mocked"}}},
    }
    (folder / "parent.json").write_text(json.dumps(mocks))
    (folder / "shop.py").write_text("def charge_card(event):\n    return 'charged'\n")

    assert invoke(["run", "parent.asl.json", "--functions", "shop.py", "--mock-config", "parent.json"]) == 0
    assert capsys.readouterr().out == '"charged"\n'


def test_a_task_that_starts_an_execution_can_be_mocked(capsys, folder):
    (folder / "parent.asl.json").write_text(json.dumps(starting("Kid")))
    mocks = {
        "StateMachines": {"parent": {"TestCases": {"Done": {"Start": "Done"}}}},
        "MockedResponses": {"Done": {"0": {"Return": {"Output": "mocked"}}}},
    }
    (folder / "parent.json").write_text(json.dumps(mocks))

    assert invoke(["run", "parent.asl.json", "--mock-config", "parent.json"]) == 0
    assert capsys.readouterr().out == '"mocked"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('Kid = "none.asl.json"', "none.asl.json: there is no such file; check the path"),
        ("Kid = 7", "stepwell.toml: state_machines.Kid: must be the path of a definition in quotes, not 7"),
        ('K.id = "hello.asl.json"', "state_machines.K: must be the path of a definition in quotes, not {'id': "),
    ],
)
def test_a_state_machine_of_the_configuration_that_is_of_no_use_is_one_clear_line(capsys, folder, text, said):
    (folder / "stepwell.toml").write_text(f"[state_machines]\n{text}\n")
    (folder / "parent.asl.json").write_text(json.dumps(starting("Kid")))

    assert said in refused(capsys, "run", "parent.asl.json")


def test_mistakes_of_what_tasks_may_start_are_told_before_anything_runs(capsys, folder):
    (folder / "kid.asl.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Gone"}}}')
    (folder / "stepwell.toml").write_text('[state_machines]\nKid = "kid.asl.json"\n')
    (folder / "parent.asl.json").write_text(json.dumps(starting("Kid")))

    assert invoke(["run", "parent.asl.json"]) == 2
    assert "kid.asl.json:1:" in capsys.readouterr().err


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "none.asl.json"], "none.asl.json: there is no such file; check the path"),
        (["run", "."], ".: is a directory; name the file in it"),
        (["run", "hello.asl.json#Other"], "hello.asl.json: is no template with state machines"),
        (["run", "hello.asl.json", "-i", '{"a" 1}'], "--input:1:6: the input is no JSON: Unexpected character ('1'"),
        (["run", "hello.asl.json", "-i", ""], "--input:1:1: the input is no JSON"),
        (["run", "hello.asl.json", "-i", "mocks.json"], "is it a file? Then write @mocks.json"),
        (["run", "hello.asl.json", "-i", "@none.json"], "the input none.json cannot be read: No such file"),
        (["run", "hello.asl.json", "-i", '"' + "x" * 300_000 + '"'], "longer than 262144 bytes"),
        (["run", "hello.asl.json", "--name", "a b"], "Invalid Name: 'a b'"),
        (["run", "charge.asl.json", "--functions", "none.py"], "none.py: there is no such file"),
        (["run", "charge.asl.json", "--functions", "no.such"], "no.such: cannot be imported: ModuleNotFoundError"),
        (["run", "charge.asl.json", "--mock-config", "none.json"], "none.json: cannot be read: No such file"),
        (["run", "charge.asl.json", "--mock-config", "mocks.json"], "choose one with --test-case"),
        (["run", "charge.asl.json", *MOCKED, "X"], "TestCases has no 'X'; it has"),
        (["run", "charge.asl.json", *MOCKED, "Lost"], "the state machine has no state 'Gone'"),
        (["run", "charge.asl.json", "--test-case", "X"], "name that with --mock-config"),
        (["run", "hello.asl.json", "--ephemeral", "--data", "d"], "--ephemeral keeps nothing"),
        (["run", "hello.asl.json", "--data", "mocks.json"], "choose another --data"),
        (["run", "--quick"], "No such option '--quick' (see `stepwell run --help`)"),
        (["run"], "Missing argument 'FILE[#LogicalId]' (see `stepwell run --help`)"),
        (["walk"], "No such command 'walk' (see `stepwell --help`)"),
        (["history", "none"], "holds no executions yet"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(capsys, arguments, said):
    assert said in refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module_here", "m.py: cannot be imported: ModuleNotFoundError: No module named 'no_such"),
        ("def f(:", "m.py: cannot be imported: SyntaxError"),
        ("raise SystemExit(3)", "m.py: cannot be imported: SystemExit: 3"),
        ("FUNCTIONS = {'Charge': 7}", "What is given for 'Charge' is no function but int: 7"),
    ],
)  # fmt: skip
def test_a_module_that_is_of_no_use_is_one_clear_line(capsys, folder, text, said):
    (folder / "m.py").write_text(text)

    assert said in refused(capsys, "run", "charge.asl.json", "--functions", "m.py")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('dta = "x"', "stepwell.toml: there is no key 'dta'; there are: allowed_hosts, calls, connections, data,"),
        ("data = 7", "stepwell.toml: data: must be the path of a directory, not 7"),
        ("data =", "stepwell.toml: no TOML: Invalid value"),
        ('[functions]\nCharge = "till"', "functions.Charge: must be 'module:function' in quotes, not 'till'"),
        ('[functions]\nCharge = "no_such_till:charge"', "no_such_till: cannot be imported"),
        ('[functions]\nCharge = "json:no_such"', "module 'json' has no 'no_such'"),
    ],
)
def test_a_configuration_that_is_of_no_use_is_one_clear_line(capsys, folder, text, said):
    (folder / "stepwell.toml").write_text(text)

    assert said in refused(capsys, "run", "charge.asl.json")


def test_a_python_resource_that_does_not_exist_is_told_before_anything_runs(capsys, folder):
    machine = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "python:json:no_such", "End": True}}}
    (folder / "python.asl.json").write_text(json.dumps(machine))

    assert "module 'json' has no 'no_such'" in refused(capsys, "run", "python.asl.json")


def test_a_name_that_is_taken_is_refused_in_aws_words(capsys):
    assert invoke(["run", "hello.asl.json", "--name", "one"]) == 0
    capsys.readouterr()

    arn = "arn:aws:states:us-east-1:123456789012:execution:hello:one"
    assert refused(capsys, "run", "hello.asl.json", "--name", "one") == f"Execution Already Exists: '{arn}'"


def test_all_mistakes_of_a_definition_are_told_with_their_places(capsys, folder):
    states = ",\n".join(f'"S{number}": {{"Type": "Pass", "Next": "Gone{number}"}}' for number in range(10))
    (folder / "ten.asl.json").write_text(f'{{"StartAt": "S0", "States": {{\n{states}\n}}}}')

    assert invoke(["run", "ten.asl.json"]) == 2

    lines = capsys.readouterr().err.splitlines()
    for number in range(10):
        assert any(
            line.startswith(f"ten.asl.json:{number + 2}:") and f"Missing 'Next' target: Gone{number}" in line
            for line in lines
        )


def test_what_this_version_cannot_run_is_told_with_its_place(capsys, monkeypatch):
    def refuse(machine):
        raise InvalidDefinition([Problem("/States/Hello", "NOT_SUPPORTED", "not yet")])

    monkeypatch.setattr("stepwell.adapters.runs.compile_program", refuse)

    assert invoke(["run", "hello.asl.json"]) == 2
    assert capsys.readouterr().err == "hello.asl.json:1:33: ERROR NOT_SUPPORTED not yet (/States/Hello)\n"


def test_broken_json_is_told_with_its_place(capsys, folder):
    (folder / "broken.asl.json").write_text('{\n  "StartAt": "A",\n  "States" {}\n}')

    assert invoke(["run", "broken.asl.json"]) == 2
    assert capsys.readouterr().err.startswith(
        "broken.asl.json:3:12: ERROR INVALID_JSON_DESCRIPTION Unexpected character"
    )


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def interrupted(times: int) -> Execution:
    """An execution during whose task Ctrl-C was pressed."""

    def pressing_ctrl_c(task):
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        yield from ()

    host = LocalHost(pressing_ctrl_c, MemoryStore())
    execution = start(host, prepare(CHARGE), input="{}", name=None)
    with pytest.raises(KeyboardInterrupt):
        run_to_the_end(host)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return execution


def test_the_first_ctrl_c_aborts_the_execution():
    assert interrupted(times=1).status == "ABORTED"


def test_the_second_ctrl_c_ends_at_once():
    assert interrupted(times=2).status == "RUNNING"


# --- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_command_has_a_help_with_an_example(capsys, name):
    assert invoke([name, "--help"]) == 0

    shown = capsys.readouterr().out
    assert f"  stepwell {name}" in shown
    assert SUBCOMMANDS[name] == group.get_command(None, name).short_help


def test_the_command_alone_shows_what_there_is(capsys):
    assert invoke([]) == 2

    shown = capsys.readouterr().err
    assert all(name in shown for name in SUBCOMMANDS)


def test_the_version_is_told(capsys):
    assert invoke(["--version"]) == 0
    assert capsys.readouterr().out.startswith("stepwell ")
