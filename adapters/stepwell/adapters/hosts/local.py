"""The local host: real time, handlers on threads and on an event loop, everything else on one thread.

Waiting costs nothing: a thousand executions that wait are a thousand entries in the list of timers. With a
`SkippingClock` time is skipped whenever nothing runs and nothing is left to do but wait; but whoever was handed a task
token has a moment of real time for the answer first.

Where other processes have the store open too, the host looks every now and then whether they have left a letter.
"""

import os
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.runners import ThreadRunner
from stepwell.engine.ports import Store, TaskHandler
from stepwell.engine.worker import Compile, Launch, Missing, Observer, Worker, cannot_compile, cannot_launch

LONGEST_REST_SECONDS = 3600.0
SECONDS_FOR_ANSWERS = 1.0
SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_OF_QUIET = 0.02
"""When nothing has come for so long, there is time to tidy the store up: somebody may wait for everything else."""
TIDIED_AT_ONCE = 50

ENTROPY_BYTES = 16
POOL_BYTES = 256 * ENTROPY_BYTES
"""Random bits are fetched for so many steps at once: asking the system lets other threads have the interpreter."""

ROUNDS_AT_ONCE = 4
"""Then whoever has posted something has a turn, however much there is to do."""


class LocalHost:
    """`work` belongs to one thread; `post` may be called from any."""

    def __init__(
        self,
        tasks: TaskHandler,
        store: Store,
        *,
        clock: SystemClock | SkippingClock | None = None,
        observe: Observer | None = None,
        compile: Compile = cannot_compile,
        launch: Launch = cannot_launch,
        missing: Missing | None = None,
        look_around: Callable[[bool], None] | None = None,
        wait_scale: float = 1.0,
    ) -> None:
        self.clock = clock or SystemClock()
        self.store = store
        self._look_around = look_around
        self._looked_at = 0.0
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._is_untidy = True
        self._waited_at = 0
        self._patient_until = 0.0
        self._pool, self._drawn = b"", POOL_BYTES
        self._runner = ThreadRunner(self._inbox.put)
        self.worker = Worker(
            store=store,
            clock=self.clock,
            runner=self._runner,
            tasks=tasks,
            entropy=self.entropy,
            observe=observe,
            compile=compile,
            launch=launch,
            missing=missing,
            wait_scale=wait_scale,
        )

    def entropy(self) -> bytes:
        """Random bits for one step; for the thread that works."""
        if self._drawn == POOL_BYTES:
            self._pool, self._drawn = os.urandom(POOL_BYTES), 0
        self._drawn += ENTROPY_BYTES
        return self._pool[self._drawn - ENTROPY_BYTES : self._drawn]

    def post(self, action: Callable[[], None]) -> None:
        """Has something done on the thread that works."""
        self._inbox.put(action)

    def work(self, is_done: Callable[[], bool]) -> None:
        """Carries all executions on until `is_done`, which is asked whenever something has happened."""
        while True:
            due = self.worker.work(ROUNDS_AT_ONCE)
            if is_done():
                return
            self._look()
            if action := self._next_action(due):
                action()
                for _ in range(self._inbox.qsize()):  # what they post in turn comes after the work they have made
                    self._inbox.get()()

    def drain(self, seconds: float) -> None:
        """Lets what runs come to its end and lays that down, for at most so long; nothing new is begun."""
        self.worker.drain()
        until = monotonic() + seconds
        while True:
            self.worker.work(ROUNDS_AT_ONCE)
            left = until - monotonic()
            if not self._runner.running or left <= 0:
                return
            try:
                self._inbox.get(timeout=left)()
            except Empty:
                return

    def answer_posted(self) -> None:
        """Does what was posted after the work had ended, so that nobody waits for an answer that never comes."""
        while action := self._take():
            action()

    def close(self) -> None:
        """Ends the work. In the store everything is as it was laid down last."""
        self.worker.close()
        self._runner.close()

    def _look(self) -> None:
        """Looks every now and then for what other processes have left in the store."""
        now = monotonic()
        if now - self._looked_at < SECONDS_BETWEEN_LOOKS:
            return
        self._looked_at = now
        has_news = self.store.has_news()
        if has_news:
            self.worker.look_around()
        if self._look_around:
            self._look_around(has_news)

    def _next_action(self, due: int | None) -> Callable[[], None] | None:
        """What was posted before the next timer is due; None when the time has come, or the time to look around."""
        if action := self._take():
            self._is_untidy = True
            return action
        if due is not None and isinstance(self.clock, SkippingClock) and not self._runner.running:
            if action := self._answer_in_time():
                return action
            self.clock.jump(due)
            return None
        seconds = SECONDS_BETWEEN_LOOKS if self.store.is_shared else LONGEST_REST_SECONDS
        if self._is_untidy:
            seconds = min(seconds, SECONDS_OF_QUIET)
        if due is not None:
            seconds = min(seconds, max(0.0, (due - self.clock.now()) / 1000))
        try:
            action = self._inbox.get(timeout=seconds)
        except Empty:
            if self._is_untidy and (due is None or due > self.clock.now()):
                self._is_untidy = self.store.tidy(TIDIED_AT_ONCE)
            return None
        self._is_untidy = True
        return action

    def _answer_in_time(self) -> Callable[[], None] | None:
        """What was posted within the moment that a token which was just handed out is given for its answer."""
        if not self.worker.awaits_answers:
            return None
        if self._waited_at != self.worker.news_of_open_tasks:
            self._waited_at = self.worker.news_of_open_tasks
            self._patient_until = monotonic() + SECONDS_FOR_ANSWERS
        while (left := self._patient_until - monotonic()) > 0:
            try:
                return self._inbox.get(timeout=min(left, SECONDS_BETWEEN_LOOKS if self.store.is_shared else left))
            except Empty:
                if self.store.is_shared and self.store.has_news():
                    return self.worker.look_around
        return None

    def _take(self) -> Callable[[], None] | None:
        try:
            return self._inbox.get_nowait()
        except Empty:
            return None
