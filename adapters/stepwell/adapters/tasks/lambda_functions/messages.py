"""What goes between a host and its workers: messages over a pair of pipes, which neither side can hold up for ever.

A message is a head, in JSON, and a body, which is the event or the payload as it is. Before both stand their lengths in
bytes, four bytes each, the highest first.

    host to worker      {"id", "arn", "deadline_ms"}         the event
    worker to host      {"kind": "ready"}                    at first, when the handler is loaded
                        {"kind": "result", "id"}             what the handler returned
                        {"kind": "error", "id"}              the error that AWS tells of
    where the head has "is_last" the worker ends thereafter
"""

import json
import os
import select
import struct
from collections.abc import Callable
from time import monotonic
from typing import Any

LENGTHS = struct.Struct(">II")

MOST_PAYLOAD_BYTES = 6_291_556
"""Of what a handler returns. Quota of Lambda, with its text."""

MOST_HEAD_BYTES = 65_536
SECONDS_BETWEEN_LOOKS = 0.1
"""How often one looks whether a process still lives that says nothing: who was forked from it may hold its pipes."""


class WorkerGone(Exception):
    """The worker has ended, or what it says is no message."""


class TimeIsUp(Exception):
    """The deadline has come."""


def send(pipe: int, head: dict[str, Any], body: bytes, deadline: float) -> None:
    """Sends a message. The pipe must not block. Raises WorkerGone and TimeIsUp."""
    text = json.dumps(head).encode()
    left = memoryview(LENGTHS.pack(len(text), len(body)) + text + body)
    poll = select.poll()
    poll.register(pipe, select.POLLOUT)
    while left:
        try:
            left = left[os.write(pipe, left) :]
        except BlockingIOError:
            if monotonic() >= deadline:
                raise TimeIsUp from None
            poll.poll(SECONDS_BETWEEN_LOOKS * 1000)
        except OSError:
            raise WorkerGone from None


def receive(pipe: int, deadline: float, has_ended: Callable[[], bool]) -> tuple[dict[str, Any], bytes]:
    """The next message: its head and its body. Raises WorkerGone and TimeIsUp."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    received = bytearray()

    def have(length: int) -> None:
        while len(received) < length:
            left = deadline - monotonic()
            if left <= 0:
                raise TimeIsUp
            if not poll.poll(min(left, SECONDS_BETWEEN_LOOKS) * 1000):
                if has_ended() and not poll.poll(0):
                    raise WorkerGone
                continue
            part = os.read(pipe, 1 << 20)
            if not part:
                raise WorkerGone
            received.extend(part)

    have(LENGTHS.size)
    of_head, of_body = LENGTHS.unpack_from(received)
    if of_head > MOST_HEAD_BYTES or of_body > MOST_PAYLOAD_BYTES:
        raise WorkerGone
    end_of_head = LENGTHS.size + of_head
    have(end_of_head + of_body)
    try:
        head = json.loads(received[LENGTHS.size : end_of_head])
    except ValueError:
        raise WorkerGone from None
    if not isinstance(head, dict) or len(received) > end_of_head + of_body:
        raise WorkerGone
    return head, bytes(received[end_of_head:])
