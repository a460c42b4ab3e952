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


def identity(value: Json, _environment: Environment) -> Json:
    return value


def constant(value: Json) -> Expression:
    return lambda document, environment: value
