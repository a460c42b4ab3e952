"""Where calls of AWS services go: one setting, for all services or for each.

    mock          nowhere: their tasks get results from functions and mock files, or fail
    moto          to moto, in this process
    aws           to AWS itself, as the user's credentials say
    http://...    to an endpoint: LocalStack, moto's server, `sam local start-lambda`

Rule 1: nothing is sent to the real cloud unless `aws` was asked for by name. Without a word, services are called where
the environment gives them an endpoint, and nowhere else.
Rule 2: what is said of one service counts before what is said of all, wherever either is said; of two that say it of
the same, the command line counts before the environment, and that before the configuration.
Rule 3: at an endpoint credentials are those of the environment, or `test` and `test`: no file and no other machine is
asked for them. AWS itself is called with those that the AWS SDKs find.

Services are named by the segment that `aws-sdk` integrations give them: `dynamodb`, `sfn`, `eventbridge`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct, field

from stepwell.adapters.tasks.aws.names import CLIENTS, client_name, segment_of

NOWHERE: Final = "mock"
MOTO: Final = "moto"
REAL: Final = "aws"

EVERYTHING: Final = "*"
"""In the place of a service: all that have no destination of their own."""

Calls = Mapping[str, str]
"""Destinations by services."""

VARIABLES: Mapping[str, str] = {
    "ATHENA_ENDPOINT": "athena",
    "BATCH_ENDPOINT": "batch",
    "CODE_BUILD_ENDPOINT": "codebuild",
    "DATABREW_ENDPOINT": "databrew",
    "DYNAMODB_ENDPOINT": "dynamodb",
    "ECS_ENDPOINT": "ecs",
    "EKS_ENDPOINT": "eks",
    "EMR_CONTAINERS_ENDPOINT": "emrcontainers",
    "EMR_ENDPOINT": "emr",
    "EVENTS_ENDPOINT": "eventbridge",
    "GLUE_ENDPOINT": "glue",
    "LAMBDA_ENDPOINT": "lambda",
    "S3_ENDPOINT": "s3",
    "SAGE_MAKER_ENDPOINT": "sagemaker",
    "SNS_ENDPOINT": "sns",
    "SQS_ENDPOINT": "sqs",
    "STEP_FUNCTIONS_ENDPOINT": "sfn",
}
"""The variables of Step Functions Local, and those made like them, with the service each is for."""

ALL_SERVICES = "AWS_ENDPOINT_URL"
"""The variable of the AWS SDKs; `AWS_ENDPOINT_URL_<SERVICE>` is for one service."""


class InvalidEndpoint(Exception):
    """A destination that is none. The text says which, and how one is written."""


class MissingCredentials(Exception):
    """AWS is to be called, and nobody said as whom."""


class Credentials(Struct, frozen=True, kw_only=True):
    access_key_id: str = "test"
    secret_access_key: str = "test"
    session_token: str | None = None


class Endpoints(Struct, frozen=True, kw_only=True):
    """Where each service is called: destinations, but for `moto`, which has become a URL; and as whom, and where."""

    everything: str = NOWHERE
    """For all services that have none of their own."""
    of_services: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    """Without it, the region of the execution that calls."""
    credentials: Credentials | None = None
    """Those that were given."""

    @staticmethod
    def real(environ: Mapping[str, str], *, region: str | None = None) -> "Endpoints":
        """AWS itself, but for services to which the environment gives an endpoint; raises InvalidEndpoint.

        `environ` must have credentials, as that of a Lambda function does; raises MissingCredentials.
        """
        if not environ.get("AWS_ACCESS_KEY_ID") or not environ.get("AWS_SECRET_ACCESS_KEY"):
            raise MissingCredentials("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: AWS cannot be called")
        return Endpoints.of({EVERYTHING: REAL, **calls_of_environment(environ)}, environ, region=region)

    @staticmethod
    def of(
        calls: Calls, environ: Mapping[str, str], *, region: str | None = None, moto: Callable[[], str] | None = None
    ) -> "Endpoints":
        """These destinations, with region and credentials of the environment. `moto` starts it, and gives its URL."""
        started = ""
        if MOTO in calls.values():
            assert moto is not None, "who allows for moto can start it"
            started = moto()
        places = {segment: started if place == MOTO else place for segment, place in calls.items()}
        return Endpoints(
            everything=places.pop(EVERYTHING, NOWHERE),
            of_services=places,
            region=region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None,
            credentials=_credentials(environ),
        )

    @staticmethod
    def from_environment(environ: Mapping[str, str]) -> "Endpoints":
        """The endpoints of the environment; raises InvalidEndpoint."""
        return Endpoints.of(calls_of_environment(environ), environ)

    def reaches(self, segment: str) -> bool:
        """Whether a service may be called."""
        return self._destination(segment) != NOWHERE

    def is_real(self, segment: str) -> bool:
        """Whether a service is called where AWS has it."""
        return self._destination(segment) == REAL

    def url(self, segment: str) -> str | None:
        """The endpoint that a service was given, or None."""
        destination = self._destination(segment)
        return None if destination in (NOWHERE, REAL) else destination

    def credentials_for(self, segment: str) -> Credentials | None:
        """As whom a service is called. None: as whom the AWS SDKs find, which is the user."""
        return self.credentials or (None if self.is_real(segment) else Credentials())

    def _destination(self, segment: str) -> str:
        return self.of_services.get(segment, self.everything)


# --- what is said -----------------------------------------------------------------------------------------------------


def calls_of_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Destinations by the variables of the environment; raises InvalidEndpoint."""
    given = {name: url for name, url in environ.items() if url}
    calls = {
        segment_of(name.removeprefix(f"{ALL_SERVICES}_")): _url(url, name)
        for name, url in given.items()
        if name.startswith(f"{ALL_SERVICES}_")
    }
    calls |= {VARIABLES[name]: _url(url, name) for name, url in given.items() if name in VARIABLES}
    if ALL_SERVICES in given:
        calls[EVERYTHING] = _url(given[ALL_SERVICES], ALL_SERVICES)
    return calls


