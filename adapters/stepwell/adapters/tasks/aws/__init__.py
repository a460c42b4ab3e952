"""Tasks that call AWS services through botocore at endpoints that were given."""

from stepwell.adapters.tasks.aws.calls import AwsTasks
from stepwell.adapters.tasks.aws.endpoints import Credentials, Endpoints, InvalidEndpoint

__all__ = ["AwsTasks", "Credentials", "Endpoints", "InvalidEndpoint"]
