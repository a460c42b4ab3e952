"""Methods that can be called from synchronous and from asynchronous code, each written once.

    engine.wait(arn)                 blocks this thread
    await engine.wait.aio(arn)       blocks nothing

A method decorated with `operation` returns an `Answer`; its caller gets what the answer holds.
"""

import functools
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    import asyncio

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")
Self = TypeVar("Self")


class Answer(Future[T]):
    """What an operation returns: there now, or later."""

    def __init__(self, timeout: float | None = None, otherwise: Callable[[], T] | None = None) -> None:
        super().__init__()
        self.timeout = timeout
        """Seconds after which whoever waits gets what `otherwise` gives or raises."""
        self.otherwise = otherwise

    def settle(self, question: Callable[[], T]) -> None:
        """Takes what the question gives or raises."""
        try:
            value = question()
        except Exception as error:  # noqa: BLE001 - the caller's, to be raised on the caller's thread
            self.fail(error)
        else:
            self.give(value)

    def give(self, value: T) -> None:
        """The result, unless nobody waits for it any more."""
        with suppress(InvalidStateError):
            self.set_result(value)

    def fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):
            self.set_exception(error)

    def will_be_given(self) -> bool:
        """From now on whoever waits waits for the result, however late. False where nobody waits any more."""
        return not self.done() and self.set_running_or_notify_cancel()

    def instead(self) -> T:
        """What whoever has waited long enough gets."""
        if self.otherwise is None or not self.cancel():
            return self.result()  # it is on its way
        return self.otherwise()

    def then(self, shown: Callable[[T], U]) -> "Answer[U]":
        """The answer with what is made of this one. Who gives it up gives this one up."""
        made: Answer[U] = Answer(self.timeout, lambda: shown(self.instead()))
        self.add_done_callback(lambda it: made.cancel() if it.cancelled() else made.settle(lambda: shown(it.result())))
        made.add_done_callback(lambda it: self.cancel() if it.cancelled() else None)
        return made


class Bound(Generic[P, T]):
    """An operation of one object."""

    def __init__(self, method: Callable[Concatenate[Any, P], Answer[T]], instance: Any) -> None:
        self._method = method
        self._instance = instance
        functools.update_wrapper(self, method)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return waited_for(self._method(self._instance, *args, **kwargs))

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for asynchronous code."""
        return await arrived(self._method(self._instance, *args, **kwargs))


def waited_for(answer: Answer[T]) -> T:
    """What the answer holds, once it is there; blocks this thread."""
    if answer.timeout is not None:
        wait((answer,), answer.timeout)
        if not answer.done():
            return answer.instead()
    return answer.result()


async def arrived(answer: Answer[T]) -> T:
    """What the answer holds, once it is there. Who is cancelled while waiting gives the answer up."""
    import asyncio  # here, not above: it takes 25 ms, and who calls this has it already

    if not answer.done():
        try:
            await asyncio.wait_for(_arrival(answer), answer.timeout)
        except TimeoutError:
            return answer.instead()
        except asyncio.CancelledError:
            answer.cancel()
            raise
    return answer.result()


def _arrival(answer: Answer[Any]) -> "asyncio.Future[None]":
    """Done, on the loop that runs, when the answer is there."""
    import asyncio

    loop = asyncio.get_running_loop()
    letterbox = _letterboxes.get(loop)
    if letterbox is None:
        letterbox = _letterboxes[loop] = Letterbox(loop)
    arrival = loop.create_future()
    answer.add_done_callback(lambda _: letterbox.put(arrival))
    return arrival


class Letterbox:
    """Wakes an event loop once for all answers that have come since it looked: each waking is a call of the system."""

    def __init__(self, loop: "asyncio.AbstractEventLoop") -> None:
        self._loop = ref(loop)
        self._arrived: deque[asyncio.Future[None]] = deque()
        self._is_awake = False

    def put(self, arrival: "asyncio.Future[None]") -> None:
        """From any thread."""
        self._arrived.append(arrival)
        if not self._is_awake:
            self._is_awake = True
            loop = self._loop()
            if loop is not None:
                with suppress(RuntimeError):  # it is closed: nobody waits
                    loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._is_awake = False  # first: what comes from now on wakes it again
        while self._arrived:
            arrival = self._arrived.popleft()
            if not arrival.done():
                arrival.set_result(None)


_letterboxes: "WeakKeyDictionary[asyncio.AbstractEventLoop, Letterbox]" = WeakKeyDictionary()


class operation(Generic[P, T]):
    """Makes a method that returns an `Answer` one that may be called in both ways."""

    def __init__(self, method: Callable[Concatenate[Any, P], Answer[T]]) -> None:
        self._method = method
        functools.update_wrapper(self, method)  # type: ignore[arg-type]

    @overload
    def __get__(self, instance: None, owner: type) -> "operation[P, T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> Bound[P, T]: ...
    def __get__(self, instance: object | None, owner: type) -> "operation[P, T] | Bound[P, T]":
        return self if instance is None else Bound(self._method, instance)
