"""The registry: state machines with their versions and aliases, activities, and tags. Its records, and its port.

Rule 1: a record never changes; what changes is which record stands under an ARN.
Rule 2: a registry keeps and finds. What may be kept is for `operations` to say.
"""

from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from stepwell.definitions.expressions import Json
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine.arns import name_in

Configuration = dict[str, Json]
"""As callers give it, with AWS's defaults for what they leave out."""


class StateMachineStatus(StrEnum):
    ACTIVE = "ACTIVE"
    DELETING = "DELETING"
    """Deleted, while executions of it run."""


class Revision(Struct, frozen=True, kw_only=True):
    """What an update of a state machine changes, and a version keeps as it was."""

    type: StateMachineType
    definition: str
    """The text, exactly as it was given."""
    role_arn: str
    logging_configuration: Configuration
    tracing_configuration: Configuration
    encryption_configuration: Configuration
    revision_id: str | None = None
    """None until the first update."""


class StateMachineRecord(Revision, frozen=True, kw_only=True):
    """A state machine. Times are milliseconds since the epoch, here and below."""

    arn: str
    status: StateMachineStatus = StateMachineStatus.ACTIVE
    created_at: int
    updated_at: int
    last_version: int = 0
    """The number of the version published last: numbers are never used again."""

    @property
    def name(self) -> str:
        return name_in(self.arn)


class VersionRecord(Revision, frozen=True, kw_only=True):
    state_machine_arn: str
    number: int
    description: str | None = None
    created_at: int

    @property
    def arn(self) -> str:
        return f"{self.state_machine_arn}:{self.number}"

    @property
    def name(self) -> str:
        """That of the state machine."""
        return name_in(self.state_machine_arn)


class AliasRecord(Struct, frozen=True, kw_only=True):
    state_machine_arn: str
    name: str
    description: str | None = None
    routing: tuple[tuple[str, int], ...]
    """ARNs of versions, and the percentage of executions that each of them gets."""
    created_at: int
    updated_at: int

    @property
    def arn(self) -> str:
        return f"{self.state_machine_arn}:{self.name}"


class ActivityRecord(Struct, frozen=True, kw_only=True):
    arn: str
    created_at: int
    encryption_configuration: Configuration

    @property
    def name(self) -> str:
        return name_in(self.arn)


Record = StateMachineRecord | VersionRecord | AliasRecord | ActivityRecord
R = TypeVar("R", StateMachineRecord, VersionRecord, AliasRecord, ActivityRecord)


class Registry(Protocol):
    """Where records are kept.

    Every method may be called from any thread and may raise StoreFailed. What it writes is laid down when it returns;
    within a `transaction`, when that ends. Lists go on after the record whose ARN is `after`, be it there or not.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """What is read and written within is one: nobody else writes meanwhile, and an exception undoes it all.

        A transaction within another one is part of it.
        """

    def put(self, record: Record) -> None:
        """Keeps a record, in place of the one that has its ARN."""

    def find(self, kind: type[R], arn: str) -> R | None: ...

    def remove(self, kind: type[R], arn: str) -> None:
        """Removes this one record, if it is there; not those that name it."""

    def state_machines(
        self, *, within: str = "", limit: int | None = None, after: str | None = None
    ) -> list[StateMachineRecord]:
        """By name; those whose ARN begins with `within`."""

    def versions(
        self, state_machine_arn: str, *, limit: int | None = None, after: str | None = None
    ) -> list[VersionRecord]:
        """The newest first."""

    def aliases(
        self, state_machine_arn: str, *, limit: int | None = None, after: str | None = None
    ) -> list[AliasRecord]:
        """By name."""

    def activities(
        self, *, within: str = "", limit: int | None = None, after: str | None = None
    ) -> list[ActivityRecord]:
        """By name; those whose ARN begins with `within`."""

    def tags(self, resource_arn: str) -> dict[str, str]: ...

    def set_tags(self, resource_arn: str, tags: dict[str, str]) -> None:
        """Keeps these tags and no others."""

    def close(self) -> None: ...
