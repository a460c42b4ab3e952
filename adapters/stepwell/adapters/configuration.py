"""Configuration: `stepwell.toml`, then STEPWELL_* variables; the flags of a command come last and are its own affair.

    data = ".stepwell"

    [functions]
    "Charge" = "shop.payments:charge"

    [state_machines]
    "Refund" = "machines/refund.asl.json"

    template = "template.yaml"                  whose Lambda functions are run from their source
    seed = "seed.yaml"                          what is in moto before the first task; see `tasks/aws/seeds.py`

    [calls]                                     where AWS services are called: mock, moto, aws or a URL
    "*" = "moto"
    lambda = "http://127.0.0.1:3001"

    [lambda.Charge]                             a Lambda function; see `tasks/lambda_functions/settings.py`
    handler = "app.handler"
    runtime = "python3.12"
    folder = "functions/charge"

    allowed_hosts = ["api.example.com"]         what HTTP Tasks may ask beside this machine; above the tables

    [connections.Payments]                      of HTTP Tasks, by name; see `tasks/connections.py`
    type = "Basic"
    username = "shop"
    password = "${PAYMENTS_PASSWORD}"

The file is the `stepwell.toml`, else the `pyproject.toml` with a table [tool.stepwell], of the nearest directory from
the working directory upwards that has either. Paths in it are relative to it. Keys that do not exist are refused: a
misspelt one would be passed over in silence.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepwell.adapters.tasks.connections import Connection
    from stepwell.adapters.tasks.lambda_functions.settings import FunctionSettings

DEFAULT_DATA = Path(".stepwell")
KEYS = ("allowed_hosts", "calls", "connections", "data", "functions", "lambda", "seed", "state_machines", "template")


class InvalidConfiguration(Exception):
    """The configuration cannot be used. The text says where, what is wrong, and what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    data: Path = DEFAULT_DATA
    """Where everything is kept."""
    calls: Mapping[str, str] = field(default_factory=dict)
    """Where AWS services are called; see `tasks/aws/endpoints.py`."""
    seed: Path | None = None
    """What is in moto before the first task."""
    template: Path | None = None
    """Whose Lambda functions are run from their source."""
    functions: Mapping[str, str] = field(default_factory=dict)
    """Names of tasks to `module:function`."""
    lambda_functions: Mapping[str, "FunctionSettings"] = field(default_factory=dict)
    """Names of Lambda functions to what is known of them."""
    state_machines: Mapping[str, Path] = field(default_factory=dict)
    """Names or ARNs of what tasks may start to files, of templates with `#LogicalId`."""
    connections: Mapping[str, "Connection"] = field(default_factory=dict)
    """Of HTTP Tasks, by their names or ARNs."""
    allowed_hosts: tuple[str, ...] = ()
    """What HTTP Tasks may ask beside this machine."""
    folder: Path | None = None
    """Where the file is, and with it the modules it names; None where there is no file."""


def read_configuration(directory: Path | None = None, environment: Mapping[str, str] | None = None) -> Configuration:
    """The configuration that holds in a directory (the working directory); raises InvalidConfiguration."""
    environment = os.environ if environment is None else environment
    data = environment.get("STEPWELL_DATA")
    found = _nearest(directory or Path.cwd())
    if found is None:
        return Configuration(data=Path(data) if data else DEFAULT_DATA)
    path, place, table = found
    configured = _path(table, "data", f"{path}: {place}", path.parent, "a directory")
    connections, allowed_hosts = _of_http_tasks(table, f"{path}: {place}")
    return Configuration(
        connections=connections,
        allowed_hosts=allowed_hosts,
        calls=_calls(table, f"{path}: {place}"),
        data=Path(data) if data else configured or DEFAULT_DATA,
        functions=_functions(table, f"{path}: {place}"),
        lambda_functions=_lambda_functions(table, f"{path}: {place}", path.parent),
        state_machines=_state_machines(table, f"{path}: {place}", path.parent),
        seed=_path(table, "seed", f"{path}: {place}", path.parent, "a file"),
        template=_path(table, "template", f"{path}: {place}", path.parent, "a SAM or CloudFormation template"),
        folder=path.parent,
    )


