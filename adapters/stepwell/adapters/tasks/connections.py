"""Connections of HTTP Tasks: how a request is authorized, and what is added to it. What EventBridge calls a connection.

    [connections.Payments]
    type = "Basic"
    username = "shop"
    password = "${PAYMENTS_PASSWORD}"

    [connections.Stock]
    type = "ApiKey"
    name = "X-Api-Key"
    value = "${STOCK_KEY}"
    headers = { X-Tenant = "eu" }
    query = { version = "2" }

    [connections.Ledger]
    type = "OAuth"
    endpoint = "https://login.example.com/token"
    client_id = "stepwell"
    client_secret = "${LEDGER_SECRET}"
    oauth_body = { audience = "ledger" }

A task names its connection by an ARN; here it stands by its name in that ARN, or by the whole of it. `${NAME}` is the
value of an environment variable, which is looked up when the connection is used: no secret has to stand in a file.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from stepwell.definitions.expressions import Json

Strings = Mapping[str, str]

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class InvalidConnection(Exception):
    """A connection that cannot be read, or used. The text says what is wrong with it."""


class Basic(Struct, frozen=True, kw_only=True):
    username: str
    password: str


class ApiKey(Struct, frozen=True, kw_only=True):
    name: str
    value: str


class OAuth(Struct, frozen=True, kw_only=True):
    """Client credentials: a token is fetched where none is kept that lasts."""

    endpoint: str
    client_id: str
    client_secret: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: Strings = field(default_factory=dict)
    query: Strings = field(default_factory=dict)
    body: Strings = field(default_factory=dict)


class Connection(Struct, frozen=True, kw_only=True):
    """How requests are authorized, and what they have besides what the definition gives them."""

    authorization: Basic | ApiKey | OAuth
    headers: Strings = field(default_factory=dict)
    query: Strings = field(default_factory=dict)
    body: Mapping[str, Json] = field(default_factory=dict)


_FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "Basic": (frozenset({"username", "password"}), frozenset()),
    "ApiKey": (frozenset({"name", "value"}), frozenset()),
    "OAuth": (
        frozenset({"endpoint", "client_id", "client_secret"}),
        frozenset({"method", "oauth_headers", "oauth_query", "oauth_body"}),
    ),
}
"""The keys of each type, those it must have first."""

_OF_ALL = frozenset({"type", "headers", "query", "body"})


def read_connections(table: Any) -> dict[str, Connection]:
    """The connections of a configuration's table, by their names; raises InvalidConnection with the place in it."""
    if not isinstance(table, dict):
        raise InvalidConnection(f"connections: must be a table of names, not {table!r}")
    return {name: _connection(f"connections.{name}", given) for name, given in table.items()}


def read_allowed_hosts(given: Any) -> tuple[str, ...]:
    """The hosts that HTTP Tasks may ask besides loopback; raises InvalidConnection."""
    if not isinstance(given, list) or not all(isinstance(host, str) and host for host in given):
        raise InvalidConnection(
            f"allowed_hosts: must be a list like ['api.example.com', '*.example.org'], not {given!r}"
        )
    return tuple(given)


def _connection(where: str, given: Any) -> Connection:
    if not isinstance(given, dict):
        raise InvalidConnection(f"{where}: must be a table, not {given!r}")
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise InvalidConnection(f"{where}.type: must be one of {', '.join(_FIELDS)}, not {kind!r}")
    needed, optional = _FIELDS[kind]
    for name in given:
        if name not in needed | optional | _OF_ALL:
            there_are = ", ".join(sorted(needed | optional | _OF_ALL))
            raise InvalidConnection(
                f"{where}: there is no key {name!r} in one of type {kind!r}; there are: {there_are}"
            )
    texts = {name: _text(where, given, name) for name in needed}
    return Connection(
        authorization=_AUTHORIZATIONS[kind](where, given, texts),
        headers=_strings(where, given, "headers"),
        query=_strings(where, given, "query"),
        body=_table(where, given, "body"),
    )


def _oauth(where: str, given: dict[str, Any], texts: dict[str, str]) -> OAuth:
    method = given.get("method", "POST")
    if method not in ("GET", "POST", "PUT"):
        raise InvalidConnection(f"{where}.method: must be GET, POST or PUT, not {method!r}")
    return OAuth(
        **texts,
        method=method,
        headers=_strings(where, given, "oauth_headers"),
        query=_strings(where, given, "oauth_query"),
        body=_strings(where, given, "oauth_body"),
    )


_AUTHORIZATIONS: Mapping[str, Callable[[str, dict[str, Any], dict[str, str]], Basic | ApiKey | OAuth]] = {
    "Basic": lambda where, given, texts: Basic(**texts),
    "ApiKey": lambda where, given, texts: ApiKey(**texts),
    "OAuth": _oauth,
}


def _text(where: str, given: dict[str, Any], name: str) -> str:
    text = given.get(name)
    if not isinstance(text, str):
        raise InvalidConnection(
            f"{where}.{name}: " + ("is missing" if text is None else f"must be a text, not {text!r}")
        )
    return text


def _table(where: str, given: dict[str, Any], name: str) -> dict[str, Any]:
    table = given.get(name, {})
    if not isinstance(table, dict):
        raise InvalidConnection(f"{where}.{name}: must be a table, not {table!r}")
    return table


def _strings(where: str, given: dict[str, Any], name: str) -> dict[str, str]:
    table = _table(where, given, name)
    for key, value in table.items():
        if not isinstance(value, str):
            raise InvalidConnection(f"{where}.{name}.{key}: must be a text, not {value!r}")
    return table


# --- use --------------------------------------------------------------------------------------------------------------


def find_connection(connections: Mapping[str, Connection], arn: str) -> Connection | None:
    """The connection that an ARN (`arn:aws:events:REGION:ACCOUNT:connection/NAME/ID`) or a name stands for."""
    return connections.get(arn) or connections.get(name_of(arn))


def name_of(arn: str) -> str:
    """The name in a connection's ARN; a name stays what it is."""
    parts = arn.rpartition(":")[2].split("/")
    return parts[1] if len(parts) > 1 and parts[0] == "connection" else arn


def with_secrets(connection: Connection, environment: Mapping[str, str]) -> Connection:
    """The connection with the values of the variables it names; raises InvalidConnection for those that are not set."""

    def fill(value: Any) -> Any:
        match value:
            case str():
                return VARIABLE.sub(_variable, value)
            case Struct():
                return type(value)(**{name: fill(getattr(value, name)) for name in value.__struct_fields__})
            case dict():
                return {name: fill(inner) for name, inner in value.items()}
            case list():
                return [fill(inner) for inner in value]
            case _:
                return value

    def _variable(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise InvalidConnection(f"the environment variable {found[1]!r} is not set")
        return environment[found[1]]

    filled: Connection = fill(connection)
    return filled
