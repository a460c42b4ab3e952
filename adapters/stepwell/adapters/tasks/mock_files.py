"""A mock configuration file that a server answers tasks from, for as long as it runs.

An execution is started with one of its test cases (`stateMachineArn#TestCase`), and knows the name of that: a server
that carries the execution on after a restart finds the case again, and counts on where the one before has stopped.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from stepwell.adapters.tasks.mocks import InvalidMockConfig, Invocations, MockedTasks, read_mock_config
from stepwell.adapters.whereabouts import invocations
from stepwell.definitions.failure import Failure
from stepwell.engine import tokens
from stepwell.engine.effects import InvokeTask
from stepwell.engine.execution import Execution
from stepwell.engine.ports import Exchange, OpenTask, Store, TaskHandler
from stepwell.engine.program import Program

NOT_MOCKED = "Stepwell.TestCaseNotFound"


class MockFile:
    """A mock configuration file. It is read whenever an execution starts, so it can be changed while a server runs."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises InvalidMockConfig for a file that is not there."""
        self._path = str(Path(path).resolve())
        if not Path(self._path).is_file():
            raise InvalidMockConfig(f"{path}: there is no such file")

    def tasks_of(
        self,
        machine_name: str,
        test_case: str,
        program: Program,
        beside: TaskHandler,
        found: Invocations | None = None,
    ) -> TaskHandler:
        """Who performs the tasks of an execution that is started with a test case; raises InvalidMockConfig."""
        case = read_mock_config(self._path, test_case, machine_name, program.machine)
        return MockedTasks(case, beside, machine_name=machine_name, invocations=found)

    def tasks_again(self, execution: Execution, program: Program, store: Store, beside: TaskHandler) -> TaskHandler:
        """The same for one that is carried on; where the test case is gone its tasks fail, and say so."""
        assert execution.test_case is not None, "only executions with a test case are asked for"
        name, found = execution.state_machine_name, invocations_of(store, (execution.arn,))
        try:
            return self.tasks_of(name, execution.test_case, program, beside, found)
        except InvalidMockConfig as fault:
            return failing(str(fault))


def failing(cause: str) -> TaskHandler:
    """Fails every task: what was to answer it is not there any more."""

    def fail(task: InvokeTask) -> Exchange:
        yield Failure(NOT_MOCKED, cause)

    return fail


def invocations_of(store: Store, family: Iterable[str]) -> Invocations:
    """How often the states of executions were invoked, and which of these the tasks are that are performed again."""
    found = Invocations()
    for arn in family:
        counts, latest = invocations(store.history(arn))
        for state, count in counts.items():
            found.counts[arn, state] = count
        for open_task in store.open_tasks(arn):
            found.numbers[open_task.task.token] = _number_of(open_task, latest, counts[open_task.task.state])
    return found


def _number_of(open_task: OpenTask, latest: dict[str, int], count: int) -> int:
    return latest.get(tokens.address(open_task.task.token)[1], count - 1)
