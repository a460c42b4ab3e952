"""How data goes through a state in JSONPath: the order of the fields, variables, the context object."""

import pytest

from support import (
    MACHINE_ARN,
    by_state,
    catcher,
    choice,
    echoes,
    fails,
    machine,
    map_,
    parallel,
    pass_,
    returns,
    run,
    scope,
    succeed,
    task,
    wait,
)


def test_every_field_sees_what_the_one_before_it_made():
    ask = task(
        InputPath="$.in",
        Parameters={"given.$": "$.x"},
        ResultSelector={"picked.$": "$.answer"},
        ResultPath="$.in.result",
        OutputPath="$.in",
    )

    ran = run(machine(Ask=ask), {"in": {"x": 1}, "out": 2}, returns({"answer": 42, "noise": 0}))

    assert ran.requests[0].input == '{"given":1}'
    assert ran.output == {"x": 1, "result": {"picked": 42}}


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, {"a": 1, "b": {"c": 2}}),
        ({"InputPath": "$.b"}, {"c": 2}),
        ({"InputPath": None}, {}),
        ({"OutputPath": "$.b.c"}, 2),
        ({"OutputPath": None}, {}),
        ({"Result": {"x.$": "$.a"}}, {"x.$": "$.a"}),
        ({"Result": 5, "ResultPath": None}, {"a": 1, "b": {"c": 2}}),
        ({"Result": 5, "ResultPath": "$.b.d.e"}, {"a": 1, "b": {"c": 2, "d": {"e": 5}}}),
        ({"Result": 5, "ResultPath": "$.a"}, {"a": 5, "b": {"c": 2}}),
        ({"Parameters": {"x": 1, "y.$": "$.a"}}, {"x": 1, "y": 1}),
        ({"Parameters": {"x": 1}, "Result": 9}, 9),
        ({"InputPath": "$.b", "ResultPath": "$.copy"}, {"a": 1, "b": {"c": 2}, "copy": {"c": 2}}),
        ({"InputPath": "$$.State.Name"}, "Pass"),
        ({"Parameters": ["x", {"y.$": "$.a"}]}, ["x", {"y": 1}]),
    ],
    ids=str,
)
def test_what_a_pass_state_makes_of_its_input(fields, output):
    assert run(machine(Pass=pass_(**fields)), {"a": 1, "b": {"c": 2}}).output == output


def test_evaluated_members_come_last_and_in_hash_order():
    template = {"z": 0, "StateMachineArn.$": "$.s", "Input.$": "$.i", "a": 1, "Name.$": "$.n"}

    ran = run(machine(Fill=pass_(Parameters=template)), {"s": 1, "i": 2, "n": 3})

    assert ran.run.output == '{"z":0,"a":1,"Input":2,"StateMachineArn":1,"Name":3}'


def test_the_input_of_a_state_is_never_changed_by_what_comes_after_it():
    definition = machine(
        Keep=pass_(Assign={"kept.$": "$"}),
        Change=pass_(Result=2, ResultPath="$.a.b"),
        Show=pass_(InputPath="$kept"),
    )

    assert run(definition, {"a": {"b": 1}}).output == {"a": {"b": 1}}


def test_variables_are_seen_from_the_next_state_on():
    ran = run(
        machine(
            Set=pass_(Assign={"x": 1, "y.$": "$.n"}),
            Swap=pass_(Assign={"x.$": "$y", "y.$": "$x"}, Parameters={"x.$": "$x", "y.$": "$y"}),
            Show=pass_(Parameters={"x.$": "$x", "y.$": "$y"}),
        ),
        {"n": 2},
    )

    assert ran.output == {"x": 2, "y": 1}
    assert ran.details("PassStateExited", 0)["assignedVariables"] == {"x": "1", "y": "2"}
    assert ran.details("PassStateExited", 0)["assignedVariablesDetails"] == {"truncated": False}
    assert "assignedVariables" not in ran.details("PassStateExited", 2)


