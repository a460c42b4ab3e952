"""The text of a definition: its value, and where in the text each part of it stands.

Rule 1: a text is read once and without side effects; where it came from is only a name.
Rule 2: whatever has a location has a line: an unknown location falls back to the closest place that exists.
Rule 3: lines and columns count from 1, and a column is a character (a code point).

JSON is read as AWS reads it, refusals included. The positions of its members are looked for only when someone asks, by
a scan of text that is known to be JSON. YAML is built from the parser's events, not by PyYAML's constructors: so it
cannot make Python objects, nesting costs no stack, aliases are counted before they grow, and every node has its mark.
It gives JSON's types alone: dates stay the text they are written as, and CloudFormation's short tags become the long
form (`!Sub x` is `{"Fn::Sub": "x"}`).
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any, Literal, NoReturn, cast

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.definitions.problems import InvalidSource, Problem, Severity

Format = Literal["json", "yaml"]

MAX_LEVELS = 1_000
MAX_ALIASED = 100_000

_INVALID = "INVALID_JSON_DESCRIPTION"
_DUPLICATE = "DUPLICATE_KEY"


class _Node:
    """A place in the text: where a member's key, or an element, begins, and the places below it."""

    __slots__ = ("members", "offset")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.members: dict[str, _Node] | list[_Node] | None = None


@dataclass(frozen=True)
class Source:
    """A definition with its text. `value` is what the text says; `name` (a path, say) is for messages."""

    value: Json
    text: str
    name: str | None = None
    format: Format = "json"
    _tree: _Node | None = field(default=None, repr=False, compare=False)
    _repeated: tuple[tuple[str, int], ...] | None = field(default=None, repr=False, compare=False)
    _outside: Callable[[int, int], tuple[int, int]] | None = field(default=None, repr=False, compare=False)

    def locate(self, location: str | None) -> tuple[int, int] | None:
        """Line and column of what an AWS location (`/States/Load/Retry[0]`) names: of a member its key.

        A name may hold any character, `/` and `[` included: it is looked up in the text, the longest first. What
        does not exist is placed where the closest thing around it is. None for what is no location, and where
        there is no text.
        """
        if location is None or not location.startswith("/") or not self.text:
            return None
        return self._line_and_column(_deepest(self._scanned[0], location.rstrip("/")).offset)

    @property
    def duplicates(self) -> tuple[Problem, ...]:
        """Keys that stand twice in one object, as warnings: the last one counts, as on AWS."""
        return tuple(self._duplicate(location, offset) for location, offset in self._scanned[1])

    def within(self, *path: str | int) -> "Source":
        """The source of a part, whose positions stay those of this whole text. `path` must exist."""
        value, (node, repeated) = self.value, self._scanned
        for step in path:
            value = value[step]
            node = _below(node, step) or node
        prefix = "".join(f"[{step}]" if isinstance(step, int) else f"/{step}" for step in path)
        below = tuple((at.removeprefix(prefix), offset) for at, offset in repeated if at.startswith(f"{prefix}/"))
        return replace(self, value=value, _tree=node, _repeated=below)

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
            node = _below(node, step) or node
        start = self._line_and_column(node.offset)
        return replace(inner, name=self.name, _outside=_block_places(self.text, inner.text, start))

    @cached_property
    def _scanned(self) -> tuple[_Node, tuple[tuple[str, int], ...]]:
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
        return _read_yaml(text, name)
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


# --- places


def _below(node: _Node, step: str | int) -> _Node | None:
    if isinstance(node.members, dict):
        return node.members.get(str(step))
    if isinstance(node.members, list) and isinstance(step, int) and step < len(node.members):
        return node.members[step]
    return None


_INDEX = re.compile(r"\[([0-9]{1,9})\]")


def _deepest(root: _Node, location: str) -> _Node:
    """The node a location names, else the one that takes most of it.

    Every node is reached by one way only, so looking back and forth visits no node twice.
    """
    best, best_end = root, 0
    waiting = [(root, 0)]
    while waiting:
        node, start = waiting.pop()
        if start > best_end:
            best, best_end = node, start
        if start == len(location):
            return node
        # The longest name comes off the stack first.
        waiting.extend(_steps(node, location, start))
    return best


