"""`stepwell serve`: the API of AWS Step Functions, on this machine."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from time import gmtime
from typing import Any

import click

from stepwell.adapters.command import options
from stepwell.adapters.command.output import CannotBeDone, is_terminal, say
from stepwell.adapters.command.performing import world_of
from stepwell.adapters.command.settings import Settings
from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from stepwell.adapters.logs import LogGroups
from stepwell.adapters.logs.execution_log import ExecutionLog
from stepwell.adapters.logs.redaction import Redaction, UnusablePath
from stepwell.adapters.retention import Retention
from stepwell.adapters.server.app import Access, Application
from stepwell.adapters.server.metrics import Metrics
from stepwell.adapters.server.serving import CannotListen, Server, listen
from stepwell.adapters.server.setup import Setup, anything, opened
from stepwell.adapters.server.sigv4 import Verifier
from stepwell.adapters.tasks.bindings import UnusableFunction, load_module
from stepwell.adapters.tasks.lambda_functions.processes import log_to_stderr
from stepwell.adapters.tasks.mock_files import MockFile
from stepwell.adapters.tasks.mocks import InvalidMockConfig
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine import arns
from stepwell.engine.ports import StoreFailed

KEYS = "STEPWELL_ACCESS_KEYS"

SECONDS_OF_A_TURN = 0.001
"""How long one thread may keep the other waiting: the server's and the runtime's hand each request to and fro."""


@click.command("serve", short_help="Serve the API of AWS Step Functions on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--port", default=8083, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@options.data
@click.option("--ephemeral", is_flag=True, help="Keep everything in memory; it is gone with the server.")
@options.performers_without_mocks
@click.option(
    "--mock-config",
    envvar="SFN_MOCK_CONFIG",
    metavar="FILE",
    help="Results for tasks: the mock file of Step Functions Local. An execution chooses a test case when it is "
    "started with STATE_MACHINE_ARN#TestCase.  [SFN_MOCK_CONFIG]",
)
@click.option("--fast-forward", is_flag=True, help="Skip the time in which everything waits.")
@click.option(
    "--wait-time-scale",
    envvar="WAIT_TIME_SCALE",
    type=click.FloatRange(min=0),
    default=1.0,
    metavar="FACTOR",
    help="Let Wait states take this part of their time: 0.1 is a tenth.  [WAIT_TIME_SCALE]",
)
@click.option(
    "--aws-endpoint",
    envvar="STEPWELL_AWS_ENDPOINT",
    metavar="URL",
    help="The same as --calls URL. LAMBDA_ENDPOINT, DYNAMODB_ENDPOINT and their like go before it.",
)
@click.option(
    "--lambda-endpoint",
    envvar="LAMBDA_ENDPOINT",
    metavar="URL",
    help="The same as --calls lambda=URL: `sam local start-lambda`, say.  [LAMBDA_ENDPOINT]",
)
@click.option(
    "--account", envvar="AWS_ACCOUNT_ID", metavar="ID", help="The account of what is created.  [AWS_ACCOUNT_ID]"
)
@click.option("--region", metavar="NAME", help="The region of what is created, whatever the caller's is.")
@click.option(
    "--access-keys",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Who may call: a line for each, KEY_ID SECRET. Requests must be signed with one of them. Demanded where "
    f"others than this machine can reach the server.  [{KEYS}: KEY_ID:SECRET,...]",
)
@click.option(
    "--server-name",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name by which callers know this machine, beside localhost. May be given several times.",
)
@click.option(
    "--logs",
    metavar="DIR|-|URL",
    help="Where the logs of executions go, for state machines that have a loggingConfiguration: files in a directory, "
    "stdout, or CloudWatch Logs at an endpoint.  [DATA/logs]",
)
@click.option(
    "--redact",
    multiple=True,
    metavar="JSONPATH",
    help="What no execution log shows: $..password. May be given several times.",
)
@click.option("--access-log/--no-access-log", default=None, help="A line on stderr for each request.  [in a terminal]")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long what runs may go on when the server is told to end.",
)
def command(
    host: str,
    port: int,
    data: Path | None,
    ephemeral: bool,
    given_performers: dict[str, Any],
    mock_config: str | None,
    fast_forward: bool,
    wait_time_scale: float,
    aws_endpoint: str | None,
    lambda_endpoint: str | None,
    account: str | None,
    region: str | None,
    access_keys: Path | None,
    names: tuple[str, ...],
    logs: str | None,
    redact: tuple[str, ...],
    access_log: bool | None,
    grace: float,
) -> int:
    """Serve the API of AWS Step Functions on this machine.

    boto3, the AWS CLI, CDK, Terraform and SAM talk to http://127.0.0.1:8083 and find Step Functions there: it takes the
    place of AWS's Step Functions Local. What was accepted is on disk when it is answered, and a server that was killed
    goes on when it is started again.

    \b
    Examples:
      stepwell serve
      stepwell serve --ephemeral --fast-forward --mock-config mocks.json
      stepwell serve --template template.yaml --calls moto
      stepwell serve --calls http://127.0.0.1:4566 --calls s3=aws
      aws stepfunctions list-state-machines --endpoint-url http://127.0.0.1:8083

    Beside the API there are /health and /metrics (for Prometheus). Ctrl-C, or SIGTERM, ends the server: requests that
    are being answered are answered, functions that run come to their end, and the rest waits for the next server.

    Exit code: 0 when it was told to end, 2 when it cannot serve.
    """
    if ephemeral and data is not None:
        raise click.UsageError("--ephemeral keeps nothing, so --data has no meaning beside it")
    if account is not None and not (account.isdigit() and len(account) == 12):
        raise click.UsageError(f"--account: an account has twelve digits, not {account!r}")
    try:
        configuration = read_configuration()
        kept = None if ephemeral else data or configuration.data
        keys = read_keys(access_keys, os.environ)
        check_reach(host, keys)
        own = listen(host, port)
        with own, ExitStack() as until_the_end:
            place = f"http://{f'[{host}]' if ':' in host else host}:{own.getsockname()[1]}"
            _log_to_stderr(is_terminal(sys.stderr) if access_log is None else access_log)
            groups, has_log_group = log_groups(logs, kept, region)
            log = ExecutionLog(*groups, redact=Redaction(redact, "--redact") if redact else None)
            calls = (*given_performers.pop("calls"), *_endpoints(aws_endpoint, lambda_endpoint))
            settings = Settings.given(calls=calls, **given_performers)
            world = until_the_end.enter_context(
                world_of(
                    settings,
                    configuration,
                    region=region,
                    step_functions=place,
                    log=log.print if groups else log_to_stderr,
                )
            )
            setup = Setup(
                data=kept,
                functions=None if settings.functions is None else load_module(settings.functions),
                configured_functions=configuration.functions,
                state_machines=configuration.state_machines,
                beside=world,
                mock_file=None if mock_config is None else MockFile(mock_config),
                fast_forward=fast_forward,
                wait_scale=wait_time_scale,
                retention=Retention() if fast_forward else None,
                grace=grace,
                log=log,
                has_log_group=has_log_group,
            )
            access = Access(
                names=frozenset({host, *names}),
                has_any_address=_is_unspecified(host),
                verifier=Verifier(keys) if keys else None,
                region=region,
                account=account,
                default_region=os.environ.get("AWS_DEFAULT_REGION") or arns.DEFAULT_REGION,
            )
            metrics = Metrics()
            with opened(setup, metrics) as api:
                application = Application(api, access=access, metrics=metrics)
                server = Server(application, grace=grace, when_ending=api.runtime.release_pollers)
                where = "in memory" if kept is None else f"in {kept}"
                say(f"serves AWS Step Functions at {place} ({where}); Ctrl-C ends it")
                sys.setswitchinterval(SECONDS_OF_A_TURN)
                with _no_traceback_on_signals():
                    server.run(sockets=[own])
                application.close()
    except InvalidDefinition as fault:
        raise CannotBeDone(str(fault)) from None
    except (
        CannotListen,
        InvalidConfiguration,
        InvalidMockConfig,
        StoreFailed,
        UnusableFunction,
        UnusablePath,
    ) as fault:
        raise CannotBeDone(str(fault)) from None
    return 0


def _endpoints(of_aws: str | None, of_lambda: str | None) -> Iterator[str]:
    """The two options that are older than --calls, as it takes them."""
    if of_aws is not None:
        yield of_aws
    if of_lambda is not None:
        yield f"lambda={of_lambda}"


# --- who may call -----------------------------------------------------------------------------------------------------


def read_keys(path: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Secret access keys by their ids; raises CannotBeDone."""
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "is no UTF-8 text"
            raise CannotBeDone(f"{path}: cannot be read: {reason}") from None
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        rows, where = [line.split() for line in lines], str(path)
    else:
        given = environment.get(KEYS, "")
        rows, where = [each.strip().split(":", 1) for each in given.split(",") if each.strip()], KEYS
    keys = {}
    for number, row in enumerate(rows, start=1):
        if len(row) != 2 or not all(row):
            raise CannotBeDone(f"{where}: entry {number} is no key's id and secret")  # not shown: it may be a secret
        keys[row[0]] = row[1]
    if path is not None and not keys:
        raise CannotBeDone(f"{path}: has no access key")
    return keys


