"""Python handlers in processes of their own: what they are given, and what becomes of what they return and raise."""

import ast
import json
import shutil
import sys
import venv
from pathlib import Path

import pytest

from stepwell.adapters.tasks import lambda_functions
from support import CALL

WHOLE = """
    import os, sys

    def handler(event, context):
        return {
            "event": event,
            "variables": {name: os.environ.get(name) for name in event["names"]},
            "cwd": os.getcwd(),
            "pid": os.getpid(),
            "prefix": sys.prefix,
            "context": {
                name: getattr(context, name) for name in dir(context)
                if not name.startswith("_") and isinstance(getattr(context, name), str)
            },
            "left": context.get_remaining_time_in_millis(),
        }
"""


def test_a_handler_gets_the_event_and_a_context(functions):
    output = functions.run(functions.python(WHOLE, memory_mb=256), {"names": []}).output

    assert output["event"] == {"names": []}
    assert output["context"]["function_name"] == "call"
    assert output["context"]["function_version"] == "$LATEST"
    assert output["context"]["invoked_function_arn"] == CALL
    assert output["context"]["memory_limit_in_mb"] == "256"
    assert output["context"]["log_group_name"] == "/aws/lambda/call"
    assert "[$LATEST]" in output["context"]["log_stream_name"]
    assert len(output["context"]["aws_request_id"]) == 36
    assert 0 < output["left"] <= 20_000


def test_its_environment_is_that_of_lambda_and_its_own(functions):
    expected = {
        "AWS_LAMBDA_FUNCTION_NAME": "call",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/call",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "LAMBDA_TASK_ROOT": str(functions.folder),
        "_HANDLER": "app.handler",
        "TABLE": "orders",
        "STEPWELL_LAYERS": None,
    }

    output = functions.run(functions.python(WHOLE, environment={"TABLE": "orders"}), {"names": list(expected)}).output

    assert output["variables"] == expected
    assert output["cwd"] == str(functions.folder)


def test_a_worker_is_kept_warm(functions):
    handler = functions.python(WHOLE)

    first, second = (functions.run(handler, {"names": []}).output for _ in range(2))

    assert first["pid"] == second["pid"]
    assert first["context"]["aws_request_id"] != second["context"]["aws_request_id"]


@pytest.mark.parametrize("way", ["in the folder", "by name"])
def test_a_function_may_have_a_virtual_environment(functions, tmp_path, way):
    place = functions.folder / ".venv" if way == "in the folder" else tmp_path / "another"
    venv.create(place, symlinks=True)

    output = functions.run(
        functions.python(WHOLE, python=None if way == "in the folder" else str(place)), {"names": []}
    ).output

    assert Path(output["prefix"]) == place


def test_an_interpreter_that_is_not_there_is_told_of(functions):
    ran = functions.run(functions.python(WHOLE, python="no-such-python"))

    assert ran.error == "Stepwell.TaskNotBound"
    assert "'no-such-python'" in ran.cause and "[lambda.call]" in ran.cause


def test_a_folder_that_is_not_there_is_told_of(functions, tmp_path):
    ran = functions.run(functions.of(handler="app.handler", runtime="python3.12", folder=tmp_path / "gone"))

    assert (ran.error, "gone" in ran.cause) == ("Stepwell.TaskNotBound", True)


