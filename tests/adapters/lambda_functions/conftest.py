"""Functions in folders, written as a test goes, and machines that invoke them."""

from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest

from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.runs import new_execution_of, prepare, run_to_the_end
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.tasks.lambda_functions import FunctionSource, LambdaFunctions
from stepwell.definitions.json_text import dumps, loads
from support import MACHINE_ARN, Run, machine, task


class Functions:
    """A folder with functions, and a handler of tasks for them."""

    def __init__(self, folder: Any) -> None:
        self.folder = folder
        self.lines: list[tuple[str, str]] = []
        self._handlers: list[LambdaFunctions] = []
        self.file("README.md", "not code")

    def file(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(dedent(text), encoding="utf-8")

    def python(self, body: str, **about: Any) -> LambdaFunctions:
        self.file("app.py", body)
        return self.of(handler="app.handler", runtime="python3.12", **about)

    def node(self, body: str, file: str = "index.mjs", **about: Any) -> LambdaFunctions:
        self.file(file, body)
        return self.of(handler="index.handler", runtime="nodejs20.x", **about)

    def of(self, *, most_workers: int | None = None, **about: Any) -> LambdaFunctions:
        about = {"name": "call", "folder": self.folder, "timeout_seconds": 20, **about}
        return self.handler([FunctionSource(**about)], most_workers=most_workers)

    def handler(self, sources: Any, **about: Any) -> LambdaFunctions:
        def log(name: str, line: str) -> None:
            self.lines.append((name, line))

        self._handlers.append(LambdaFunctions(sources, log=log, **about))
        return self._handlers[-1]

    def run(self, handler: LambdaFunctions, event: Any = None, state: Any = None) -> Run:
        """A run of one task that invokes the function `call`, or of another state."""
        text = dumps({} if event is None else event)
        return Run(simulate(machine(T=state or task()), text, tasks=handler, machine_arn=MACHINE_ARN), [])

    def run_on_threads(self, definition: Any, handler: LambdaFunctions, event: Any = None) -> Any:
        """The output of a machine on a host that performs its tasks beside each other."""
        host = LocalHost(handler, MemoryStore())
        prepared = prepare(definition)
        execution = new_execution_of(prepared, host, input=dumps({} if event is None else event), name="one")
        host.worker.start(prepared.program, execution, prepared.definition)
        run_to_the_end(host)
        assert execution.output is not None, (execution.error, execution.cause)
        return loads(execution.output)

    def end(self) -> None:
        """Ends the workers; their logs are whole then."""
        for handler in self._handlers:
            handler.close()

    @property
    def written(self) -> list[str]:
        self.end()
        return [line for _, line in self.lines]


@pytest.fixture
def functions(tmp_path) -> Iterator[Functions]:
    made = Functions(tmp_path / "function")
    yield made
    made.end()
