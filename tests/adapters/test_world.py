"""The world that tasks call: where it is, what is in it before the first of them, and what is never called."""

import json
import os
import re
from textwrap import dedent

import pytest

from stepwell.adapters.command.main import invoke
from stepwell.adapters.tasks.lambda_functions import FunctionSettings
from stepwell.local import Engine, run
from stepwell.world import Configuration, InvalidEndpoint, InvalidSeeds, World
from support import machine, pass_, task

SHOP = """
    Transform: AWS::Serverless-2016-10-31
    Globals: {Function: {Runtime: python3.12, Timeout: 20}}
    Resources:
      Orders:
        Type: AWS::DynamoDB::Table
        Properties:
          AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
          KeySchema: [{AttributeName: id, KeyType: HASH}]
          ProvisionedThroughput: {ReadCapacityUnits: 1, WriteCapacityUnits: 1}
      Sessions: {Type: AWS::Serverless::SimpleTable}
      Jobs: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
      Alerts: {Type: AWS::SNS::Topic}
      Uploads: {Type: AWS::S3::Bucket}
      Bus: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
      Limit: {Type: AWS::SSM::Parameter, Properties: {Name: /shop/limit, Type: String, Value: "5"}}
      Key: {Type: AWS::SecretsManager::Secret, Properties: {Name: shop/key, SecretString: hidden}}
      Price:
        Type: AWS::Serverless::Function
        Properties:
          Handler: app.handler
          CodeUri: price/
          Environment: {Variables: {TABLE: !Ref Orders}}
      Machine:
        Type: AWS::Serverless::StateMachine
        Properties:
          Definition:
            StartAt: Price
            States:
              Price: {Type: Task, Resource: !GetAtt Price.Arn, ResultPath: $.price, Next: Tell}
              Tell:
                Type: Task
                Resource: arn:aws:states:::sqs:sendMessage
                Parameters: {QueueUrl: !Ref Jobs, MessageBody.$: $.id}
                ResultPath: null
                Next: Alert
              Alert:
                Type: Task
                Resource: arn:aws:states:::sns:publish
                Parameters: {TopicArn: !Ref Alerts, Message: sold}
                ResultPath: null
                Next: Read
              Read:
                Type: Task
                Resource: arn:aws:states:::aws-sdk:dynamodb:scan
                Parameters: {TableName: !Ref Orders}
                OutputPath: $.Items
                End: true
"""

