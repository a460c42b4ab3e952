"""The environment of a function's process: that of the host, what Lambda sets, and what the function is given."""

import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from stepwell.adapters.tasks.lambda_functions.sources import FunctionSource

REGION = "us-east-1"

_NOT_INHERITED = frozenset({"PYTHONHOME", "PYTHONSAFEPATH", "__PYVENV_LAUNCHER__"})
"""They would lead another interpreter than ours astray."""


def variables_of(source: FunctionSource, folder: Path, host: Mapping[str, str]) -> dict[str, str]:
    """The variables of a new process; every process has a log stream of its own."""
    region = host.get("AWS_REGION") or host.get("AWS_DEFAULT_REGION") or REGION
    inherited = {name: value for name, value in host.items() if name not in _NOT_INHERITED}
    return {
        **inherited,
        **_of_layers(source, inherited),
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{source.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(source.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": source.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{source.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}",
        "AWS_REGION": region,
        "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
        "LAMBDA_TASK_ROOT": str(folder),
        "TZ": ":UTC",
        "_HANDLER": source.handler,
        **source.environment,
        "STEPWELL_LAYERS": os.pathsep.join(str(layer.absolute()) for layer in source.layers),
    }


def _of_layers(source: FunctionSource, inherited: Mapping[str, str]) -> dict[str, str]:
    """Where programs, libraries and modules of the layers are found, as under /opt of Lambda."""
    layers = [layer.absolute() for layer in source.layers]
    if not layers:
        return {}
    major = source.runtime.removeprefix("nodejs").partition(".")[0]
    added = {"PATH": [layer / "bin" for layer in layers], "LD_LIBRARY_PATH": [layer / "lib" for layer in layers]}
    if not source.is_python:
        folders = ("nodejs/node_modules", f"nodejs/node{major}/node_modules")
        added["NODE_PATH"] = [layer / each for layer in layers for each in folders]
    return {
        name: os.pathsep.join([*map(str, paths), *([inherited[name]] if inherited.get(name) else [])])
        for name, paths in added.items()
    }
