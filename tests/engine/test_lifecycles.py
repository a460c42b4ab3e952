"""Lifecycles are tables, and the tables are those of the `transitions` library."""

import pytest
from transitions import MachineError

from stepwell.engine.lifecycles import EXECUTION, ExecutionStatus, IllegalMove


@pytest.mark.parametrize("status", ExecutionStatus)
@pytest.mark.parametrize("trigger", ["succeed", "fail", "time_out", "abort", "redrive"])
def test_a_lookup_and_the_library_agree_on_every_move(status, trigger):
    class Subject:
        state: str

    machine = EXECUTION.machine()
    subject = Subject()
    machine.add_model(subject, initial=str(status))
    try:
        getattr(subject, trigger)()
        expected = subject.state
    except MachineError:
        expected = None

    try:
        followed = str(EXECUTION.follow(status, trigger))
    except IllegalMove:
        followed = None

    assert followed == expected


def test_only_a_redrive_leaves_an_end():
    assert {move[0] for move in EXECUTION.moves if move[1].is_terminal} == {"redrive"}
    assert not any(move[1] is ExecutionStatus.SUCCEEDED for move in EXECUTION.moves)


def test_the_diagram_is_drawn_from_the_table():
    diagram = EXECUTION.diagram()

    assert diagram.startswith("stateDiagram-v2\n    [*] --> RUNNING")
    assert "    FAILED --> RUNNING: redrive" in diagram
