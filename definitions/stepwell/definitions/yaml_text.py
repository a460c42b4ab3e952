"""YAML as the text of a definition: a value of JSON's types, and the place of each of its parts.

The value is built from the parser's events, not by PyYAML's constructors: so it cannot make Python objects, nesting
costs no stack, aliases are counted before they grow, and every node has its mark. Dates stay the text they are written
as, and CloudFormation's short tags become the long form (`!Sub x` is `{"Fn::Sub": "x"}`).
"""

from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, NoReturn, cast

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from stepwell.definitions.expressions import Json
from stepwell.definitions.places import Node
from stepwell.definitions.problems import InvalidSource, Problem

MAX_LEVELS = 1_000
MAX_ALIASED = 100_000

_INVALID = "INVALID_JSON_DESCRIPTION"

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
    node: Node
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
    node: Node
    size: int


def read_yaml(text: str, name: str | None) -> tuple[Json, Node, tuple[tuple[str, int], ...]]:
    """The value, the place of it, and the repeated keys. Raises `InvalidSource` with one problem."""
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
    return done.value, done.node, tuple(builder.repeated)


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
            self._anchored[event.anchor] = _Done(event.value, Node(_begin(event).index), 1)

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

    def _node(self, event: yaml.Event) -> Node:
        """The place of the value that begins here: that of its key, if it has one."""
        top = self._opened[-1] if self._opened else None
        has_key = top is not None and top.key is not None
        return Node(top.key_offset if top is not None and has_key else _begin(event).index)

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

    def _tagged(self, tag: str | None, value: Json, node: Node, mark: yaml.Mark) -> _Done:
        """The value under its tag: CloudFormation's short tags become an object of one member."""
        if tag is None or tag == "!" or tag in _ACCEPTED_TAGS:
            return _Done(value, node, 1)
        function = _SHORT_TAGS.get(tag)
        if function is None:
            self.refuse(f"the tag {tag} is known neither to JSON's types nor to CloudFormation", mark)
        if function == "Fn::GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        outer = Node(node.offset)
        outer.members = {function: node}
        return _Done({function: value}, outer, 1)


_ACCEPTED_TAGS = frozenset(
    f"{_CORE}{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")
)
