"""Where calls of AWS services go.

Rule 1: a service that was given no endpoint is never called, unless `Endpoints.real` was asked for by name. Nothing is
sent to the real cloud by default.
Rule 2: an endpoint for one service counts before one for all; what is given outright, before the environment.
Rule 3: credentials are those of the environment, or `test` and `test`: no file and no other machine is asked for them.

Services are named by the segment that `aws-sdk` integrations give them: `dynamodb`, `sfn`, `eventbridge`.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from stepwell.adapters.tasks.aws.names import segment_of

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
    """An endpoint that is no URL. The text says which, and how one is written."""


class MissingCredentials(Exception):
    """AWS is to be called, and nobody said as whom."""


class Credentials(Struct, frozen=True, kw_only=True):
    access_key_id: str = "test"
    secret_access_key: str = "test"
    session_token: str | None = None


class Endpoints(Struct, frozen=True, kw_only=True):
    """The endpoint of each service that may be called, and as whom and for which region it is called."""

    everything: str | None = None
    """For all services that have none of their own."""
    of_services: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    """Without it, the region of the execution that calls."""
    credentials: Credentials = Credentials()
    is_real: bool = False
    """Services without an endpoint are called where AWS has them."""

    @staticmethod
    def real(environ: Mapping[str, str], *, region: str | None = None) -> "Endpoints":
        """AWS itself, but for services to which the environment gives an endpoint; raises InvalidEndpoint.

        `environ` must have credentials, as that of a Lambda function does; raises MissingCredentials.
        """
        if not environ.get("AWS_ACCESS_KEY_ID") or not environ.get("AWS_SECRET_ACCESS_KEY"):
            raise MissingCredentials("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: AWS cannot be called")
        return replace(Endpoints.from_environment(environ, region=region), is_real=True)

    def reaches(self, segment: str) -> bool:
        """Whether a service may be called."""
        return self.is_real or self.url(segment) is not None

    def url(self, segment: str) -> str | None:
        """The endpoint that a service was given, or None."""
        return self.of_services.get(segment, self.everything)

    @staticmethod
    def from_environment(
        environ: Mapping[str, str],
        *,
        aws_endpoint: str | None = None,
        lambda_endpoint: str | None = None,
        region: str | None = None,
    ) -> "Endpoints":
        """The endpoints that were given outright, then those of the environment; raises InvalidEndpoint."""
        given = {name: url for name, url in environ.items() if url}
        of_services = {
            segment_of(name.removeprefix(f"{ALL_SERVICES}_")): _checked(url, name)
            for name, url in given.items()
            if name.startswith(f"{ALL_SERVICES}_")
        }
        of_services |= {VARIABLES[name]: _checked(url, name) for name, url in given.items() if name in VARIABLES}
        if lambda_endpoint:
            of_services["lambda"] = _checked(lambda_endpoint, "--lambda-endpoint")
        everything = None
        if aws_endpoint:
            everything = _checked(aws_endpoint, "--aws-endpoint")
        elif ALL_SERVICES in given:
            everything = _checked(given[ALL_SERVICES], ALL_SERVICES)
        return Endpoints(
            everything=everything,
            of_services=of_services,
            region=region or given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION"),
            credentials=_credentials(given),
        )


def _credentials(given: Mapping[str, str]) -> Credentials:
    if "AWS_ACCESS_KEY_ID" not in given or "AWS_SECRET_ACCESS_KEY" not in given:
        return Credentials()
    return Credentials(
        access_key_id=given["AWS_ACCESS_KEY_ID"],
        secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        session_token=given.get("AWS_SESSION_TOKEN"),
    )


def _checked(url: str, name: str) -> str:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        is_url = False
    if not is_url:
        raise InvalidEndpoint(f"{name} is no URL of an endpoint: {url!r}. Write it like 'http://127.0.0.1:4566'")
    return url
