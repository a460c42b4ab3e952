"""Files to definitions: which machine, what its names became, and where its text stands."""

import json
from pathlib import Path

import pytest

from stepwell.adapters.definition_files import MAX_DEFINITION_CHARACTERS, UnreadableDefinition, read_definition
from stepwell.definitions.json_text import dumps
from stepwell.definitions.problems import InvalidSource

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def task(resource, **fields):
    return {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": resource, "End": True, **fields}}}


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
        return path

    return write


def state(loaded):
    return loaded.source.value["States"]["A"]


def line_at(loaded, location):
    line, column = loaded.source.locate(location)
    return loaded.path.read_text(encoding="utf-8").splitlines()[line - 1][column - 1 :]


# --- what the argument may be


def test_a_path_a_text_and_a_dict_give_the_same(file):
    definition = task("arn:aws:states:::lambda:invoke")
    path = file("shop-orders.asl.json", definition)

    for given in (path, str(path), json.dumps(definition), json.dumps(definition, indent=1), definition):
        assert read_definition(given).source.value == definition
    assert read_definition(path).machine_name == "shop-orders"
    assert read_definition(path).path == path
    assert read_definition(definition).source.locate("/States") is None


def test_several_lines_are_text_in_yaml():
    loaded = read_definition("StartAt: A\nStates: {A: {Type: Succeed}}\n")

    assert loaded.source.value == {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    assert loaded.source.locate("/States/A") == (2, 10)


def test_a_byte_order_mark_is_no_fault(file):
    path = file("m.json", b"\xef\xbb\xbf" + json.dumps(task("x")).encode())

    assert state(read_definition(path))["Resource"] == "x"


def test_a_dict_is_copied_and_must_be_json():
    definition = task("x", Result=(1, 2))

    assert state(read_definition(definition))["Result"] == [1, 2]
    assert definition == task("x", Result=(1, 2))
    with pytest.raises(UnreadableDefinition, match=r"/States/A/Result: set is no JSON value"):
        read_definition(task("x", Result={1}))


def test_a_dict_of_a_thousand_levels_is_read():
    value = 0
    for _ in range(990):
        value = [value]

    assert dumps(state(read_definition(task("x", Result=value)))["Result"]) == dumps(value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.json", None, "there is no such file; check the path"),
        (".", None, "is a directory; name the file in it"),
        ("latin.json", b'{"Comment": "\xe9"}', r"is no text in UTF-8 \(byte 14 cannot be read\); save it as UTF-8"),
        ("nul\0.json", None, "cannot be read"),
        ("large.json", '{"Comment": "' + "x" * MAX_DEFINITION_CHARACTERS + '"}', "AWS takes no more than 1,048,576"),
    ],
    ids=["missing", "directory", "encoding", "name", "size"],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path, file, name, content, said):
    path = tmp_path / name if content is None else file(name, content)

    with pytest.raises(UnreadableDefinition, match=said) as caught:
        read_definition(path)
    assert "\n" not in str(caught.value)


def test_broken_text_is_an_invalid_source_with_its_name(file):
    path = file("m.json", '{"StartAt": "A",}')

    with pytest.raises(InvalidSource) as caught:
        read_definition(path)
    assert caught.value.source == str(path)
    assert caught.value.problems[0].column == 17


# --- names in plain files


def test_names_become_what_makes_the_definition_run(file):
    loaded = read_definition(
        file(
            "m.asl.json",
            task(
                "${ChargeFunction.Arn}",
                TimeoutSeconds="${Timeout}",
                Parameters={"TableName": "${Table}", "Seconds": "${Pause}", "Arn": "arn:${AWS::Partition}:s3:::${B}/*"},
            ),
        )
    )

    assert state(loaded) == {
        "Type": "Task",
        "Resource": f"{ARN}ChargeFunction",
        "End": True,
        "TimeoutSeconds": 1,
        "Parameters": {"TableName": "Table", "Seconds": "Pause", "Arn": "arn:aws:s3:::B/*"},
    }
    assert loaded.substitutions["ChargeFunction.Arn"] == f"{ARN}ChargeFunction"
    assert loaded.substitutions["AWS::Partition"] == "aws"
    assert loaded.made_up == {"ChargeFunction.Arn", "Timeout", "Table", "Pause", "B"}


def test_the_callers_substitutions_come_first(file):
    path = file("m.asl.json", task("${Fn}", TimeoutSeconds="${Timeout}"))

    loaded = read_definition(path, substitutions={"Fn": f"{ARN}charge", "Timeout": "30"})

    assert (state(loaded)["Resource"], state(loaded)["TimeoutSeconds"]) == (f"{ARN}charge", 30)
    assert not loaded.made_up


def test_names_outside_of_quotes_are_read_and_keep_the_positions(file):
    text = '{"StartAt": "A", "States": {"A": {"Type": "Wait",\n "Seconds": ${Pause}, "X": ${Flag}, "End": true}}}'

    loaded = read_definition(file("m.asl.json", text), substitutions={"Flag": "true"})

    assert state(loaded) == {"Type": "Wait", "Seconds": 1, "X": True, "End": True}
    assert line_at(loaded, "/States/A/X").startswith('"X": ${Flag}')
    assert loaded.source.text == text


def test_a_real_fault_beside_such_a_name_is_the_one_that_is_told():
    with pytest.raises(InvalidSource) as caught:
        read_definition('{"Seconds": ${Pause},\n}')

    assert "was expecting double-quote to start field name" in caught.value.problems[0].message
    assert '{"Seconds": ${Pause},' in caught.value.problems[0].message
    assert caught.value.problems[0].line == 2


@pytest.mark.parametrize(
    "text", ["{% ${a:b} %}", "States.Format('{}', $.x)", "$.a", '{% $x{"a": 1} %}', "${}", "$${", "{% ${'a': b} %}"]
)
def test_what_only_looks_like_a_name_stays(text):
    assert state(read_definition(task("x", Comment=text)))["Comment"] == text


def test_data_that_looks_like_a_template_function_stays_data():
    assert state(read_definition(task("x", Result={"Ref": "y"})))["Result"] == {"Ref": "y"}


# --- templates

SAM = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  ChargeFunction:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: !Sub "${Stage}-charge", Handler: app.handler}
  Orders: {Type: AWS::DynamoDB::Table}
  Alarms: {Type: AWS::SNS::Topic}
  Checkout:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: EXPRESS
      Name: !Sub "${Stage}-checkout"
      DefinitionUri: machines/checkout.asl.json
      DefinitionSubstitutions:
        Charge: !GetAtt ChargeFunction.Arn
        Orders: !Ref Orders
        Alarms: !Ref Alarms
        Pause: 5
  Inline:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: A
        States:
          A:
            Type: Task
            Resource: !GetAtt ChargeFunction.Arn
            Parameters: {Table: !Sub "${Orders}", Sub: !Sub ["${X}-${AWS::Region}", {X: !Ref Stage}]}
            End: true
