"""Files to definitions: ASL files, and the state machines inside SAM and CloudFormation templates.

Rule 1: nothing is asked of AWS. What a template leaves open (an account, the ARN of a function) gets a fixed value, so
that a definition can be run and checked where it is written.
Rule 2: whatever was put in the place of a `${Name}` is recorded, and what was made up for it is told apart.
Rule 3: positions stay those of the file the text stands in, as it stands there before anything is substituted.

Therefore substitution works on the value, not on the text: a `${Name}` outside of quotes is first read as a string of
the same length.

What a `${Name}` becomes, by the first of these that fits: the caller's substitution; the template's
(DefinitionSubstitutions, Fn::Sub's own map); a pseudo parameter; the default of a template's parameter; the ARN or the
name of a template's resource. Else it is made up: a Lambda ARN where it is the whole of a Task's Resource, 1 where it
is the whole of a numeric field, and its own name anywhere else.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from msgspec import structs

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, NotJson, dumps_checked, loads
from stepwell.definitions.problems import InvalidSource, Problem
from stepwell.definitions.source import Source, read_source

MachineType = Literal["STANDARD", "EXPRESS"]

MAX_DEFINITION_CHARACTERS = 1_048_576
"""AWS's quota for the text of a definition."""

_MAX_FILE_BYTES = 16 * MAX_DEFINITION_CHARACTERS

REGION = "us-east-1"
ACCOUNT = "123456789012"


class UnreadableDefinition(Exception):
    """A definition cannot be read: where, what is wrong, and what to do, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDefinition:
    """A definition, and what its file says about the state machine.

    `source.value` has its substitutions made. `substitutions` are all of them by name, and `made_up` the names for
    which nothing is known, so that the value is a stand-in. `path` is the file the definition's text stands in.
    """

    source: Source
    machine_name: str
    type: MachineType = "STANDARD"
    logical_id: str | None = None
    substitutions: Mapping[str, Json] = field(default_factory=dict)
    made_up: frozenset[str] = frozenset()
    path: Path | None = None


def read_definition(
    source: str | os.PathLike[str] | dict[str, Json], *, substitutions: Mapping[str, Json] | None = None
) -> LoadedDefinition:
    """The definition that a path, a `PATH#LogicalId`, a text in JSON or YAML, or a dict stands for.

    A str is text where it begins with `{` or has more than one line, and else a path. Raises `UnreadableDefinition`
    for what cannot be read at all, and `InvalidSource` for text that is neither JSON nor YAML.
    """
    given = dict(substitutions or {})
    if isinstance(source, dict):
        return _from_source(_source_of(source), "StateMachine", None, None, given)
    if isinstance(source, str) and _is_text(source):
        _check_length(source, "the definition")
        return _from_source(_read(source, None), "StateMachine", None, None, given)
    path, logical_id = _path_and_id(os.fspath(source))
    text = _file_text(path)
    read = _read(text, path)
    return _from_source(read, _machine_name(path), path, logical_id, given)


def machines_in(path: Path) -> dict[str, Path]:
    """The state machines of a template by name, each as `PATH#LogicalId`; none where the file is no template.

    Raises as `read_definition`.
    """
    return {
        machine.name: Path(f"{path}#{machine.logical_id}") for machine in _machines(_read(_file_text(path), path).value)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateResource:
    """A resource of a template. Its properties have their intrinsic functions applied, and SAM's Globals in them."""

    logical_id: str
    type: str
    properties: Mapping[str, Json]
    metadata: Mapping[str, Json]


