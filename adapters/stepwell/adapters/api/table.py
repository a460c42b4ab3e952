"""Every operation of the API: one row each."""

from collections.abc import Mapping

from stepwell.adapters.api import activities, definitions, executions, state_machines
from stepwell.adapters.api.api import Operation

OPERATIONS: Mapping[str, Operation] = {
    "CreateActivity": Operation(activities.create_activity),
    "CreateStateMachine": Operation(state_machines.create_state_machine),
    "CreateStateMachineAlias": Operation(state_machines.create_state_machine_alias),
    "DeleteActivity": Operation(activities.delete_activity),
    "DeleteStateMachine": Operation(state_machines.delete_state_machine),
    "DeleteStateMachineAlias": Operation(state_machines.delete_state_machine_alias),
    "DeleteStateMachineVersion": Operation(state_machines.delete_state_machine_version),
    "DescribeActivity": Operation(activities.describe_activity),
    "DescribeExecution": Operation(executions.describe_execution, is_quick=True),
    "DescribeMapRun": Operation(executions.describe_map_run),
    "DescribeStateMachine": Operation(state_machines.describe_state_machine),
    "DescribeStateMachineAlias": Operation(state_machines.describe_state_machine_alias),
    "DescribeStateMachineForExecution": Operation(executions.describe_state_machine_for_execution),
    "GetActivityTask": Operation(executions.get_activity_task, is_quick=True),
    "GetExecutionHistory": Operation(executions.get_execution_history),
    "ListActivities": Operation(activities.list_activities),
    "ListExecutions": Operation(executions.list_executions),
    "ListMapRuns": Operation(executions.list_map_runs),
    "ListStateMachineAliases": Operation(state_machines.list_state_machine_aliases),
    "ListStateMachineVersions": Operation(state_machines.list_state_machine_versions),
    "ListStateMachines": Operation(state_machines.list_state_machines),
    "ListTagsForResource": Operation(activities.list_tags_for_resource),
    "PublishStateMachineVersion": Operation(state_machines.publish_state_machine_version),
    "RedriveExecution": Operation(executions.redrive_execution),
    "SendTaskFailure": Operation(executions.send_task_failure, is_quick=True),
    "SendTaskHeartbeat": Operation(executions.send_task_heartbeat, is_quick=True),
    "SendTaskSuccess": Operation(executions.send_task_success, is_quick=True),
    "StartExecution": Operation(executions.start_execution, is_quick=True),
    "StartSyncExecution": Operation(executions.start_sync_execution, is_quick=True),
    "StopExecution": Operation(executions.stop_execution, is_quick=True),
    "TagResource": Operation(activities.tag_resource),
    "TestState": Operation(definitions.test_state, may_last=True),
    "UntagResource": Operation(activities.untag_resource),
    "UpdateMapRun": Operation(executions.update_map_run),
    "UpdateStateMachine": Operation(state_machines.update_state_machine),
    "UpdateStateMachineAlias": Operation(state_machines.update_state_machine_alias),
    "ValidateStateMachineDefinition": Operation(definitions.validate_state_machine_definition),
}