"""


@pytest.fixture
def sam(tmp_path, file):
    (tmp_path / "machines").mkdir()
    text = (
        '{"StartAt": "A",\n "States": {"A": {"Type": "Task", "Resource": "${Charge}",\n'
        ' "TimeoutSeconds": ${Pause}, "Parameters": {"T": "${Orders}", "A": "${Alarms}"}, "End": true}}}'
    )
    (tmp_path / "machines" / "checkout.asl.json").write_text(text)
    return file("template.yaml", SAM)


def test_a_definition_uri_is_read_with_its_substitutions(sam):
    loaded = read_definition(f"{sam}#Checkout")

    assert (loaded.machine_name, loaded.type, loaded.logical_id) == ("dev-checkout", "EXPRESS", "Checkout")
    assert state(loaded)["Resource"] == f"{ARN}dev-charge"
    assert state(loaded)["TimeoutSeconds"] == 5
    assert state(loaded)["Parameters"] == {"T": "Orders", "A": "arn:aws:sns:us-east-1:123456789012:Alarms"}
    assert not loaded.made_up
    assert loaded.path == sam.parent / "machines" / "checkout.asl.json"
    assert line_at(loaded, "/States/A/Resource").startswith('"Resource": "${Charge}"')


def test_a_definition_inside_a_template_keeps_its_lines(sam):
    loaded = read_definition(f"{sam}#Inline")

    assert state(loaded)["Resource"] == f"{ARN}dev-charge"
    assert state(loaded)["Parameters"] == {"Table": "Orders", "Sub": "dev-us-east-1"}
    assert (loaded.machine_name, loaded.type, loaded.path) == ("Inline", "STANDARD", sam)
    assert line_at(loaded, "/States/A/Resource").startswith("Resource: !GetAtt")


def test_a_choice_between_machines_lists_them(sam):
    with pytest.raises(UnreadableDefinition, match=r"name one of them after a #: Checkout, Inline"):
        read_definition(sam)
    with pytest.raises(UnreadableDefinition, match=r"has no state machine 'Other'; it has: Checkout, Inline"):
        read_definition(f"{sam}#Other")


def test_a_plain_file_has_no_logical_ids(file):
    with pytest.raises(UnreadableDefinition, match="leave '#X' out"):
        read_definition(f"{file('m.json', task('x'))}#X")


def test_a_file_whose_name_holds_the_sign_is_found(file):
    assert state(read_definition(str(file("a#b.json", task("x")))))["Resource"] == "x"


def machine(**properties):
    return {
        "Resources": {
            "F": {"Type": "AWS::Lambda::Function", "Properties": {}},
            "M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties},
        }
    }


@pytest.mark.parametrize(
    "string",
    [
        json.dumps(task("${Charge}")),
        {"Fn::Sub": json.dumps(task("${F.Arn}"))},
        {"Fn::Sub": [json.dumps(task("${X}")), {"X": {"Fn::GetAtt": ["F", "Arn"]}}]},
        {"Fn::Join": ["", ['{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"', {"Fn::GetAtt": ["F", "Arn"]},
                           '","End":true}}}']]},
    ],
    ids=["plain", "Sub", "Sub with a map", "Join"],
)  # fmt: skip
def test_a_definition_string_is_read_in_each_of_its_forms(file, string):
    template = machine(
        DefinitionString=string,
        DefinitionSubstitutions={"Charge": {"Fn::GetAtt": ["F", "Arn"]}},
        StateMachineType="EXPRESS",
        StateMachineName="checkout",
    )

    loaded = read_definition(file("template.json", template))

    assert loaded.source.value == task(f"{ARN}F")
    assert (loaded.machine_name, loaded.type, loaded.logical_id) == ("checkout", "EXPRESS", "M")
    assert line_at(loaded, "/States/A").startswith(('"DefinitionString"', '"Fn::', '"{'))
    assert read_definition(template).source.value == task(f"{ARN}F")


def test_a_block_of_text_in_a_template_has_exact_positions(file):
    block = json.dumps(task("${F.Arn}"), indent=2).replace("\n", "\n          ")
    template = (
        "Resources:\n  F: {Type: AWS::Lambda::Function}\n  M:\n    Type: AWS::StepFunctions::StateMachine\n"
        f"    Properties:\n      DefinitionString: !Sub |\n          {block}\n"
    )

    loaded = read_definition(file("template.yml", template))

    assert state(loaded)["Resource"] == f"{ARN}F"
    assert line_at(loaded, "/States/A/Resource") == '"Resource": "${F.Arn}",'


def test_broken_text_in_a_template_is_told_by_the_templates_lines(file):
    template = (
        "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n"
        '      DefinitionString: |\n        {\n          "StartAt": "A",\n        }\n'
    )
    path = file("template.yml", template)

    with pytest.raises(InvalidSource) as caught:
        read_definition(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, caught.value.source) == (8, 9, str(path))
    assert "line: 3, column: 1" in problem.message


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({}, "give it Definition, DefinitionUri or DefinitionString"),
        ({"DefinitionS3Location": {"Bucket": "b"}}, "its definition lies in S3"),
        ({"DefinitionUri": "s3://bucket/key"}, "its definition lies in S3"),
        ({"DefinitionString": {"Fn::ImportValue": "x"}}, "must be text, Fn::Sub or Fn::Join"),
        ({"DefinitionUri": "nowhere.json"}, "there is no such file"),
    ],
)
def test_a_template_without_a_readable_definition_says_what_to_do(file, properties, said):
    with pytest.raises(UnreadableDefinition, match=said):
        read_definition(file("template.json", machine(**properties)))


def test_references_in_a_circle_are_refused(file):
    template = machine(Definition=task({"Ref": "F"}))
    template["Resources"]["F"]["Properties"] = {"FunctionName": {"Ref": "F"}}

    with pytest.raises(UnreadableDefinition, match="circular"):
        read_definition(file("template.json", template))


def test_paths_may_be_relative(file, monkeypatch):
    path = file("m.asl.yaml", "StartAt: A\nStates: {A: {Type: Succeed}}")
    monkeypatch.chdir(path.parent)

    assert read_definition("m.asl.yaml").path == Path("m.asl.yaml")