def resources_in(source: str | os.PathLike[str], *types: str) -> list[TemplateResource]:
    """The resources of these types in a template, but for those whose Condition does not hold.

    None where the file is no template.

    `source` may name a state machine of the template after a #. Raises as `read_definition`.
    """
    path, _ = _path_and_id(os.fspath(source))
    value = _read(_file_text(path), path).value
    if not isinstance(value, dict) or "StartAt" in value:
        return []
    template = _Template(value)
    return [
        TemplateResource(
            logical_id=name,
            type=kind,
            properties=_object(_with_globals(template, kind, resource)),
            metadata=_object(resource.get("Metadata")),
        )
        for name, resource in template.resources.items()
        if isinstance(kind := resource.get("Type"), str) and kind in types and template.holds(resource.get("Condition"))
    ]


def _with_globals(template: "_Template", kind: str, resource: dict[str, Json]) -> Json:
    """The properties with those in them that SAM's Globals have for all resources of the type."""
    own = template.resolved(resource.get("Properties"))
    _, _, short = kind.partition("AWS::Serverless::")
    return _over(template.resolved(template.globals.get(short)), own) if short else own


def _over(common: Json, own: Json) -> Json:
    """SAM's rule: objects are merged, lists follow each other, of anything else the resource's own counts."""
    match common, own:
        case _, None:
            return common
        case dict(), dict():
            return {**common, **{name: _over(common.get(name), value) for name, value in own.items()}}
        case list(), list():
            return [*common, *own]
    return own


def _is_text(source: str) -> bool:
    return "\n" in source or "\r" in source or source.lstrip("\ufeff \t")[:1] in ("{", "")


def _source_of(value: dict[str, Json]) -> Source:
    try:
        return Source(loads(dumps_checked(value)), "")
    except NotJson as error:
        raise UnreadableDefinition(f"the definition is a dict that is no JSON: {error}") from None


def _from_source(
    read: Source, name: str, path: Path | None, logical_id: str | None, given: Mapping[str, Json]
) -> LoadedDefinition:
    where = str(path) if path else "the text"
    machines = _machines(read.value)
    if machines:
        chosen = _choose(machines, logical_id, where)
        return _from_template(read, chosen, path, given)
    if logical_id is not None:
        raise UnreadableDefinition(
            f"{where}: is no template with state machines, so it has no {logical_id!r}; leave '#{logical_id}' out"
        )
    _check_length(read.text, where)
    return _loaded(read, name, path, _Names(given, {}, _Template({})))


# --- files


def _path_and_id(source: str) -> tuple[Path, str | None]:
    if "#" in source and not os.path.exists(source):
        path, _, logical_id = source.rpartition("#")
        return Path(path), logical_id or None
    return Path(source), None