def test_assign_of_a_task_sees_the_raw_result():
    ask = task(Assign={"whole.$": "$"}, ResultSelector={"part.$": "$.a"})

    ran = run(machine(Ask=ask, Show=pass_(Parameters={"w.$": "$whole", "r.$": "$"})), {}, returns({"a": 1, "b": 2}))

    assert ran.output == {"w": {"a": 1, "b": 2}, "r": {"part": 1}}


def test_a_rule_of_a_choice_assigns_instead_of_the_state():
    rule = {"Variable": "$.n", "NumericEquals": 1, "Next": "Show", "Assign": {"by": "rule"}}
    definition = machine(
        Start=pass_(Assign={"by": "nobody"}),
        Which=choice(rule, Default="Show", Assign={"by": "state"}),
        Show=pass_(InputPath="$by"),
    )

    assert [run(definition, {"n": n}).output for n in (1, 2)] == ["rule", "state"]


def test_a_catcher_assigns_instead_of_the_state():
    ask = task(Assign={"x": "state"}, Catch=[catcher("Boom", next="Show", Assign={"x.$": "$.Cause"})])

    ran = run(
        machine(Start=pass_(Assign={"x": "before"}), Ask=ask, Show=pass_(InputPath="$x")), {}, fails("Boom", "why")
    )

    assert ran.output == "why"


def test_branches_read_outer_variables_and_keep_their_own():
    branch = scope(Own=pass_(Assign={"mine.$": "$outer"}), Read=pass_(Parameters={"m.$": "$mine"}))
    definition = machine(
        Start=pass_(Assign={"outer": 1}), Both=parallel(branch), After=pass_(Parameters={"m.$": "$mine"})
    )

    ran = run(definition)

    assert ran.details("ParallelStateExited")["output"] == '[{"m":1}]'
    assert ran.error == "States.Runtime"  # $mine has gone with its branch


def test_a_container_assigns_in_the_outer_scope():
    both = parallel(scope(A=pass_(Result=1)), scope(B=pass_(Result=2)), Assign={"results.$": "$"})

    assert run(machine(Both=both, Show=pass_(InputPath="$results[1]"))).output == 2


def test_variables_in_paths_of_every_kind():
    definition = machine(
        Set=pass_(Assign={"v": {"items": [1, 2], "wait": 3, "name": "n"}}),
        Pause=wait(SecondsPath="$v.wait"),
        Each=map_(scope(One=pass_(Parameters={"n.$": "States.Format('{}-{}', $v.name, $)"})), ItemsPath="$v.items"),
        Check=choice({"Variable": "$v.items[0]", "NumericLessThanPath": "$v.wait", "Next": "Yes"}, Default="No"),
        Yes=succeed(),
        No=succeed(),
    )

    ran = run(definition)

    assert ran.output == [{"n": "n-1"}, {"n": "n-2"}]
    assert ran.clock == 3
    assert ran.details("SucceedStateEntered")["name"] == "Yes"


