"""Failures in the shapes in which they are shown: in events, to catchers, and for a result that is too large."""

from stepwell.definitions import failure as names
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failed, Failure
from stepwell.definitions.json_text import exceeds
from stepwell.engine import quotas


def failure_details(failure: Failure) -> dict[str, str]:
    """Error and cause as details of an event: each only where there is one."""
    details = {}
    if failure.error is not None:
        details["error"] = failure.error
    if failure.cause is not None:
        details["cause"] = failure.cause
    return details


def error_output(failure: Failure) -> dict[str, Json]:
    """What a catcher gets. A timeout has no cause in its event and an empty one here (recorded)."""
    cause = "" if failure.cause is None and failure.error == names.TIMEOUT else failure.cause
    return {"Error": failure.error, "Cause": cause}


def cut(failure: Failure) -> Failure:
    """The failure with error and cause no longer than the service allows, and without halves of surrogate pairs."""
    return Failure(
        failure.error and _text(failure.error, quotas.ERROR_CHARACTERS),
        failure.cause and _text(failure.cause, quotas.CAUSE_CHARACTERS),
        failure.also,
    )


def _text(text: str, longest: int) -> str:
    text = text[:longest]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def limit_size(text: str, what: str) -> str:
    """The text; raises `Failed` where it is beyond the quota."""
    if exceeds(text, quotas.PAYLOAD_BYTES):
        failure = too_large(what)
        raise Failed(failure.error or "", failure.cause or "", prefixed=False)
    return text


def too_large(what: str) -> Failure:
    """A result beyond the quota; `what` is the state, the function's ARN or the service."""
    return Failure(
        names.DATA_LIMIT_EXCEEDED,
        f"The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit.",
    )
