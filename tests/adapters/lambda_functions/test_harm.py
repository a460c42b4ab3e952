"""What handlers do to themselves, and that it harms nobody else: crashes, endless loops, floods, and the host's end."""

import json
import os
import select
import subprocess
import sys
from textwrap import dedent

import pytest

from stepwell.adapters.tasks.lambda_functions import FunctionSource, LambdaFunctions

HARMS = """
    import os, signal, sys, threading

    def handler(event, context):
        globals()[event["do"]]()
        return "unharmed"

    def nothing(): pass
    def exits(): sys.exit(3)
    def exits_quietly(): os._exit(0)
    def is_killed(): os.kill(os.getpid(), signal.SIGSEGV)
    def loops():
        while True: pass
    def ignores_signals():
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
        while True: pass
    def stops(): os.kill(os.getpid(), signal.SIGSTOP)
    def closes_everything():
        os.closerange(0, 256)
        while True: pass
    def closes_stdout(): sys.stdout.close(); os.close(2)
    def closes_stdin(): sys.stdin.close()
    def reads_stdin(): assert sys.stdin.read() == ""
    def forks_and_both_return(): os.fork()
    def forks_and_exits():
        if os.fork() == 0: loops()
        os._exit(5)
    def leaves_a_child():
        os.system("sleep 1000 &")
    def leaves_a_thread():
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    def prints_megabytes():
        for _ in range(64): print("x" * 65_535)
    def prints_one_long_line(): print("x" * 1_000_000)
    def recurses(): recurses()
"""


@pytest.fixture
def handler(functions):
    return functions.python(HARMS)


@pytest.mark.parametrize(
    ("harm", "error", "said"),
    [
        ("exits", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("exits_quietly", "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("is_killed", "Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"),
        ("closes_everything", "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        ("forks_and_exits", "Runtime.ExitError", "Runtime exited with error: "),
        ("recurses", "RecursionError", "maximum recursion depth exceeded"),
    ],
)
def test_a_handler_that_ends_its_process_harms_only_its_task(functions, handler, harm, error, said):
    assert functions.run(handler, {"do": "nothing"}).output == "unharmed"

    ran = functions.run(handler, {"do": harm})

    assert ran.error == error
    assert said in json.loads(ran.cause)["errorMessage"]
    assert functions.run(handler, {"do": "nothing"}).output == "unharmed"


@pytest.mark.parametrize("harm", ["loops", "ignores_signals", "stops"])
def test_a_handler_that_never_returns_is_ended_in_time(functions, harm):
    handler = functions.python(HARMS, timeout_seconds=0.2)

    ran = functions.run(handler, {"do": harm})

    cause = json.loads(ran.cause)
    assert (ran.error, cause["errorType"]) == ("Sandbox.Timedout", "Sandbox.Timedout")
    assert list(cause) == ["errorType", "errorMessage"]
    assert cause["errorMessage"].startswith("RequestId: ")
    assert cause["errorMessage"].endswith(" Error: Task timed out after 0.20 seconds")
    assert functions.run(handler, {"do": "nothing"}).output == "unharmed"


@pytest.mark.parametrize(
    "harm",
    [
        "closes_stdout",
        "closes_stdin",
        "reads_stdin",
        "forks_and_both_return",
        "leaves_a_child",
        "leaves_a_thread",
        "prints_megabytes",
        "prints_one_long_line",
    ],
)
def test_other_mischief_does_not_even_harm_its_task(functions, handler, harm):
    assert functions.run(handler, {"do": harm}).output == "unharmed"
    assert functions.run(handler, {"do": "nothing"}).output == "unharmed"


def test_a_flood_of_output_is_logged_in_pieces(functions, handler):
    functions.run(handler, {"do": "prints_one_long_line"})

    assert "".join(functions.written) == "x" * 1_000_000
    assert max(map(len, functions.written)) <= 262_144


def test_a_log_that_fails_holds_nobody_up(functions):
    def log(_name, _line):
        raise RuntimeError("the disk is full")

    functions.file("app.py", HARMS)
    source = FunctionSource(name="call", handler="app.handler", runtime="python3.12", folder=functions.folder)
    handler = LambdaFunctions([source], log=log)

    assert functions.run(handler, {"do": "prints_megabytes"}).output == "unharmed"
    handler.close()


def test_a_system_that_starts_no_process_fails_the_task_alone(functions):
    handler = functions.python("def handler(event, context): return 1", environment={"A": "no\0text"})

    ran = functions.run(handler)

    assert (ran.error, "cannot be run with" in ran.cause) == ("Stepwell.TaskNotBound", True)


def test_a_response_above_the_limit_is_refused(functions):
    handler = functions.python("def handler(event, context): return 'x' * event['size']")

    ran = functions.run(handler, {"size": 6_291_555})

    assert (ran.error, json.loads(ran.cause)) == (
        "Function.ResponseSizeTooLarge",
        {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        },
    )
    assert functions.run(handler, {"size": 6_291_554}).error == "States.DataLimitExceeded"
    assert functions.run(handler, {"size": 1}).output == "x"


def test_a_worker_that_died_while_it_had_nothing_to_do_is_replaced(functions):
    handler = functions.python("import os\ndef handler(event, context): return os.getpid()")
    pid = functions.run(handler).output
    watched = os.pidfd_open(pid)
    os.kill(pid, 9)
    select.select([watched], [], [], 20)
    os.close(watched)

    assert functions.run(handler).output != pid


def test_closing_ends_the_workers_and_what_they_started(functions):
    handler = functions.python("""
        import os, subprocess
        def handler(event, context):
            return [os.getpid(), subprocess.Popen(["sleep", "1000"]).pid]
    """)
    watched = [os.pidfd_open(pid) for pid in functions.run(handler).output]

    functions.end()

    for process in watched:
        assert select.select([process], [], [], 20)[0], "it has ended"
        os.close(process)
    assert "its host ends" in functions.run(handler).cause


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a busy worker with its host")
@pytest.mark.parametrize("runtime", ["python3.12", "nodejs20.x"])
def test_a_busy_worker_ends_with_a_host_that_was_killed(functions, runtime, tmp_path):
    functions.file("app.py", "import os\ndef handler(event, context):\n  print(os.getpid())\n  while True: pass")
    functions.file("app.cjs", "exports.handler = () => { console.log(process.pid); for (;;); }")
    script = dedent(f"""
        import os, sys
        from pathlib import Path
        from stepwell.adapters.tasks.lambda_functions import FunctionSource
        from stepwell.adapters.tasks.lambda_functions.pool import WorkerPool
        folder = Path({str(functions.folder)!r})
        source = FunctionSource(
            name="f", handler="app.handler", runtime={runtime!r}, folder=folder, timeout_seconds=900
        )
        log = lambda name, line: print(line, flush=True)
        WorkerPool(source, usual=1, most=1, log=log, environment=dict(os.environ)).invoke("arn", b"{{}}")
    """)
    host = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(host.stdout.readline())
    watched = os.pidfd_open(pid)

    host.kill()
    host.communicate()

    assert select.select([watched], [], [], 20)[0], "the worker has ended"
    os.close(watched)
