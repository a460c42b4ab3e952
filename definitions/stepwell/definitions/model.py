"""The States Language as data: one class for each kind of state, one attribute for each of its fields.

The order of the classes is that of the specification's table of contents. A field's annotation says all there is to
know about it: its type, the query language it belongs to (`JSONPATH`, `JSONATA`, or neither: both), and what its text
holds (`PATH`, `REFERENCE_PATH`, `TEMPLATE`, `EXPRESSION` ...). `check` and the published JSON Schema read these
annotations; nothing about a field is written down a second time.

Models are frozen and hold no state of a run. An absent field and an explicit `null` are told apart by
`model_fields_set`; where only absence matters the attribute is None. Values that the author wrote as JSON
(`Parameters`, `Result`, `Arguments` ...) stay as they were parsed, key order included.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, Tag
from pydantic.alias_generators import to_pascal

from stepwell.definitions.kinds import MAX_SECONDS, JitterStrategy, QueryLanguage, StateMachineType

Json = Any


class Holds(Enum):
    """What the text of a field is, beyond its JSON type."""

    PATH = "a path: `$...`, `$$...` or a variable"
    REFERENCE_PATH = "a path that names one place, read from"
    RESULT_PATH = "a reference path into the state's input, written to"
    PATH_OR_INTRINSIC = "a path, or an intrinsic function that returns a string"
    TEMPLATE = "a payload template: names ending in `.$` are evaluated"
    EXPRESSION = "one JSONata expression, or a literal of another type"
    EXPRESSIONS = "a JSON value with JSONata expressions in its strings"
    TIMESTAMP = "an RFC 3339 timestamp, or a JSONata expression"
    STATE_NAME = "the name of a state of the same scope"
    RESOURCE = "the ARN of what a Task calls"


@dataclass(frozen=True, slots=True)
class Only:
    """The field exists in one query language only."""

    language: QueryLanguage


JSONPATH = Only(QueryLanguage.JSONPATH)
JSONATA = Only(QueryLanguage.JSONATA)

Path = Annotated[StrictStr | None, JSONPATH, Holds.PATH]
ReferencePath = Annotated[StrictStr, JSONPATH, Holds.REFERENCE_PATH]
ResultPath = Annotated[StrictStr | None, JSONPATH, Holds.RESULT_PATH]
PathOrIntrinsic = Annotated[StrictStr, JSONPATH, Holds.PATH_OR_INTRINSIC]
Template = Annotated[Json, JSONPATH, Holds.TEMPLATE]
Expressions = Annotated[Json, JSONATA, Holds.EXPRESSIONS]
Expression = Annotated[StrictStr, JSONATA, Holds.EXPRESSION]
StateName = Annotated[StrictStr, Holds.STATE_NAME]
Seconds = Annotated[StrictInt, Field(gt=0, le=MAX_SECONDS)]
Number = StrictInt | StrictFloat


class Element(BaseModel):
    """Any object of a definition: unknown fields are refused, names are the specification's."""

    # Deferred: the validator of the whole tree is built once, by the first StateMachine, not once a class.
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_pascal, defer_build=True)

    comment: Json = None

    def gives(self, attribute: str) -> bool:
        """Whether the author wrote the field, be it as `null`."""
        return attribute in self.model_fields_set


# --- errors: Retry and Catch -----------------------------------------------------------------------------------------


ErrorNames = Annotated[tuple[StrictStr, ...], Field(min_length=1)]


class Retrier(Element):
    error_equals: ErrorNames
    interval_seconds: Annotated[StrictInt, Field(gt=0, le=MAX_SECONDS)] = 1
    max_attempts: Annotated[StrictInt, Field(ge=0, le=MAX_SECONDS)] = 3
    backoff_rate: Annotated[Number, Field(ge=1)] = 2.0
    max_delay_seconds: Annotated[StrictInt, Field(gt=0, le=31_622_400)] | None = None
    jitter_strategy: JitterStrategy = JitterStrategy.NONE


class Catcher(Element):
    error_equals: ErrorNames
    next: StateName
    result_path: ResultPath = "$"
    assign: Annotated[dict[str, Json], Holds.TEMPLATE, Holds.EXPRESSIONS] | None = None
    output: Expressions = None


# --- states ----------------------------------------------------------------------------------------------------------


