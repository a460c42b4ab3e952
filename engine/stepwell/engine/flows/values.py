"""What flows of every query language give, and the two expressions that need no language."""

from collections.abc import Callable

from stepwell.definitions.expressions import Environment, Expression, Json

Variables = dict[str, Json]
Exit = tuple[Json, Variables | None]
"""Output, and the variables assigned (None where nothing is)."""

Finish = Callable[[Json, Json, Environment], Exit]
"""(raw input, result) -> exit."""

Condition = Callable[[Json, Environment], bool]
"""(document) -> whether a rule matches."""

Told = Callable[[str, Callable[..., Json]], Callable[..., Json]]
"""(stage, what it does) -> the same, telling what it gives. Stages have the names of the API's InspectionData."""


def untold(_stage: str, step: Callable[..., Json]) -> Callable[..., Json]:
    return step


def identity(value: Json, _environment: Environment) -> Json:
    return value


def constant(value: Json) -> Expression:
    return lambda document, environment: value
