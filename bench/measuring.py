"""How something is measured: repeatedly, for a while; the best and the median are kept."""

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Quantity = Literal["seconds", "bytes"]

BUDGET_SECONDS = 1.5
"""A workload is repeated until it has taken this long, within the bounds on repetitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one side needed for one workload. `units` is how many states, items or executions one sample covers."""

    samples: tuple[float, ...]
    units: int
    quantity: Quantity = "seconds"
    note: str = ""

    @property
    def best(self) -> float:
        return min(self.samples)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def per_unit(self) -> float:
        """The best for one unit: what else the machine does makes samples longer, never shorter."""
        return self.best / self.units


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Why there is no figure."""

    reason: str


Figure = Measurement | NotMeasured

LEFT_OUT = NotMeasured("")
"""Nobody wants to know."""


def repeated(sample: Callable[[], float], *, least: int = 3, most: int = 200) -> tuple[float, ...]:
    """The samples of a workload, in seconds.

    What lies in memory already, such as the other side, is hidden from Python's garbage collector meanwhile: it would
    be looked through again and again on behalf of the side that is measured.
    """
    gc.collect()
    gc.freeze()
    try:
        samples: list[float] = []
        while len(samples) < least or (sum(samples) < BUDGET_SECONDS and len(samples) < most):
            samples.append(sample())
    finally:
        gc.unfreeze()
    return tuple(samples)
