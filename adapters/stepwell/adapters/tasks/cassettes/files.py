"""Cassettes as files: JSON, written whole or not at all."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import get_ident
from typing import Any

import msgspec

from stepwell.adapters.tasks.cassettes.recording import InvalidCassette, NoCalls, RecordedCall, calls_of
from stepwell.definitions.json_text import InvalidJson, loads

FORMAT = 1


def read_cassette(path: Path) -> list[RecordedCall]:
    """The calls of a cassette, or of a history as the AWS CLI prints it; raises InvalidCassette."""
    try:
        given = loads(path.read_text(encoding="utf-8-sig"))
    except OSError as fault:
        raise InvalidCassette(f"{path}: cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidCassette(f"{path}: cannot be read: is no text in UTF-8") from None
    except InvalidJson as fault:
        raise InvalidCassette(f"{path}: is no JSON: {fault}") from None
    match given:
        case {"stepwell": 1, "calls": list(calls)}:
            return [_call(call, f"{path}: calls[{index}]") for index, call in enumerate(calls)]
        case {"stepwell": 1, "calls": _}:
            raise InvalidCassette(f"{path}: 'calls' must be an array")
        case {"stepwell": version, "calls": _}:
            raise InvalidCassette(f"{path}: is a cassette of another version, {version!r}: this one reads {FORMAT}")
        case {"events": list(_), **others} if others.keys() & {"NextToken", "nextToken"}:
            raise InvalidCassette(f"{path}: is one page of a history: print all of it, without --max-items")
        case {"events": list(events)}:
            return _history(events, str(path))
    raise InvalidCassette(
        f"{path}: is no cassette: expected is what --record has written, or what "
        f"`aws stepfunctions get-execution-history` has printed"
    )


def write_cassette(path: Path, calls: Iterable[RecordedCall]) -> None:
    """Replaces the file with a cassette of these calls; raises InvalidCassette."""
    whole = {"stepwell": FORMAT, "calls": [msgspec.to_builtins(call) for call in calls]}
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    beside = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}")
    try:
        with beside.open("w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as fault:
        with suppress(OSError):
            beside.unlink()
        raise InvalidCassette(f"{path}: cannot be written: {fault.strerror}") from None


def _call(given: Any, where: str) -> RecordedCall:
    try:
        call = msgspec.convert(given, RecordedCall)
    except msgspec.ValidationError as fault:
        raise InvalidCassette(f"{where}: {fault}") from None
    unknown = given.keys() - {field.encode_name for field in msgspec.structs.fields(RecordedCall)}
    if unknown:
        raise InvalidCassette(f"{where}: there is no {min(unknown)!r} of a call")
    if "output" in given and given.keys() & {"error", "cause"}:
        raise InvalidCassette(f"{where}: has an 'output' and an 'error' or a 'cause': a call has succeeded or failed")
    return call


def _history(events: list[Any], where: str) -> list[RecordedCall]:
    for index, event in enumerate(events):
        match event:
            case {"id": int(), "previousEventId": int(), "type": str(kind)} if kind:
                pass
            case _:
                raise InvalidCassette(f"{where}: events[{index}]: is no event of an execution")
    events = sorted(events, key=lambda event: int(event["id"]))  # --reverse-order
    try:
        return calls_of(events)
    except NoCalls as fault:
        raise InvalidCassette(f"{where}: {fault}") from None
