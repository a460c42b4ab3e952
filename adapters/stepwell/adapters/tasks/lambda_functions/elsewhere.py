"""Functions of a template that cannot be run from their source here: what calls them is told why, and what to do."""

import os
from collections.abc import Mapping
from pathlib import Path

from stepwell.adapters.definition_files import resources_in
from stepwell.adapters.tasks.bindings import UNBOUND, called_function
from stepwell.adapters.tasks.lambda_functions.settings import is_runtime
from stepwell.adapters.tasks.lambda_functions.sources import FUNCTIONS, code_of
from stepwell.definitions.failure import Failure
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, TaskHandler


def functions_elsewhere(template: str | os.PathLike[str]) -> dict[str, str]:
    """These functions by their names and logical ids, with the reason. Raises as `read_definition`."""
    found: dict[str, str] = {}
    for resource in resources_in(template, *FUNCTIONS):
        runtime, named = resource.properties.get("Runtime"), resource.properties.get("FunctionName")
        if resource.properties.get("PackageType") == "Image":
            reason = "is a container image"
        elif not isinstance(runtime, str) or not is_runtime(runtime):
            reason = f"has the runtime {runtime!r}"
        elif code_of(resource, Path())[0] is None:
            reason = "has its code in S3 or in an archive"
        else:
            continue
        found |= {name: reason for name in (resource.logical_id, named) if isinstance(name, str)}
    return found


class FunctionsElsewhere:
    """A `TaskHandler` that fails the tasks of these functions, and leaves every other task to `beside`."""

    def __init__(self, reasons: Mapping[str, str], beside: TaskHandler) -> None:
        self._reasons = reasons
        self._beside = beside

    def __call__(self, task: InvokeTask, /) -> Exchange:
        name = called_function(task)
        if name is None or name not in self._reasons:
            yield from self._beside(task)
            return
        yield Failure(
            UNBOUND,
            f"The function {name!r} {self._reasons[name]}: only Python and Node.js in folders run from their source. "
            f"Call it where it runs (--calls lambda=URL, of `sam local start-lambda` say), or bind the task to a "
            f"Python function.",
        )