class BaseState(Element):
    type: str
    query_language: QueryLanguage | None = None


class FlowState(BaseState):
    """A state with input and output: all but Fail."""

    input_path: Path = "$"
    output_path: Path = "$"
    output: Expressions = None


class AssigningState(FlowState):
    assign: Annotated[dict[str, Json], Holds.TEMPLATE, Holds.EXPRESSIONS] | None = None


class StepState(AssigningState):
    """A state that goes on to the next or ends its scope."""

    next: StateName | None = None
    end: StrictBool | None = None


class ResultState(StepState):
    """A state whose work has a result, placed into its input by ResultPath."""

    result_path: ResultPath = "$"


class WorkState(ResultState):
    """A state whose work can fail: Task, Parallel and Map."""

    result_selector: Template = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


class Credentials(Element):
    role_arn: Annotated[StrictStr, Holds.EXPRESSIONS] | None = None
    role_arn_path: Annotated[StrictStr, JSONPATH, Holds.PATH_OR_INTRINSIC] | None = Field(None, alias="RoleArn.$")


class TaskState(WorkState):
    type: Literal["Task"]
    resource: Annotated[StrictStr, Holds.RESOURCE]
    parameters: Template = None
    arguments: Expressions = None
    credentials: Credentials | None = None
    timeout_seconds: Seconds | Expression | None = None
    timeout_seconds_path: ReferencePath | None = None
    heartbeat_seconds: Seconds | Expression | None = None
    heartbeat_seconds_path: ReferencePath | None = None


class PassState(ResultState):
    type: Literal["Pass"]
    result: Annotated[Json, JSONPATH] = None
    parameters: Template = None


class SucceedState(FlowState):
    type: Literal["Succeed"]


class FailState(BaseState):
    type: Literal["Fail"]
    error: Annotated[StrictStr, Holds.EXPRESSIONS] | None = None
    error_path: PathOrIntrinsic | None = None
    cause: Annotated[StrictStr, Holds.EXPRESSIONS] | None = None
    cause_path: PathOrIntrinsic | None = None


class WaitState(StepState):
    type: Literal["Wait"]
    seconds: Annotated[StrictInt, Field(ge=0, le=MAX_SECONDS)] | Expression | None = None
    seconds_path: ReferencePath | None = None
    timestamp: Annotated[StrictStr, Holds.TIMESTAMP] | None = None
    timestamp_path: ReferencePath | None = None