HANDLER = """
    import os, boto3
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    def handler(event, context):
        print("prices", event["id"])
        table.put_item(Item={"id": event["id"]})
        return 7
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "price").mkdir()
    (tmp_path / "price" / "app.py").write_text(dedent(HANDLER))
    (tmp_path / "template.yaml").write_text(dedent(SHOP))
    return tmp_path


@pytest.fixture
def seed(tmp_path):
    def write(text):
        (tmp_path / "seed.yaml").write_text(dedent(text))
        return tmp_path / "seed.yaml"

    return write


def test_an_application_runs_whole_with_what_its_template_has(shop):
    with World(calls="moto", template="template.yaml") as world:
        result = run("template.yaml#Machine", {"id": "o-1"}, world=world)

        assert result.output == [{"id": {"S": "o-1"}}]
        tables = world.client("dynamodb").list_tables()["TableNames"]
        message = world.client("sqs").receive_message(QueueUrl="Jobs")["Messages"][0]
        parameter = world.client("ssm").get_parameter(Name="/shop/limit")["Parameter"]["Value"]
        secret = world.client("secretsmanager").get_secret_value(SecretId="shop/key")["SecretString"]
        bus = world.client("events").describe_event_bus(Name="shop")["Name"]

    assert (tables, message["Body"]) == (["Orders", "Sessions"], "o-1")
    assert (parameter, secret, bus) == ("5", "hidden", "shop")


def test_the_command_runs_an_application_whole(shop, capsys):
    code = invoke(["run", "template.yaml", "-i", '{"id": "o-1"}', "--calls", "moto", "--ephemeral"])

    out, err = capsys.readouterr()
    assert (code, json.loads(out)) == (0, [{"id": {"S": "o-1"}}]), err
    assert "Price: prices o-1" in err


def test_the_configuration_says_where_calls_go(shop, capsys):
    (shop / "stepwell.toml").write_text('template = "template.yaml"\n[calls]\n"*" = "moto"\ns3 = "mock"\n')

    code = invoke(["run", "template.yaml", "-i", '{"id": "o-1"}', "--ephemeral"])

    out, err = capsys.readouterr()
    assert (code, json.loads(out)) == (0, [{"id": {"S": "o-1"}}]), err


def test_functions_of_the_commands_process_find_services_where_tasks_do(shop, capsys):
    (shop / "own.py").write_text(dedent(HANDLER.replace('os.environ["TABLE"]', '"Orders"')).replace("handler", "price"))
    before = dict(os.environ)

    code = invoke(
        ["run", "template.yaml", "-i", '{"id": "o-2"}', "--calls", "moto", "--functions", "own.py", "--ephemeral"]
    )

    out, err = capsys.readouterr()
    assert (code, json.loads(out)) == (0, [{"id": {"S": "o-2"}}]), err
    assert dict(os.environ) == before


def test_what_a_run_left_in_moto_is_not_there_for_the_next():
    make = machine(T=task("arn:aws:states:::aws-sdk:sqs:createQueue", Parameters={"QueueName": "Jobs"}))
    names = machine(T=task("arn:aws:states:::aws-sdk:sqs:listQueues", Parameters={}))
    with World(calls="moto") as world:
        run(make, world=world)
        assert len(run(names, world=world).output["QueueUrls"]) == 1
    with World(calls="moto") as world:
        assert "QueueUrls" not in run(names, world=world).output


def test_a_function_that_is_nowhere_is_not_found_in_moto():
    with World(calls="moto") as world:
        result = run(machine(T=task("arn:aws:lambda:us-east-1:123456789012:function:none")), {"a": 1}, world=world)

    assert result.error == "Lambda.ResourceNotFoundException"


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"Handler": "a.B::c", "Runtime": "java17", "CodeUri": "x.jar"}, "The function 'Ask' has the runtime 'java17'"),
        ({"PackageType": "Image"}, "The function 'Ask' is a container image"),
        (
            {"Handler": "a.b", "Runtime": "python3.12", "CodeUri": "s3://b/c"},
            "The function 'Ask' has its code in S3",
        ),
    ],
)
@pytest.mark.parametrize("calls", ["mock", "moto"])
def test_a_function_that_cannot_be_run_here_says_why(tmp_path, properties, said, calls):
    resources = {"Ask": {"Type": "AWS::Serverless::Function", "Properties": properties}}
    (tmp_path / "template.json").write_text(json.dumps({"Resources": resources}))
    with World(calls=calls, template=tmp_path / "template.json") as world:
        result = run(machine(T=task("arn:aws:lambda:us-east-1:123456789012:function:Ask")), world=world)

    assert result.error == "Stepwell.TaskNotBound"
    assert result.cause.startswith(said)
    assert "--calls lambda=URL" in result.cause


def test_seeds_are_there_before_the_first_task(tmp_path, seed):
    (tmp_path / "day.csv").write_text("a,b\n1,2\n")
    text = """
        tables:
          Stock: sku
          Orders:
            key: {customer: S, at: N}
            items: [{customer: ann, at: 7, total: 12.5, tags: [a, null, true], ship: {to: home}}]
          Visits: [page, day]
        buckets:
          uploads: {in/day.csv: "@day.csv", settings.json: {limit: 5}, note.txt: plain}
          empty:
        queues: [Jobs, Payments.fifo]
        topics: {Alerts: [Jobs]}
        buses: [orders]
        parameters: {/shop/limit: "5", /shop/rates: {eur: 1}}
        secrets: {shop/key: s3cret}
        calls:
          - ses:verifyEmailIdentity: {EmailAddress: shop@example.com}
          - s3:createBucket: {Bucket: late}
    """
    with World(calls="moto", seed=seed(text)) as world:
        order = world.client("dynamodb").get_item(TableName="Orders", Key={"customer": {"S": "ann"}, "at": {"N": "7"}})
        world.client("sns").publish(TopicArn="arn:aws:sns:us-east-1:123456789012:Alerts", Message="fire")
        heard = world.client("sqs").receive_message(QueueUrl="Jobs")["Messages"][0]["Body"]
        s3 = world.client("s3")
        objects = [
            s3.get_object(Bucket="uploads", Key=key)["Body"].read()
            for key in ("in/day.csv", "settings.json", "note.txt")
        ]
        buckets = [each["Name"] for each in s3.list_buckets()["Buckets"]]
        rates = world.client("ssm").get_parameter(Name="/shop/rates")["Parameter"]["Value"]
        senders = world.client("ses").list_identities()["Identities"]

    assert order["Item"] == {
        "customer": {"S": "ann"},
        "at": {"N": "7"},
        "total": {"N": "12.5"},
        "tags": {"L": [{"S": "a"}, {"NULL": True}, {"BOOL": True}]},
        "ship": {"M": {"to": {"S": "home"}}},
    }
    assert json.loads(heard)["Message"] == "fire"
    assert objects == [b"a,b\n1,2\n", b'{"limit":5}', b"plain"]
    assert (buckets, rates, senders) == (["uploads", "empty", "late"], '{"eur":1}', ["shop@example.com"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "seed.yaml: must be a table, not []"),
        ("table: {}", "seed.yaml: there is no 'table'; there are: tables, buckets, queues"),
        ("tables: {Orders: {key: [a, b, c]}}", "tables.Orders.key: must be the name of an attribute"),
        ("tables: {Orders: {key: id, item: []}}", "tables.Orders: there is no 'item' of a table"),
        ("tables: {Orders: {key: id, items: [7]}}", "tables.Orders.items[0]: must be a table, not 7"),
        ("buckets: {uploads: {a: '@no-such'}}", "buckets.uploads.a: no-such cannot be read: No such file"),
        ("queues: Jobs", 'queues: must be a list, not "Jobs"'),
        ("queues: [{}]", "queues[0]: must be a name, not {}"),
        ("calls: [{s3: {}}]", "calls[0]: 's3' is no call: write it like 'dynamodb:createTable'"),
        ("calls: [{nos:make: {}}]", "calls[0]: there is no AWS service 'nos'"),
        ("calls: [{s3:make: {}}]", "calls[0]: 's3' has no action 'make'"),
        (
            "calls: [{sqs:sendMessage: {QueueUrl: none, MessageBody: x}}]",
            "calls[0]: sqs:sendMessage: An error occurred",
        ),
        ("calls: [{s3:createBucket: {}}]", "calls[0]: s3:createBucket: Parameter validation failed"),
        ("tables: [", "seed.yaml: no YAML: while parsing a flow node"),
    ],
)
def test_seeds_that_are_of_no_use_are_one_clear_line(seed, text, said):
    with pytest.raises(InvalidSeeds, match=re.escape(said)):
        World(calls="moto", seed=seed(text))


def test_a_file_of_seeds_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InvalidSeeds, match=re.escape("none.yaml: cannot be read: No such file")):
        World(calls="moto", seed=tmp_path / "none.yaml")


def test_seeds_without_moto_are_refused(seed):
    with pytest.raises(InvalidEndpoint, match="is for moto, and no calls go there"):
        World(seed=seed("queues: [Jobs]"))


def test_nothing_is_called_unless_it_was_said_where(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    with World() as world:
        result = run(
            machine(T=task("arn:aws:states:::sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody": "m"})),
            world=world,
        )

    assert result.error == "Stepwell.TaskNotBound"
    assert "--calls moto" in result.cause


def test_a_run_calls_its_own_step_functions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sdk = "arn:aws:states:::aws-sdk:sfn"
    own = {"StateMachineArn.$": "$$.StateMachine.Id", "StatusFilter": "RUNNING"}
    child = {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:child", "Input": {"n": 1}}
    listed = task(f"{sdk}:listExecutions", Parameters=own)
    started = task(f"{sdk}:startSyncExecution", Parameters=child, ResultPath="$.child")
    about = {"Name": "child", "Type": "EXPRESS", "Definition": machine(P=pass_())}
    template = {"Resources": {"Child": {"Type": "AWS::Serverless::StateMachine", "Properties": about}}}
    (tmp_path / "child.json").write_text(json.dumps(template))
    (tmp_path / "stepwell.toml").write_text('[state_machines]\nchild = "child.json"\n')
    (tmp_path / "parent.asl.json").write_text(json.dumps(machine(List=listed, Start=started)))

    code = invoke(["run", "parent.asl.json", "--name", "one"])

    out, err = capsys.readouterr()
    assert code == 0, err
    output = json.loads(out)
    assert [each["Name"] for each in output["Executions"]] == ["one"]
    assert (output["child"]["Status"], output["child"]["Output"]) == ("SUCCEEDED", '{"n":1}')


ANSWERS = """
    import boto3, json
    def handler(event, context):
        boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output=json.dumps({"said": "yes"}))
