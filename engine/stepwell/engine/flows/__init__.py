"""How data goes through a state: from its raw input to what the work gets, and from the work's result to the output.

Every state goes the same way, whatever its query language:

    document(raw input)                  what the state's own fields are evaluated on
    arguments(document)                  what the work gets: a task's parameters, a branch's input, a Pass's result
    finish(raw input, result)            the state's output, and the variables it assigns
    caught(catcher)                      the same for a catcher: (raw input, error output) -> exit
    rule(index)                          a rule of a Choice: its condition, and how the state is left by it
    scalar(field)                        a field of one value: a number of seconds, a timestamp, an error's name
    role()                               the role that a task assumes
    items(), selector()                  what a Map goes over, and what each iteration gets

A flow compiles these from the state once; what it gives are functions of their arguments. One module for each language.

A test of a state sees the stages between them: a flow that is compiled with `told` has each of its stages tell what it
gives. Without it nothing is compiled for that, and nothing is paid.
"""

from typing import TYPE_CHECKING, Protocol

from stepwell.definitions.expressions import Expression
from stepwell.definitions.kinds import QueryLanguage
from stepwell.engine.flows.jsonata import JsonataFlow
from stepwell.engine.flows.jsonpath import JsonPathFlow
from stepwell.engine.flows.values import Condition, Exit, Finish, Told, Variables

if TYPE_CHECKING:
    from stepwell.definitions import model

__all__ = ["FLOWS", "Compile", "Condition", "Exit", "Finish", "Flow", "Told", "Variables"]


class Flow(Protocol):
    """The data flow of one state. Every function raises `Failed` where it cannot yield a value."""

    is_identity: bool
    """Whether the output is the input, nothing is evaluated and nothing assigned."""
    document: Expression
    arguments: Expression
    finish: Finish

    def caught(self, index: int) -> Finish:
        """(raw input, error output) -> exit, by the catcher of this index."""

    def rule(self, index: int) -> tuple[Condition, Finish]:
        """The rule of this index: whether it matches, and (raw input, document) -> exit."""

    def scalar(self, field: str) -> Expression | None:
        """(document) -> the field's value, checked; None where the state has no such field in any form."""

    def role(self) -> Expression | None:
        """(document) -> the role of a Task's Credentials; None where it has none."""

    def items(self) -> Expression:
        """(document) -> the array that a Map goes over."""

    def selector(self) -> Expression | None:
        """(document), with the item in the context object -> the input of an iteration; None: the item itself."""


class Compile(Protocol):
    """Compiles the data flow of a state, with stages that tell what they give where that is asked for."""

    def __call__(self, state: "model.BaseState", told: Told = ..., /) -> Flow: ...


FLOWS: dict[QueryLanguage, Compile] = {
    QueryLanguage.JSONPATH: JsonPathFlow,
    QueryLanguage.JSONATA: JsonataFlow,
}
