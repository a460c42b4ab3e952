"""Which code performs which task.

A task is bound, first match, by: a function given by the full ARN of what it calls, by the function's name or by the
state's name; `[functions]` of the configuration, by the same names; `python:module:function` as its Resource.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from stepwell.adapters.tasks import functions
from stepwell.adapters.tasks.functions import Function, function_name
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import loads
from stepwell.definitions.resources import Activity, Integration, LambdaFunction, PythonFunction, parse_resource
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, TaskHandler

UNBOUND = "Stepwell.TaskNotBound"


Functions = Mapping[str, Function] | ModuleType
"""Functions by the names of what calls them, or a module that has them."""


class UnusableFunction(Exception):
    """A function that was named and cannot be had. The text says what, where and why."""


class Bindings:
    """Finds the function for a task. Given functions may be a mapping of names, a module, or both in turn."""

    def __init__(
        self,
        given: Functions | None = None,
        configured: Mapping[str, str] | None = None,
    ) -> None:
        self._given = given
        self._configured = dict(configured or {})

    def find(self, task: InvokeTask) -> Function | None:
        """The function that performs the task, or None; raises UnusableFunction."""
        names = list(names_of(task))
        if (function := self._find_given(names)) is not None:
            return function
        for name in names:
            if name in self._configured:
                return load_function(self._configured[name])
        if isinstance(task.resource, PythonFunction):
            return load_function(f"{task.resource.module}:{task.resource.name}")
        return None

    def performs_activity(self, state: str, arn: str) -> bool:
        """Whether a function performs the tasks of this activity in this state."""
        resource = parse_resource(arn)
        assert isinstance(resource, Activity), "the ARN is that of an activity"
        probe = InvokeTask(token="", execution_arn="", state=state, resource=resource, input="{}", attempt=0)
        return self.find(probe) is not None

    def _find_given(self, names: Iterable[str]) -> Function | None:
        if isinstance(self._given, ModuleType):
            table = getattr(self._given, "FUNCTIONS", {})
            for name in names:
                if name in table:
                    return _checked(table[name], name)
                for spelling in spellings(name):
                    found = getattr(self._given, spelling, None)
                    if callable(found) and not isinstance(found, type):
                        return _checked(found, name)
            return None
        for name in names:
            if self._given is not None and name in self._given:
                return _checked(self._given[name], name)
        return None


def _checked(function: Any, name: str) -> Function:
    if not callable(function):
        raise UnusableFunction(f"What is given for {name!r} is no function but {type(function).__name__}: {function!r}")
    return function  # type: ignore[no-any-return]


def names_of(task: InvokeTask) -> Iterable[str]:
    """The names by which a task may be bound, the most exact first."""
    match task.resource:
        case Integration() as called:
            if called.is_lambda_invoke:
                given = invoked_function(task)
                if given:
                    yield given
                    yield function_name(given)
                yield task.state
                return
            yield called.arn
        case LambdaFunction(arn=arn, name=name) | Activity(arn=arn, name=name) | PythonFunction(arn=arn, name=name):
            yield arn
            yield name
    yield task.state


def called_function(task: InvokeTask) -> str | None:
    """The name of the Lambda function that a task calls."""
    if isinstance(task.resource, LambdaFunction):
        return task.resource.name
    if isinstance(task.resource, Integration) and task.resource.is_lambda_invoke:
        given = invoked_function(task)
        return None if given is None else function_name(given)
    return None


def invoked_function(task: InvokeTask) -> str | None:
    """The FunctionName that a lambda:invoke gives."""
    parameters = loads(task.input)
    given = parameters.get("FunctionName") if isinstance(parameters, dict) else None
    return given if isinstance(given, str) else None


def spellings(name: str) -> Iterable[str]:
    """The Python names that a function's or state's name may stand for: `charge-card`, `ChargeCard`, `Charge card`."""
    plain = re.sub(r"\W+", "_", name).strip("_")
    yield plain
    yield re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain).lower()


def load_module(reference: str) -> ModuleType:
    """The module that `--functions` names: a file ending in .py, or an importable name; raises UnusableFunction."""
    try:
        if reference.endswith(".py"):
            return _load_file(Path(reference))
        if "" not in sys.path:
            sys.path.insert(0, "")
        return importlib.import_module(reference)
    except UnusableFunction:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's module raises
        raise UnusableFunction(f"{reference}: cannot be imported: {type(error).__name__}: {error}") from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UnusableFunction(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"stepwell_functions_{path.stem}", path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # the functions' own imports are beside them
        sys.path.insert(0, folder)
    spec.loader.exec_module(module)
    return module


def load_function(reference: str) -> Function:
    """The function behind `module:function`; raises UnusableFunction."""
    module_name, _, name = reference.partition(":")
    if not name:
        raise UnusableFunction(f"{reference!r}: a function is named as 'module:function'")
    module = load_module(module_name)
    function = getattr(module, name, None)
    if function is None:
        raise UnusableFunction(f"{reference!r}: module {module_name!r} has no {name!r}")
    return _checked(function, reference)


def unbound(task: InvokeTask) -> Exchange:
    """Fails the task: nothing performs it."""
    yield Failure(UNBOUND, how_to_bind(task))


class BoundTasks:
    """A `TaskHandler` that performs tasks by the functions they are bound to, and leaves the others to `beside`.

    `has_workers`: activities that are bound to none are left to whoever asks for their tasks.
    """

    def __init__(self, bindings: Bindings, beside: TaskHandler = unbound, *, has_workers: bool = False) -> None:
        self._bindings = bindings
        self._beside = beside
        self._has_workers = has_workers

    def __call__(self, task: InvokeTask) -> Exchange:
        try:
            function = self._bindings.find(task)
        except UnusableFunction as fault:
            yield Failure(UNBOUND, str(fault))
            return
        if function is not None:
            yield from functions.perform(function, task)
        elif not (self._has_workers and isinstance(task.resource, Activity)):
            yield from self._beside(task)


def how_to_bind(task: InvokeTask) -> str:
    """What to do about a task that nothing performs."""
    what = task.resource.arn
    is_function = isinstance(task.resource, LambdaFunction)
    if isinstance(task.resource, Integration) and task.resource.is_lambda_invoke:
        what = invoked_function(task) or what
        is_function = True
    short = next((name for name in names_of(task) if not name.startswith("arn:")), task.state)
    elsewhere = (
        "Lambda functions of a SAM template run from their source with --template, others at --calls lambda=URL."
        if is_function
        else "Services of AWS are called with --calls: in moto (--calls moto), at an endpoint, or at AWS."
    )
    return (
        f"Nothing is bound to the task {task.state!r}, which calls {what}. Bind it to a Python function: "
        f"functions={{{short!r}: f}} in Python, a function {next(iter(spellings(short)))!r} in the module of "
        f'--functions, {short!r} = "module:function" under [functions] in stepwell.toml; '
        f"or give it a result with a mock configuration file (--mock-config, --test-case). {elsewhere}"
    )