class Comparison(Element):
    """A rule, or a part of one: exactly one of a comparison, And, Or, Not and Condition."""

    variable: Annotated[StrictStr, JSONPATH, Holds.PATH] | None = None
    and_: Annotated[tuple["Comparison", ...], JSONPATH, Field(min_length=1)] | None = Field(None, alias="And")
    or_: Annotated[tuple["Comparison", ...], JSONPATH, Field(min_length=1)] | None = Field(None, alias="Or")
    not_: Annotated["Comparison", JSONPATH] | None = Field(None, alias="Not")

    string_equals: Annotated[StrictStr, JSONPATH] | None = None
    string_less_than: Annotated[StrictStr, JSONPATH] | None = None
    string_greater_than: Annotated[StrictStr, JSONPATH] | None = None
    string_less_than_equals: Annotated[StrictStr, JSONPATH] | None = None
    string_greater_than_equals: Annotated[StrictStr, JSONPATH] | None = None
    string_matches: Annotated[StrictStr, JSONPATH] | None = None
    string_equals_path: ReferencePath | None = None
    string_less_than_path: ReferencePath | None = None
    string_greater_than_path: ReferencePath | None = None
    string_less_than_equals_path: ReferencePath | None = None
    string_greater_than_equals_path: ReferencePath | None = None

    numeric_equals: Annotated[Number, JSONPATH] | None = None
    numeric_less_than: Annotated[Number, JSONPATH] | None = None
    numeric_greater_than: Annotated[Number, JSONPATH] | None = None
    numeric_less_than_equals: Annotated[Number, JSONPATH] | None = None
    numeric_greater_than_equals: Annotated[Number, JSONPATH] | None = None
    numeric_equals_path: ReferencePath | None = None
    numeric_less_than_path: ReferencePath | None = None
    numeric_greater_than_path: ReferencePath | None = None
    numeric_less_than_equals_path: ReferencePath | None = None
    numeric_greater_than_equals_path: ReferencePath | None = None

    boolean_equals: Annotated[StrictBool, JSONPATH] | None = None
    boolean_equals_path: ReferencePath | None = None

    timestamp_equals: Annotated[StrictStr, JSONPATH, Holds.TIMESTAMP] | None = None
    timestamp_less_than: Annotated[StrictStr, JSONPATH, Holds.TIMESTAMP] | None = None
    timestamp_greater_than: Annotated[StrictStr, JSONPATH, Holds.TIMESTAMP] | None = None
    timestamp_less_than_equals: Annotated[StrictStr, JSONPATH, Holds.TIMESTAMP] | None = None
    timestamp_greater_than_equals: Annotated[StrictStr, JSONPATH, Holds.TIMESTAMP] | None = None
    timestamp_equals_path: ReferencePath | None = None
    timestamp_less_than_path: ReferencePath | None = None
    timestamp_greater_than_path: ReferencePath | None = None
    timestamp_less_than_equals_path: ReferencePath | None = None
    timestamp_greater_than_equals_path: ReferencePath | None = None

    is_null: Annotated[StrictBool, JSONPATH] | None = None
    is_present: Annotated[StrictBool, JSONPATH] | None = None
    is_numeric: Annotated[StrictBool, JSONPATH] | None = None
    is_string: Annotated[StrictBool, JSONPATH] | None = None
    is_boolean: Annotated[StrictBool, JSONPATH] | None = None
    is_timestamp: Annotated[StrictBool, JSONPATH] | None = None

    def operator(self) -> tuple[str, Json] | None:
        """The comparison's operator by its name in the specification, and its operand."""
        fields = type(self).model_fields
        for attribute in self.model_fields_set:
            if attribute not in NOT_OPERATORS:
                return fields[attribute].alias or attribute, getattr(self, attribute)
        return None


class ChoiceRule(Comparison):
    """A rule at the top of `Choices`."""

    next: StateName
    condition: Annotated[StrictBool | StrictStr, JSONATA, Holds.EXPRESSION] | None = None
    assign: Annotated[dict[str, Json], Holds.TEMPLATE, Holds.EXPRESSIONS] | None = None
    output: Expressions = None


NOT_OPERATORS = frozenset(
    {"comment", "variable", "and_", "or_", "not_", "next", "condition", "assign", "output"}
)  # every other attribute of a rule is an operator


class ChoiceState(AssigningState):
    type: Literal["Choice"]
    choices: Annotated[tuple[ChoiceRule, ...], Field(min_length=1)]
    default: StateName | None = None


class Scope(Element):
    """A set of states with a start: the machine itself, a branch, an item processor."""

    start_at: StateName
    states: "Annotated[dict[str, State], Field(min_length=1)]"


class Branch(Scope):
    pass


class ParallelState(WorkState):
    type: Literal["Parallel"]
    branches: Annotated[tuple[Branch, ...], Field(min_length=1)]
    parameters: Template = None
    arguments: Expressions = None


class ProcessorMode(StrEnum):
    INLINE = "INLINE"
    DISTRIBUTED = "DISTRIBUTED"


class ProcessorConfig(Element):
    mode: ProcessorMode = ProcessorMode.INLINE
    execution_type: StateMachineType | None = None


class ItemProcessor(Scope):
    processor_config: ProcessorConfig = ProcessorConfig()


class ReaderConfig(Element):
    input_type: Literal["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"] | None = None
    transformation: Literal["NONE", "LOAD_AND_FLATTEN"] | None = None
    manifest_type: Literal["ATHENA_DATA", "S3_INVENTORY"] | None = None
    csv_delimiter: Literal["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"] | None = Field(None, alias="CSVDelimiter")
    csv_header_location: Literal["FIRST_ROW", "GIVEN"] | None = Field(None, alias="CSVHeaderLocation")
    csv_headers: tuple[StrictStr, ...] | None = Field(None, alias="CSVHeaders")
    max_items: Annotated[StrictInt, Field(ge=0)] | Expression | None = None
    max_items_path: ReferencePath | None = None
    items_pointer: StrictStr | None = None