def _file_text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UnreadableDefinition(f"{path}: larger than {_MAX_FILE_BYTES:,} bytes; no definition is")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UnreadableDefinition(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise UnreadableDefinition(f"{path}: is a directory; name the file in it") from None
    except UnicodeDecodeError as error:
        raise UnreadableDefinition(
            f"{path}: is no text in UTF-8 (byte {error.start + 1:,} cannot be read); save it as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableDefinition(f"{path}: cannot be read ({reason})") from None


def _check_length(text: str, where: str) -> None:
    if len(text) > MAX_DEFINITION_CHARACTERS:
        raise UnreadableDefinition(
            f"{where}: the definition has {len(text):,} characters; AWS takes no more than "
            f"{MAX_DEFINITION_CHARACTERS:,}; move parts of it into state machines of their own"
        )


def _machine_name(path: Path) -> str:
    name = path.name
    for suffix in (".json", ".yaml", ".yml", ".asl", ".template"):
        name = name.removesuffix(suffix)
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)[:80] or "StateMachine"


# --- text with substitutions outside of quotes

# Read as a string, `${Name}` keeps its length: the mark stands where the $ stood, between quotes for the braces.
_MARK = "\ue000"
_BARE = re.compile(r'"(?:[^"\\]|\\.)*"|\$\{([^}"\n]*)\}')
_MARKED = re.compile(f'"{_MARK}([^"]*)"')


def _read(text: str, path: Path | None) -> Source:
    text = text.removeprefix("\ufeff")
    name = str(path) if path else None
    try:
        return read_source(text, name=name)
    except InvalidSource:
        marked = _BARE.sub(lambda match: match[0] if match[1] is None else f'"{_MARK}{match[1]}"', text)
        if marked == text or text.lstrip()[:1] != "{":
            raise
    try:
        read = read_source(marked, name=name, format="json")
    except InvalidSource as error:
        problem = error.problems[0]
        location = problem.location and _MARKED.sub(r"${\1}", problem.location)
        message = _MARKED.sub(r"${\1}", problem.message)
        raise InvalidSource(
            [Problem(location, problem.code, message, line=problem.line, column=problem.column)], name
        ) from None
    return read.holding(read.value, text)


# --- templates

_SERVERLESS = "AWS::Serverless::StateMachine"
_CLOUDFORMATION = "AWS::StepFunctions::StateMachine"


@dataclass(frozen=True, slots=True)
class _Machine:
    logical_id: str
    template: "_Template"

    @property
    def properties(self) -> dict[str, Json]:
        return _object(self.template.resources[self.logical_id].get("Properties"))

    @property
    def name(self) -> str:
        given = self.properties.get("Name") or self.properties.get("StateMachineName")
        return self.template.text(given) if given else self.logical_id


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _machines(value: Json) -> list[_Machine]:
    """The state machines of a template; none where the value is no template."""
    if not isinstance(value, dict) or "StartAt" in value:
        return []
    template = _Template(value)
    wanted = (_SERVERLESS, _CLOUDFORMATION)
    return [_Machine(name, template) for name, it in template.resources.items() if it.get("Type") in wanted]


def _choose(machines: list[_Machine], logical_id: str | None, where: str) -> _Machine:
    ids = ", ".join(machine.logical_id for machine in machines)
    if logical_id is None:
        if len(machines) == 1:
            return machines[0]
        raise UnreadableDefinition(f"{where}: has several state machines; name one of them after a #: {ids}")
    for machine in machines:
        if machine.logical_id == logical_id:
            return machine
    raise UnreadableDefinition(f"{where}: has no state machine {logical_id!r}; it has: {ids}")


def _from_template(read: Source, machine: _Machine, path: Path | None, given: Mapping[str, Json]) -> LoadedDefinition:
    template, properties = machine.template, machine.properties
    template_substitutions = {
        name: template.text(value) if not isinstance(value, (bool, int, float)) else value
        for name, value in _object(properties.get("DefinitionSubstitutions")).items()
    }
    type_given = properties.get("Type") or properties.get("StateMachineType")
    in_template = isinstance(properties.get("Definition"), dict)
    read, path, sub_map = _definition_of(read, machine, path)
    names = _Names(given, {**template_substitutions, **sub_map}, template)
    return replace(
        _loaded(read, machine.name, path, names, in_template=in_template),
        type="EXPRESS" if type_given and template.text(type_given) == "EXPRESS" else "STANDARD",
        logical_id=machine.logical_id,
    )


def _definition_of(
    read: Source, machine: _Machine, path: Path | None
) -> tuple[Source, Path | None, Mapping[str, Json]]:
    """The definition's source, the file its text stands in, and Fn::Sub's map."""
    properties = machine.properties
    at: tuple[str, ...] = ("Resources", machine.logical_id, "Properties")
    where = f"{path or 'the template'}: {machine.logical_id}"
    if isinstance(properties.get("Definition"), dict):
        return read.within(*at, "Definition"), path, {}
    if "DefinitionString" in properties:
        text, sub_map, below = _definition_string(properties["DefinitionString"], machine.template, where)
        _check_length(text, where)
        return _embedded(read, text, (*at, "DefinitionString", *below)), path, sub_map
    uri = properties.get("DefinitionUri")
    if isinstance(uri, str) and not uri.startswith("s3://"):
        file = (path.parent if path else Path()) / uri
        text = _file_text(file)
        _check_length(text, str(file))
        return _read(text, file), file, {}
    if uri is not None or "DefinitionS3Location" in properties:
        raise UnreadableDefinition(f"{where}: its definition lies in S3; download it and name the file instead")
    raise UnreadableDefinition(
        f"{where}: has no definition; give it Definition, DefinitionUri or DefinitionString under Properties"
    )


def _embedded(read: Source, text: str, at: tuple[str | int, ...]) -> Source:
    """The text of a string in a template, with the template's positions."""
    if not read.text:
        return _read(text, None)
    try:
        return read.embedding(_read(text, None), *at)
    except InvalidSource as error:
        (problem,) = error.problems
        if problem.line is not None and problem.column is not None:
            line, column = read.embedding(Source(None, text), *at).outside(problem.line, problem.column)
            problem = structs.replace(problem, line=line, column=column)
        raise InvalidSource([problem], read.name) from None


def _definition_string(
    value: Json, template: "_Template", where: str
) -> tuple[str, Mapping[str, Json], tuple[str | int, ...]]:
    """The text, Fn::Sub's map, and where below DefinitionString the text stands."""
    if isinstance(value, str):
        return value, {}, ()
    match value:
        case {"Fn::Sub": str(text)}:
            return text, {}, ("Fn::Sub",)
        case {"Fn::Sub": [str(text), dict(sub_map)]}:
            return text, {name: template.text(it) for name, it in sub_map.items()}, ("Fn::Sub", 0)
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(_placeholder(part, template) for part in parts), {}, ("Fn::Join",)
    raise UnreadableDefinition(f"{where}: DefinitionString must be text, Fn::Sub or Fn::Join to be read here")


def _placeholder(part: Json, template: "_Template") -> str:
    """What a part of a Fn::Join adds to the text: references are left to the substitutions."""
    match part:
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::GetAtt": str(name)}:
            return f"${{{name}}}"
    return template.text(part)


# --- what names stand for

_ARNS: dict[str, tuple[str, str, str]] = {
    # resource type: the property with its name, the end of its ARN, and what Ref gives
    "AWS::Serverless::Function": ("FunctionName", "lambda:{region}:{account}:function:{name}", "arn"),
    "AWS::Lambda::Function": ("FunctionName", "lambda:{region}:{account}:function:{name}", "arn"),
    "AWS::Serverless::StateMachine": ("Name", "states:{region}:{account}:stateMachine:{name}", "arn"),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "states:{region}:{account}:stateMachine:{name}", "arn"),
    "AWS::StepFunctions::Activity": ("Name", "states:{region}:{account}:activity:{name}", "arn"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:{region}:{account}:table/{name}", "name"),
    "AWS::Serverless::SimpleTable": ("TableName", "dynamodb:{region}:{account}:table/{name}", "name"),
    "AWS::SNS::Topic": ("TopicName", "sns:{region}:{account}:{name}", "arn"),
    "AWS::SQS::Queue": ("QueueName", "sqs:{region}:{account}:{name}", "url"),
    "AWS::S3::Bucket": ("BucketName", "s3:::{name}", "name"),
    "AWS::Events::EventBus": ("Name", "events:{region}:{account}:event-bus/{name}", "name"),
    "AWS::IAM::Role": ("RoleName", "iam::{account}:role/{name}", "name"),
    "AWS::Batch::JobQueue": ("JobQueueName", "batch:{region}:{account}:job-queue/{name}", "arn"),
    "AWS::Batch::JobDefinition": ("JobDefinitionName", "batch:{region}:{account}:job-definition/{name}:1", "arn"),
    "AWS::ECS::Cluster": ("ClusterName", "ecs:{region}:{account}:cluster/{name}", "name"),
    "AWS::ECS::TaskDefinition": ("Family", "ecs:{region}:{account}:task-definition/{name}:1", "arn"),
}

_PSEUDO_PARAMETERS = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "stack",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/stack/0",
    "AWS::NoValue": "",
}

