"""Amazon EMR's actions, which are Step Functions' own: other names and parameters than those of the API behind them."""

from collections.abc import Mapping

from msgspec import Struct

from stepwell.adapters.tasks.aws.jobs import Begun, Given, Merged, Template, Told


class Wanted(Struct, frozen=True, kw_only=True):
    """Something that the task gives by its name and the API wants by its id."""

    ask: str
    """The action that lists them."""
    listed: str
    """The member of its answer that is the list."""
    named: str
    """The parameter that gives the name."""


class Wrapper(Struct, frozen=True, kw_only=True):
    """An action and what it stands for. Its parameters may tell (`Told`) of what was wanted."""

    action: str
    parameters: Template
    result: Template = None
    """Made of the answer (`Begun`); without it there is none."""
    wanted: Wanted | None = None


CLUSTER = {"ClusterId": Given("ClusterId")}

WRAPPERS: Mapping[tuple[str, str], Wrapper] = {
    ("elasticmapreduce", "addStep"): Wrapper(
        action="addJobFlowSteps",
        parameters={
            "JobFlowId": Given("ClusterId"),
            "Steps": [Given("Step")],
            "ExecutionRoleArn": Given("ExecutionRoleArn"),
        },
        result={"StepId": Begun(("StepIds", 0))},
    ),
    ("elasticmapreduce", "cancelStep"): Wrapper(
        action="cancelSteps",
        parameters={
            **CLUSTER,
            "StepIds": [Given("StepId")],
            "StepCancellationOption": Given("StepCancellationOption"),
        },
        result={"CancelStepsInfo": Begun(("CancelStepsInfoList", 0))},
    ),
    ("elasticmapreduce", "createCluster"): Wrapper(
        action="runJobFlow",
        parameters=Given(),
        result={"ClusterId": Begun(("JobFlowId",))},
    ),
    ("elasticmapreduce", "modifyInstanceFleetByName"): Wrapper(
        action="modifyInstanceFleet",
        wanted=Wanted(ask="listInstanceFleets", listed="InstanceFleets", named="InstanceFleetName"),
        parameters={**CLUSTER, "InstanceFleet": Merged((Given("InstanceFleet"), {"InstanceFleetId": Told(("Id",))}))},
    ),
    ("elasticmapreduce", "modifyInstanceGroupByName"): Wrapper(
        action="modifyInstanceGroups",
        wanted=Wanted(ask="listInstanceGroups", listed="InstanceGroups", named="InstanceGroupName"),
        parameters={
            **CLUSTER,
            "InstanceGroups": [Merged((Given("InstanceGroup"), {"InstanceGroupId": Told(("Id",))}))],
        },
    ),
    ("elasticmapreduce", "setClusterTerminationProtection"): Wrapper(
        action="setTerminationProtection",
        parameters={"JobFlowIds": [Given("ClusterId")], "TerminationProtected": Given("TerminationProtected")},
    ),
    ("elasticmapreduce", "terminateCluster"): Wrapper(
        action="terminateJobFlows", parameters={"JobFlowIds": [Given("ClusterId")]}
    ),
}
"""By the names in a Resource."""
