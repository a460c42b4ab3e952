"""RFC 3339 timestamps as the States Language takes them, and the texts it gives.

`YYYY-MM-DDTHH:MM:SS[.fraction]` with `Z` or `+HH:MM`: the `T` and the zone are mandatory.
"""

import re
from datetime import UTC, datetime, timedelta

FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> int | None:
    """The instant as nanoseconds since the epoch; None where the text is no such timestamp."""
    found = FORM.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    sign, offset_hours, offset_minutes = found[8], int(found[9] or 0), int(found[10] or 0)
    if offset_hours > 18 or offset_minutes > 59:  # java.time.ZoneOffset goes to 18 hours
        return None
    offset = timedelta(hours=offset_hours, minutes=offset_minutes)
    seconds = (moment - EPOCH) // timedelta(seconds=1) - int(offset.total_seconds()) * (-1 if sign == "-" else 1)
    return seconds * 1_000_000_000 + int((found[7] or "").ljust(9, "0"))


def render(milliseconds: int) -> str:
    """As in the context object: UTC, milliseconds unless they are zero."""
    seconds, fraction = divmod(milliseconds, 1000)
    text = (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:03}Z" if fraction else f"{text}Z"
