"""Execution logs in CloudWatch Logs, on AWS or at the endpoint of something that takes its place."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

from stepwell.adapters.logs import Line, NotWritten, as_json
from stepwell.engine import arns

# API reference, PutLogEvents.
MOST_EVENTS = 10_000
MOST_BYTES = 1_048_576
BYTES_OF_AN_EVENT = 26
"""What an event counts for beside its message."""
LONGEST_SPAN = 24 * 3600 * 1000
"""Milliseconds between the first event and the last."""

CONNECT_SECONDS = 3
READ_SECONDS = 10
ATTEMPTS = 2

Entry = dict[str, Any]
"""An event as PutLogEvents takes it."""


def cloudwatch_client(endpoint_url: str, region: str = arns.DEFAULT_REGION) -> Any:
    """A client that gives up soon: logs are best effort."""
    import boto3  # here, not above: it takes half a second
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries)
    return boto3.session.Session().client("logs", endpoint_url=endpoint_url, region_name=region, config=config)


class CloudWatchLogs:
    """Puts lines into log streams, which it creates. Log groups it does not create: on AWS they are the author's.

    `client` makes the boto3 client, on the thread that first writes.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._make_client = client

    @cached_property
    def _client(self) -> Any:
        return self._make_client()

    def exists(self, group: str) -> bool:
        """Whether there is such a log group; it is taken for granted where that cannot be asked. From any thread."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            found = self._client.describe_log_groups(logGroupNamePrefix=group)
        except (BotoCoreError, ClientError, ValueError):
            return True
        # They come in the order of their names: the one that is the whole prefix is the first.
        return any(each["logGroupName"] == group for each in found["logGroups"])

    def write(self, group: str, stream: str, lines: Sequence[Line]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        where = f"log group {group!r}"
        try:
            put = partial(self._put, self._client, group, stream)
        except (BotoCoreError, ValueError) as fault:  # ValueError: botocore's of an endpoint that is no URL
            raise NotWritten(f"{where}: {fault}", len(lines)) from None
        refused, lost, left = "", 0, len(lines)
        for batch in batches(lines):
            try:
                rejected = put(batch)
            except ClientError as fault:  # the fault of this batch, perhaps: the others are tried
                refused, lost = str(fault), lost + len(batch)
            except BotoCoreError as fault:
                raise NotWritten(f"{where}: {fault}", lost + left) from None
            else:
                if rejected:
                    refused, lost = "some lines are too old or too new for CloudWatch Logs", lost + rejected
            left -= len(batch)
        if refused:
            raise NotWritten(f"{where}: {refused}", lost)

    def close(self) -> None:
        """Everything was sent when it was written."""

    def _put(self, client: Any, group: str, stream: str, batch: list[Entry]) -> int:
        """How many events of the batch were rejected."""
        from botocore.exceptions import ClientError

        names = {"logGroupName": group, "logStreamName": stream}
        try:
            answer = client.put_log_events(**names, logEvents=batch)
        except ClientError as fault:
            if _code(fault) != "ResourceNotFoundException":
                raise
            _create_stream(client, names)
            answer = client.put_log_events(**names, logEvents=batch)
        return _rejected(answer.get("rejectedLogEventsInfo"), len(batch))


def _create_stream(client: Any, names: dict[str, str]) -> None:
    from botocore.exceptions import ClientError

    try:
        client.create_log_stream(**names)
    except ClientError as fault:
        if _code(fault) != "ResourceAlreadyExistsException":  # somebody else was faster
            raise


def _code(fault: Any) -> str:
    return str(fault.response.get("Error", {}).get("Code"))


def batches(lines: Sequence[Line]) -> Iterator[list[Entry]]:
    """The lines as PutLogEvents takes them: in the order of time, and within the limits of one request each."""
    batch: list[Entry] = []
    room = MOST_BYTES
    for line in sorted(lines, key=_time):
        time, message = _time(line), as_json(line)
        taken = BYTES_OF_AN_EVENT + len(message.encode())
        is_full = len(batch) == MOST_EVENTS or taken > room
        if batch and (is_full or time - batch[0]["timestamp"] > LONGEST_SPAN):
            yield batch
            batch, room = [], MOST_BYTES
        batch.append({"timestamp": time, "message": message})
        room -= taken
    if batch:
        yield batch


def _time(line: Line) -> int:
    return int(line["event_timestamp"])


def _rejected(about: dict[str, int] | None, sent: int) -> int:
    """How many events CloudWatch says it has not taken, by their places among those that were sent."""
    if not about:
        return 0
    too_old = max(about.get("tooOldLogEventEndIndex", 0), about.get("expiredLogEventEndIndex", 0))
    return max(1, too_old + sent - about.get("tooNewLogEventStartIndex", sent))
