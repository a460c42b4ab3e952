"""Lambda functions from their source: tasks in a row on one warm process. moto runs functions in Docker only."""

from pathlib import Path
from time import perf_counter

from bench.measuring import Measurement, NotMeasured, repeated
from bench.report import Row
from bench.workloads import Target
from stepwell.adapters.tasks.lambda_functions import FunctionSource, LambdaFunctions
from stepwell.local import run

TASKS = 1_000

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:same"

EACH = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "MaxConcurrency": 1,
            "ItemProcessor": {
                "StartAt": "Call",
                "States": {"Call": {"Type": "Task", "Resource": FUNCTION, "End": True}},
            },
            "End": True,
        }
    },
}


def measure_functions(_beside: bool) -> Row:
    """A thousand tasks of a Python handler that returns its event."""
    source = FunctionSource(
        name="same",
        handler="index.handler",
        runtime="python3.12",
        folder=Path(),
        inline_code="def handler(event, context): return event\n",
    )
    functions = LambdaFunctions([source])
    items = list(range(TASKS))
    try:
        run(EACH, [0], world=functions)  # warm from now on

        def sample() -> float:
            began = perf_counter()
            result = run(EACH, items, world=functions)
            seconds = perf_counter() - began
            assert result.output == items, result
            return seconds

        samples = repeated(sample)
    finally:
        functions.close()
    return Row(
        name="lambda-1000",
        title="1,000 Lambda tasks, one warm Python process",
        unit="task",
        stepwell=Measurement(samples=samples, units=TASKS),
        other=NotMeasured("needs Docker"),
        targets=(Target(at_most_per_unit=0.001, text="1 ms a task"),),
    )
