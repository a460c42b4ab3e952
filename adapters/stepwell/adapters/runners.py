"""How a host has things run beside itself: on daemon threads, and coroutines on one event loop."""

import inspect
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from stepwell.engine.ports import Call, Done

if TYPE_CHECKING:
    import asyncio  # elsewhere imported where a coroutine shows up: it takes 25 ms

IDLE_SECONDS = 10
"""A thread without work ends after this time."""

CLOSING_SECONDS = 2
"""How long coroutines that are cancelled have to clean up."""

Post = Callable[[Callable[[], None]], None]
"""Takes something to do on the host's own thread; may be called from any thread."""


class ThreadRunner:
    """A `Runner`: plain functions run on daemon threads, one each, coroutine functions on one event loop.

    A thread cannot be killed: a call that was given up runs on, its result is dropped, and the process may end while it
    still runs. A coroutine that was given up is cancelled.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread: threading.Thread | None = None
        self.running = 0
        """Calls that somebody waits for. Changed on the host's thread only."""

    def __call__(self, call: Call, done: Done) -> Callable[[], None]:
        self.running += 1
        waiting = True

        def settle(value: Any, error: BaseException | None) -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self.running -= 1
                done(value, error)

        def answer(value: Any, error: BaseException | None) -> None:
            self._post(lambda: settle(value, error))

        cancel = (
            self._run_coroutine(call, answer) if inspect.iscoroutinefunction(call.function) else self._run(call, answer)
        )

        def give_up() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self.running -= 1
                cancel()

        return give_up

    def close(self) -> None:
        """Cancels what runs on the event loop and ends it. Threads that still run are left to end with the process."""
        if self._loop is None:
            return
        import asyncio

        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop)
        if self._loop_thread is not None:
            self._loop_thread.join(CLOSING_SECONDS)

    # --- threads ----------------------------------------------------------------------------------------------------

    def _run(self, call: Call, answer: Done) -> Callable[[], None]:
        def job() -> None:
            try:
                value = call.function(*call.arguments)
                if inspect.iscoroutine(value):  # a plain function that hands a coroutine on
                    import asyncio

                    value = asyncio.run(value)
            except BaseException as error:  # noqa: BLE001 - SystemExit too must not end our thread without an answer
                answer(None, error)
            else:
                answer(value, None)

        with self._lock:
            must_start = self._idle == 0
            if not must_start:
                self._idle -= 1
        self._jobs.put(job)
        if must_start:
            threading.Thread(target=self._serve, name="stepwell-task", daemon=True).start()
        return _leave_it_running

    def _serve(self) -> None:
        job = self._jobs.get()
        while True:
            job()
            with self._lock:
                self._idle += 1
            try:
                job = self._jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._idle > 0:
                        self._idle -= 1
                        return
                job = self._jobs.get()  # one was promised to this thread just now

    # --- coroutines -------------------------------------------------------------------------------------------------

    def _run_coroutine(self, call: Call, answer: Done) -> Callable[[], None]:
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop_thread = threading.Thread(
                target=_serve_loop, args=(self._loop,), name="stepwell-loop", daemon=True
            )
            self._loop_thread.start()
        future = asyncio.run_coroutine_threadsafe(call.function(*call.arguments), self._loop)

        def report(finished: Any) -> None:
            if finished.cancelled():
                answer(None, asyncio.CancelledError())
            elif error := finished.exception():
                answer(None, error)
            else:
                answer(finished.result(), None)

        future.add_done_callback(report)
        return lambda: (future.cancel(), None)[1]


def _serve_loop(loop: "asyncio.AbstractEventLoop") -> None:
    loop.run_forever()
    loop.close()


async def _cancel_all() -> None:
    """Cancels all other coroutines of the loop, lets them clean up, and ends the loop."""
    import asyncio

    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=CLOSING_SECONDS)
    asyncio.get_running_loop().stop()


def _leave_it_running() -> None:
    pass