def _nearest(directory: Path) -> tuple[Path, str, dict[str, Any]] | None:
    """The file, what comes before its keys, and its table."""
    for folder in (directory, *directory.parents):
        if (table := _read(folder / "stepwell.toml")) is not None:
            return folder / "stepwell.toml", "", _checked(table, folder / "stepwell.toml", "")
        pyproject = folder / "pyproject.toml"
        table = (_read(pyproject, if_it_has="stepwell") or {}).get("tool", {}).get("stepwell")
        if table is not None:
            return pyproject, "tool.stepwell.", _checked(table, pyproject, "tool.stepwell.")
    return None


def _read(path: Path, if_it_has: str = "") -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as fault:
        if if_it_has:
            return None  # somebody else's file
        reason = fault.strerror if isinstance(fault, OSError) else "is no text in UTF-8"
        raise InvalidConfiguration(f"{path}: cannot be read ({reason})") from None
    if if_it_has not in text:
        return None
    import tomllib  # here, not above: most directories have no such file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise InvalidConfiguration(f"{path}: no TOML: {fault}") from None


def _checked(table: Any, path: Path, place: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise InvalidConfiguration(f"{path}: {place.rstrip('.')}: must be a table, not {table!r}")
    for key in table:
        if key not in KEYS:
            raise InvalidConfiguration(f"{path}: there is no key {place + key!r}; there are: {', '.join(KEYS)}")
    return table


def _path(table: Mapping[str, Any], key: str, where: str, folder: Path, of_what: str) -> Path | None:
    given = table.get(key)
    if given is not None and not (isinstance(given, str) and given):
        raise InvalidConfiguration(f"{where}{key}: must be the path of {of_what}, not {given!r}")
    return None if given is None else folder / given


def _calls(table: Mapping[str, Any], where: str) -> dict[str, str]:
    if "calls" not in table:
        return {}
    from stepwell.adapters.tasks.aws.endpoints import InvalidEndpoint, read_calls

    try:
        return read_calls(table["calls"], f"{where}calls")
    except InvalidEndpoint as fault:
        raise InvalidConfiguration(str(fault)) from None


def _of_http_tasks(table: Mapping[str, Any], where: str) -> "tuple[dict[str, Connection], tuple[str, ...]]":
    if "connections" not in table and "allowed_hosts" not in table:
        return {}, ()
    from stepwell.adapters.tasks.connections import InvalidConnection, read_allowed_hosts, read_connections

    try:
        return read_connections(table.get("connections", {})), read_allowed_hosts(table.get("allowed_hosts", []))
    except InvalidConnection as fault:
        raise InvalidConfiguration(f"{where}{fault}") from None


def _lambda_functions(table: Mapping[str, Any], where: str, folder: Path) -> "dict[str, FunctionSettings]":
    if "lambda" not in table:
        return {}
    from stepwell.adapters.tasks.lambda_functions.settings import InvalidFunction, read_settings

    try:
        return {name: read_settings(name, given, folder) for name, given in _names(table, "lambda", where).items()}
    except InvalidFunction as fault:
        raise InvalidConfiguration(f"{where}lambda.{fault}") from None


def _functions(table: Mapping[str, Any], where: str) -> dict[str, str]:
    functions = _names(table, "functions", where)
    for name, reference in functions.items():
        if not isinstance(reference, str) or ":" not in reference:
            raise InvalidConfiguration(
                f"{where}functions.{name}: must be 'module:function' in quotes, not {reference!r}"
                + ("; put a name with dots in quotes too" if isinstance(reference, dict) else "")
            )
    return functions


def _state_machines(table: Mapping[str, Any], where: str, folder: Path) -> dict[str, Path]:
    state_machines = _names(table, "state_machines", where)
    for name, file in state_machines.items():
        if not isinstance(file, str) or not file:
            raise InvalidConfiguration(
                f"{where}state_machines.{name}: must be the path of a definition in quotes, not {file!r}"
                + ("; put a name with dots in quotes too" if isinstance(file, dict) else "")
            )
    return {name: folder / file for name, file in state_machines.items()}


def _names(table: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    names = table.get(key, {})
    if not isinstance(names, dict):
        raise InvalidConfiguration(f"{where}{key}: must be a table of names, not {names!r}")
    return names
