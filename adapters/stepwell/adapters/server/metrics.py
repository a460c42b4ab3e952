"""Figures of a server, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from stepwell.engine.execution import Execution
from stepwell.engine.machine import Step

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Metrics:
    """What is counted. Each server has its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "stepwell_requests", "Requests that were answered.", ("operation", "code"), registry=registry
        )
        self._seconds = Histogram(
            "stepwell_request_seconds", "How long requests took.", ("operation",), buckets=SECONDS, registry=registry
        )
        self._started = Counter("stepwell_executions_started", "Executions that began.", ("type",), registry=registry)
        self._ended = Counter(
            "stepwell_executions_ended", "Executions that ended.", ("type", "status"), registry=registry
        )
        self._events = Counter("stepwell_history_events", "Events of histories.", registry=registry)

    def answered(self, operation: str, code: str, seconds: float) -> None:
        """`code` is that of the error, empty for none."""
        self._requests.labels(operation, code).inc()
        self._seconds.labels(operation).observe(seconds)

    def observe(self, execution: Execution, step: Step) -> None:
        """A step that was laid down."""
        self._events.inc(len(step.history))
        if step.history and step.history[0].id == 1:
            self._started.labels(execution.type.value).inc()
        if step.changes.status.is_terminal:
            self._ended.labels(execution.type.value, step.changes.status.value).inc()

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        """A figure that is asked for when somebody looks."""
        Gauge(f"stepwell_{name}", help, registry=self._registry).set_function(value)

    def render(self) -> tuple[bytes, str]:
        """The figures as text, and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