_NAME = r"[A-Za-z0-9_][\w.:@/\[\] -]*"
_REFERENCE = re.compile(rf"\$\{{(!?{_NAME})\}}|#\{{(AWS::{_NAME})\}}")
_MAX_REFERENCES = 32


class _Template:
    """What the names of a template stand for."""

    def __init__(self, value: dict[str, Json]) -> None:
        resources = _object(value.get("Resources"))
        self.resources = {name: it for name, it in resources.items() if isinstance(it, dict)}
        self.globals = _object(value.get("Globals"))
        self._parameters = _object(value.get("Parameters"))
        self._conditions = _object(value.get("Conditions"))

    def holds(self, condition: Json, depth: int = 0) -> bool:
        """Whether a condition holds, by its name or itself; one that hangs on what is not known does."""
        if depth > _MAX_REFERENCES:
            raise UnreadableDefinition(f"the template's conditions go deeper than {_MAX_REFERENCES}; is one circular?")
        match condition:
            case str() if condition in self._conditions:
                return self.holds(self._conditions[condition], depth + 1)
            case {"Condition": str(name)}:
                return self.holds(name, depth + 1)
            case {"Fn::Equals": [one, other]}:
                is_known = not (self._is_open(one) or self._is_open(other))
                return not is_known or self.text(one, depth + 1) == self.text(other, depth + 1)
            case {"Fn::Not": [inner]}:
                return not self.holds(inner, depth + 1)
            case {"Fn::And": list(inner)}:
                return all(self.holds(each, depth + 1) for each in inner)
            case {"Fn::Or": list(inner)}:
                return any(self.holds(each, depth + 1) for each in inner)
        return True

    def _is_open(self, value: Json) -> bool:
        """Whether it is a parameter that nobody has given a value."""
        match value:
            case {"Ref": str(name)}:
                return name in self._parameters and "Default" not in _object(self._parameters[name])
        return False

    def known(self, name: str, depth: int = 0) -> str | None:
        """The value of a pseudo parameter, a parameter, `LogicalId` or `LogicalId.Attribute`; None if not known."""
        if name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
        parameter = _object(self._parameters.get(name))
        if "Default" in parameter:
            return self.text(parameter["Default"], depth + 1)
        logical_id, _, attribute = name.partition(".")
        resource = self.resources.get(logical_id)
        return None if resource is None else self._attribute(logical_id, resource, attribute, depth)

    def _attribute(self, logical_id: str, resource: dict[str, Json], attribute: str, depth: int) -> str:
        kind = resource.get("Type")
        kind = kind if isinstance(kind, str) else ""
        parts = kind.lower().split("::")
        service = parts[1] if len(parts) > 1 else "unknown"
        own_name, ending, ref = _ARNS.get(kind, ("Name", f"{service}:{{region}}:{{account}}:{{name}}", "name"))
        given = _object(resource.get("Properties")).get(own_name)
        name = self.text(given, depth + 1) if given is not None else logical_id
        arn = f"arn:aws:{ending.format(region=REGION, account=ACCOUNT, name=name)}"
        if attribute == "Arn" or attribute.endswith("Arn") or (not attribute and ref == "arn"):
            return arn
        if not attribute and ref == "url":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        return name

    def text(self, value: Json, depth: int = 0) -> str:
        """A value of a template as text, its intrinsic functions applied. What is not known becomes its own name."""
        if depth > _MAX_REFERENCES:
            raise UnreadableDefinition(f"the template's references go deeper than {_MAX_REFERENCES}; is one circular?")
        match value:
            case str():
                return value
            case bool():
                return "true" if value else "false"
            case {"Ref": str(name)} | {"Fn::GetAtt": str(name)} if len(value) == 1:
                return self._or_name(name, depth)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._or_name(f"{name}.{attribute}", depth)
            case {"Fn::Sub": str(text)}:
                return self._substituted(text, {}, depth)
            case {"Fn::Sub": [str(text), dict(names)]}:
                return self._substituted(text, names, depth)
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(self.text(part, depth + 1) for part in parts)
            case {"Fn::If": [condition, first, second]}:
                return self.text(first if self.holds(condition, depth + 1) else second, depth + 1)
            case dict() | list():
                return dumps_checked(value)
        return "" if value is None else str(value)

    def resolved(self, value: Json) -> Json:
        """A value of a template with its intrinsic functions applied. Members without a value are left out."""
        match value:
            case {"Fn::If": [condition, first, second]}:
                return self.resolved(first if self.holds(condition) else second)
            case {"Ref": "AWS::NoValue"}:
                return None
            case dict():
                if len(value) == 1 and next(iter(value)) in _INTRINSICS:
                    return self.text(value)
                resolved = {name: self.resolved(member) for name, member in value.items()}
                return {name: member for name, member in resolved.items() if member is not None}
            case list():
                return [self.resolved(member) for member in value]
        return value

    def _or_name(self, name: str, depth: int) -> str:
        known = self.known(name, depth)
        return name if known is None else known

    def _substituted(self, text: str, names: Mapping[str, Json], depth: int) -> str:
        def value(match: re.Match[str]) -> str:
            name = cast(str, match[1] or match[2])
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            return self.text(names[name], depth + 1) if name in names else self._or_name(name, depth)

        return _REFERENCE.sub(value, text)


