"""Rules of the language about one object: which of its fields go together, and what their values may be.

`EXCLUSIVE` lists the fields of which there can be only one; `RULES` has the rest, one function for each rule. A rule
looks at a field only if it has a sensible type, so that no fault is told twice.
"""

from collections.abc import Callable, Iterator
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from stepwell.definitions.check.annotations import fields_of
from stepwell.definitions.check.fields import unknown_resource
from stepwell.definitions.check.walk import Fault, Node
from stepwell.definitions.integrations import CALLBACK, exists, literal_faults
from stepwell.definitions.kinds import QueryLanguage, StateMachineType
from stepwell.definitions.model import (
    NOT_OPERATORS,
    BaseState,
    Catcher,
    ChoiceRule,
    Comparison,
    Credentials,
    Element,
    FailState,
    ItemBatcher,
    ItemProcessor,
    Json,
    MapState,
    ReaderConfig,
    ResultWriter,
    Retrier,
    StepState,
    TaskState,
    WaitState,
    WorkState,
)
from stepwell.definitions.problems import Severity
from stepwell.definitions.resources import Activity, Integration, parse_resource

MAX_NAME_LENGTH = 80
MAX_LABEL_LENGTH = 40
LABEL_EXCLUDES = frozenset('?*<>{}[]:;,\\|^~$#%&`"')


class Exclusive(Struct, frozen=True):
    """Fields of which an object has one at most, or, where one is needed, exactly one."""

    model: type[Element]
    names: tuple[str, ...]
    is_needed: bool = False


