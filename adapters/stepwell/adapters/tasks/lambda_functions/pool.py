"""The workers of one function: started when they are needed, kept warm, and as many as there are invocations at a time.

Rule 1: a worker performs one invocation at a time. Beyond `usual` there are more, up to `most`, where for a moment none
gets free: functions wait for others, and for each other. Who comes then waits.
Rule 2: an invocation that goes wrong (no end, no process, no message) costs its worker and nothing else.
Rule 3: workers that loaded the source before it changed perform nothing more.
"""

import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, time

from msgspec import Struct

from stepwell.adapters.tasks.lambda_functions.changes import SourceFiles
from stepwell.adapters.tasks.lambda_functions.environments import variables_of
from stepwell.adapters.tasks.lambda_functions.messages import TimeIsUp, WorkerGone
from stepwell.adapters.tasks.lambda_functions.processes import CannotStart, Log, Worker
from stepwell.adapters.tasks.lambda_functions.sources import FunctionSource

INIT_SECONDS = 10
"""Loading a function may take so long without counting as its invocation. Lambda's limit on the Init phase."""


PATIENCE_SECONDS = 0.1
"""How long an invocation waits for one of the usual workers before there is another."""


class Answer(Struct, frozen=True, kw_only=True):
    """What a function answers to an invocation: JSON text, or bytes of another kind."""

    payload: bytes
    is_error: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Place:
    """One of the places for workers."""

    generation: int
    worker: Worker | None = None
    is_warm: bool = False
    """Whether the worker can perform another invocation."""


class WorkerPool:
    """Invokes one function. Every method may be called from any thread."""

    def __init__(
        self, source: FunctionSource, *, usual: int, most: int, log: Log, environment: Mapping[str, str]
    ) -> None:
        self._source = source
        self._usual = usual
        self._most = most
        self._log = log
        self._environment = environment
        self._condition = threading.Condition()
        self._idle: list[_Place] = []
        self._busy: set[_Place] = set()
        self._is_closed = False
        self._inline: TemporaryDirectory[str] | None = None
        self._files = SourceFiles(source)
        self._generation = 0

    def invoke(self, arn: str, event: bytes) -> Answer:
        """Invokes the function, by this ARN, with an event in JSON, and waits for the answer; raises CannotStart."""
        request_id = str(uuid.uuid4())
        place = self._take()
        try:
            return self._load(place) or self._perform(place, request_id, arn, event)
        except TimeIsUp:
            said = f"Task timed out after {self._source.timeout_seconds:.2f} seconds"
            return _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {said}")
        except WorkerGone:
            assert place.worker is not None, "it has gone"
            return _error("Runtime.ExitError", f"RequestId: {request_id} Error: {place.worker.end()}")
        finally:
            self._give_back(place)

    def close(self) -> None:
        """Ends all workers, whatever they are doing."""
        with self._condition:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for place in self._busy:
                if place.worker is not None:
                    place.worker.kill()
            self._condition.notify_all()
        _end(idle)
        if self._inline is not None:
            self._inline.cleanup()

    # --- one invocation ---------------------------------------------------------------------------------------------

    def _load(self, place: _Place) -> Answer | None:
        """Sees to it that the place has a worker with its function loaded. Returns the error where that fails.

        Differs from AWS: there loading is tried a second time when it takes longer than its limit, as a part of the
        invocation; here it goes on for as long as both together.
        """
        if place.worker is not None:
            return None
        folder = self._folder()
        worker = Worker(self._source, folder, variables_of(self._source, folder, self._environment), self._log)
        with self._condition:
            place.worker = worker
            if self._is_closed:
                worker.kill()
        head, payload = worker.receive(monotonic() + INIT_SECONDS + self._source.timeout_seconds)
        match head.get("kind"):
            case "ready":
                return None
            case "error":
                return Answer(payload=payload, is_error=True)
        raise WorkerGone

    def _perform(self, place: _Place, request_id: str, arn: str, event: bytes) -> Answer:
        assert place.worker is not None, "it was loaded"
        seconds = self._source.timeout_seconds
        deadline = monotonic() + seconds
        head = {"id": request_id, "arn": arn, "deadline_ms": int((time() + seconds) * 1000)}
        place.worker.send(head, event, deadline)
        answer, payload = place.worker.receive(deadline)
        kind = answer.get("kind")
        if answer.get("id") != request_id or kind not in ("result", "error"):
            raise WorkerGone
        place.is_warm = not answer.get("is_last")
        return Answer(payload=payload, is_error=kind == "error")

    def _folder(self) -> Path:
        """Where the code is. That of a template is written into a folder for the time being."""
        source = self._source
        if source.inline_code is None:
            return source.folder.absolute()
        with self._condition:
            if self._inline is None:
                name = "index.py" if source.is_python else "index.js"
                try:
                    self._inline = TemporaryDirectory(prefix="stepwell-function-", ignore_cleanup_errors=True)
                    (Path(self._inline.name) / name).write_text(source.inline_code, encoding="utf-8")
                except (OSError, UnicodeEncodeError) as fault:
                    raise CannotStart(f"The function {source.name!r} cannot be laid down to be run: {fault}") from None
            return Path(self._inline.name)

    # --- places -----------------------------------------------------------------------------------------------------

    def _take(self) -> _Place:
        """A place with a worker that knows the source as it is now, or with none yet."""
        spent: list[_Place] = []
        most = self._usual
        try:
            with self._condition:
                while True:
                    if self._is_closed:
                        raise CannotStart(f"The function {self._source.name!r} is not invoked any more: its host ends")
                    if self._files.have_changed():
                        self._generation += 1
                        spent += self._idle
                        self._idle = []
                    place = self._next(spent, most)
                    if place is not None:
                        self._busy.add(place)
                        return place
                    if not self._condition.wait(PATIENCE_SECONDS):
                        most = self._most
        finally:
            _end(spent)

    def _next(self, spent: list[_Place], most: int) -> _Place | None:
        while self._idle:
            place = self._idle.pop()
            if place.worker is not None and not place.worker.has_ended():
                place.is_warm = False  # until its answer says so
                return place
            spent.append(place)
        return _Place(generation=self._generation) if len(self._busy) < most else None

    def _give_back(self, place: _Place) -> None:
        with self._condition:
            self._busy.discard(place)
            is_kept = place.is_warm and place.generation == self._generation and not self._is_closed
            if is_kept:
                self._idle.append(place)
            self._condition.notify()
        if not is_kept:
            _end([place])


def _end(places: list[_Place]) -> None:
    for place in places:
        if place.worker is not None:
            place.worker.end()


def _error(error_type: str, message: str) -> Answer:
    """An error of Lambda's own, with its text."""
    text = json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":"))
    return Answer(payload=text.encode(), is_error=True)
