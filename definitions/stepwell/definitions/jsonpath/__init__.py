"""JSONPath as AWS evaluates it: the paths of Jayway's Java library, with its results and its messages.

    path = compile_path("$.order.items[0].price")
    path.read(document)             -> the value, or raises PathNotFound("No results for path: $['order']...")

Rule 1: the text is compiled once, to a closure; reading is a call of it.
Rule 2: values are shared with the document, never copied or changed. Only what a path makes up is new: the list of an
        indefinite path, the object of `$['a','b']`, the result of a function.
Rule 3: where the library and common sense part, the library wins. What differs says `Differs from Jayway`.

Ours to know, not the library's: which paths are Reference Paths. Not here: the roots `$$` and `$variable`, which the
States Language adds, and what it demands of a path beyond the library.
"""

from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from stepwell.definitions.expressions import Json
from stepwell.definitions.jsonpath.evaluation import compile_keys, compile_reader
from stepwell.definitions.jsonpath.failures import (
    FunctionFailed,
    InvalidPath,
    PathFailure,
    PathNotApplicable,
    PathNotFound,
)
from stepwell.definitions.jsonpath.steps import Index, Property, Selector, Step
from stepwell.definitions.jsonpath.syntax import parse

__all__ = [
    "FunctionFailed",
    "InvalidPath",
    "Path",
    "PathFailure",
    "PathNotApplicable",
    "PathNotFound",
    "compile_path",
]


class Path(Struct, frozen=True, eq=False):
    """A compiled path.

    `definite` says that it selects at most one value: `read` gives that value or raises. Otherwise `read` gives a list.
    `is_reference` says that it is a Reference Path: `$`, then only names and single indexes from 0 on; `keys` are
    these, and None for any other path.
    """

    text: str
    steps: tuple[Step, ...]
    definite: bool
    is_reference: bool
    keys: tuple[str | int, ...] | None
    read: Callable[[Json], Json]


@lru_cache(maxsize=4096)
def compile_path(text: str) -> Path:
    """The path a text spells. Raises `InvalidPath`, with Jayway's message.

    The States Language wants a path to begin with `$`; this does not.
    """
    selector = parse(text)
    plain_keys = _plain_keys(selector.steps)
    keys = plain_keys if plain_keys is not None and _is_reference(text, selector) else None
    return Path(
        text=text,
        steps=selector.steps,
        definite=plain_keys is not None or selector.definite,
        is_reference=keys is not None,
        keys=keys,
        read=_reader(selector, plain_keys),
    )


def _plain_keys(steps: tuple[Step, ...]) -> tuple[str | int, ...] | None:
    keys: list[str | int] = []
    for step in steps:
        match step:
            case Property((name,)):
                keys.append(name)
            case Index((index,)):
                keys.append(index)
            case _:
                return None
    return tuple(keys)


def _is_reference(text: str, selector: Selector) -> bool:
    """Of a path of names and indexes. A character that was ignored makes it none: no author can mean that."""
    return (
        text.startswith("$")
        and selector.is_complete
        and all(step.is_plain if isinstance(step, Property) else step.fragment[1] != "-" for step in selector.steps)
    )


def _reader(selector: Selector, keys: tuple[str | int, ...] | None) -> Callable[[Json], Json]:
    if keys is None:
        read = compile_reader(selector)
        return lambda document: read(document, document)
    # The slow reader of a path of names is only needed for its message.
    return compile_keys(keys, lambda document: compile_reader(selector)(document, document))
