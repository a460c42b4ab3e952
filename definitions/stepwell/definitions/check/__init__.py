"""The checker: everything that is wrong with a definition, in AWS's words where they are known.

    diagnose(definition)     all problems of a parsed JSON value, whatever it is; never raises
    examine(source)          the same for a text, with line and column
    parse(definition)        the model, or InvalidDefinition with all errors
    load(source)             the same for a text

Rule 1: every fault is told once, and all of them are told, in the order of the text.
Rule 2: what AWS is not known to refuse is accepted: rejecting a definition that runs on AWS is the worse mistake.

    structure     shapes: what pydantic finds by the models
    fields        texts: what the annotations of the models say they are
    rules         objects: which fields go together
    expressions   JSONata: syntax, what is referred to, variables that no state assigns
    references    the whole: transitions, names, variables
"""

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING

from msgspec.structs import replace
from pydantic import ValidationError

from stepwell.definitions.check import expressions, fields, references, rules, structure
from stepwell.definitions.check.walk import INVALID, Fault, Path, nodes
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.model import Json, StateMachine
from stepwell.definitions.problems import InvalidDefinition, Problem, Severity

if TYPE_CHECKING:  # a definition that is no text needs no YAML
    from stepwell.definitions.source import Source

__all__ = ["MAX_LEVELS", "diagnose", "examine", "load", "parse"]

MAX_LEVELS = 200
"""How deep a definition may be nested, as JSON. Differs from AWS: theirs is not known; no definition seen has 40."""


def diagnose(definition: Json, *, type: StateMachineType = StateMachineType.STANDARD) -> list[Problem]:
    """All problems of a definition, warnings included, in the order of the text."""
    return _checked(definition, type)[0]


def examine(source: "Source", *, type: StateMachineType = StateMachineType.STANDARD) -> list[Problem]:
    """All problems of a definition's text, each with its line and column."""
    return _placed(diagnose(source.value, type=type), source)


def parse(definition: Json, *, type: StateMachineType = StateMachineType.STANDARD) -> StateMachine:
    """The state machine; raises InvalidDefinition with all errors of the definition."""
    problems, machine = _checked(definition, type)
    return _sound(problems, machine, None)


def load(source: "Source", *, type: StateMachineType = StateMachineType.STANDARD) -> StateMachine:
    """The state machine of a text; raises InvalidDefinition with all its errors, each with line and column."""
    problems, machine = _checked(source.value, type)
    return _sound(_placed(problems, source), machine, source.name)


def _sound(problems: Iterable[Problem], machine: StateMachine | None, name: str | None) -> StateMachine:
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors or machine is None:
        raise InvalidDefinition(errors, name)
    return machine


def _placed(problems: Iterable[Problem], source: "Source") -> list[Problem]:
    placed = []
    for problem in problems:
        line, column = source.locate(problem.location, problem.offset) or (None, None)
        placed.append(replace(problem, line=line, column=column))
    return placed


def _checked(definition: Json, type: StateMachineType) -> tuple[list[Problem], StateMachine | None]:
    """All problems, and the model where the definition has the shape of one."""
    if not isinstance(definition, dict):
        return [Problem(None, INVALID, "Definition must be a valid JSON object")], None
    if (place := _too_deep(definition)) is not None:
        return [_problem(Fault(place, f"Definition is nested more than {MAX_LEVELS} levels deep"))], None
    found: list[Fault] = []
    machine = None
    try:
        machine = StateMachine.model_validate(definition)
    except ValidationError as error:
        found += structure.faults(error)
    found += _faults_of_meaning(definition, type, found)
    return _in_order(found, definition), machine


def _faults_of_meaning(definition: dict[str, Json], type: StateMachineType, structural: list[Fault]) -> list[Fault]:
    walked = list(nodes(definition, type))
    misplaced = [fault for node in walked for fault in fields.other_language(node)]
    # What stands in a field that should not be there at all is not worth a second word.
    places = {fault.path for fault in misplaced}
    structural[:] = [fault for fault in structural if not any(place in places for place in _prefixes(fault.path))]
    found = list(misplaced)
    for node in walked:
        found += fields.faults(node)
        found += rules.faults(node)
    found += expressions.faults(walked)
    found += references.faults(walked)
    return found


def _prefixes(path: Path) -> Iterator[Path]:
    return (path[:length] for length in range(len(path) + 1))


def _too_deep(definition: Json) -> Path | None:
    """The first place beyond MAX_LEVELS. What compiles a definition recurses; this keeps it from running aground."""
    stack: list[tuple[Path, Json]] = [((), definition)]
    while stack:
        path, value = stack.pop()
        if len(path) > MAX_LEVELS:
            return path
        members: Iterable[tuple[str | int, Json]] = value.items() if isinstance(value, dict) else enumerate(value)
        stack.extend(((*path, step), inner) for step, inner in members if isinstance(inner, dict | list))
    return None


# --- order and text --------------------------------------------------------------------------------------------------


def _in_order(faults: Sequence[Fault], definition: Json) -> list[Problem]:
    """Sorted as the text is, an object before its members; what was found twice is told once."""
    if len(faults) > 1:
        positions: dict[int, dict[str, int]] = {}
        faults = sorted(faults, key=lambda fault: _position(fault, definition, positions))
    return list(dict.fromkeys(map(_problem, faults)))


def _position(fault: Fault, definition: Json, positions: dict[int, dict[str, int]]) -> tuple[float, ...]:
    place: list[float] = []
    value = definition
    for step in fault.path:
        if isinstance(value, dict):
            order = positions.setdefault(id(value), {})
            if not order:
                order.update((name, index) for index, name in enumerate(value))
            place.append(order.get(str(step), len(order)))
            value = value.get(step)
        else:
            place.append(step if isinstance(step, int) else 0)
            value = value[step] if isinstance(value, list) and isinstance(step, int) else None
    if not fault.is_placed:
        place.append(inf)  # AWS tells a scope's missing end after its missing targets
    return tuple(place)


def _problem(fault: Fault) -> Problem:
    location = _readable(_pointer(fault.path)) if fault.is_placed else None
    return Problem(location, fault.code, _readable(fault.message), fault.severity, offset=fault.offset)


def _pointer(path: Path) -> str:
    """AWS's way to write a place: `/States/Load/Retry[0]/MaxAttempts`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f"/{step}" for step in path) or "/"


def _readable(text: str) -> str:
    """The text without lone surrogates, which no encoding can write."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