def _steps(node: _Node, location: str, start: int) -> Iterator[tuple[_Node, int]]:
    if isinstance(node.members, list):
        match = _INDEX.match(location, start)
        if match and int(match[1]) < len(node.members):
            yield node.members[int(match[1])], match.end()
    elif isinstance(node.members, dict) and location[start] == "/":
        for end in range(start + 1, len(location) + 1):
            if end == len(location) or location[end] in "/[":
                below = node.members.get(location[start + 1 : end])
                if below is not None:
                    yield below, end


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

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]|[^\s{}\[\],:"]+')


def _scan_json(text: str) -> tuple[_Node, tuple[tuple[str, int], ...]]:
    """The places of a text that is known to be JSON, and its repeated keys."""
    root = _Node(len(text) - len(text.lstrip()))
    repeated: list[tuple[str, int]] = []
    opened: list[tuple[_Node, str]] = []
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
            node, path = _Node(match.start()), f"{parent_path}/{key}"
            if key in parent.members:
                repeated.append((path, match.start()))
            parent.members[key] = node
            awaits_key = False
            continue
        if parent is not None and isinstance(parent.members, list):
            node, path = _Node(match.start()), f"{parent_path}[{len(parent.members)}]"
            parent.members.append(node)
        if token in ("{", "["):
            node.members = {} if token == "{" else []
            opened.append((node, path))
            awaits_key = token == "{"
    return root, tuple(repeated)


# --- YAML

_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_MERGE = f"{_CORE}merge"
_FUNCTIONS = (
    "And", "Base64", "Cidr", "Equals", "FindInMap", "GetAZs", "GetAtt", "If", "ImportValue", "Join", "Length", "Not",
    "Or", "Select", "Split", "Sub", "ToJsonString", "Transform",
)  # fmt: skip
_SHORT_TAGS = {"!Ref": "Ref", "!Condition": "Condition", **{f"!{name}": f"Fn::{name}" for name in _FUNCTIONS}}


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    value: dict[str, Json] | list[Json]
    node: _Node
    tag: str | None
    anchor: str | None
    path: str
    size: int = 1
    key: str | None = None
    key_offset: int = 0
    merging: bool = False
    merged: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Done:
    value: Json
    node: _Node
    size: int


def _read_yaml(text: str, name: str | None) -> Source:
    builder = _YamlBuilder(name)
    try:
        loader = _LOADER(text)
        try:
            while loader.check_event():
                builder.take(cast(yaml.Event, loader.get_event()))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        builder.refuse(f"no YAML: {said}", mark)
    except yaml.YAMLError as error:
        builder.refuse(f"no YAML: {' '.join(str(error).split())}", None)
    except UnicodeEncodeError:
        builder.refuse("no YAML: the text holds half a surrogate pair, which is no character", None)
    if builder.result is None:
        raise InvalidSource([Problem(None, "SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object")], name)
    done = builder.result
    return Source(done.value, text, name, "yaml", done.node, tuple(builder.repeated))


def _begin(event: yaml.Event) -> yaml.Mark:
    """Where an event begins. PyYAML's two parsers have marks of different types and the same attributes."""
    return cast(yaml.Mark, event.start_mark)


class _YamlBuilder:
    """Builds one value from the events of a YAML text."""

    def __init__(self, name: str | None) -> None:
        self.result: _Done | None = None
        self.repeated: list[tuple[str, int]] = []
        self._name = name
        self._resolver: Any = Resolver()
        self._opened: list[_Open] = []
        self._anchored: dict[str, _Done] = {}
        self._aliased = 0

    def refuse(self, what: str, mark: yaml.Mark | None) -> NoReturn:
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        where = f" (line {line}, column {column})" if mark else ""
        raise InvalidSource([Problem(None, _INVALID, f"{what}{where}", line=line, column=column)], self._name)

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent() if self.result is not None:
                self.refuse("only one document is expected, and here a second one starts", _begin(event))

    # --- events

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        top = self._opened[-1] if self._opened else None
        if top is not None and isinstance(top.value, dict) and top.key is None and not top.merging:
            self._key(top, event)
            return
        node = self._node(event)
        value = self._resolved(event)
        self._add(self._tagged(event.tag, value, node, _begin(event)), event.anchor, _begin(event))

    def _key(self, top: _Open, event: yaml.ScalarEvent) -> None:
        tag = self._tag(event)
        if tag == _MERGE:
            top.merging = True
            return
        if tag in ("int", "float", "bool", "null"):
            self.refuse(f"the key {event.value!r} is no text: put it in quotes", _begin(event))
        top.key, top.key_offset = self._encodable(event), _begin(event).index
        if event.anchor:
            self._anchored[event.anchor] = _Done(event.value, _Node(_begin(event).index), 1)

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if len(self._opened) == MAX_LEVELS:
            self.refuse(f"no more than {MAX_LEVELS:,} levels are expected", _begin(event))
        top = self._opened[-1] if self._opened else None
        if top is not None and isinstance(top.value, dict) and top.key is None and not top.merging:
            self.refuse("a key is expected to be text, and this is a collection", _begin(event))
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        node = self._node(event)
        node.members = {} if is_mapping else []
        path = self._path(top)
        self._opened.append(_Open({} if is_mapping else [], node, event.tag, event.anchor, path))

    def _close(self, event: yaml.Event) -> None:
        top = self._opened.pop()
        value: Json = top.value
        for other in top.merged:
            value = {**other, **value}
        done = self._tagged(top.tag, value, top.node, _begin(event))
        self._add(replace(done, size=top.size), top.anchor, _begin(event))

    def _alias(self, event: yaml.AliasEvent) -> None:
        done = self._anchored.get(str(event.anchor))
        if done is None:
            self.refuse(f"the alias *{event.anchor} names no value that ends before it", _begin(event))
        self._aliased += done.size
        if self._aliased > MAX_ALIASED:
            self.refuse(f"aliases may repeat no more than {MAX_ALIASED:,} values in all", _begin(event))
        top = self._opened[-1] if self._opened else None
        if top is not None and isinstance(top.value, dict) and top.key is None and not top.merging:
            if not isinstance(done.value, str):
                self.refuse("a key is expected to be text, and this alias names none", _begin(event))
            top.key, top.key_offset = done.value, _begin(event).index
            return
        node = self._node(event)
        node.members = done.node.members
        self._add(_Done(done.value, node, done.size), None, _begin(event))

    # --- values

    def _add(self, done: _Done, anchor: str | None, mark: yaml.Mark) -> None:
        if anchor:
            self._anchored[anchor] = done
        if not self._opened:
            self.result = done
            return
        top = self._opened[-1]
        top.size += done.size
        if isinstance(top.value, list):
            top.value.append(done.value)
            if isinstance(top.node.members, list):
                top.node.members.append(done.node)
        elif top.merging:
            self._merge(top, done.value, mark)
        elif top.key is not None:
            if top.key in top.value:
                self.repeated.append((self._path(top), top.key_offset))
            top.value[top.key] = done.value
            if isinstance(top.node.members, dict):
                top.node.members[top.key] = done.node
            top.key = None

    def _merge(self, top: _Open, value: Json, mark: yaml.Mark) -> None:
        """`<<`: members of other mappings, for keys that are not given; of several, the first counts."""
        others = value if isinstance(value, list) else [value]
        if not all(isinstance(other, dict) for other in others):
            self.refuse("<< is expected to name a mapping or a list of mappings", mark)
        top.merged.extend(others)
        top.merging = False

    def _node(self, event: yaml.Event) -> _Node:
        """The place of the value that begins here: that of its key, if it has one."""
        top = self._opened[-1] if self._opened else None
        has_key = top is not None and top.key is not None
        return _Node(top.key_offset if top is not None and has_key else _begin(event).index)

    def _path(self, top: _Open | None) -> str:
        if top is None:
            return ""
        return f"{top.path}[{len(top.value)}]" if isinstance(top.value, list) else f"{top.path}/{top.key}"

    def _tag(self, event: yaml.ScalarEvent) -> str:
        """The scalar's type, by its tag or else its text: `str`, `int`, ... or a tag of its own."""
        if event.tag and event.tag != "!":
            return str(event.tag).removeprefix(_CORE)
        if event.tag == "!" or not event.implicit[0]:
            return "str"
        tag = str(self._resolver.resolve(yaml.ScalarNode, event.value, (True, False)))
        return tag if tag == _MERGE else tag.removeprefix(_CORE)

    def _resolved(self, event: yaml.ScalarEvent) -> Json:
        tag = self._tag(event)
        node = yaml.ScalarNode(f"{_CORE}{tag}", event.value, _begin(event))
        constructor = SafeConstructor()
        try:
            match tag:
                case "null":
                    return None
                case "bool":
                    return constructor.construct_yaml_bool(node)
                case "int":
                    return constructor.construct_yaml_int(node)
                case "float":
                    return self._finite(constructor.construct_yaml_float(node), event)
                case "binary" | "omap" | "pairs" | "set":
                    self.refuse(f"!!{tag} has no counterpart in JSON", _begin(event))
        except InvalidSource:
            raise
        except (ValueError, KeyError, IndexError):
            self.refuse(f"{event.value[:40]!r} cannot be read as !!{tag}", _begin(event))
        return self._encodable(event)  # Dates (and what else YAML tells by its look) stay the text they are.

    def _finite(self, number: float, event: yaml.ScalarEvent) -> float:
        if not isfinite(number):
            self.refuse(f"a finite number is expected, and {event.value!r} is none", _begin(event))
        return number

    def _encodable(self, event: yaml.ScalarEvent) -> str:
        text = str(event.value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.refuse("the text holds half a surrogate pair, which is no character", _begin(event))
        return text

    def _tagged(self, tag: str | None, value: Json, node: _Node, mark: yaml.Mark) -> _Done:
        """The value under its tag: CloudFormation's short tags become an object of one member."""
        if tag is None or tag == "!" or tag in _ACCEPTED_TAGS:
            return _Done(value, node, 1)
        function = _SHORT_TAGS.get(tag)
        if function is None:
            self.refuse(f"the tag {tag} is known neither to JSON's types nor to CloudFormation", mark)
        if function == "Fn::GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        outer = _Node(node.offset)
        outer.members = {function: node}
        return _Done({function: value}, outer, 1)


_ACCEPTED_TAGS = frozenset(
    f"{_CORE}{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")
)
