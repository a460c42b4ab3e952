"""Redrive: an execution that did not end well goes on where it stopped.

The frames of an execution outlive its end, each where it failed or was interrupted, so a redrive begins with what is
there. States that ended well, and with them the branches and iterations that did, are not repeated; each other frame
does the work of its state again, with the same input and variables, and with retriers and timeouts as new.

No redriven execution has been recorded on AWS. What its documentation tells is that ExecutionRedriven is added to the
history and which states run again; which events those give, and what they point at, is inferred.
"""

from stepwell.definitions import failure as names
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine import quotas
from stepwell.engine.execution import MOVING, AwaitingChildren, Execution
from stepwell.engine.lifecycles import EXECUTION, ExecutionStatus
from stepwell.engine.turn import NO_FAILURE, Turn


def redrive_status(execution: Execution, at: int) -> tuple[str, str | None]:
    """REDRIVABLE, or NOT_REDRIVABLE and why, at a moment (ms): as DescribeExecution tells it.

    The reasons are the API model's, but for that of Express executions: DescribeExecution does not take those.
    """
    reason = _obstacle(execution, at)
    return ("REDRIVABLE", None) if reason is None else ("NOT_REDRIVABLE", reason)


def _obstacle(execution: Execution, at: int) -> str | None:
    if execution.type is StateMachineType.EXPRESS:
        return "Execution is EXPRESS and cannot be redriven"
    if execution.status in (ExecutionStatus.RUNNING, ExecutionStatus.SUCCEEDED):
        return f"Execution is {execution.status} and cannot be redriven"
    if execution.next_event_id - 1 >= quotas.REDRIVE_EVENTS:
        return "Execution history event limit exceeded"
    if at - execution.started_at > quotas.EXECUTION_SECONDS * 1000:
        return "Execution has exceeded the max execution time"
    assert execution.stopped_at is not None, "an execution that does not run has stopped"
    if at - execution.stopped_at > quotas.REDRIVE_SECONDS * 1000:
        return "Execution redrivable period exceeded"
    return None


def redrive(turn: Turn, client_token: str | None) -> bool:
    """Redrives the execution; returns whether it can be."""
    if _obstacle(turn.execution, turn.at) is not None:
        return False
    if turn.failure.error == names.DATA_LIMIT_EXCEEDED:
        _forget_children(turn)
    turn.status = EXECUTION.follow(turn.status, "redrive")
    turn.stopped_at = turn.output = None
    turn.failure = NO_FAILURE
    turn.redrive_count += 1
    turn.redriven_at, turn.redrive_token = turn.at, client_token
    redriven = turn.emit("ExecutionRedriven", turn.next_event_id - 1, {"redriveCount": turn.redrive_count})
    turn.begin_time()
    turn.resume("", redriven)
    return True


def _forget_children(turn: Turn) -> None:
    """Lets the outermost container start over, with the children that ended well: their results may be what is too
    large. Developer guide, redrive of Parallel and inline Map."""
    root = turn.present("")
    if isinstance(root.rest, AwaitingChildren):
        root.rest = MOVING
        for path in turn.execution.frames:
            if path:
                turn.remove(path)
