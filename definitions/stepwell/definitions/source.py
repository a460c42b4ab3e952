"""The text of a definition: its value, and where in the text each part of it stands.

Rule 1: a text is read once and without side effects; where it came from is only a name.
Rule 2: whatever has a location has a line: an unknown location falls back to the closest place that exists.
Rule 3: lines and columns count from 1, and a column is a character (a code point).

JSON is read as AWS reads it, refusals included. The positions of its members are looked for only when someone asks, by
a scan of text that is known to be JSON. YAML is `yaml_text`'s business.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.definitions.places import Node, below, deepest
from stepwell.definitions.problems import InvalidSource, Problem, Severity

Format = Literal["json", "yaml"]

_INVALID = "INVALID_JSON_DESCRIPTION"
_DUPLICATE = "DUPLICATE_KEY"


@dataclass(frozen=True)
class Source:
    """A definition with its text. `value` is what the text says; `name` (a path, say) is for messages."""

    value: Json
    text: str
    name: str | None = None
    format: Format = "json"
    _tree: Node | None = field(default=None, repr=False, compare=False)
    _repeated: tuple[tuple[str, int], ...] | None = field(default=None, repr=False, compare=False)
    _outside: Callable[[int, int], tuple[int, int]] | None = field(default=None, repr=False, compare=False)

    def locate(self, location: str | None, offset: int | None = None) -> tuple[int, int] | None:
        """Line and column of what an AWS location (`/States/Load/Retry[0]`) names: of a member its key.

        A name may hold any character, `/` and `[` included: it is looked up in the text, the longest first. What
        does not exist is placed where the closest thing around it is. None for what is no location, and where
        there is no text. `offset`: so many characters into the text that stands there, in JSON; YAML has too many
        ways to write a text.
        """
        if location is None or not location.startswith("/") or not self.text:
            return None
        begin = deepest(self._scanned[0], location.rstrip("/")).offset
        if offset is not None and self.format == "json":
            begin = _into_text(self.text, begin, offset)
        return self._line_and_column(begin)

    @property
    def duplicates(self) -> tuple[Problem, ...]:
        """Keys that stand twice in one object, as warnings: the last one counts, as on AWS."""
        return tuple(self._duplicate(location, offset) for location, offset in self._scanned[1])

    def within(self, *path: str | int) -> "Source":
        """The source of a part, whose positions stay those of this whole text. `path` must exist."""
        value, (node, repeated) = self.value, self._scanned
        for step in path:
            value = value[step]
            node = below(node, step) or node
        prefix = "".join(f"[{step}]" if isinstance(step, int) else f"/{step}" for step in path)
        inside = tuple((at.removeprefix(prefix), offset) for at, offset in repeated if at.startswith(f"{prefix}/"))
        return replace(self, value=value, _tree=node, _repeated=inside)

    def holding(self, value: Json, text: str | None = None) -> "Source":
        """This source with another value, as after substitutions; or another text, of exactly the same layout."""
        if text is None:
            return replace(self, value=value)
        tree, repeated = self._scanned
        return replace(self, value=value, text=text, _tree=tree, _repeated=repeated)

    def outside(self, line: int, column: int) -> tuple[int, int]:
        """Where a line and column of `text` are in the file: somewhere else if the text is embedded in it."""
        return (line, column) if self._outside is None else self._outside(line, column)

    def embedding(self, inner: "Source", *path: str | int) -> "Source":
        """`inner`, which is the text of the string at `path`, with positions in this text.

        They are exact for a YAML block (`|`), whose lines stand in the text as they are, and else the string's own.
        """
        node = self._scanned[0]
        for step in path:
            node = below(node, step) or node
        start = self._line_and_column(node.offset)
        return replace(inner, name=self.name, _outside=_block_places(self.text, inner.text, start))

    @cached_property
    def _scanned(self) -> tuple[Node, tuple[tuple[str, int], ...]]:
        if self._tree is not None:
            return self._tree, self._repeated or ()
        return _scan_json(self.text)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(r"\r\n?|\n", self.text))]

    def _line_and_column(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, offset)
        column = offset - self._line_starts[line - 1] + 1
        return self.outside(line, column)

    def _duplicate(self, location: str, offset: int) -> Problem:
        line, column = self._line_and_column(offset)
        message = f"{location} stands twice in its object: only the last one counts"
        return Problem(location, _DUPLICATE, message, Severity.WARNING, line, column)


def read_source(text: str, *, name: str | None = None, format: Format | None = None) -> Source:
    """The value of a text in JSON or YAML. The format is guessed by the name, else by the first character.

    Raises `InvalidSource` with one problem. For JSON it is AWS's, to the letter.
    """
    if not text.strip():
        problem = Problem(None, "SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object")
        raise InvalidSource([problem], name)
    format = format or _guess_format(text, name)
    if format == "yaml":
        # Imported here: reading JSON must not pay for PyYAML, which takes as long to load as a small definition to run.
        from stepwell.definitions.yaml_text import read_yaml

        value, node, repeated = read_yaml(text, name)
        return Source(value, text, name, "yaml", node, repeated)
    try:
        return Source(loads(text), text, name, "json")
    except InvalidJson as error:
        message = f"{error.message}\n at {error.place}"
        raise InvalidSource(
            [Problem(error.place, _INVALID, message, line=error.line, column=error.column)], name
        ) from error


def _guess_format(text: str, name: str | None) -> Format:
    suffix = (name or "").lower().rpartition(".")[2]
    if suffix in ("yaml", "yml"):
        return "yaml"
    if suffix in ("json", "asl"):
        return "json"
    return "json" if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", '"') else "yaml"


def _block_places(text: str, inner: str, start: tuple[int, int]) -> Callable[[int, int], tuple[int, int]]:
    """From line and column in a string to those in the text it stands in, `start` being where its key is."""
    lines = text.splitlines()
    wanted = next((line for line in inner.splitlines() if line.strip()), "")
    skipped = next((n for n, line in enumerate(inner.splitlines()) if line.strip()), 0)
    for number in range(start[0], min(start[0] + 3, len(lines))):
        if wanted and lines[number].strip() == wanted.strip():
            indent = lines[number].index(wanted.strip()) - wanted.index(wanted.strip())
            return lambda line, column: (number - skipped + line, column + indent)
    return lambda line, column: start


# --- JSON

_KEY = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"\s*:\s*')
_CHARACTER = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.S)


def _into_text(text: str, begin: int, offset: int) -> int:
    """Where the character of this number is in the string at `begin`, or behind the key there; else `begin`.

    An escape is one character, however long it is written.
    """
    key = _KEY.match(text, begin)
    start = key.end() if key else begin
    if text[start : start + 1] != '"':
        return begin
    start += 1
    for _ in range(offset):
        found = _CHARACTER.match(text, start)
        if found is None or found[0] == '"':
            return begin
        start = found.end()
    return start


_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]|[^\s{}\[\],:"]+')


def _scan_json(text: str) -> tuple[Node, tuple[tuple[str, int], ...]]:
    """The places of a text that is known to be JSON, and its repeated keys."""
    root = Node(len(text) - len(text.lstrip()))
    repeated: list[tuple[str, int]] = []
    opened: list[tuple[Node, str]] = []
    node, path = root, ""  # the place whose value comes next
    awaits_key = False
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ("}", "]"):
            opened.pop()
            awaits_key = False
            continue
        if token == ",":
            awaits_key = isinstance(opened[-1][0].members, dict)
            continue
        parent, parent_path = opened[-1] if opened else (None, "")
        if awaits_key and parent is not None and isinstance(parent.members, dict):
            key = token[1:-1] if "\\" not in token else str(loads(token))
            node, path = Node(match.start()), f"{parent_path}/{key}"
            if key in parent.members:
                repeated.append((path, match.start()))
            parent.members[key] = node
            awaits_key = False
            continue
        if parent is not None and isinstance(parent.members, list):
            node, path = Node(match.start()), f"{parent_path}[{len(parent.members)}]"
            parent.members.append(node)
        if token in ("{", "["):
            node.members = {} if token == "{" else []
            opened.append((node, path))
            awaits_key = token == "{"
    return root, tuple(repeated)
