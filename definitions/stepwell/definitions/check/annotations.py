"""What the annotations of the models say about each field, as a table that checks can look things up in.

`fields_of(TaskState)["TimeoutSeconds"]` tells that the field belongs to both query languages, that its text belongs to
JSONata only, and what a literal has to be. Nothing here names a field: a new one needs its line in `model` alone.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from msgspec import Struct
from pydantic.alias_generators import to_pascal

from stepwell.definitions.kinds import QueryLanguage
from stepwell.definitions.model import Element, Holds, Only


class FieldFacts(Struct, frozen=True, kw_only=True):
    """One field of an object. `name` is the specification's, `attribute` the model's.

    `language` is the only query language that has the field, `text_language` the only one in which its value may be a
    text; `literal` names the type it has otherwise. `element` is the model of the object, or the objects, inside.
    """

    name: str
    attribute: str
    language: QueryLanguage | None
    text_language: QueryLanguage | None
    literal: str
    holds: frozenset[Holds]
    element: type[Element] | None
    is_list: bool


LITERALS = {int: "Integer", float: "Number", bool: "Boolean"}


@cache
def fields_of(model: type[Element]) -> Mapping[str, FieldFacts]:
    """The fields of a model by their names in the specification."""
    hints = get_type_hints(model, include_extras=True)
    facts = (_facts(attribute, info.alias, hints[attribute]) for attribute, info in model.model_fields.items())
    return {field.name: field for field in facts}


def _facts(attribute: str, alias: str | None, hint: Any) -> FieldFacts:
    alternatives = list(_alternatives(hint))
    languages = {_language(metadata) for _, metadata in alternatives}
    language = languages.pop() if len(languages) == 1 else None
    texts = [_language(metadata) for base, metadata in alternatives if base is str]
    literals = [LITERALS[base] for base, _ in alternatives if base in LITERALS]
    contents = [get_args(base)[0] if get_origin(base) is tuple else base for base, _ in alternatives]
    return FieldFacts(
        name=alias or to_pascal(attribute),
        attribute=attribute,
        language=language,
        text_language=texts[0] if texts and language is None else None,
        literal=literals[-1] if literals else "String",
        holds=frozenset(mark for _, metadata in alternatives for mark in metadata if isinstance(mark, Holds)),
        element=next((base for base in contents if isinstance(base, type) and issubclass(base, Element)), None),
        is_list=any(get_origin(base) is tuple for base, _ in alternatives),
    )


def _alternatives(hint: Any, inherited: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The members of a union, each with its annotations and those around it; None is no alternative."""
    if get_origin(hint) is Annotated:
        base, *metadata = get_args(hint)
        yield from _alternatives(base, (*inherited, *metadata))
    elif get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            if member is not NoneType:
                yield from _alternatives(member, inherited)
    else:
        yield hint, inherited


def _language(metadata: tuple[Any, ...]) -> QueryLanguage | None:
    return next((mark.language for mark in metadata if isinstance(mark, Only)), None)
