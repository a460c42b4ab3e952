"""Which functions there are: those of a template, and those of stepwell.toml."""

import json
from textwrap import dedent

import pytest

from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from stepwell.adapters.definition_files import read_definition
from stepwell.adapters.tasks.lambda_functions import InvalidFunction, function_sources
from stepwell.local import run
from stepwell.world import World
from support import machine, task

SAM = """
    Transform: AWS::Serverless-2016-10-31
    Parameters:
      Stage: {Type: String, Default: dev}
    Globals:
      Function:
        Runtime: python3.12
        Timeout: 20
        Environment: {Variables: {STAGE: !Ref Stage, LEVEL: info}}
        Layers: [!Ref Shared]
    Resources:
      Shared:
        Type: AWS::Serverless::LayerVersion
        Properties: {ContentUri: layers/shared}
      Orders:
        Type: AWS::DynamoDB::Table
      Charge:
        Type: AWS::Serverless::Function
        Properties:
          FunctionName: !Sub "shop-charge-${Stage}"
          CodeUri: functions/charge/
          Handler: app.handler
          MemorySize: 512
          Layers: ["arn:aws:lambda:us-east-1:123456789012:layer:elsewhere:1"]
          Environment: {Variables: {TABLE: !Ref Orders, LEVEL: debug, COUNT: 3, IS_ON: true}}
      Web:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: web, Handler: index.handler, Runtime: nodejs20.x, Timeout: 5}
      Inline:
        Type: AWS::Serverless::Function
        Properties:
          Handler: index.handler
          InlineCode: |
            def handler(event, context):
                return {"inline": event}
      Plain:
        Type: AWS::Lambda::Function
        Properties:
          Handler: index.handler
          Runtime: python3.11
          Code: {ZipFile: "def handler(event, context): return 'plain'"}
      InTheCloud:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: "s3://bucket/code.zip", Handler: app.handler}
      Packed:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: packed.zip, Handler: app.handler}
      Java:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: java, Handler: Main, Runtime: java21}
      Image:
        Type: AWS::Serverless::Function
        Properties: {PackageType: Image}
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(dedent(SAM))
    return path


def named(sources):
    return {source.name: source for source in sources}


def test_the_functions_of_a_template_that_can_be_run_here(template, tmp_path):
    found = named(function_sources(template))

    assert set(found) == {"shop-charge-dev", "Web", "Inline", "Plain"}
    charge, web = found["shop-charge-dev"], found["Web"]
    assert (charge.other_name, charge.handler, charge.runtime) == ("Charge", "app.handler", "python3.12")
    assert (charge.folder, charge.timeout_seconds, charge.memory_mb) == (tmp_path / "functions/charge", 20, 512)
    assert charge.environment == {
        "STAGE": "dev", "LEVEL": "debug", "TABLE": "Orders", "COUNT": "3", "IS_ON": "true",
    }  # fmt: skip
    assert charge.layers == (tmp_path / "layers/shared",)
    assert (web.runtime, web.timeout_seconds, web.other_name) == ("nodejs20.x", 5, None)


def test_a_template_may_be_named_with_a_state_machine_in_it(template):
    assert len(function_sources(f"{template}#Machine")) == 4


def test_code_in_a_template_is_run(template, functions):
    handler = functions.handler(function_sources(template))
    inline, plain = (task(f"arn:aws:lambda:us-east-1:123456789012:function:{name}") for name in ("Inline", "Plain"))

    assert functions.run(handler, {"a": 1}, inline).output == {"inline": {"a": 1}}
    assert functions.run(handler, {}, plain).output == "plain"


def test_what_the_aws_cdk_has_synthesized_runs_as_it_is(tmp_path):
    """Its functions' code is named in S3, and lies in an asset's folder beside the template."""
    bucket = {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}
    state = '"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","OutputPath":"$.Payload","End":true'
    definition = [
        f'{{"StartAt":"Call","States":{{"Call":{{{state},"Parameters":{{"FunctionName":"',
        {"Fn::GetAtt": ["Double3F2A", "Arn"]},
        '","Payload.$":"$"}}}}',
    ]
    stack = {
        "Resources": {
            "Shared8C1D": {
                "Type": "AWS::Lambda::LayerVersion",
                "Properties": {"Content": {"S3Bucket": bucket, "S3Key": "2b.zip"}},
                "Metadata": {"aws:asset:path": "asset.2b", "aws:asset:property": "Content"},
            },
            "Double3F2A": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": {"S3Bucket": bucket, "S3Key": "1a.zip"},
                    "Handler": "app.handler",
                    "Runtime": "python3.12",
                    "Layers": [{"Ref": "Shared8C1D"}],
                },
                "Metadata": {"aws:cdk:path": "Stack/Double/Resource", "aws:asset:path": "asset.1a"},
            },
            "Machine9E0B": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"DefinitionString": {"Fn::Join": ["", definition]}},
            },
        }
    }
    (tmp_path / "asset.1a").mkdir()
    (tmp_path / "asset.1a" / "app.py").write_text(
        "import shared\ndef handler(event, context): return event * shared.TWO\n"
    )
    (tmp_path / "asset.2b" / "python").mkdir(parents=True)
    (tmp_path / "asset.2b" / "python" / "shared.py").write_text("TWO = 2\n")
    (tmp_path / "Stack.template.json").write_text(json.dumps(stack))

    with World(template=tmp_path / "Stack.template.json") as world:
        assert run(tmp_path / "Stack.template.json", 21, world=world).output == 42


CONDITIONS = """
    Parameters:
      Stage: {Type: String, Default: dev}
      Size: {Type: String}
    Conditions:
      IsProd: !Equals [!Ref Stage, prod]
      IsDev: !Not [!Condition IsProd]
      IsBig: !Equals [!Ref Size, big]
      Both: !And [!Condition IsDev, !Equals [!Ref "AWS::Region", us-east-1]]
      Either: !Or [!Condition IsProd, !Equals [a, b]]
    Resources:
      InProd:
        Type: AWS::Lambda::Function
        Condition: IsProd
        Properties: &about {Handler: a.b, Runtime: python3.12, Code: c}
      InDev: {Type: AWS::Lambda::Function, Condition: IsDev, Properties: *about}
      Unknown: {Type: AWS::Lambda::Function, Condition: IsBig, Properties: *about}
      InBoth: {Type: AWS::Lambda::Function, Condition: Both, Properties: *about}
      InEither: {Type: AWS::Lambda::Function, Condition: Either, Properties: *about}
      Always:
        Type: AWS::Lambda::Function
        Properties:
          Handler: a.b
          Runtime: python3.12
          Code: c
          Environment:
            Variables:
              LEVEL: !If [IsProd, warn, debug]
              SIZE: !If [IsBig, l, s]
              GONE: !If [IsProd, x, !Ref "AWS::NoValue"]