def read_calls(given: Any, where: str) -> dict[str, str]:
    """Destinations by a value of a configuration: one for all services, or a table of services and `*`.

    Raises InvalidEndpoint, whose text begins with `where`.
    """
    if not isinstance(given, Mapping):
        return {EVERYTHING: checked(given, where)}
    return {_service(name, where): checked(place, f"{where}.{name}") for name, place in given.items()}


def read_options(given: Iterable[str], where: str) -> dict[str, str]:
    """Destinations by options of a command: `DESTINATION`, or `SERVICE=DESTINATION`; raises InvalidEndpoint."""
    calls = {}
    for text in given:
        name, sign, place = text.partition("=")
        if sign and name.isidentifier():
            calls[_service(name, where)] = checked(place, f"{where} {name}")
        else:
            calls[EVERYTHING] = checked(text, where)
    return calls


def checked(destination: Any, where: str) -> str:
    """The destination; raises InvalidEndpoint where it is none."""
    if destination in (NOWHERE, MOTO, REAL):
        return str(destination)
    if isinstance(destination, str) and "://" in destination:
        return _url(destination, where)
    raise InvalidEndpoint(
        f"{where}: {destination!r} is no destination of calls: there are {NOWHERE}, {MOTO}, {REAL}, and URLs like "
        f"'http://127.0.0.1:4566'"
    )


def segment_named(name: str) -> str:
    """The segment of a service, of that or of its name for boto3 and the AWS CLI: `sfn` of `stepfunctions`."""
    return _segments().get(name.lower()) or name.lower().replace("-", "")


def _service(name: str, where: str) -> str:
    if name == EVERYTHING:
        return name
    segment = segment_named(name)
    if client_name(segment, _services()) is None:
        raise InvalidEndpoint(
            f"{where}: there is no AWS service {name!r}; services are named as in Resources: dynamodb, sqs, eventbridge"
        )
    return segment


@cache
def variable_of(segment: str) -> str:
    """How the AWS SDKs name a service in variables: `CLOUDWATCH_LOGS`."""
    from botocore.loaders import Loader  # here, not above: few have endpoints for single services

    name = client_name(segment, _services())
    model = Loader().load_service_model(name, "service-2")
    return str(model["metadata"]["serviceId"]).replace(" ", "_").upper()


@cache
def _services() -> tuple[str, ...]:
    """The services that botocore has, told without importing it."""
    spec = find_spec("botocore")
    assert spec is not None and spec.origin is not None, "boto3 is a dependency"
    return tuple(sorted(each.name for each in (Path(spec.origin).parent / "data").iterdir() if each.is_dir()))


@cache
def _segments() -> dict[str, str]:
    """Segments by names of the AWS CLI, of services whose segment is another word."""
    return {client: segment for segment, client in CLIENTS.items()}


def _credentials(environ: Mapping[str, str]) -> Credentials | None:
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return None
    return Credentials(
        access_key_id=key, secret_access_key=secret, session_token=environ.get("AWS_SESSION_TOKEN") or None
    )


def _url(url: str, where: str) -> str:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        is_url = False
    if not is_url:
        raise InvalidEndpoint(f"{where} is no URL of an endpoint: {url!r}. Write it like 'http://127.0.0.1:4566'")
    return url