def check_reach(host: str, keys: Mapping[str, str]) -> None:
    """Raises CannotBeDone where anybody on a network could call without a key."""
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not (is_loopback or keys):
        raise CannotBeDone(
            f"--host {host}: others than this machine can reach that, so callers must have keys: give --access-keys "
            f"FILE or {KEYS}, or listen on 127.0.0.1"
        )


def _is_unspecified(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


# --- logs -------------------------------------------------------------------------------------------------------------


def log_groups(
    logs: str | None, data: Path | None, region: str | None
) -> tuple[tuple[LogGroups, ...], Callable[[str], bool]]:
    """Where the logs of executions go, and which log groups there are: files are made when they are needed."""
    if logs is None and data is None:
        return (), anything
    if logs == "-":
        from stepwell.adapters.logs.console import Console

        return (Console(),), anything
    if logs is not None and logs.startswith(("http://", "https://")):
        from stepwell.adapters.logs.cloudwatch import CloudWatchLogs, cloudwatch_client

        cloudwatch = CloudWatchLogs(lambda: cloudwatch_client(logs, region or arns.DEFAULT_REGION))
        return (cloudwatch,), cloudwatch.exists
    from stepwell.adapters.logs.files import LogFiles

    return (LogFiles(Path(logs) if logs is not None else data / "logs"),), anything  # type: ignore[operator]


def _log_to_stderr(with_requests: bool) -> None:
    """What the server has to say of itself, and of requests where that is wanted."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = gmtime
    handler.setFormatter(formatter)
    own = logging.getLogger("stepwell")
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    own.propagate = False
    logging.getLogger("stepwell.access").setLevel(logging.INFO if with_requests else logging.WARNING)
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.addHandler(handler)
    uvicorn.setLevel(logging.WARNING)
    uvicorn.propagate = False


@contextmanager
def _no_traceback_on_signals() -> Iterator[None]:
    """uvicorn, having ended in order, raises the signals that it was ended by once more."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
