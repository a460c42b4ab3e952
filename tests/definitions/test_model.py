"""The models: what a definition looks like once it has been read, and the schema that is published of them."""

import json

import pytest
from pydantic import ValidationError

from stepwell.definitions.check import parse
from stepwell.definitions.check.annotations import fields_of
from stepwell.definitions.kinds import QueryLanguage
from stepwell.definitions.model import (
    STATE_MODELS,
    ChoiceRule,
    Element,
    Holds,
    MapState,
    PassState,
    ProcessorMode,
    StateMachine,
    TaskState,
)
from stepwell.definitions.schema import json_schema
from stepwell.definitions.variables import variable_references


def machine(**states):
    names = iter(states)
    return parse({"StartAt": next(names), "States": states})


def processor(mode=None, **states):
    config = {"ProcessorConfig": {"Mode": mode, "ExecutionType": "STANDARD"}} if mode else {}
    return {**config, "StartAt": next(iter(states)), "States": states}


END = {"Type": "Pass", "End": True}


def test_a_field_that_is_null_is_told_from_one_that_is_absent():
    states = machine(A={"Type": "Pass", "InputPath": None, "Next": "B"}, B=END).states

    assert states["A"].input_path is None and states["A"].gives("input_path")
    assert states["B"].input_path == "$" and not states["B"].gives("input_path")


def test_what_the_author_wrote_as_json_keeps_its_order_and_its_numbers():
    result = {"b": 1.0, "a": [1, {"d": None, "c": "x"}]}

    kept = machine(A={"Type": "Pass", "Result": result, "End": True}).states["A"].result

    assert json.dumps(kept) == json.dumps(result)


def test_a_model_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        machine(A=END).start_at = "B"


def test_a_state_has_the_machines_language_unless_it_names_its_own():
    made = machine(A={"Type": "Pass", "QueryLanguage": "JSONata", "Next": "B"}, B=END)

    assert made.language_of(made.states["A"]) is QueryLanguage.JSONATA
    assert made.language_of(made.states["B"]) is QueryLanguage.JSONPATH


def test_a_map_has_its_processor_under_either_name():
    new = machine(M={"Type": "Map", "ItemProcessor": processor(A=END), "End": True}).states["M"]
    old = machine(M={"Type": "Map", "Iterator": processor("DISTRIBUTED", A=END), "End": True}).states["M"]

    assert new.processor.start_at == old.processor.start_at == "A"
    assert (new.is_distributed, old.is_distributed) == (False, True)
    assert old.processor.processor_config.mode is ProcessorMode.DISTRIBUTED


def test_the_walk_goes_through_every_scope_outer_before_inner():
    inner = {"Type": "Map", "ItemProcessor": processor(D=END), "End": True}
    made = machine(
        A={"Type": "Parallel", "Branches": [processor(B=END), processor(C=inner)], "Next": "E"},
        E=END,
    )

    assert [name for name, _ in made.walk()] == ["A", "B", "C", "D", "E"]


def test_a_comparison_knows_its_operator():
    rule = ChoiceRule.model_validate({"Variable": "$.a", "StringEquals": "x", "Comment": "why", "Next": "A"})
    joined = ChoiceRule.model_validate({"Not": {"Variable": "$.a", "IsNull": True}, "Next": "A"})

    assert rule.operator() == ("StringEquals", "x")
    assert joined.operator() is None
    assert joined.not_.operator() == ("IsNull", True)


# --- annotations ------------------------------------------------------------------------------------------------------


def test_an_annotation_says_which_language_has_a_field():
    facts = fields_of(TaskState)

    assert facts["Parameters"].language is QueryLanguage.JSONPATH
    assert facts["Arguments"].language is QueryLanguage.JSONATA
    assert facts["Retry"].language is None


def test_an_annotation_says_in_which_language_a_number_may_be_a_text():
    timeout = fields_of(TaskState)["TimeoutSeconds"]

    assert (timeout.language, timeout.text_language, timeout.literal) == (None, QueryLanguage.JSONATA, "Integer")
    assert Holds.EXPRESSION in timeout.holds


def test_an_annotation_says_what_is_inside():
    assert fields_of(MapState)["ItemProcessor"].element is not None
    assert fields_of(ChoiceRule)["And"].is_list
    assert fields_of(PassState)["Parameters"].element is None


def every_model(model=Element):
    yield model
    for below in model.__subclasses__():
        yield from every_model(below)


@pytest.mark.parametrize("model", sorted(set(every_model()), key=lambda model: model.__name__))
def test_every_name_of_a_path_field_says_that_it_holds_a_path(model):
    for name, field in fields_of(model).items():
        if name.endswith("Path"):
            assert field.holds & {Holds.PATH, Holds.REFERENCE_PATH, Holds.RESULT_PATH, Holds.PATH_OR_INTRINSIC}, name
            assert field.language is QueryLanguage.JSONPATH, name


# --- the published schema ---------------------------------------------------------------------------------------------


def test_the_schema_has_every_field_of_every_state_by_its_name():
    definitions = json_schema()["$defs"]

    for model in STATE_MODELS.values():
        (schema,) = [entry for entry in definitions.values() if entry.get("title") == model.__name__]
        assert schema["properties"].keys() == fields_of(model).keys()
        assert schema["additionalProperties"] is False


def test_every_reference_of_the_schema_leads_somewhere():
    schema = json_schema()
    references = {part["$ref"] for part in parts(schema) if "$ref" in part}

    assert references
    assert references <= {f"#/$defs/{name}" for name in schema["$defs"]}


def parts(schema):
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from parts(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from parts(inner)


def test_the_schema_names_its_dialect_and_what_a_definition_needs():
    schema = json_schema()

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert sorted(schema["required"]) == ["StartAt", "States"]


# --- variables --------------------------------------------------------------------------------------------------------


def test_a_state_reads_the_variables_of_its_paths_templates_and_calls():
    made = machine(
        A={
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "InputPath": "$order.items[0]",
            "TimeoutSecondsPath": "$limit",
            "Parameters": {
                "FunctionName": "$literal",
                "Payload": {"list": [{"x.$": "States.Format('{}', $greeting)"}]},
            },
            "Credentials": {"RoleArn.$": "$role"},
            "Assign": {"next.$": "$number"},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"seen.$": "$before"}, "Next": "C"}],
            "Next": "C",
        },
        C={
            "Type": "Choice",
            "Choices": [{"And": [{"Variable": "$a.b", "NumericEqualsPath": "$c"}], "Next": "E"}],
            "Default": "E",
        },
        E={"Type": "Pass", "Parameters": {"whole.$": "$", "context.$": "$$.State.Name"}, "End": True},
    )

    assert variable_references(made) == {
        "A": ["before", "greeting", "limit", "number", "order", "role"],
        "C": ["a", "c"],
    }


def test_a_map_answers_for_its_own_fields_and_its_states_for_theirs():
    inner = {"Type": "Pass", "Parameters": {"x.$": "$inside"}, "End": True}
    made = machine(M={"Type": "Map", "ItemsPath": "$list", "ItemProcessor": processor(I=inner), "End": True})

    assert variable_references(made) == {"M": ["list"], "I": ["inside"]}
    assert isinstance(made, StateMachine)
