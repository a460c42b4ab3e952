"""Requests by chance against a real server, many at a time, and what is to hold whatever they are.

Every request is answered within a time and never with a 5xx; an answer is JSON, and has a code where it is a refusal.
Afterwards the server still serves, ends in order, and its file is whole.
"""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from random import Random

from adapters.server.requests_of import random_request

SECONDS_TO_ANSWER = 60
SECONDS_TO_POLL = 0.2
"""GetActivityTask may wait for a minute: whoever asks goes away sooner."""

CONNECTIONS = 16
HEADER = re.compile(rb"HTTP/1\.1 (\d+) .*?\r\ncontent-length: (\d+)\r\n", re.S)


class Fuzz:
    """A run of so many requests of one seed."""

    def __init__(self, folder: Path, seed: str, *, requests: int) -> None:
        self.folder = folder
        self.answers: Counter[str] = Counter()
        """How often each code was answered; an empty one for no refusal."""
        self.violations: list[str] = []
        self._rng = Random(seed)
        self._left = requests

    def run(self) -> list[str]:
        """Returns what was violated."""
        command = [sys.executable, "-m", "stepwell", "serve", "--port", "0", "--data", str(self.folder), "--grace", "1"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None, "it is a pipe"
            found = re.search(r":(\d+) ", server.stderr.readline())
            assert found, "a server says where it is"
            said: list[str] = []
            reader = threading.Thread(target=lambda: said.extend(server.stderr or ()))  # or it may wait to be heard
            reader.start()
            try:
                asyncio.run(self._ask_all(int(found[1])))
            finally:
                server.terminate()
                code = server.wait(timeout=60)
                reader.join()
            if code != 0:
                self.violations.append(f"the server ended with {code}")
            for line in said:
                if "ERROR" in line or "Traceback" in line:
                    self.violations.append(f"the server said: {line}")
        self._look_at_the_file()
        return self.violations

    async def _ask_all(self, port: int) -> None:
        await asyncio.gather(*(self._ask_on_one_connection(port) for _ in range(CONNECTIONS)))
        status, _ = await _asked(port, "ListStateMachines", b"{}")
        if status != 200:
            self.violations.append(f"afterwards the server answers {status}")

    async def _ask_on_one_connection(self, port: int) -> None:
        streams = None
        while self._left > 0:
            self._left -= 1
            operation, body = random_request(self._rng)
            seconds = SECONDS_TO_POLL if operation == "GetActivityTask" else SECONDS_TO_ANSWER
            streams = streams or await asyncio.open_connection("127.0.0.1", port)
            try:
                async with asyncio.timeout(seconds):
                    status, answer = await _exchanged(streams, operation, body)
            except TimeoutError:
                if operation != "GetActivityTask":
                    self.violations.append(f"{operation} was not answered in {seconds} s: {body[:500]!r}")
                self.answers["(gone)"] += 1
            except (OSError, asyncio.IncompleteReadError) as fault:
                self.violations.append(f"{operation}: the connection broke ({fault!r}): {body[:500]!r}")
            else:
                self._judge(operation, body, status, answer)
                continue
            streams[1].close()
            streams = None
        if streams is not None:
            streams[1].close()

    def _judge(self, operation: str, body: bytes, status: int, answer: bytes) -> None:
        code = ""
        try:
            value = json.loads(answer)
            code = "" if status == 200 else value["__type"]
        except (ValueError, KeyError, TypeError):
            self.violations.append(f"{operation} was answered {status} {answer[:500]!r}: {body[:500]!r}")
        self.answers[code] += 1
        if status >= 500 or status not in (200, 400, 413):
            self.violations.append(f"{operation} was answered {status} {answer[:200]!r}: {body[:2000]!r}")

    def _look_at_the_file(self) -> None:
        connection = sqlite3.connect(self.folder / "stepwell.db")
        (found,) = connection.execute("PRAGMA integrity_check").fetchone()
        connection.close()
        if found != "ok":
            self.violations.append(f"the file is not whole: {found}")


async def _asked(port: int, operation: str, body: bytes) -> tuple[int, bytes]:
    streams = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await _exchanged(streams, operation, body)
    finally:
        streams[1].close()


async def _exchanged(
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], operation: str, body: bytes
) -> tuple[int, bytes]:
    reader, writer = streams
    writer.write(
        f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSStepFunctions.{operation}\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    head = await reader.readuntil(b"\r\n\r\n")
    found = HEADER.match(head)
    assert found, head
    return int(found[1]), await reader.readexactly(int(found[2]))
