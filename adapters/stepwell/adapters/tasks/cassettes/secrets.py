"""What no cassette shows: secrets, by the names of their members and by AWS's own models.

Rule 1: a name counts without its capitals, hyphens and underscores: `SecretString`, `secret_string`, `secret-string`.
Rule 2: what a model of AWS marks as sensitive is a secret too, but for payloads that an API carries for others: those
    are searched as everything is.
Rule 3: `true`, `false`, `null` and what is empty are no secrets. A text that is JSON is searched.
Rule 4: botocore, which has the models, is imported for calls of AWS only.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from stepwell.adapters.logs.redaction import REDACTED
from stepwell.adapters.service_models import answer_shape, naming_of, parameters_shape, result_shape
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.definitions.resources import Integration, parse_resource

if TYPE_CHECKING:
    from botocore.model import Shape

NAMES: Final = frozenset({"authorization", "proxyauthorization", "cookie", "setcookie", "keymaterial"})

ENDINGS: Final = (
    *("password", "passwd", "passphrase", "secretstring", "secretbinary", "secretaccesskey", "privatekey", "apikey"),
    *("sessiontoken", "securitytoken", "authtoken", "authorizationtoken", "accesstoken", "refreshtoken", "idtoken"),
    *("bearertoken", "clientsecret"),
)
"""How the names of secrets end: `MasterUserPassword`, `X-Amz-Security-Token`."""

CARRIED: Final[Mapping[str, frozenset[str]]] = {
    "lambda": frozenset({"Payload"}),
    "aws-sdk:lambda": frozenset({"Payload"}),
    "bedrock": frozenset({"Body"}),
    "aws-sdk:bedrockruntime": frozenset({"Body"}),
}
"""Payloads, by service: all that a Lambda function was asked, and has answered, is marked as sensitive."""

STEP_FUNCTIONS: Final = frozenset({"states", "aws-sdk:sfn"})
"""What it marks as sensitive is all that goes through executions, down to why one cannot be redriven."""

SHAPES: Final = {"input": parameters_shape, "submitted": answer_shape, "output": result_shape}
"""What tells the shape of each part of a call."""


def without_secrets(value: Json, resource: str, part: str) -> Json:
    """The value, changed in place; `part` is the `input`, the `submitted` answer or the `output` of a call."""
    called = parse_resource(resource)
    if not isinstance(called, Integration) or called.service in STEP_FUNCTIONS:
        return _hidden(value)
    named, carried = naming_of(called), CARRIED.get(called.service, frozenset())
    shape = SHAPES[part](called)
    members = {} if shape is None else {named(name): inner for name, inner in shape.members.items()}
    if isinstance(value, dict):
        for name in value.keys() & members.keys() - carried:
            try:
                value[name] = _of_shape(value[name], members[name], called)
            except RecursionError:  # a shape that holds itself, in a value that is made to harm
                value[name] = REDACTED
    return _hidden(value)


def text_without_secrets(text: str) -> str:
    """A text that is JSON without the secrets in it; as it was where it has none."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        value, before = loads(text), loads(text)
    except InvalidJson:
        return text
    hidden = _hidden(value)
    return text if hidden == before else dumps(hidden)


def _hidden(value: Json) -> Json:
    """The value without what has the name of a secret."""
    whole: list[Json] = [value]
    waiting: list[Any] = [whole]
    while waiting:
        container = waiting.pop()
        for key, inner in list(_items(container)):
            if isinstance(key, str) and _names_a_secret(key):
                container[key] = _starred(inner)
            elif isinstance(inner, str):
                container[key] = text_without_secrets(inner)
            else:
                waiting.append(inner)
    return whole[0]


def _of_shape(value: Json, shape: "Shape", called: Integration) -> Json:
    """The value without what its shape has marked as sensitive."""
    if shape.metadata.get("sensitive"):
        return _starred(value)
    match shape.type_name, value:
        case "structure", dict():
            named = naming_of(called)
            members = {named(name): inner for name, inner in shape.members.items()}
            known = {name: _of_shape(value[name], members[name], called) for name in value.keys() & members.keys()}
            return {name: known.get(name, inner) for name, inner in value.items()}
        case "list", list():
            return [_of_shape(inner, shape.member, called) for inner in value]
        case "map", dict():
            return {name: _of_shape(inner, shape.value, called) for name, inner in value.items()}
        case _:
            return value


def _starred(value: Json) -> Json:
    return value if value is None or isinstance(value, bool) or value in ("", [], {}) else REDACTED


def _names_a_secret(name: str) -> bool:
    plain = name.replace("-", "").replace("_", "").lower()
    return plain in NAMES or plain.endswith(ENDINGS)


def _items(value: Json) -> Iterable[tuple[Any, Json]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
