"""The command `stepwell`: which subcommands there are, and how a command ends.

Rule 1: a subcommand is imported when it is called, and pays for its imports alone.
Rule 2: whatever a person may do wrong is answered by one line on stderr that says what to do about it, and exit 2.
Rule 3: nothing a person does leads to a traceback; what does is a bug of ours and shall look like one.

Exit codes: 0 well, 1 not well (an execution that did not succeed, a definition with errors), 2 cannot be done as asked.
"""

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module

import click

from stepwell.adapters.command.output import give_up, say

SUBCOMMANDS = {
    "run": "Run a state machine and watch it move.",
    "resume": "Carry on a run whose process is gone.",
    "serve": "Serve the API of AWS Step Functions on this machine.",
    "validate": "Check definitions as AWS checks them.",
    "eval": "Try an expression: its value as it would be in a state.",
    "test-state": "Test one state by itself: every stage of its data flow.",
    "list": "List the executions that were kept, the newest first.",
    "show": "Show one execution: where it stands, or how it ended.",
    "history": "Show what happened in an execution, event by event.",
    "task": "List the tasks that wait for an answer, and answer them.",
    "stop": "Abort an execution, in whichever process it runs.",
    "redrive": "Let an execution that failed go on where it failed.",
    "prune": "Remove executions that ended long ago.",
}


GRACE_SECONDS = 1

PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


class Interrupted(click.ClickException):
    """Ctrl-C, and all is said. The process ends without waiting for what functions have left running."""

    exit_code = 1


@contextmanager
def quick_imports() -> Iterator[None]:
    """Imports without the searches that would take as long: a fifth of the time in which a command starts.

    What is imported never becomes garbage, so nobody need look for it. And pydantic looks for plugins in all that is
    installed; our models want none, and whatever the user's own models want they find later.
    """
    before = os.environ.get(PLUGINS)
    os.environ[PLUGINS] = "__all__"
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        if before is None:
            del os.environ[PLUGINS]
        else:
            os.environ[PLUGINS] = before


class Subcommands(click.Group):
    """Finds a subcommand in the module of its name. Their names and one-line helps are known without an import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        with quick_imports():
            command = import_module(f"stepwell.adapters.command.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command), f"the module {cmd_name!r} has a click command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))


def _show_version(ctx: click.Context, _parameter: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not ctx.resilient_parsing:
        from importlib.metadata import version  # here, not above: it takes longer than click

        click.echo(f"stepwell {version('stepwell')}")
        ctx.exit()


@click.group(
    cls=Subcommands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Try `stepwell run --help`: it has examples.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
def group() -> None:
    """Runs AWS Step Functions state machines on this machine.

    The same JSON that is deployed to AWS runs here, with your own Python functions in the place of its tasks, and
    behaves as on AWS, down to the event history.
    """


def invoke(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code. Raises Interrupted after Ctrl-C."""
    try:
        code = group.main(list(arguments), prog_name="stepwell", standalone_mode=False)
    except Interrupted:
        raise
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        raise Interrupted("") from None
    except click.exceptions.NoArgsIsHelpError as fault:
        click.echo(fault.format_message(), err=True)
        return 2
    except click.UsageError as fault:
        hint = f" (see `{fault.ctx.command_path} --help`)" if fault.ctx else ""
        say(f"{fault.format_message().rstrip('.')}{hint}")
        return 2
    except click.ClickException as fault:
        say(fault.format_message())
        return fault.exit_code
    except BrokenPipeError:  # of rich, or of click's help
        give_up(sys.stdout)
        return 1
    return code if isinstance(code, int) else 0


def main() -> int:
    """The entry point."""
    try:
        code = invoke(sys.argv[1:])
    except Interrupted as interruption:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(interruption.exit_code)  # a function that hangs in a thread of its own must not keep the process
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        give_up(sys.stdout)
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        threading.Thread(target=_end_all_the_same, args=(code,), daemon=True).start()
    return code


def _end_all_the_same(code: int) -> None:
    """Ends the process where a function that was given up has left a thread behind that Python would wait for."""
    time.sleep(GRACE_SECONDS)
    os._exit(code)
