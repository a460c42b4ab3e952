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

MOST_THREADS = 500
"""Calls beyond this wait for a thread."""

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
        self._threads = self._idle = self._queued = 0
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
                answer(None, thrown_in(error))
            else:
                answer(value, None)

        self._jobs.put(job)
        with self._lock:
            self._queued += 1
            must_start = self._queued > self._idle and self._threads < MOST_THREADS
            if must_start:
                self._threads += 1
        if must_start:
            self._start_thread()
        return _leave_it_running

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._serve, name="stepwell-task", daemon=True).start()
        except RuntimeError:  # the system gives no more threads: those that are there will come to it
            with self._lock:
                self._threads -= 1
                if self._threads == 0:
                    raise

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                job = self._jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                job = None
            with self._lock:
                self._idle -= 1
                if job is None and self._queued == 0:
                    self._threads -= 1
                    return
                if job is not None:
                    self._queued -= 1
            if job is not None:
                job()

    # --- coroutines -------------------------------------------------------------------------------------------------

    def _run_coroutine(self, call: Call, answer: Done) -> Callable[[], None]:
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop_thread = threading.Thread(
                target=_serve_loop, args=(self._loop,), name="stepwell-loop", daemon=True
            )
            self._loop_thread.start()
        future = asyncio.run_coroutine_threadsafe(_outcome(call), self._loop)

        def report(finished: Any) -> None:
            if finished.cancelled():
                answer(None, asyncio.CancelledError())
            else:
                answer(*finished.result())

        future.add_done_callback(report)

        def cancel() -> None:
            future.cancel()

        return cancel


async def _outcome(call: Call) -> tuple[Any, BaseException | None]:
    """What the coroutine returns or raises. SystemExit in particular must not reach the loop, which it would end."""
    import asyncio

    try:
        return await call.function(*call.arguments), None
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is its answer
        return None, thrown_in(error)


def thrown_in(error: BaseException) -> BaseException:
    """An exception as it can be thrown into an exchange, to which GeneratorExit would mean that it is closed."""
    return RuntimeError(f"GeneratorExit: {error}") if isinstance(error, GeneratorExit) else error


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
