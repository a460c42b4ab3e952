"""Connections of EventBridge, for HTTP Tasks: described by EventBridge, their secrets kept by Secrets Manager.

Both are asked where they may be called; where EventBridge may not, there is no connection here.
"""

from typing import Any

from stepwell.adapters.tasks.aws.answers import Answer, Caller, Request
from stepwell.adapters.tasks.aws.calls import LateCaller
from stepwell.adapters.tasks.aws.endpoints import Endpoints
from stepwell.adapters.tasks.connections import Connection, name_of
from stepwell.adapters.tasks.http import NO_CONNECTION, connection_of
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.engine.effects import InvokeTask


class EventBridgeConnections:
    """Finds connections at these endpoints: the `find` of `HttpTasks`."""

    def __init__(self, endpoints: Endpoints, caller: Caller | None = None) -> None:
        self._endpoints = endpoints
        self._call: Caller = caller or LateCaller(endpoints)

    def __call__(self, arn: str, task: InvokeTask) -> Connection | Failure | None:
        """The connection, None where EventBridge may not be called; blocks."""
        if not self._endpoints.reaches("eventbridge"):
            return None
        region = (arn.split(":")[3] or None) if arn.count(":") > 5 else None
        asked = Request(
            segment="eventbridge", action="describeConnection", parameters={"Name": name_of(arn)}, region=region
        )
        described = self._call(asked, task)
        if isinstance(described, Failure):
            return described
        connection = connection_of(described.members, self._secret(described, task, region))
        if connection is None:
            return Failure(NO_CONNECTION, f"The secret of the connection {arn!r} cannot be had.")
        return connection

    def _secret(self, described: Answer, task: InvokeTask, region: str | None) -> dict[str, Any]:
        """What Secrets Manager keeps of it; empty where that cannot be had."""
        secret_arn = described.members.get("SecretArn")
        if not isinstance(secret_arn, str) or not self._endpoints.reaches("secretsmanager"):
            return {}
        asked = Request(
            segment="secretsmanager", action="getSecretValue", parameters={"SecretId": secret_arn}, region=region
        )
        answer = self._call(asked, task)
        text = None if isinstance(answer, Failure) else answer.members.get("SecretString")
        try:
            secret = loads(text) if isinstance(text, str) else {}
        except InvalidJson:
            return {}
        return secret if isinstance(secret, dict) else {}