"""


def test_conditions_of_a_template_hold_or_do_not(tmp_path):
    """A condition that hangs on a parameter without a value holds."""
    (tmp_path / "template.yaml").write_text(dedent(CONDITIONS))

    found = {source.name: source.environment for source in function_sources(tmp_path / "template.yaml")}

    assert list(found) == ["InDev", "Unknown", "InBoth", "Always"]
    assert found["Always"] == {"LEVEL": "debug", "SIZE": "l"}


def test_what_is_no_template_has_no_functions(tmp_path):
    path = tmp_path / "machine.asl.json"
    path.write_text(json.dumps(machine(T=task())))

    assert function_sources(path) == []


def test_a_machine_and_the_functions_of_its_template_find_each_other(functions, tmp_path):
    functions.file("app.py", "def handler(event, context): return 'charged'")
    path = tmp_path / "template.json"
    path.write_text(
        json.dumps(
            {
                "Resources": {
                    "Charge": {
                        "Type": "AWS::Serverless::Function",
                        "Properties": {
                            "FunctionName": "shop-charge",
                            "Handler": "app.handler",
                            "Runtime": "python3.12",
                            "CodeUri": "function",
                        },
                    },
                    "Machine": {
                        "Type": "AWS::Serverless::StateMachine",
                        "Properties": {
                            "Definition": machine(T=task("${Charge}")),
                            "DefinitionSubstitutions": {"Charge": {"Fn::GetAtt": ["Charge", "Arn"]}},
                        },
                    },
                }
            }
        )
    )
    state = read_definition(path).source.value["States"]["T"]

    assert functions.run(functions.handler(function_sources(path)), {}, state).output == "charged"


# --- configuration ----------------------------------------------------------------------------------------------------


@pytest.fixture
def configured(tmp_path):
    def read(text):
        (tmp_path / "stepwell.toml").write_text(dedent(text))
        return read_configuration(tmp_path, {}).lambda_functions

    return read


def test_functions_are_read_from_the_configuration(configured, tmp_path):
    (source,) = function_sources(
        None,
        configured("""
            [lambda.Charge]
            handler = "app.handler"
            runtime = "python3.12"
            folder = "charge"
            timeout = 1.5
            memory = 256
            layers = ["layers/shared"]
            python = "charge/venv"
            environment = { TABLE = "orders" }
        """),
    )

    assert (source.name, source.handler, source.runtime) == ("Charge", "app.handler", "python3.12")
    assert (source.folder, source.layers) == (tmp_path / "charge", (tmp_path / "layers/shared",))
    assert (source.timeout_seconds, source.memory_mb) == (1.5, 256)
    assert (source.environment, source.python) == ({"TABLE": "orders"}, str(tmp_path / "charge/venv"))


def test_without_a_folder_it_is_that_of_the_configuration(configured, tmp_path):
    (source,) = function_sources(None, configured('[lambda.F]\nhandler = "app.f"\nruntime = "nodejs20.x"'))

    assert (source.folder, source.timeout_seconds, source.memory_mb) == (tmp_path, 3, 128)


@pytest.mark.parametrize("name", ["Charge", "shop-charge-dev"])
def test_the_configuration_counts_before_the_template(configured, template, name):
    settings = configured(f'[lambda.{name}]\ntimeout = 60\nenvironment = {{ LEVEL = "trace", EXTRA = "1" }}')

    charge = named(function_sources(template, settings))["shop-charge-dev"]

    assert (charge.timeout_seconds, charge.handler, charge.memory_mb) == (60, "app.handler", 512)
    assert (charge.environment["LEVEL"], charge.environment["STAGE"], charge.environment["EXTRA"]) == (
        "trace", "dev", "1",
    )  # fmt: skip
    assert charge.folder == template.parent / "functions/charge"


def test_a_function_of_which_too_little_is_said_is_told_of(configured):
    with pytest.raises(InvalidFunction, match="F: has no 'runtime'"):
        function_sources(None, configured('[lambda.F]\nhandler = "app.f"'))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[lambda.F]\nhandlr = 'x'", "lambda.F: there is no key 'handlr'; there are: handler, "),
        ("[lambda.F]\nhandler = 1", "lambda.F.handler: must be a text"),
        ("[lambda.F]\nruntime = 'java21'", "lambda.F.runtime: must be one of Python or Node.js"),
        ("[lambda.F]\ntimeout = 901", "lambda.F.timeout: must be seconds, more than 0 and at most 900"),
        ("[lambda.F]\ntimeout = true", "lambda.F.timeout: must be seconds"),
        ("[lambda.F]\nmemory = 0", "lambda.F.memory: must be a whole number of MB"),
        ("[lambda.F]\nlayers = 'x'", "lambda.F.layers: must be a list"),
        ("[lambda.F.environment]\nA = 1", "lambda.F.environment.A: must be a text"),
        ("[lambda]\nF = 'x'", "lambda.F: must be a table"),
        ("lambda = 1", "lambda: must be a table"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(configured, text, said):
    with pytest.raises(InvalidConfiguration) as caught:
        configured(text)

    assert said in str(caught.value)
    assert "stepwell.toml" in str(caught.value)
