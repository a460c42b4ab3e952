"""What the configuration says of Lambda functions.

    [lambda.Charge]
    handler = "app.handler"                     as Lambda has it: a file's name without its ending, and a function in it
    runtime = "python3.12"                      any of Python or Node.js
    folder = "functions/charge"                 where the code is; the folder of the configuration without it
    timeout = 30                                seconds; 3 without it
    memory = 256                                MB; only told to the function
    layers = ["layers/shared"]                  folders with python/ or nodejs/ in them
    python = "functions/charge/.venv"           an interpreter or a virtual environment; .venv in the folder without it
    environment = { TABLE = "orders" }

A function of a template may stand here too: what is given here counts before what the template says.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

LONGEST_SECONDS = 900
"""Quota of Lambda."""


class InvalidFunction(Exception):
    """A function that cannot be read from the configuration. The text begins with its name and says what is wrong."""


class FunctionSettings(Struct, frozen=True, kw_only=True):
    """What is known of a function; None is for what is not said."""

    beside: Path = Path()
    """The folder of the configuration, which is that of the code where nothing else is said."""
    handler: str | None = None
    runtime: str | None = None
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float | None = None
    memory_mb: int | None = None
    layers: tuple[Path, ...] | None = None
    python: str | None = None
    """The path of an interpreter or of a virtual environment, or the name of a command."""


def read_settings(name: str, given: Any, folder: Path) -> FunctionSettings:
    """What a table of the configuration says. Its paths are relative to `folder`. Raises InvalidFunction."""
    if not isinstance(given, dict):
        raise InvalidFunction(f"{name}: must be a table, not {given!r}")
    for key in given:
        if key not in _KEYS:
            raise InvalidFunction(f"{name}: there is no key {key!r}; there are: {', '.join(_KEYS)}")
    values = {key: _KEYS[key](f"{name}.{key}", value, folder) for key, value in given.items()}
    return FunctionSettings(
        beside=folder,
        handler=values.get("handler"),
        runtime=values.get("runtime"),
        folder=values.get("folder"),
        environment=values.get("environment", {}),
        timeout_seconds=values.get("timeout"),
        memory_mb=values.get("memory"),
        layers=values.get("layers"),
        python=values.get("python"),
    )


def _text(where: str, value: Any, _folder: Path) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidFunction(f"{where}: must be a text, not {value!r}")
    return value


def _runtime(where: str, value: Any, folder: Path) -> str:
    if not is_runtime(text := _text(where, value, folder)):
        raise InvalidFunction(f"{where}: must be one of Python or Node.js, like 'python3.12', not {value!r}")
    return text


def _path(where: str, value: Any, folder: Path) -> Path:
    return folder / _text(where, value, folder)


def _interpreter(where: str, value: Any, folder: Path) -> str:
    text = _text(where, value, folder)
    return str(folder / text) if "/" in text or (folder / text).exists() else text


def _seconds(where: str, value: Any, _folder: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_SECONDS:
        raise InvalidFunction(f"{where}: must be seconds, more than 0 and at most {LONGEST_SECONDS}, not {value!r}")
    return value


def _megabytes(where: str, value: Any, _folder: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise InvalidFunction(f"{where}: must be a whole number of MB, not {value!r}")
    return value


def _paths(where: str, value: Any, folder: Path) -> tuple[Path, ...]:
    if not isinstance(value, list):
        raise InvalidFunction(f"{where}: must be a list of folders, not {value!r}")
    return tuple(_path(f"{where}[{number}]", each, folder) for number, each in enumerate(value))


def _variables(where: str, value: Any, _folder: Path) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidFunction(f"{where}: must be a table of texts, not {value!r}")
    for name, each in value.items():
        if not is_variable(name, each):
            raise InvalidFunction(f"{where}.{name}: must be a text, not {each!r}")
    return value


_KEYS: Mapping[str, Callable[[str, Any, Path], Any]] = {
    "handler": _text,
    "runtime": _runtime,
    "folder": _path,
    "environment": _variables,
    "timeout": _seconds,
    "memory": _megabytes,
    "layers": _paths,
    "python": _interpreter,
}


def is_runtime(text: str) -> bool:
    """Whether functions of this runtime can be run here."""
    return text.startswith(("python", "nodejs"))


def is_variable(name: str, value: object) -> bool:
    """Whether it can be a variable of a process's environment."""
    return isinstance(value, str) and "\0" not in value + name and bool(name) and "=" not in name
