"""Processes die at random, and nothing is lost: a short run of what `make chaos` does at length.

What a run does depends on its seed, and on the system. STEPWELL_CHAOS_SEED repeats the seed of a run that has failed.
"""

import json
import os
import secrets
from random import Random

import pytest

from chaos.harness import Chaos
from chaos.machines import machine_of
from chaos.sabotage import WAYS
from chaos.undisturbed import Undisturbed, course_of, departures
from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.whereabouts import Whereabouts
from stepwell.engine.history import from_api
from stepwell.engine.operations.executions import new_execution
from support import MACHINE_ARN, machine, parallel, pass_, scope

SEED = os.environ.get("STEPWELL_CHAOS_SEED")
KILLS = 12
KILLS_TO_NOTICE = 200
"""Sabotage is noticed after one to forty."""

LONGEST_MILLISECONDS = 60_000
"""How long an execution of any machine takes by itself, where nobody dies."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="victims are forked")


@pytest.fixture
def seed():
    chosen = SEED or secrets.token_hex(4)
    print(f"STEPWELL_CHAOS_SEED={chosen}")
    return chosen


def test_nothing_is_lost_and_nothing_done_twice_when_processes_die(tmp_path, seed):
    chaos = Chaos(tmp_path, seed, kills=KILLS)
    violations = chaos.run()

    print(json.dumps(chaos.summary, indent=2, sort_keys=True))
    assert not violations, "\n".join(violations)


@pytest.mark.parametrize("way", ["perform-before-the-commit", "acknowledge-before-the-commit", "commit-piece-by-piece"])
def test_what_is_lost_is_noticed(tmp_path, seed, way):
    assert way in WAYS

    assert Chaos(tmp_path, seed, kills=KILLS_TO_NOTICE, way_of_sabotage=way).run()


# --- the judge's means -----------------------------------------------------------------------------------------------


def executions(seed, count):
    """Machines, each with an execution that has not begun."""
    for number in range(count):
        given = machine_of(seed, number)
        text = json.dumps({"n": Random(f"{seed} input {number}").randint(0, 600)})
        yield given, new_execution(at=0, entropy=b"", input=text, name=f"m{number}-0", machine_arn=given.arn)


def test_every_machine_that_is_to_end_by_itself_does(seed):
    for given, execution in executions(seed, 60):
        ended, _ = Undisturbed().run(given, given.definition, execution)

        if given.ending == "by itself":
            assert ended.stopped_at - ended.started_at < LONGEST_MILLISECONDS, given.definition


def test_the_line_of_control_of_every_event_is_found(seed):
    """Where its state stands in the definition, there it is."""
    for given, execution in executions(seed, 150):
        _, events = Undisturbed().run(given, given.definition, execution)
        places = dict(places_of(given.definition))
        whereabouts = Whereabouts()
        for event in events:
            path = whereabouts.path_of(event)
            if event.type.endswith(("StateEntered", "StateExited")):
                indices = [int(index) for index in path.split("/")[1:]]
                place = places[event.details["name"]]
                assert len(indices) == len(place), f"{given.name}: {event}"
                assert all(branch in (index, None) for index, branch in zip(indices, place, strict=True)), event


def places_of(scope, place=()):
    """The states of a scope, each with the branches around it; None for an iteration, which may be any."""
    for name, state in scope["States"].items():
        yield name, place
        for index, branch in enumerate(state.get("Branches", ())):
            yield from places_of(branch, (*place, index))
        if "ItemProcessor" in state:
            yield from places_of(state["ItemProcessor"], (*place, None))


def test_a_history_from_which_any_event_is_missing_is_noticed(seed):
    for given, execution in executions(seed, 40):
        ended, events = Undisturbed().run(given, given.definition, execution)
        course = course_of(ended, events)
        if len(course.lines) > 1:
            continue  # with several lines of control, what was given up may have come less far
        for place in range(1, len(course.history)):
            cut = course._replace(history=course.history[:place] + course.history[place + 1 :])
            assert departures(course, cut), f"{given.name}, event {place + 1}"


def test_branches_may_go_on_in_any_order():
    definition = machine(Both=parallel(scope(A=pass_(), B=pass_()), scope(C=pass_(), D=pass_())))
    events = [from_api(event) for event in simulate(definition).history]
    names = [(event.details or {}).get("name") for event in events]
    before, at = names.index("D") - 1, names.index("D")
    other = [*events[:before], events[at], events[before], *events[at + 1 :]]
    ended = new_execution(at=0, entropy=b"", machine_arn=MACHINE_ARN)

    assert names[before] == "B"
    assert not departures(course_of(ended, events), course_of(ended, other))
    assert departures(course_of(ended, events), course_of(ended, events[:before] + events[at:]))