@dataclass(frozen=True, slots=True)
class _Names:
    given: Mapping[str, Json]
    substitutions: Mapping[str, Json]
    template: _Template

    def known(self, name: str) -> Json:
        """The value of a name; None if nothing is known of it."""
        for values in (self.given, self.substitutions):
            if name in values:
                return values[name]
        return self.template.known(name)


# --- substitution

_NUMERIC_FIELDS = frozenset({
    "BackoffRate", "HeartbeatSeconds", "IntervalSeconds", "MaxAttempts", "MaxConcurrency", "MaxDelaySeconds",
    "MaxInputBytesPerBatch", "MaxItems", "MaxItemsPerBatch", "Seconds", "TimeoutSeconds", "ToleratedFailureCount",
    "ToleratedFailurePercentage", "NumericEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
    "NumericLessThan", "NumericLessThanEquals",
})  # fmt: skip

# What stands below these is the author's own data, where "Seconds" or "Resource" means something else.
_PAYLOADS = frozenset({
    "Arguments", "Assign", "BatchInput", "Condition", "Credentials", "ItemSelector", "Output", "Parameters", "Result",
    "ResultSelector",
})  # fmt: skip

_INTRINSICS = frozenset({"Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::If"})


def _loaded(
    read: Source, name: str, path: Path | None, names: _Names, *, in_template: bool = False
) -> LoadedDefinition:
    substitution = _Substitution(names=names, has_intrinsics=in_template or read.format == "yaml")
    value = _mapped(read.value, substitution.changed)
    return LoadedDefinition(
        source=read.holding(value),
        machine_name=name,
        substitutions=dict(substitution.made),
        made_up=frozenset(substitution.made_up),
        path=path,
    )


