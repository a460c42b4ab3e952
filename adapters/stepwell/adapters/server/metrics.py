"""Figures of a server, for Prometheus.

Rule: what is counted by the thousand is counted in plain numbers, each kind on one thread, and put into Prometheus's
shapes when somebody looks.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from stepwell.engine.execution import Execution
from stepwell.engine.machine import Step

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Seconds: those of the buckets of requests, but for the last one, which has no bound."""


class Durations:
    """How long requests of one operation took."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        """The buckets as Prometheus has them: each with all that are shorter."""
        count, rows = 0, []
        for bound, number in zip((*map(str, BOUNDS), "+Inf"), self.buckets, strict=True):
            count += number
            rows.append((bound, float(count)))
        return rows


class Metrics:
    """What is counted. Each server has its own."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._durations: defaultdict[str, Durations] = defaultdict(Durations)
        self._started: Counter[tuple[str]] = Counter()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._events = 0
        self.running = 0
        """Requests that are being answered."""
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def answered(self, operation: str, code: str, seconds: float) -> None:
        """A request that was answered; `code` is that of the error, empty for none. On the server's thread."""
        self._requests[operation, code] += 1
        self._durations[operation].add(seconds)

    def observe(self, execution: Execution, step: Step) -> None:
        """A step that was laid down. On the runtime's thread."""
        history = step.history
        self._events += len(history)
        if history and history[0].id == 1:
            self._started[(execution.type.value,)] += 1
        if step.changes.status.is_terminal:
            self._ended[execution.type.value, step.changes.status.value] += 1

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        """A figure that is asked for when somebody looks."""
        Gauge(f"stepwell_{name}", help, registry=self._registry).set_function(value)

    def render(self) -> tuple[bytes, str]:
        """The figures as text, and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[Metric]:
        """For Prometheus's registry."""
        counted = (
            ("requests", "Requests that were answered.", ("operation", "code"), self._requests),
            ("executions_started", "Executions that began.", ("type",), self._started),
            ("executions_ended", "Executions that ended.", ("type", "status"), self._ended),
        )
        for name, help, labels, counts in counted:
            family = CounterMetricFamily(f"stepwell_{name}", help, labels=labels)
            for values, count in tuple(counts.items()):
                family.add_metric(values, count)
            yield family
        yield GaugeMetricFamily("stepwell_requests_running", "Requests that are being answered.", value=self.running)
        yield CounterMetricFamily("stepwell_history_events", "Events of histories.", value=self._events)
        durations = HistogramMetricFamily("stepwell_request_seconds", "How long requests took.", labels=("operation",))
        for operation, found in tuple(self._durations.items()):
            durations.add_metric((operation,), found.cumulated(), found.seconds)
        yield durations
