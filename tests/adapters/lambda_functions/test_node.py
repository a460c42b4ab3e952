"""Node.js handlers in processes of their own."""

import json
import shutil

import pytest

from support import CALL

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on this machine")


def test_an_async_handler_gets_the_event_and_a_context(functions):
    handler = functions.node(
        """
        export const handler = async (event, context) => ({
            event, arn: context.invokedFunctionArn, name: context.functionName, memory: context.memoryLimitInMB,
            table: process.env.TABLE, root: process.env.LAMBDA_TASK_ROOT, cwd: process.cwd(),
            left: context.getRemainingTimeInMillis() > 0,
        });
        """,
        environment={"TABLE": "orders"},
    )

    assert functions.run(handler, {"a": [1, "\u00e9"]}).output == {
        "event": {"a": [1, "\u00e9"]},
        "arn": CALL,
        "name": "call",
        "memory": "128",
        "table": "orders",
        "root": str(functions.folder),
        "cwd": str(functions.folder),
        "left": True,
    }


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("index.mjs", "export const handler = async () => 'module';"),
        ("index.js", "exports.handler = async () => 'module';"),
        ("index.cjs", "exports.handler = async () => 'module';"),
        ("index.js", "import fs from 'node:fs'; export const handler = async () => 'module';"),
    ],
    ids=["mjs", "js", "cjs", "js in a package of modules"],
)
def test_modules_of_both_kinds_are_loaded(functions, file, text):
    functions.file("package.json", '{"type": "module"}' if text.startswith("import") else "{}")

    assert functions.run(functions.node(text, file)).output == "module"


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ("(event, context, callback) => { setTimeout(() => callback(null, 'later'), 1); }", "later"),
        ("(event, context, callback) => callback(null, {at: 'once'})", {"at": "once"}),
        ("(event, context) => context.succeed('succeed')", "succeed"),
        ("(event, context) => context.done(null, 'done')", "done"),
        ("(event, context, callback) => { let n = 0; callback(null, 1); setTimeout(() => n++, 1); }", 1),
        ("() => {}", None),
        ("async () => undefined", None),
        ("() => new Promise(() => {})", None),
    ],
)
def test_a_handler_may_answer_in_any_way(functions, body, output):
    handler = functions.node(f"export const handler = {body};")

    assert [functions.run(handler).output, functions.run(handler).output] == [output, output]


def test_an_answer_need_not_wait_for_an_empty_loop(functions):
    handler = functions.node("""
        export const handler = (event, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = false;
            setInterval(() => {}, 1000);
            callback(null, "at once");
        };
    """)

    assert functions.run(handler).output == "at once"


@pytest.mark.parametrize(
    "body",
    [
        "async () => { throw new RangeError('boom'); }",
        "() => { throw new RangeError('boom'); }",
        "(event, context, callback) => { callback(new RangeError('boom')); }",
        "(event, context) => { context.fail(new RangeError('boom')); }",
        "() => { setTimeout(() => { throw new RangeError('boom'); }, 1); return new Promise(() => {}); }",
    ],
    ids=["rejected", "thrown", "called back", "failed", "uncaught"],
)
def test_an_error_is_told_as_on_lambda(functions, body):
    handler = functions.node(f"export const handler = {body};")

    for _ in range(2):
        ran = functions.run(handler)
        cause = json.loads(ran.cause)
        assert ran.error == "RangeError"
        assert list(cause) == ["errorType", "errorMessage", "trace"]
        assert (cause["errorMessage"], cause["trace"][0]) == ("boom", "RangeError: boom")


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("throw new TypeError('loading')", "TypeError", "loading"),
        ("export const other = 1", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("export const handler = 1", "Runtime.HandlerNotFound", "index.handler is not a function"),
        ("export const handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        ("export const handler = async () => 1n", "Error", "Unable to stringify response body"),
        ("export const handler = async () => { throw 'text' }", "string", "text"),
        (
            "export const handler = () => { Promise.reject(new Error('lost')); return new Promise(() => {}); }",
            "Runtime.UnhandledPromiseRejection",
            "Error: lost",
        ),
    ],
)
def test_a_function_that_cannot_be_loaded_or_understood_has_lambdas_error(functions, body, error, message):
    ran = functions.run(functions.node(body))

    assert ran.error == error
    assert message in json.loads(ran.cause)["errorMessage"]


def test_a_module_that_is_not_there_is_told_of(functions):
    ran = functions.run(functions.node("require('no-such')", "index.js"))

    assert ran.error == "Runtime.ImportModuleError"
    assert json.loads(ran.cause)["errorMessage"].startswith("Error: Cannot find module 'no-such'\nRequire stack:")


def test_an_error_without_a_name_is_unknown(functions):
    ran = functions.run(
        functions.node("export const handler = async () => { const e = new Error('x'); e.name = ''; throw e; }")
    )

    assert ran.error == "Lambda.Unknown"
    assert ran.cause.startswith(
        "The cause could not be determined because Lambda did not return an error type. Returned payload: {"
    )


def test_layers_have_modules(functions, tmp_path):
    package = tmp_path / "layer" / "nodejs" / "node_modules" / "shared"
    package.mkdir(parents=True)
    (package / "index.js").write_text("exports.where = 'layer'")
    handler = functions.node(
        "exports.handler = async () => require('shared').where", "index.js", layers=(tmp_path / "layer",)
    )

    assert functions.run(handler).output == "layer"


def test_what_it_writes_is_its_log(functions):
    handler = functions.node("export const handler = async () => { console.log('out'); console.error('err'); }")

    assert functions.run(handler).status == "SUCCEEDED"
    assert functions.written == ["out", "err"]


def test_a_process_that_exits_harms_only_its_task(functions):
    handler = functions.node("export const handler = async (event) => event.stays ? 'here' : process.exit(7)")

    ran = functions.run(handler)

    assert (ran.error, "exit status 7" in ran.cause) == ("Runtime.ExitError", True)
    assert functions.run(handler, {"stays": True}).output == "here"


def test_a_handler_that_never_ends_is_timed_out(functions):
    ran = functions.run(functions.node("export const handler = () => { for (;;); }", timeout_seconds=0.2))

    assert ran.error == "Sandbox.Timedout"
    assert ran.cause.endswith('Error: Task timed out after 0.20 seconds"}')
