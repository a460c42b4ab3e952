"""An engine that breaks, or ends, just as somebody asks: nobody waits for ever."""

from threading import Thread

import pytest

from stepwell.local import Engine, EngineClosed, StoreFailed
from support import machine, pass_

GONE = "stepwell.db: the disk is gone"


def told(question) -> list[BaseException]:
    """What a question raises; nothing where it is not answered."""
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            question()
        except EngineClosed as error:
            raised.append(error)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(10)
    return raised


def break_down() -> None:
    """What breaks the engine on whose thread it is done."""
    raise StoreFailed(GONE)


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path) as engine:
        yield engine


def test_whoever_asks_a_broken_engine_hears_what_broke_it(engine):
    arn = engine.start(machine(A=pass_()), name="before")
    engine.wait(arn, 10)
    engine._runtime.host.post(break_down)

    (error,) = told(lambda: engine.start(machine(A=pass_())))
    assert str(error.__cause__) == GONE
    assert engine.wait(arn).status == "SUCCEEDED"


def test_whoever_asks_in_the_moment_in_which_the_engine_ends_is_told(engine):
    post = engine._runtime.host.post

    def ends_first(action):
        engine._runtime.host.post = post
        engine.close()
        post(action)

    engine._runtime.host.post = ends_first

    assert told(lambda: engine.start(machine(A=pass_())))


def test_an_engine_breaks_with_workers_who_wait_and_a_task_that_has_just_come(engine):
    """What was posted for them is done after the store was closed; warnings of threads that die are errors."""
    activity = engine.create_activity("work")

    def break_down_with_a_task():
        engine._runtime.host.post(engine._runtime.serve_pollers)
        break_down()

    def wait_for_work():
        engine._runtime.host.post(lambda: engine._runtime.host.post(break_down_with_a_task))
        engine.get_activity_task(activity)

    assert told(wait_for_work)
    assert told(lambda: engine.start(machine(A=pass_())))
