"""With what a run is carried on: its functions, its mocks, its time.

They are kept with the execution, so that `stepwell resume` and `stepwell redrive` need not be told again.
"""

import json
import os
from typing import TYPE_CHECKING, Self

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.configuration import InvalidConfiguration

if TYPE_CHECKING:
    from stepwell.adapters.logs.redaction import Redaction


class Settings(Struct, frozen=True, kw_only=True, rename="camel"):
    """All paths are absolute."""

    file: str | None = None
    """FILE, with its #LogicalId: what it holds besides may be started by tasks."""
    functions: str | None = None
    """An importable module, or a file that ends in .py."""
    mock_config: str | None = None
    test_case: str | None = None
    calls: dict[str, str] = {}
    """Where AWS services are called."""
    seed: str | None = None
    """What is in moto before the first task."""
    template: str | None = None
    """Whose Lambda functions are run from their source."""
    record: str | None = None
    """The cassette to be written."""
    replay: str | None = None
    """The cassette to be played."""
    redact: tuple[str, ...] = ()
    """What no cassette shows: JSONPaths."""
    fast_forward: bool = False
    directory: str
    """Where the run was started: modules are imported from there, and its configuration holds."""

    @classmethod
    def given(
        cls,
        *,
        file: str | None = None,
        functions: str | None = None,
        mock_config: str | None = None,
        test_case: str | None = None,
        calls: tuple[str, ...] = (),
        seed: str | None = None,
        template: str | None = None,
        record: str | None = None,
        replay: str | None = None,
        redact: tuple[str, ...] = (),
        fast_forward: bool = False,
    ) -> Self:
        """Those of a command line; raises InvalidConfiguration."""
        is_file = functions is not None and functions.endswith(".py")
        return cls(
            file=file and os.path.abspath(file),
            functions=os.path.abspath(functions) if functions and is_file else functions,
            mock_config=mock_config and os.path.abspath(mock_config),
            test_case=test_case,
            calls=_read_calls(calls),
            seed=seed and os.path.abspath(seed),
            template=template and os.path.abspath(template),
            record=record and os.path.abspath(record),
            replay=replay and os.path.abspath(replay),
            redact=redact,
            fast_forward=fast_forward,
            directory=os.getcwd(),
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Those that `as_text` gave; raises msgspec.ValidationError for others."""
        return msgspec.convert(json.loads(text), cls)

    def overridden(self, given: Self) -> Self:
        """These, with what a command line gives in the place of what it gives."""
        return replace(
            self,
            functions=given.functions or self.functions,
            mock_config=given.mock_config or self.mock_config,
            test_case=given.test_case if given.mock_config or given.test_case else self.test_case,
            calls={**self.calls, **given.calls},
            seed=given.seed or self.seed,
            template=given.template or self.template,
            record=given.record or self.record,
            replay=given.replay or self.replay,
            redact=given.redact or self.redact,
        )

    def check(self) -> None:
        """Raises UsageError for options that need another one."""
        if self.test_case is not None and self.mock_config is None:
            raise click.UsageError("--test-case chooses from a mock file: name that with --mock-config")
        if self.redact and not (self.record or self.replay):
            raise click.UsageError("--redact is for cassettes: give --record or --replay as well")
        if self.record and not os.path.isdir(os.path.dirname(self.record)):
            raise InvalidConfiguration(f"--record: there is no directory {os.path.dirname(self.record)}")
        self.redaction()

    def redaction(self) -> "Redaction | None":
        """What takes more than the usual secrets out of cassettes; raises InvalidConfiguration."""
        if not self.redact:
            return None
        from stepwell.adapters.logs.redaction import Redaction, UnusablePath  # pays who hides something

        try:
            return Redaction(self.redact, "--redact")
        except UnusablePath as fault:
            raise InvalidConfiguration(str(fault)) from None

    def as_text(self) -> str:
        return json.dumps(msgspec.to_builtins(self))  # escaped: the name of a directory may be no text in UTF-8

    def clock(self, start: int = 0) -> SystemClock | SkippingClock:
        """A clock that does not go behind `start` (milliseconds), the last moment of what is carried on."""
        return SkippingClock(start) if self.fast_forward else SystemClock(start)


def _read_calls(given: tuple[str, ...]) -> dict[str, str]:
    """Destinations by the options of a command; raises InvalidConfiguration."""
    if not given:
        return {}
    from stepwell.adapters.tasks.aws.endpoints import InvalidEndpoint, read_options

    try:
        return read_options(given, "--calls")
    except InvalidEndpoint as fault:
        raise InvalidConfiguration(str(fault)) from None