def test_the_context_object_tells_where_we_are():
    ran = run(machine(Show=pass_(InputPath="$$")), {"a": 1}, name="run-1")

    arn = MACHINE_ARN.replace("stateMachine", "execution") + ":run-1"
    assert ran.output == {
        "Execution": {
            "Id": arn,
            "Input": {"a": 1},
            "StartTime": "2026-01-01T00:00:00Z",
            "Name": "run-1",
            "RoleArn": "arn:aws:iam::123456789012:role/StepwellRole",
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": MACHINE_ARN, "Name": "tested"},
        "State": {"Name": "Show", "EnteredTime": "2026-01-01T00:00:00Z"},
    }
    assert list(ran.output["Execution"]) == ["Id", "Input", "StartTime", "Name", "RoleArn", "RedriveCount"]


@pytest.mark.parametrize("synchronous", [True, False])
def test_an_express_execution_has_an_arn_of_its_own_and_a_synchronous_one_no_redrive_count(synchronous):
    definition = machine(Show=pass_(InputPath="$$.Execution"))

    ran = run(definition, name="e", type="EXPRESS", is_synchronous=synchronous)

    assert ran.output["Id"].startswith(MACHINE_ARN.replace("stateMachine", "express") + ":e:")
    assert ("RedriveCount" in ran.output) is not synchronous


def test_times_in_the_context_object_have_milliseconds_where_there_are_any():
    ran = run(machine(Pause=wait(Timestamp="2026-01-01T00:00:01.250Z"), Show=pass_(InputPath="$$.State.EnteredTime")))

    assert ran.output == "2026-01-01T00:00:01.250Z"


def test_a_token_is_in_the_parameters_of_the_task_that_waits_for_it():
    ask = task("arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken", Parameters={"Token.$": "$$.Task.Token"})

    ran = run(machine(Ask=ask), behaviour=echoes)

    assert ran.output == {"Token": ran.requests[0].token}


def test_a_missing_input_path_is_told_in_jsonpaths_own_words():
    ran = run(machine(Pick=pass_(InputPath="$.a.b")), {"a": {}})

    assert ran.cause == (
        "An error occurred while executing the state 'Pick' (entered at the event id #2). "
        "Invalid path '$.a.b' : No results for path: $['a']['b']"
    )
    assert ran.links[-1] == "3<2 ExecutionFailed"


def test_an_output_path_that_fails_after_the_task_points_at_its_success():
    ran = run(machine(Ask=task(OutputPath="$.nope")), {}, returns({}))

    assert ran.links[-2:] == ["5<4 LambdaFunctionSucceeded", "6<5 ExecutionFailed"]


def test_credentials_are_shown_and_passed_on():
    ask = task(Credentials={"RoleArn.$": "$.role"})

    ran = run(machine(Ask=ask), {"role": "arn:aws:iam::123456789012:role/other"}, echoes)

    assert ran.details("LambdaFunctionScheduled")["taskCredentials"] == {
        "roleArn": "arn:aws:iam::123456789012:role/other"
    }
    assert ran.requests[0].credentials == "arn:aws:iam::123456789012:role/other"


def test_requests_tell_where_in_the_machine_they_stand():
    inner = map_(scope(Leaf=task()))
    ran = run(machine(Outer=parallel(scope(Inner=inner), scope(Other=pass_()))), ["a", "b"], by_state(Leaf=echoes))

    assert [request.within for request in ran.requests] == [(("Outer", 0), ("Inner", 0)), (("Outer", 0), ("Inner", 1))]


@pytest.mark.parametrize(
    "path", ["$.items[*]", "$.items[1:]", "$.item.items[1:5].value", "$[*]", "$..nothing", "$.a[?(@.b)]"]
)
def test_an_indefinite_path_that_finds_nothing_gives_an_empty_array(path):
    assert run(machine(Pick=pass_(Parameters={"found.$": path})), {}).output == {"found": []}


def test_a_slice_of_an_object_is_an_error():
    assert run(machine(Pick=pass_(Parameters={"found.$": "$[1:5]"})), {}).error == "States.Runtime"


def test_a_token_is_in_the_context_object_only_where_somebody_can_answer_with_it():
    for resource, parameter, has_token in [
        ("arn:aws:states:::lambda:invoke", {"FunctionName": "f", "Payload.$": "$$"}, False),
        ("arn:aws:states:::lambda:invoke.waitForTaskToken", {"FunctionName": "f", "Payload.$": "$$"}, True),
        ("arn:aws:states:::states:startExecution.sync:2", {"StateMachineArn": "m", "Input.$": "$$"}, True),
        ("arn:aws:states:us-east-1:123456789012:activity:work", {"all.$": "$$"}, True),
    ]:
        ran = run(machine(Ask=task(resource, Parameters=parameter)), behaviour=echoes)
        assert ('"Task"' in ran.requests[0].input) is has_token


def test_a_filter_may_compare_with_a_word_without_quotes():
    definition = machine(Pick=pass_(Parameters={"found.$": "$.labels[?(@.Name==Receipt)].n"}))

    assert run(definition, {"labels": [{"Name": "Receipt", "n": 1}, {"Name": "Dog", "n": 2}]}).output == {"found": [1]}
