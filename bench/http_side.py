"""A client that asks a server of the API as fast as it answers: plain HTTP on connections that stay open.

It signs nothing and parses next to nothing, so that the server is what is measured.
"""

import asyncio
import json
from time import perf_counter
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/bench"
CREDENTIAL = (
    "AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0"
)


class Connection:
    """One connection, on which one request goes after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, operation: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        data = json.dumps(body).encode()
        writer.write(
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nX-Amz-Target: AWSStepFunctions.{operation}\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nAuthorization: {CREDENTIAL}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        answer = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close" or head.startswith("HTTP/1.0"):
            writer.close()
            self._streams = None
        return int(head.split(" ", 2)[1]), answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def machine_of(port: int, definition: dict[str, Any], type: str = "STANDARD") -> str:
    """The ARN of a new state machine."""
    connection = Connection(port)
    asked = {"name": f"bench-{type}", "definition": json.dumps(definition), "roleArn": ROLE, "type": type}
    status, answer = await connection.ask("CreateStateMachine", asked)
    assert status == 200, answer
    connection.close()
    arn: str = json.loads(answer)["stateMachineArn"]
    return arn


async def latencies(port: int, operation: str, body: dict[str, Any], times: int) -> list[float]:
    """The seconds of each of so many requests, one after the other."""
    connection = Connection(port)
    seconds = []
    for _ in range(times):
        began = perf_counter()
        status, answer = await connection.ask(operation, body)
        seconds.append(perf_counter() - began)
        assert status == 200, answer
    connection.close()
    return seconds


async def at_once(port: int, operation: str, body: dict[str, Any], times: int, side_by_side: int) -> tuple[float, int]:
    """The seconds of so many requests, on so many connections side by side, and how many were refused."""
    left, refused = times, 0

    async def work(connection: Connection) -> None:
        nonlocal left, refused
        while left > 0:
            left -= 1
            status, _ = await connection.ask(operation, body)
            refused += status != 200
        connection.close()

    began = perf_counter()
    await asyncio.gather(*(work(Connection(port)) for _ in range(side_by_side)))
    return perf_counter() - began, refused
