"""Secrets kept out of logs: what stands at certain paths of a payload is replaced by `***`.

Rule 1: a payload is what stands in input, output, parameters, a variable, or a cause that is JSON; and any JSON text
    within a payload (the Cause of an error, the Input of a nested execution) is one too. A path begins at its `$`.
Rule 2: variables are also one payload together, by their names: `$.password` is the variable of that name.
Rule 3: a payload that cannot be searched is not shown at all.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.engine.history import DATA, Details

if TYPE_CHECKING:
    from jsonpath_ng import JSONPath

REDACTED = "***"
PAYLOADS = DATA | {"cause"}


class UnusablePath(ValueError):
    """A path that was configured is no JSONPath. The text says where, what is wrong, and what to write."""


class Redaction:
    """Replaces the values at these paths (of `jsonpath-ng`, with its extensions) in the details of events.

    `where` names what was configured, for the message. Raises UnusablePath.
    """

    def __init__(self, paths: Sequence[str], where: str = "redact") -> None:
        self._paths = [_compiled(path, f"{where}[{index}]") for index, path in enumerate(paths)]

    def __call__(self, details: Details) -> Details:
        """The details without the secrets; texts without any stay as they are."""
        if not self._paths or PAYLOADS.isdisjoint(details):
            return details
        return {name: self._member(value) if name in PAYLOADS else value for name, value in details.items()}

    def _member(self, value: Any) -> Any:
        return self._text(value) if isinstance(value, str) else self._variables(value)

    def _variables(self, texts: dict[str, str]) -> dict[str, str]:
        each = {name: self._text(text) for name, text in texts.items()}
        together = f"{{{','.join(f'{dumps(name)}:{text}' for name, text in each.items())}}}"
        redacted = self._text(together)
        if redacted == together:
            return each
        values = loads(redacted)
        if not isinstance(values, dict):
            return dict.fromkeys(texts, dumps(REDACTED))
        return {name: dumps(value) for name, value in values.items()}

    def _text(self, text: str) -> str:
        try:
            value = loads(text)
        except InvalidJson:
            return text
        try:
            redacted, is_changed = self._value(value)
        except Exception:  # noqa: BLE001 - whatever it is (JSON nested too deep, a path that finds no place): rule 3
            return dumps(REDACTED)
        return dumps(redacted) if is_changed else text

    def _value(self, value: Json) -> tuple[Json, bool]:
        """The value, changed in place, and whether it was changed."""
        found = [match for path in self._paths for match in path.find(value)]  # all of them before any is replaced
        if any(match.context is None for match in found):
            return REDACTED, True
        for match in found:
            match.value = REDACTED
        whole = [value]
        is_changed = self._texts_within(whole)
        return whole[0], is_changed or bool(found)

    def _texts_within(self, whole: list[Json]) -> bool:
        """Redacts texts that are JSON; whether there was anything to do."""
        is_changed = False
        waiting: list[Any] = [whole]
        while waiting:
            container = waiting.pop()
            for key, inner in list(container.items() if isinstance(container, dict) else enumerate(container)):
                if isinstance(inner, dict | list):
                    waiting.append(inner)
                elif isinstance(inner, str) and inner.lstrip().startswith(("{", "[")):
                    container[key] = self._text(inner)
                    is_changed = is_changed or container[key] != inner
        return is_changed


def _compiled(path: str, where: str) -> "JSONPath":
    from jsonpath_ng.exceptions import JSONPathError  # here, not above: most logs hide nothing
    from jsonpath_ng.ext.parser import parse

    advice = "write it like '$.card.number' or '$..password'"
    if not isinstance(path, str):
        raise UnusablePath(f"{where}: must be a JSONPath in quotes, not {path!r}; {advice}")
    try:
        compiled: JSONPath = parse(path)
    except JSONPathError as fault:
        raise UnusablePath(f"{where}: {path!r} is no JSONPath: {str(fault).strip()}; {advice}") from None
    return compiled
