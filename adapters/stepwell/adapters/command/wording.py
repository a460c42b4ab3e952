"""Words for people: when something was, how long it took, how it ended and why it failed."""

from datetime import datetime

from stepwell.definitions.json_text import InvalidJson, loads


def duration(milliseconds: int) -> str:
    """How long something took: `850 ms`, `1.2 s`, `1 m 05 s`, `2 h 03 m`, `3 d 04 h`."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    for unit, size, below, part in (("m", 60, "s", 1), ("h", 3600, "m", 60), ("d", 86_400, "h", 3600)):
        if seconds < size * {"m": 60, "h": 24, "d": 1 << 62}[unit]:
            return f"{seconds // size} {unit} {seconds % size // part:02} {below}"
    raise AssertionError("no number of days is too large")


def delay(milliseconds: int) -> str:
    """How long until something: as `duration`, without a decimal that says nothing."""
    return duration(max(0, milliseconds)).replace(".0 s", " s")


def reason(cause: str | None) -> str:
    """The sentence in a cause: of the JSON that a Lambda function gives its `errorMessage`, else the text itself."""
    if not cause:
        return ""
    if cause.lstrip().startswith("{"):
        try:
            value = loads(cause)
        except InvalidJson:
            return cause
        for member in ("errorMessage", "Cause", "message", "Message"):
            if isinstance(value, dict) and isinstance(value.get(member), str):
                return str(value[member])
    return cause


def failure(error: str | None, cause: str | None) -> str:
    """An error with its reason in one sentence: `CardDeclined: not enough money`."""
    said = reason(cause).strip()
    if error and said:
        return f"{error}: {said}"
    return error or said or "no error name and no cause were given"


def local_time(milliseconds: int) -> str:
    """A moment since the epoch, by the clock on the wall."""
    return datetime.fromtimestamp(milliseconds / 1000).strftime("%Y-%m-%d %H:%M:%S")


def colour_of(word: str) -> str:
    """The colour of a status, or of a type of event by its ending."""
    ending = word.upper().replace("_", "")
    if ending.endswith(("FAILED", "TIMEDOUT")):
        return "red"
    if ending.endswith(("ABORTED", "GONE")):
        return "yellow"
    return "green" if ending.endswith("SUCCEEDED") else ""