class ItemReader(Element):
    resource: Annotated[StrictStr, Holds.RESOURCE]
    parameters: Template = None
    arguments: Expressions = None
    reader_config: ReaderConfig | None = None


class ItemBatcher(Element):
    batch_input: Annotated[Json, Holds.TEMPLATE, Holds.EXPRESSIONS] = None
    max_items_per_batch: Annotated[StrictInt, Field(gt=0)] | Expression | None = None
    max_items_per_batch_path: ReferencePath | None = None
    max_input_bytes_per_batch: Annotated[StrictInt, Field(gt=0, le=262_144)] | Expression | None = None
    max_input_bytes_per_batch_path: ReferencePath | None = None


class WriterConfig(Element):
    transformation: Literal["NONE", "COMPACT", "FLATTEN"] | None = None
    output_type: Literal["JSON", "JSONL"] | None = None


class ResultWriter(Element):
    resource: Annotated[StrictStr, Holds.RESOURCE] | None = None
    parameters: Template = None
    arguments: Expressions = None
    writer_config: WriterConfig | None = None


class MapState(WorkState):
    type: Literal["Map"]
    item_processor: ItemProcessor | None = None
    iterator: ItemProcessor | None = None
    items_path: Path = "$"
    items: Annotated[Json, JSONATA, Holds.EXPRESSION, Holds.EXPRESSIONS] = None
    item_selector: Annotated[Json, Holds.TEMPLATE, Holds.EXPRESSIONS] = None
    parameters: Template = None
    max_concurrency: Annotated[StrictInt, Field(ge=0)] | Expression | None = None
    max_concurrency_path: ReferencePath | None = None
    tolerated_failure_count: Annotated[StrictInt, Field(ge=0)] | Expression | None = None
    tolerated_failure_count_path: ReferencePath | None = None
    tolerated_failure_percentage: Annotated[Number, Field(ge=0, le=100)] | Expression | None = None
    tolerated_failure_percentage_path: ReferencePath | None = None
    label: StrictStr | None = None
    item_reader: ItemReader | None = None
    item_batcher: ItemBatcher | None = None
    result_writer: ResultWriter | None = None

    @property
    def processor(self) -> ItemProcessor:
        """The states that run for each item, under either of the field's two names."""
        processor = self.item_processor or self.iterator
        assert processor is not None, "a checked Map has an ItemProcessor or an Iterator"
        return processor

    @property
    def is_distributed(self) -> bool:
        return self.processor.processor_config.mode is ProcessorMode.DISTRIBUTED


State = Annotated[
    Annotated[TaskState, Tag("Task")]
    | Annotated[PassState, Tag("Pass")]
    | Annotated[ChoiceState, Tag("Choice")]
    | Annotated[WaitState, Tag("Wait")]
    | Annotated[SucceedState, Tag("Succeed")]
    | Annotated[FailState, Tag("Fail")]
    | Annotated[ParallelState, Tag("Parallel")]
    | Annotated[MapState, Tag("Map")],
    Field(discriminator="type"),
]

STATE_MODELS: dict[str, type[BaseState]] = {
    "Task": TaskState,
    "Wait": WaitState,
    "Pass": PassState,
    "Succeed": SucceedState,
    "Fail": FailState,
    "Choice": ChoiceState,
    "Parallel": ParallelState,
    "Map": MapState,
}
"""In the order in which AWS lists them."""


class StateMachine(Scope):
    """A whole definition."""

    query_language: QueryLanguage = QueryLanguage.JSONPATH
    version: StrictStr | None = None
    timeout_seconds: Seconds | None = None

    def language_of(self, state: BaseState) -> QueryLanguage:
        """A state's own language, else the machine's. A container's does not reach its children."""
        return state.query_language or self.query_language

    def walk(self) -> Iterator[tuple[str, "State"]]:
        """Every state with its name, outer before inner, in the order of the text."""
        yield from walk(self)


def scopes(state: BaseState) -> tuple[Scope, ...]:
    """The scopes directly inside a state: a Parallel's branches, a Map's processor."""
    if isinstance(state, ParallelState):
        return state.branches
    if isinstance(state, MapState):
        return (state.processor,)
    return ()


def walk(scope: Scope) -> "Iterator[tuple[str, State]]":
    for name, state in scope.states.items():
        yield name, state
        for inner in scopes(state):
            yield from walk(inner)
