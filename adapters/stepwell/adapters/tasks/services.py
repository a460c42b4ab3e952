"""Tasks that go out of this process: calls of AWS services where they have an endpoint, and of HTTP APIs."""

from collections.abc import Mapping

from stepwell.adapters.configuration import Configuration
from stepwell.adapters.tasks.aws.calls import AwsTasks
from stepwell.adapters.tasks.aws.connections import EventBridgeConnections
from stepwell.adapters.tasks.aws.endpoints import Endpoints
from stepwell.adapters.tasks.bindings import unbound
from stepwell.adapters.tasks.http import HttpTasks
from stepwell.engine.ports import TaskHandler


def service_tasks(
    endpoints: Endpoints, configuration: Configuration, environment: Mapping[str, str], beside: TaskHandler = unbound
) -> TaskHandler:
    """A `TaskHandler` for AWS services at these endpoints and for HTTP Tasks; every other task is left to `beside`."""
    http = HttpTasks(
        configuration.connections,
        beside,
        allowed_hosts=configuration.allowed_hosts,
        environment=environment,
        find=EventBridgeConnections(endpoints),
    )
    return AwsTasks(endpoints, http, allowed_hosts=configuration.allowed_hosts)
