"""The objects of a raw definition, each with the model it should be, and the faults found in them.

Rule 1: the definition is JSON of any shape: what is not an object where one belongs is passed over (`structure` says
so), and so is what stands in a field that the state's query language does not have.
Rule 2: the walk is flat and in the order of the text, outer before inner; it does not recurse.
"""

from collections.abc import Iterator

from msgspec import Struct

from stepwell.definitions.check.annotations import fields_of
from stepwell.definitions.kinds import QueryLanguage, StateMachineType
from stepwell.definitions.model import STATE_MODELS, BaseState, Element, ItemProcessor, Json, Scope, StateMachine
from stepwell.definitions.problems import Severity

Path = tuple[str | int, ...]

INVALID = "SCHEMA_VALIDATION_FAILED"


class Fault(Struct, frozen=True):
    """A problem before its path has become text. `is_placed` is False for what AWS gives no location.

    `offset` is where in the text of the field it is, in characters, where that is known.
    """

    path: Path
    message: str
    code: str = INVALID
    severity: Severity = Severity.ERROR
    is_placed: bool = True
    offset: int | None = None


class Node(Struct, frozen=True, kw_only=True, eq=False):
    """One object of the definition.

    `language` is the query language of the state it belongs to (None: it names one that does not exist), `outer` the
    scope around it, `type` that of the executions it is part of: a distributed Map's children have their own.
    """

    path: Path
    model: type[Element]
    value: dict[str, Json]
    language: QueryLanguage | None
    machine_language: QueryLanguage | None
    type: StateMachineType
    outer: "Node | None" = None

    def fault(self, *below: str | int, message: str) -> Fault:
        return Fault((*self.path, *below), message)

    def gives(self, name: str) -> bool:
        """Whether the field has a value: an explicit null counts as absent."""
        return self.value.get(name) is not None

    @property
    def is_distributed(self) -> bool:
        """Of an item processor: whether its iterations are executions of their own."""
        config = self.value.get("ProcessorConfig")
        return self.model is ItemProcessor and isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"


def nodes(definition: dict[str, Json], type: StateMachineType) -> Iterator[Node]:
    """Every object of the definition that has a model."""
    language = _language(definition, QueryLanguage.JSONPATH)
    root = Node(path=(), model=StateMachine, value=definition, language=language, machine_language=language, type=type)
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed([*_children(node)]))


def _children(node: Node) -> Iterator[Node]:
    facts = fields_of(node.model)
    for name, value in node.value.items():
        field = facts.get(name)
        if field is None:
            continue
        if name == "States" and issubclass(node.model, Scope):
            yield from _states(node, value)
        elif field.element is None or has_other_language(field.language, node.language):
            continue
        elif not field.is_list:
            yield from _child(node, (name,), field.element, value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from _child(node, (name, index), field.element, item)


def _child(node: Node, below: Path, model: type[Element], value: Json) -> Iterator[Node]:
    if isinstance(value, dict):
        child = Node(
            path=node.path + below,
            model=model,
            value=value,
            language=node.language,
            machine_language=node.machine_language,
            type=node.type,
            outer=node if issubclass(node.model, Scope) else node.outer,
        )
        yield child


def _states(scope: Node, states: Json) -> Iterator[Node]:
    for name, state in states.items() if isinstance(states, dict) else ():
        model = state_model(state)
        if model is not None:
            yield Node(
                path=(*scope.path, "States", name),
                model=model,
                value=state,
                language=_language(state, scope.machine_language),
                machine_language=scope.machine_language,
                type=_type_inside(scope),
                outer=scope,
            )


def state_model(state: Json) -> type[BaseState] | None:
    """The model of a raw state, None where it has no Type that exists."""
    kind = state.get("Type") if isinstance(state, dict) else None
    return STATE_MODELS.get(kind) if isinstance(kind, str) else None


def has_other_language(only: QueryLanguage | None, language: QueryLanguage | None) -> bool:
    return only is not None and language is not None and only is not language


def _type_inside(scope: Node) -> StateMachineType:
    if not scope.is_distributed:
        return scope.type
    is_express = scope.value["ProcessorConfig"].get("ExecutionType") == StateMachineType.EXPRESS
    return StateMachineType.EXPRESS if is_express else StateMachineType.STANDARD


def _language(value: dict[str, Json], default: QueryLanguage | None) -> QueryLanguage | None:
    given = value.get("QueryLanguage")
    if given is None:
        return default
    return next((language for language in QueryLanguage if given == language.value), None)