"""


@pytest.mark.parametrize("more", [[], ["--calls", "moto"], ["--ephemeral", "--fast-forward"]])
def test_a_function_answers_the_task_that_waits_for_it(tmp_path, monkeypatch, capsys, more):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(dedent(ANSWERS))
    asks = task(
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        Parameters={"FunctionName": "Ask", "Payload": {"token.$": "$$.Task.Token"}},
    )
    (tmp_path / "ask.asl.json").write_text(json.dumps(machine(Ask=asks)))
    (tmp_path / "stepwell.toml").write_text('[lambda.Ask]\nhandler = "app.handler"\nruntime = "python3.12"\n')

    code = invoke(["run", "ask.asl.json", *more])

    out, err = capsys.readouterr()
    assert (code, out and json.loads(out)) == (0, {"said": "yes"}), err


def test_a_function_answers_the_task_that_waits_for_it_in_whatever_it_runs(tmp_path):
    (tmp_path / "app.py").write_text(dedent(ANSWERS))
    asks = machine(
        Ask=task(
            "arn:aws:states:::lambda:invoke.waitForTaskToken",
            Parameters={"FunctionName": "Ask", "Payload": {"token.$": "$$.Task.Token"}},
        )
    )
    ask = FunctionSettings(beside=tmp_path, handler="app.handler", runtime="python3.12")
    with World(configuration=Configuration(lambda_functions={"Ask": ask})) as world:
        assert run(asks, world=world).output == {"said": "yes"}
        with Engine(world=world) as engine:
            assert engine.wait(engine.start(asks), 20).output == {"said": "yes"}


PRINTS_WHERE = """
    import json, os
    def handler(event, context):
        return {name: value for name, value in os.environ.items() if name.startswith("AWS_") and "LAMBDA" not in name}
