"""Tasks that call AWS services through botocore at endpoints that were given, or in the cloud if asked to."""

from stepwell.adapters.tasks.aws.calls import AwsTasks
from stepwell.adapters.tasks.aws.endpoints import Credentials, Endpoints, InvalidEndpoint, MissingCredentials

__all__ = ["AwsTasks", "Credentials", "Endpoints", "InvalidEndpoint", "MissingCredentials"]
