"""The local host: real time, handlers on threads and on an event loop, everything else on one thread.

Waiting costs nothing: a thousand executions that wait are a thousand entries in the list of timers. With a
`SkippingClock` time is skipped whenever nothing runs and nothing is left to do but wait; but whoever was handed a task
token has a moment of real time for the answer first.
"""

import os
from collections.abc import Callable
from queue import Empty, SimpleQueue

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.runners import ThreadRunner
from stepwell.engine.ports import Store, TaskHandler
from stepwell.engine.worker import Observer, Worker

LONGEST_REST_SECONDS = 3600.0
SECONDS_FOR_ANSWERS = 1.0


class LocalHost:
    """`work` belongs to one thread; `post` may be called from any."""

    def __init__(
        self,
        tasks: TaskHandler,
        store: Store,
        *,
        clock: SystemClock | SkippingClock | None = None,
        observe: Observer | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.store = store
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._waited_for = 0
        self._runner = ThreadRunner(self._inbox.put)
        self.worker = Worker(
            store=store,
            clock=self.clock,
            runner=self._runner,
            tasks=tasks,
            entropy=self.entropy,
            observe=observe,
        )

    def entropy(self) -> bytes:
        """Random bits for one step."""
        return os.urandom(16)

    def post(self, action: Callable[[], None]) -> None:
        """Has something done on the thread that works."""
        self._inbox.put(action)

    def work(self, is_done: Callable[[], bool]) -> None:
        """Carries all executions on until `is_done`, which is asked whenever something has happened."""
        while True:
            due = self.worker.work()
            if is_done():
                return
            action = self._next_action(due)
            while action is not None:
                action()
                action = self._take()

    def answer_posted(self) -> None:
        """Does what was posted after the work had ended, so that nobody waits for an answer that never comes."""
        while action := self._take():
            action()

    def close(self) -> None:
        self.worker.close()
        self._runner.close()

    def _next_action(self, due: int | None) -> Callable[[], None] | None:
        """What was posted before the next timer is due; None when the time has come."""
        if action := self._take():
            return action
        if due is not None and isinstance(self.clock, SkippingClock) and not self._runner.running:
            if action := self._answer_in_time():
                return action
            self.clock.jump(due)
            return None
        seconds = LONGEST_REST_SECONDS
        if due is not None:
            seconds = min(seconds, max(0.0, (due - self.clock.now()) / 1000))
        try:
            return self._inbox.get(timeout=seconds)
        except Empty:
            return None

    def _answer_in_time(self) -> Callable[[], None] | None:
        """What was posted within the moment that a token which was just handed out is given for its answer."""
        if not self.worker.awaits_answers or self._waited_for == self.worker.left_open:
            return None
        self._waited_for = self.worker.left_open
        try:
            return self._inbox.get(timeout=SECONDS_FOR_ANSWERS)
        except Empty:
            return None

    def _take(self) -> Callable[[], None] | None:
        try:
            return self._inbox.get_nowait()
        except Empty:
            return None