def test_layers_have_modules_beside_those_of_the_folder(functions, tmp_path):
    for name, folder in (("both", "first/python"), ("both", "second/python"), ("plain", "third")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{name}.py").write_text(f"where = {folder!r}\n")
    functions.file("own.py", "where = 'the folder'")
    layers = tuple(tmp_path / name for name in ("first", "second", "third"))
    handler = functions.python(
        """
        import both, plain, own
        def handler(event, context):
            return [both.where, plain.where, own.where]
        """,
        layers=layers,
    )

    assert functions.run(handler).output == ["first/python", "third", "the folder"]


@pytest.mark.parametrize("value", [None, "x", 0.5, True, [], {"a": {"b": "\u00e9\U0001f600"}}])
def test_a_result_comes_as_it_was_returned(functions, value):
    handler = functions.python("def handler(event, context): return event['value']")

    assert functions.run(handler, {"value": value}).output == value


@pytest.mark.parametrize(
    ("returned", "output"),
    [("Decimal('7')", 7), ("Decimal('1.5')", 1.5), ("b'{\"a\": 1}'", {"a": 1}), ("b'no JSON'", "no JSON")],
)
def test_decimals_are_numbers_and_bytes_are_the_payload_itself(functions, returned, output):
    handler = functions.python(f"from decimal import Decimal\ndef handler(event, context): return {returned}")

    assert functions.run(handler).output == output


def test_an_exception_is_told_as_on_lambda(functions):
    ran = functions.run(
        functions.python("""
            class CardDeclined(Exception): pass
            def charge():
                raise CardDeclined("insufficient funds")
            def handler(event, context):
                charge()
        """)
    )

    cause = json.loads(ran.cause)
    assert ran.error == "CardDeclined"
    assert list(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (cause["errorMessage"], len(cause["requestId"])) == ("insufficient funds", 36)
    assert cause["stackTrace"] == [
        f'  File "{functions.folder}/app.py", line 6, in handler\n    charge()\n',
        f'  File "{functions.folder}/app.py", line 4, in charge\n    raise CardDeclined("insufficient funds")\n',
    ]
    assert '", "errorType": "' in ran.cause
    assert "[ERROR] CardDeclined: insufficient funds" in functions.written


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("import no_such", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'no_such'"),
        ("other = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("raise KeyError('TABLE')", "KeyError", "'TABLE'"),
        ("def handler(event, context): return {1, 2}", "Runtime.MarshalError", "Unable to marshal response: "),
        ("async def handler(event, context): pass", "Runtime.MarshalError", "Object of type coroutine is not JSON"),
    ],
    ids=["import", "missing handler", "syntax", "raised while loading", "no JSON", "coroutine function"],
)
def test_a_function_that_cannot_be_loaded_or_understood_has_lambdas_error(functions, body, error, message):
    ran = functions.run(functions.python(body))

    assert ran.error == error
    assert message in json.loads(ran.cause)["errorMessage"]


def test_a_handler_is_named_as_module_and_function(functions):
    functions.file("src/orders/app.py", "def handler(event, context): return 'here'")
    named = functions.of(handler="src/orders/app.handler", runtime="python3.12")
    misnamed = functions.of(handler="handler", runtime="python3.12")

    assert functions.run(named).output == "here"
    assert functions.run(misnamed).error == "Runtime.MalformedHandlerName"


def test_lines_of_logging_and_print_are_the_log(functions):
    handler = functions.python("""
        import logging, sys, os
        logging.getLogger().setLevel(logging.INFO)
        def handler(event, context):
            logging.info("logged")
            print("printed")
            print("to stderr", file=sys.stderr)
            os.system("echo from a child")
            os.write(1, b"no text: \\xff, no end")
    """)

    assert functions.run(handler).output is None
    logged, *others = functions.written
    assert logged.startswith("[INFO]\t") and logged.endswith("\tlogged")
    assert others == ["printed", "to stderr", "from a child", "no text: \ufffd, no end"]
    assert {name for name, _ in functions.lines} == {"call"}


def test_a_change_of_the_source_counts_at_once(functions):
    handler = functions.python("import other\ndef handler(event, context): return other.VALUE")
    functions.file("other.py", "VALUE = 1")
    before = functions.run(handler).output
    functions.file("other.py", "VALUE = 2")

    assert [before, functions.run(handler).output] == [1, 2]


def test_a_broken_function_can_be_mended(functions):
    handler = functions.python("import no_such")
    assert functions.run(handler).error == "Runtime.ImportModuleError"

    functions.file("app.py", "def handler(event, context): return 'mended'")

    assert functions.run(handler).output == "mended"


def test_what_a_handler_writes_beside_its_code_changes_nothing(functions):
    handler = functions.python("""
        import os
        def handler(event, context):
            open("orders.db", "a").write("more")
            return os.getpid()
    """)

    assert functions.run(handler).output == functions.run(handler).output
    assert sorted(path.name for path in functions.folder.iterdir()) == ["README.md", "app.py", "orders.db"]


def test_the_bootstrap_is_python_3_8():
    source = (Path(lambda_functions.__file__).parent / "bootstrap_python.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))

    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= sys.stdlib_module_names


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on this machine")
def test_functions_of_both_languages_go_beside_each_other(functions):
    functions.file("index.mjs", "export const handler = async () => 'node'")
    node = functions.of(handler="index.handler", runtime="nodejs20.x")
    python = functions.python("def handler(event, context): return 'python'")

    assert [functions.run(node).output, functions.run(python).output] == ["node", "python"]
