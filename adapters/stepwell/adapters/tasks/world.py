"""The world outside: who performs the tasks that no function in this process performs.

Lambda functions from their source, AWS services where calls go to, HTTP APIs; in this order, and each leaves what it
does not know to the next. What the world needs (moto, the processes of functions) lives as long as it does.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from stepwell.adapters.closing import Closing
from stepwell.adapters.configuration import Configuration, InvalidConfiguration
from stepwell.adapters.definition_files import REGION
from stepwell.adapters.door import Door
from stepwell.adapters.tasks.aws.calls import AwsTasks
from stepwell.adapters.tasks.aws.connections import EventBridgeConnections
from stepwell.adapters.tasks.aws.endpoints import (
    ALL_SERVICES,
    EVERYTHING,
    MOTO,
    NOWHERE,
    Calls,
    Credentials,
    Endpoints,
    InvalidEndpoint,
    calls_of_environment,
    read_calls,
    segment_named,
    variable_of,
)
from stepwell.adapters.tasks.bindings import unbound
from stepwell.adapters.tasks.http import HttpTasks
from stepwell.adapters.tasks.lambda_functions import (
    FunctionsElsewhere,
    LambdaFunctions,
    function_sources,
    functions_elsewhere,
)
from stepwell.adapters.tasks.lambda_functions.processes import Log, log_to_stderr
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, TaskHandler

NO_ENDPOINT = "http://127.0.0.1:1/stepwell-calls-nothing-here"
"""Where functions find nobody when they call what is not to be called; their error shows it."""

OTHER_CREDENTIALS = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
)
"""Variables by which the AWS SDKs would find out who the user is."""

OWN = "sfn"
"""Step Functions, which is here: nobody else is asked for it, unless that is said of it by name."""


class World(Closing):
    """Performs tasks: a `TaskHandler`, open until it is closed.

        with World(calls="moto", seed="seed.yaml", template="template.yaml") as world:
            run("template.yaml#Order", {"orderId": 7}, world=world)
            world.client("dynamodb").get_item(TableName="Orders", Key={"orderId": {"S": "7"}})

    `calls`: where AWS services are called, for all of them or by service: `mock`, `moto`, `aws` or a URL; see
    `tasks/aws/endpoints.py`. `seed`: a file of what is in moto before the first task; see `tasks/aws/seeds.py`.
    `template`: a SAM or CloudFormation template, whose Lambda functions in Python and Node.js are run from their
    source, and whose tables, queues, buckets, topics ... are in moto too. `replay`: a cassette, from which tasks get
    their answers; nothing is called then. `configuration`: what `stepwell.toml` says; what is given here counts before
    it. `step_functions`: the URL at which functions call Step Functions; without it they call what their tasks run in,
    the last of several. `log` takes what they print, line by line, from any thread.

    May be used from any thread. Raises InvalidEndpoint, InvalidSeeds, InvalidFunction, InvalidCassette, and
    UnreadableDefinition.
    """

    def __init__(
        self,
        *,
        calls: str | Calls | None = None,
        seed: str | PathLike[str] | None = None,
        template: str | PathLike[str] | None = None,
        replay: str | PathLike[str] | None = None,
        configuration: Configuration | None = None,
        region: str | None = None,
        environment: Mapping[str, str] | None = None,
        step_functions: str | None = None,
        log: Log = log_to_stderr,
    ) -> None:
        configuration = configuration or Configuration()
        environment = os.environ if environment is None else environment
        template = template if template is not None else configuration.template
        seed = seed if seed is not None else configuration.seed
        wanted = {
            **configuration.calls,
            **calls_of_environment(environment),
            **({} if calls is None else read_calls(calls, "calls")),
        }
        wanted = {OWN: NOWHERE, **wanted}
        if seed is not None and MOTO not in wanted.values():
            raise InvalidEndpoint(f"{seed}: is for moto, and no calls go there: give calls = {MOTO!r} as well")
        with ExitStack() as undone:
            self.endpoints = Endpoints.of(
                wanted, environment, region=region, moto=lambda: _moto(undone, seed, template)
            )
            sources = function_sources(template, configuration.lambda_functions)
            self.door: Door | None = None
            """Where functions call the Step Functions that their tasks run in."""
            if sources and step_functions is None and not self.endpoints.reaches(OWN):
                self.door = Door()
                undone.callback(self.door.close)
                step_functions = self.door.url
            has_url = any("://" in place for place in wanted.values())
            own = self.endpoints.credentials if has_url else None  # moto is not asked as anybody
            self.variables = _variables(self.endpoints, step_functions, own or Credentials())
            http = HttpTasks(
                configuration.connections,
                unbound,
                allowed_hosts=configuration.allowed_hosts,
                environment=environment,
                find=EventBridgeConnections(self.endpoints),
            )
            services = AwsTasks(self.endpoints, http, allowed_hosts=configuration.allowed_hosts)
            undone.callback(services.close)
            beside: TaskHandler = services
            if template is not None and wanted.get("lambda", wanted.get(EVERYTHING, NOWHERE)) in (NOWHERE, MOTO):
                beside = FunctionsElsewhere(functions_elsewhere(template), services)
            functions = LambdaFunctions(sources, beside, log=log, environment=changed(environment, self.variables))
            undone.callback(functions.close)
            self._perform: TaskHandler = functions
            self._replays = replay is not None
            if replay is not None:
                from stepwell.adapters.tasks.cassettes import ReplayedTasks, read_cassette  # pays who has one

                self._perform = ReplayedTasks(read_cassette(Path(replay)))
            self._closing = undone.pop_all()

    @property
    def calls_step_functions(self) -> bool:
        """Whether tasks that call Step Functions are for it, and not for the engine that they are in."""
        return self._replays or self.endpoints.reaches(OWN)

    def __call__(self, task: InvokeTask, /) -> Exchange:
        return self._perform(task)

    @contextmanager
    def as_environment(self) -> Iterator[None]:
        """While this is entered, functions of this process find services where tasks do, if they go by variables."""
        before = dict(os.environ)
        os.environ |= self.variables
        for name in [name for name, value in self.variables.items() if not value]:
            del os.environ[name]
        try:
            yield
        finally:
            for name in self.variables:
                os.environ.pop(name, None)
                if name in before:
                    os.environ[name] = before[name]

    def client(self, service: str, **about: Any) -> Any:
        """A client of boto3 for a service, where tasks call it; it is closed with the world.

        Raises InvalidEndpoint where they do not call it.
        """
        from boto3.session import Session  # here, not above: who looks at nothing pays nothing for it
        from botocore.config import Config

        from stepwell.adapters.tasks.aws.clients import session_without_files

        segment = segment_named(service)
        if not self.endpoints.reaches(segment):
            raise InvalidEndpoint(f"{service!r} is not called: say where it is with calls, as 'moto' or as a URL")
        credentials = self.endpoints.credentials_for(segment)
        client = Session(botocore_session=session_without_files() if credentials else None).client(
            service,
            **{
                "endpoint_url": self.endpoints.url(segment),
                "region_name": self.endpoints.region or (REGION if credentials else None),
                "aws_access_key_id": credentials and credentials.access_key_id,
                "aws_secret_access_key": credentials and credentials.secret_access_key,
                "aws_session_token": credentials and credentials.session_token,
                "config": Config(ignore_configured_endpoint_urls=True),
                **about,
            },
        )
        self._closing.callback(client.close)
        return client

    def close(self) -> None:
        """Ends all that belongs to it. What functions are doing is lost."""
        self._closing.close()


@contextmanager
def opened(configuration: Configuration, **about: Any) -> Iterator[World]:
    """A world, `about` which is said what `World` takes; raises InvalidConfiguration for what is wrong with it."""
    from stepwell.adapters.tasks.aws.seeds import InvalidSeeds
    from stepwell.adapters.tasks.lambda_functions import InvalidFunction

    try:
        world = World(configuration=configuration, **about)
    except (InvalidEndpoint, InvalidSeeds) as fault:
        raise InvalidConfiguration(str(fault)) from None
    except InvalidFunction as fault:
        raise InvalidConfiguration(f"lambda.{fault}") from None
    with world:
        yield world


def _moto(undone: ExitStack, seed: str | PathLike[str] | None, template: str | PathLike[str] | None) -> str:
    """Starts moto, with what is to be in it; gives its URL."""
    from stepwell.adapters.tasks.aws.offline import Offline  # pays who uses it
    from stepwell.adapters.tasks.aws.seeds import seeds_of_file, seeds_of_template, sow

    seeds = [] if template is None else seeds_of_template(template)
    seeds += [] if seed is None else seeds_of_file(Path(seed))
    moto = undone.enter_context(Offline())
    sow(seeds, moto.endpoints)
    return moto.url


def _variables(endpoints: Endpoints, own: str | None, credentials: Credentials) -> dict[str, str]:
    """With what a process calls services where tasks do: variables of the AWS SDKs. An empty one is to be taken away.

    Unless something is called at AWS itself, nothing in it tells who the user is.
    """
    segments = [segment for segment in endpoints.of_services if segment != OWN]
    variables = {
        ALL_SERVICES: _place(endpoints, EVERYTHING),
        **{f"{ALL_SERVICES}_{variable_of(segment)}": _place(endpoints, segment) for segment in segments},
        f"{ALL_SERVICES}_{OWN.upper()}": own or _place(endpoints, OWN),
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "",
    }
    if any(endpoints.is_real(segment) for segment in (EVERYTHING, OWN, *segments)):
        return variables
    return {
        **variables,
        **dict.fromkeys(OTHER_CREDENTIALS, ""),
        "AWS_DEFAULT_REGION": endpoints.region or REGION,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token or "",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _place(endpoints: Endpoints, segment: str) -> str:
    if not endpoints.is_real(segment):
        return endpoints.url(segment) or NO_ENDPOINT
    if segment == EVERYTHING or endpoints.is_real(EVERYTHING):
        return ""  # where the SDK has it
    return _real_place(endpoints, segment)


def _real_place(endpoints: Endpoints, segment: str) -> str:
    """The URL of a service at AWS, for processes in which all others are called elsewhere."""
    from botocore.exceptions import BotoCoreError  # here, not above: few call one service at AWS

    from stepwell.adapters.tasks.aws.clients import Clients

    clients = Clients(endpoints)
    try:
        return clients.connect(segment, endpoints.region or clients.region(segment) or REGION).url
    except BotoCoreError as fault:
        raise InvalidEndpoint(f"{segment!r} cannot be called at AWS: {fault}") from None
    finally:
        clients.close()


def changed(environment: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """An environment with these variables; those that are empty are not in it."""
    return {name: value for name, value in {**environment, **variables}.items() if value or name not in variables}
