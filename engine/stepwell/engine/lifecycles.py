"""Lifecycles as tables: which status may follow which, by what.

The tables are those of the `transitions` library, which draws the diagram in the documentation; a lookup in them is
what the machine does on its way, so that an illegal move cannot be made and a legal one costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from transitions import Machine


class ExecutionStatus(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"

    @property
    def is_terminal(self) -> bool:
        return self is not ExecutionStatus.RUNNING


class IllegalMove(RuntimeError):
    """A status was to follow one it cannot follow: a fault of Stepwell."""


S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True)
class Lifecycle(Generic[S]):
    """`moves` are rows of (trigger, source, destination), in the form in which `transitions` takes them."""

    name: str
    initial: S
    moves: Sequence[tuple[str, S, S]]

    @cached_property
    def _destinations(self) -> dict[tuple[str, S], S]:
        return {(trigger, source): destination for trigger, source, destination in self.moves}

    def follow(self, status: S, trigger: str) -> S:
        """The status after `trigger`; raises IllegalMove where the table has no such row."""
        try:
            return self._destinations[trigger, status]
        except KeyError:
            raise IllegalMove(f"{self.name}: {trigger!r} cannot follow status {status!r}") from None

    def machine(self, **options: Any) -> "Machine":
        """The table as a machine of the `transitions` library."""
        from transitions import Machine  # here, not above: only diagrams and tests need it, and it takes 40 ms

        return Machine(
            model=None,
            states=[str(status) for status in type(self.initial)],
            transitions=[list(map(str, move)) for move in self.moves],
            initial=str(self.initial),
            auto_transitions=False,
            **options,
        )

    def diagram(self) -> str:
        """The table as a Mermaid state diagram."""
        rows = [
            f"    {transition.source} --> {transition.dest}: {name}"
            for name, event in self.machine().events.items()
            for transitions in event.transitions.values()
            for transition in transitions
        ]
        return "\n".join(["stateDiagram-v2", f"    [*] --> {self.initial}", *rows])


EXECUTION = Lifecycle(
    name="execution",
    initial=ExecutionStatus.RUNNING,
    moves=(
        ("succeed", ExecutionStatus.RUNNING, ExecutionStatus.SUCCEEDED),
        ("fail", ExecutionStatus.RUNNING, ExecutionStatus.FAILED),
        ("time_out", ExecutionStatus.RUNNING, ExecutionStatus.TIMED_OUT),
        ("abort", ExecutionStatus.RUNNING, ExecutionStatus.ABORTED),
        ("redrive", ExecutionStatus.FAILED, ExecutionStatus.RUNNING),
        ("redrive", ExecutionStatus.TIMED_OUT, ExecutionStatus.RUNNING),
        ("redrive", ExecutionStatus.ABORTED, ExecutionStatus.RUNNING),
    ),
)