"""


def where_functions_call(folder, **about):
    (folder / "app.py").write_text(dedent(PRINTS_WHERE))
    (folder / "template.yaml").write_text(
        json.dumps(
            {
                "Resources": {
                    "Show": {
                        "Type": "AWS::Serverless::Function",
                        "Properties": {"Handler": "app.handler", "Runtime": "python3.12", "CodeUri": "."},
                    }
                }
            }
        )
    )
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "real", "AWS_PROFILE": "me"}
    with World(template=folder / "template.yaml", environment=environment, **about) as world:
        return run(machine(T=task("arn:aws:lambda:us-east-1:123456789012:function:Show")), world=world).output


def test_a_functions_process_calls_nothing_unless_it_was_said_where(tmp_path):
    variables = where_functions_call(tmp_path)

    assert variables["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:1/")
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "AWS_PROFILE" not in variables


def test_a_functions_process_calls_services_where_tasks_do(tmp_path):
    calls = {"*": "http://127.0.0.1:1001", "logs": "http://127.0.0.1:1002", "s3": "mock"}

    variables = where_functions_call(tmp_path, calls=calls, step_functions="http://127.0.0.1:1003")

    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1001"
    assert variables["AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"] == "http://127.0.0.1:1002"
    assert variables["AWS_ENDPOINT_URL_SFN"] == "http://127.0.0.1:1003"
    assert variables["AWS_ENDPOINT_URL_S3"].startswith("http://127.0.0.1:1/")


def test_where_aws_itself_is_called_functions_are_who_the_user_is(tmp_path):
    variables = where_functions_call(tmp_path, calls={"s3": "aws"})

    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_PROFILE"]) == ("AKIAREAL", "me")
    assert variables["AWS_ENDPOINT_URL_S3"].startswith("https://s3.")
    assert variables["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--calls", "mto"], "--calls: 'mto' is no destination of calls: there are mock, moto, aws, and URLs"),
        (["--calls", "dynamdb=moto"], "--calls: there is no AWS service 'dynamdb'"),
        (["--calls", "moto", "--seed", "none.yaml"], "none.yaml: cannot be read: No such file"),
        (["--seed", "none.yaml"], "none.yaml: is for moto"),
        (["--template", "none.yaml"], "none.yaml: there is no such file"),
    ],
)
def test_options_that_are_of_no_use_are_one_clear_line(shop, capsys, given, said):
    assert invoke(["run", "template.yaml", "-i", "{}", *given]) == 2

    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_client_of_what_is_not_called_is_refused():
    with World() as world, pytest.raises(InvalidEndpoint, match="'s3' is not called: say where it is"):
        world.client("s3")