@dataclass(slots=True, kw_only=True)
class _Substitution:
    """Puts values in the place of names, and keeps count of them.

    `has_intrinsics` tells whether an object of one member may be a function of CloudFormation: in a plain ASL file in
    JSON, {"Ref": "x"} is the author's own data.
    """

    names: _Names
    has_intrinsics: bool
    made: dict[str, Json] = field(default_factory=dict)
    made_up: set[str] = field(default_factory=set)

    def changed(self, value: Json, field_name: str, in_payload: bool) -> Json:
        """The value to put in the place of one; containers are changed from the outside in."""
        if isinstance(value, str):
            return self._text(value, "" if in_payload else field_name)
        if not self.has_intrinsics or not isinstance(value, dict) or len(value) != 1:
            return value
        if (function := next(iter(value))) in _INTRINSICS:
            return self._intrinsic(function, value[function], value, "" if in_payload else field_name)
        return value

    def _intrinsic(self, function: str, argument: Json, value: dict[str, Json], field_name: str) -> Json:
        template = self.names.template
        if function in ("Ref", "Fn::GetAtt"):
            return self._text(_placeholder(value, template), field_name)
        match argument:
            case str() if function == "Fn::Sub":
                return self._text(argument, field_name)
            case [str(text), dict(own)] if function == "Fn::Sub":
                own_texts = {name: template.text(it) for name, it in own.items()}
                names = replace(self.names, substitutions={**self.names.substitutions, **own_texts})
                inner = _Substitution(names=names, has_intrinsics=True, made=self.made, made_up=self.made_up)
                return inner._text(text, field_name)
        return template.text(value)

    def _text(self, text: str, field_name: str) -> Json:
        if text.startswith(_MARK):
            return self._bare(text[1:], field_name)
        if "${" not in text and "#{" not in text:
            return text
        whole = _REFERENCE.fullmatch(text)
        if whole and not text.startswith("${!"):
            return self._whole(whole[1] or whole[2], field_name)
        in_jsonata = text.startswith("{%")

        def value(match: re.Match[str]) -> str:
            name = cast(str, match[1] or match[2])
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            # `${a:b}` is JSONata too: there a name with a colon must be known to be taken for ours.
            if in_jsonata and ":" in name and self.names.known(name) is None:
                return match[0]
            # A bare name would be a fault in an expression, whatever the deployment puts there.
            made = self._value(name, dumps_checked(name) if in_jsonata else name)
            return made if isinstance(made, str) else dumps_checked(made)

        return _REFERENCE.sub(value, text)

    def _bare(self, name: str, field_name: str) -> Json:
        """A name outside of quotes: its value is JSON text."""
        made = self._whole(name.strip(), field_name)
        return _parsed(made) if isinstance(made, str) else made

    def _whole(self, name: str, field_name: str) -> Json:
        if field_name == "Resource":
            function = re.sub(r"[^A-Za-z0-9_-]", "-", name.removesuffix(".Arn"))[:64]
            return self._value(name, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
        if field_name in _NUMERIC_FIELDS:
            made = self._value(name, 1)
            return _parsed(made) if isinstance(made, str) else made
        return self._value(name, name)

    def _value(self, name: str, stand_in: Json) -> Json:
        known = self.names.known(name)
        if known is None:
            self.made_up.add(name)
        self.made[name] = stand_in if known is None else known
        return self.made[name]


def _parsed(text: str) -> Json:
    try:
        return loads(text)
    except InvalidJson:
        return text


def _mapped(value: Json, change: Callable[[Json, str, bool], Json]) -> Json:
    """A copy of the value with every part changed. `change` sees the field's name and whether it is in a payload."""
    result: list[Json] = [value]
    waiting: list[tuple[dict[str, Json] | list[Json], str | int, str, bool]] = [(result, 0, "", False)]
    while waiting:
        container, slot, field_name, in_payload = waiting.pop()
        part = change(cast("dict[str | int, Json]", container)[slot], field_name, in_payload)
        if isinstance(part, dict):
            copied = {_key(key, change): member for key, member in part.items()}
            # Names of states and branches are no fields: a state may be called Parameters.
            waiting.extend(
                (copied, key, "" if field_name == "States" else key, in_payload or field_name in _PAYLOADS)
                for key in copied
            )
            part = copied
        elif isinstance(part, list):
            part = list(part)
            waiting.extend((part, number, "", in_payload or field_name in _PAYLOADS) for number in range(len(part)))
        cast("dict[str | int, Json]", container)[slot] = part
    return result[0]


def _key(key: str, change: Callable[[Json, str, bool], Json]) -> str:
    return str(change(key, "", True)) if "${" in key or key.startswith(_MARK) else key