EXCLUSIVE = (
    Exclusive(StepState, ("Next", "End"), is_needed=True),
    Exclusive(WaitState, ("Seconds", "SecondsPath", "Timestamp", "TimestampPath"), is_needed=True),
    Exclusive(FailState, ("Error", "ErrorPath")),
    Exclusive(FailState, ("Cause", "CausePath")),
    Exclusive(TaskState, ("TimeoutSeconds", "TimeoutSecondsPath")),
    Exclusive(TaskState, ("HeartbeatSeconds", "HeartbeatSecondsPath")),
    Exclusive(MapState, ("ItemProcessor", "Iterator"), is_needed=True),
    Exclusive(MapState, ("ItemSelector", "Parameters")),
    Exclusive(MapState, ("MaxConcurrency", "MaxConcurrencyPath")),
    Exclusive(MapState, ("ToleratedFailureCount", "ToleratedFailureCountPath")),
    Exclusive(MapState, ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath")),
    Exclusive(ReaderConfig, ("MaxItems", "MaxItemsPath")),
    Exclusive(ItemBatcher, ("MaxItemsPerBatch", "MaxItemsPerBatchPath")),
    Exclusive(ItemBatcher, ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")),
    Exclusive(Credentials, ("RoleArn", "RoleArn.$")),
)


def faults(node: Node) -> Iterator[Fault]:
    """What the rules say against the node."""
    for rule in _rules_for(node.model):
        yield from rule(node)


def _exclusive(node: Node) -> Iterator[Fault]:
    for exclusive in _exclusive_for(node.model):
        given = [name for name in exclusive.names if _is_given(node, name)]
        names = ", ".join(exclusive.names)
        if len(given) > 1:
            yield node.fault(message=f"Only one of these fields is allowed: [{names}]")
        elif exclusive.is_needed and not given:
            usable = ", ".join(name for name in exclusive.names if _is_usable(node, name))
            yield node.fault(message=f"Exactly one of these fields is required: [{usable}]")


def _is_given(node: Node, name: str) -> bool:
    return node.gives(name) and node.value[name] is not False  # `"End": false` beside a Next is harmless


def _is_usable(node: Node, name: str) -> bool:
    return fields_of(node.model)[name].language in (None, node.language)


# --- any state -------------------------------------------------------------------------------------------------------


def _state_name(node: Node) -> Iterator[Fault]:
    if len(str(node.path[-1])) > MAX_NAME_LENGTH:
        yield node.fault(message=f"State name cannot be longer than {MAX_NAME_LENGTH} characters")


def _query_language(node: Node) -> Iterator[Fault]:
    if node.machine_language is QueryLanguage.JSONATA and node.value.get("QueryLanguage") == QueryLanguage.JSONPATH:
        yield node.fault(
            message="'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
        )


def _variable_names(node: Node) -> Iterator[Fault]:
    for name in assigned_names(node):
        if name == "states":
            yield node.fault("Assign", message="Variable name 'states' is reserved")
        elif not name.isidentifier():
            yield node.fault("Assign", message=f"Variable name '{name}' is not a valid identifier")
        elif len(name) > MAX_NAME_LENGTH:
            yield node.fault("Assign", message=f"Variable name cannot be longer than {MAX_NAME_LENGTH} characters")


def assigned_names(node: Node) -> Iterator[str]:
    """The names of the variables that the node's own `Assign` sets."""
    assign = node.value.get("Assign") if "Assign" in fields_of(node.model) else None
    for name in assign if isinstance(assign, dict) else ():
        yield name.removesuffix(".$") if node.language is QueryLanguage.JSONPATH else name


# --- Retry and Catch -------------------------------------------------------------------------------------------------


def _error_names(node: Node) -> Iterator[Fault]:
    for field in ("Retry", "Catch"):
        value = node.value.get(field)
        handlers = value if isinstance(value, list) else []
        for index, handler in enumerate(handlers):
            names = handler.get("ErrorEquals") if isinstance(handler, dict) else None
            if not isinstance(names, list) or "States.ALL" not in names:
                continue
            if len(names) > 1:
                yield node.fault(field, index, "ErrorEquals", message="'States.ALL' must appear alone")
            if index + 1 < len(handlers):
                yield node.fault(
                    field, index, "ErrorEquals", message=f"'States.ALL' must appear in the last element of '{field}'"
                )


def _retry_delays(node: Node) -> Iterator[Fault]:
    interval, ceiling = _integer(node, "IntervalSeconds"), _integer(node, "MaxDelaySeconds")
    if interval is not None and ceiling is not None and 0 < ceiling <= interval:
        fault = node.fault("MaxDelaySeconds", message="Value is not greater than 'IntervalSeconds'")
        yield replace(fault, severity=Severity.WARNING) if ceiling == interval else fault


# --- Task ------------------------------------------------------------------------------------------------------------


def _heartbeat(node: Node) -> Iterator[Fault]:
    heartbeat, timeout = _integer(node, "HeartbeatSeconds"), _integer(node, "TimeoutSeconds")
    if heartbeat is not None and timeout is not None and heartbeat >= timeout > 0:
        fault = node.fault("HeartbeatSeconds", message="Value is not less than 'TimeoutSeconds'")
        # Whether AWS refuses equal ones is not known.
        yield replace(fault, severity=Severity.WARNING) if heartbeat == timeout else fault


def _role(node: Node) -> Iterator[Fault]:
    if not node.gives("RoleArn") and not node.gives("RoleArn.$"):
        yield node.fault(message="The field 'RoleArn' is required but was missing")


def _integration(node: Node) -> Iterator[Fault]:
    text = node.value.get("Resource")
    resource = parse_resource(text) if isinstance(text, str) else None
    if resource is None or "${" in resource.arn:
        return
    is_express = node.type == StateMachineType.EXPRESS
    if isinstance(resource, Activity) and is_express:
        yield node.fault("Resource", message="Express state machine does not support Activity ARN")
    elif isinstance(resource, Integration):
        if not exists(resource):
            yield node.fault("Resource", message=unknown_resource(resource.arn))
        elif is_express and resource.pattern == CALLBACK:
            # The space at the end is AWS's.
            yield node.fault(
                "Resource", message="Express state machine does not support '.waitForTaskToken' service integration "
            )
        elif is_express and resource.pattern:
            yield node.fault("Resource", message="Express state machine does not support '.sync' service integration")


def _parameters(node: Node) -> Iterator[Fault]:
    """Of an integration that does not exist nothing is known."""
    text = node.value.get("Resource")
    called = parse_resource(text) if isinstance(text, str) else None
    if not isinstance(called, Integration) or not exists(called):
        return
    has_paths = node.language is QueryLanguage.JSONPATH
    name = "Parameters" if has_paths else "Arguments"
    template = node.value.get(name)
    if node.language is None or "${" in called.arn:
        return
    for message in literal_faults(called, template, has_paths=has_paths):
        yield node.fault(name, message=message)


# --- Choice ----------------------------------------------------------------------------------------------------------


def _comparison(node: Node) -> Iterator[Fault]:
    if node.language is None:
        return
    facts = fields_of(node.model)
    if node.language is QueryLanguage.JSONATA:
        is_told = any(name in facts and facts[name].language is QueryLanguage.JSONPATH for name in node.value)
        if not is_told and not node.gives("Condition"):
            yield node.fault(message="The field 'Condition' is required but was missing")
        return
    operators = [name for name in node.value if name in facts and facts[name].attribute not in NOT_OPERATORS]
    joins = [name for name in ("And", "Or", "Not") if node.gives(name)]
    if len(operators) + len(joins) > 1:
        yield node.fault(message=f"Only one of these fields is allowed: [{', '.join(joins + operators)}]")
    for name in operators:
        if node.value[name] is None:
            yield node.fault(name, message="Value cannot be null")
    if operators and not node.gives("Variable"):
        yield node.fault(message="The field 'Variable' is required but was missing")
    # A name that is not known was meant to be the operator: it is told already.
    if not operators and not joins and node.value.keys() <= facts.keys() and not node.gives("Condition"):
        yield node.fault(message="A comparison operator, or one of these fields is required: [And, Or, Not]")


# --- Map -------------------------------------------------------------------------------------------------------------


def _distributed_fields(node: Node) -> Iterator[Fault]:
    processor = node.value.get("ItemProcessor") or node.value.get("Iterator")
    if not isinstance(processor, dict) or _mode(processor) == "DISTRIBUTED":
        return
    for name in ("ItemReader", "ItemBatcher", "ResultWriter"):
        if node.gives(name):
            # AWS is not known to refuse them; they have no effect.
            fault = node.fault(name, message=f"Field '{name}' has an effect in a Map of mode 'DISTRIBUTED' only")
            yield replace(fault, severity=Severity.WARNING)


def _mode(processor: dict[str, Json]) -> Json:
    config = processor.get("ProcessorConfig")
    return config.get("Mode") if isinstance(config, dict) else None


def _label(node: Node) -> Iterator[Fault]:
    label = node.value.get("Label")
    if not isinstance(label, str):
        return
    if not 1 <= len(label) <= MAX_LABEL_LENGTH:
        yield node.fault("Label", message=f"Label must have from 1 to {MAX_LABEL_LENGTH} characters")
    elif any(character in LABEL_EXCLUDES or not character.isprintable() or character == " " for character in label):
        yield node.fault("Label", message="Label contains characters that are not allowed")


def _processor(node: Node) -> Iterator[Fault]:
    if not node.is_distributed:
        return
    if not node.value["ProcessorConfig"].get("ExecutionType"):
        yield node.fault("ProcessorConfig", message="The field 'ExecutionType' is required but was missing")
    if node.type == StateMachineType.EXPRESS:
        yield node.fault(
            "ProcessorConfig", "Mode", message="Express state machine does not support Map of mode 'DISTRIBUTED'"
        )


def _batch_size(node: Node) -> Iterator[Fault]:
    names = ("MaxItemsPerBatch", "MaxInputBytesPerBatch")
    if not any(node.gives(name) or node.gives(f"{name}Path") for name in names):
        yield node.fault(message=f"At least one of these fields is required: [{', '.join(names)}]")


def _given_headers(node: Node) -> Iterator[Fault]:
    if node.value.get("CSVHeaderLocation") == "GIVEN" and not node.gives("CSVHeaders"):
        yield node.fault(message="The field 'CSVHeaders' is required but was missing")


def _writer(node: Node) -> Iterator[Fault]:
    if not node.gives("Resource") and not node.gives("WriterConfig"):
        yield node.fault(message="At least one of these fields is required: [Resource, WriterConfig]")


def _integer(node: Node, name: str) -> int | None:
    value = node.value.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


Rule = Callable[[Node], Iterator[Fault]]

RULES: tuple[tuple[type[Element], Rule], ...] = (
    (Element, _exclusive),
    (BaseState, _state_name),
    (BaseState, _query_language),
    (BaseState, _variable_names),
    (ChoiceRule, _variable_names),
    (Catcher, _variable_names),
    (WorkState, _error_names),
    (Retrier, _retry_delays),
    (TaskState, _heartbeat),
    (TaskState, _integration),
    (TaskState, _parameters),
    (Credentials, _role),
    (Comparison, _comparison),
    (MapState, _distributed_fields),
    (MapState, _label),
    (ItemProcessor, _processor),
    (ItemBatcher, _batch_size),
    (ReaderConfig, _given_headers),
    (ResultWriter, _writer),
)
"""Every rule with the objects it is about."""


@cache
def _rules_for(model: type[Element]) -> tuple[Rule, ...]:
    return tuple(rule for about, rule in RULES if issubclass(model, about))


@cache
def _exclusive_for(model: type[Element]) -> tuple[Exclusive, ...]:
    return tuple(exclusive for exclusive in EXCLUSIVE if issubclass(model, exclusive.model))
