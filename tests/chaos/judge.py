"""The judge: compares what was noted with what is in the file, as often as it is told to look.

Notes are read before the file: what they tell of was acknowledged before, so it must be there. The size of the notes is
taken after the file was read: what is noted from there on has happened later than all that the file tells of.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import NamedTuple
from zlib import crc32

from chaos.evidence import Evidence, Record, Told, told_by
from chaos.machines import Machine
from chaos.notes import Note, Reading
from chaos.undisturbed import Undisturbed, course_of, departures
from chaos.work import HANGING_SECONDS
from stepwell.engine import tokens
from stepwell.engine.events import ExecutionStopped, TaskFailed, TaskHeartbeat, TaskStarted, TaskSucceeded
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus

Performed = tuple[str, str, str]
"""What tells a task's performance: execution, state, the last characters of the token."""


class Death(NamedTuple):
    """`at`: how long the notes were when it came."""

    is_killed: bool
    at: int


class Over(NamedTuple):
    """A task that is not to be performed any more. `at`: how long the notes were when that was in the file."""

    at: int
    was_reported: bool
    """Whether its own result, or that it was left open, is in the file; else it was given up."""


class Judge:
    """Looks on. `violations` are sentences."""

    def __init__(self, file: Path, notes: Path, machine_of: Callable[[int], Machine]) -> None:
        self._file = file
        self._reading = Reading(notes)
        self._machine_of = machine_of
        self._undisturbed = Undisturbed()
        self._births: dict[int, int] = {}
        self._deaths: dict[int, Death] = {}
        self._recovered: set[int] = set()
        self._performances: dict[Performed, list[Note]] = {}
        self._over: dict[Performed, Over] = {}
        self._ended: dict[str, Execution] = {}
        self._told: dict[str, Told] = {}
        self._records: dict[str, Record] = {}
        self._answered: set[str] = set()
        self._beaten: Counter[str] = Counter()
        self._stopped: set[str] = set()
        self._redriven: set[str] = set()
        self._to_be_redriven: set[str] = set()
        self._ends: dict[str, str] = {}
        self._created: set[str] = set()
        self._existing: list[str] = []
        self.started: dict[str, str] = {}
        """The ARNs of the executions whose start was acknowledged, by name."""
        self.taken: set[str] = set()
        """The tokens of activity tasks that were given to somebody, who may be dead by now."""
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self.steps = 0

    # --- what the harness tells ---------------------------------------------------------------------------------------

    def spawned(self, victim: int) -> None:
        self._births[victim] = self._reading.size()
        self.counts["victims"] += 1

    def dies(self, victim: int, *, is_killed: bool) -> None:
        """Told before a kill, and after a close."""
        self._deaths[victim] = Death(is_killed, self._reading.size())

    # --- what the harness may know ------------------------------------------------------------------------------------

    def to_be_stopped(self) -> list[str]:
        """Executions that run until somebody stops them, and have not been stopped."""
        return [
            arn
            for name, arn in self.started.items()
            if arn not in self._stopped and arn not in self._ended and self._machine(name).ending == "stopped"
        ]

    def to_be_redriven(self) -> list[str]:
        """Executions that failed, every other one, and were not redriven. From now on they may be."""
        found = [
            arn
            for arn, execution in self._ended.items()
            if execution.status is ExecutionStatus.FAILED
            and execution.started_by is None
            and execution.redrive_count == 0
            and crc32(arn.encode()) % 2
        ]
        self._to_be_redriven.update(found)
        return found

    def has_recovered(self, victim: int) -> bool:
        """Whether a victim has opened the file and taken over what was left."""
        return victim in self._recovered

    def was_taken(self, token: str) -> bool:
        """Whether a task of an activity was given to somebody, who may have died before he could say so."""
        arn = tokens.address(token)[0]
        record = self._records.get(arn)
        events = [] if record is None else [event for _, event, _ in record.journal]
        is_started = any(isinstance(event, TaskStarted) and event.token == token for event in events)
        return is_started or (record is not None and self._count_letters(arn, TaskStarted, token) > 0)

    @property
    def running(self) -> list[str]:
        """The executions that have not ended."""
        return [arn for arn in self._records if arn not in self._ended]

    def _machine(self, name: str) -> Machine:
        return self._machine_of(int(name[1:].partition("-")[0]))

    # --- looking ------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Reads the notes, then the file, and compares."""
        new = self._reading.read()
        for note in new:
            self._take(note)
        if not self._file.exists():
            return
        evidence = Evidence(self._file, frozenset(self._ended.keys() - self._to_be_redriven))
        since = self._reading.size()
        for arn, record in evidence.records.items():
            self._records[arn] = record
            told = self._told[arn] = told_by(record)
            self.violations += [f"{arn}: {problem}" for problem in told.problems]
        self.steps = sum(execution.version for execution in evidence.executions.values())
        self._find_existing(evidence)
        self._compare_ends(evidence)
        self._compare_acknowledged(evidence)
        for note in new:
            if note.what == "performed":
                self._compare_performed(note)
        self._close_tasks(evidence, since)
        self._ended = {arn: each for arn, each in evidence.executions.items() if each.status.is_terminal}

    def _take(self, note: Note) -> None:
        about = note.about
        match note.what:
            case "opening":
                pass
            case "recovered":
                self._recovered.add(note.victim)
            case "created":
                self._created.add(about["arn"])
            case "started":
                self.started[about["name"]] = about["arn"]
            case "existed":
                self._existing.append(about["name"])
            case "ended":
                self._ends[about["arn"]] = about["status"]
            case "redriven":
                self._redriven.add(about["arn"])
            case "stopped":
                self._stopped.add(about["arn"])
            case "taken":
                self.taken.add(about["token"])
            case "answered":
                self._answered.add(about["token"])
            case "beaten":
                self._beaten[about["token"]] += 1
            case "broken":
                self.violations.append(f"victim {note.victim} is broken: {about['text']}")
            case "performed":
                self._performances.setdefault(_key(note), []).append(note)
            case "refused":
                self.counts["answers refused"] += 1
            case "closed":
                self.counts["closed in peace"] += 1

    def _find_existing(self, evidence: Evidence) -> None:
        """What was started by a victim that was killed before it could say so, and had ended when it was to be started
        again."""
        arns = {execution.name: arn for arn, execution in evidence.executions.items()}
        for name in self._existing:
            if name in arns:
                self.started[name] = arns[name]
            else:
                self.violations.append(f"{name} is said to have been started before, and was not")
        self._existing.clear()

    # --- nothing is lost ----------------------------------------------------------------------------------------------

    def _compare_ends(self, evidence: Evidence) -> None:
        for arn, before in self._ended.items():
            now = evidence.executions.get(arn)
            is_redriven = now is not None and now.redrive_count > before.redrive_count and arn in self._to_be_redriven
            if now != before and not is_redriven:
                self.violations.append(f"{arn} had ended and has changed: {now}")
        for arn, status in self._ends.items():
            now = evidence.executions.get(arn)
            if (now is None or now.status != status) and arn not in self._to_be_redriven:
                self.violations.append(f"{arn} was said to have ended {status}: {now}")

    def _compare_acknowledged(self, evidence: Evidence) -> None:
        """What was acknowledged is in the file: it has had its effect, or it is under way in a letter."""
        executions = evidence.executions
        lost = [name for name, arn in self.started.items() if arn not in executions]
        self.violations += [f"the start of {name} was acknowledged and is lost" for name in lost]
        self.violations += [f"{arn} was created and is lost" for arn in self._created - evidence.registered]
        if lost:
            return  # and with it all that was done to it
        for arn in self._stopped:
            if executions[arn].status is not ExecutionStatus.ABORTED and not self._count_letters(arn, ExecutionStopped):
                self.violations.append(f"the stop of {arn} was acknowledged and is lost")
        for arn in self._redriven:
            if not executions[arn].redrive_count:
                self.violations.append(f"the redrive of {arn} was acknowledged and is lost")
        for token in (*self._answered, *self.taken, *self._beaten):
            if tokens.address(token)[0] not in executions:
                self.violations.append(f"the execution of {tokens.address(token)} is lost")
            else:
                self._compare_answers(token)

    def _compare_answers(self, token: str) -> None:
        """That a task was answered, or taken, or lives. What was given up meanwhile needs none of it."""
        arn, path = tokens.address(token)
        told = self._told[arn]
        if token not in told.open and token not in told.answers:
            return
        if (
            token in self._answered
            and token in told.open
            and not self._count_letters(arn, TaskSucceeded | TaskFailed, token)
        ):
            self.violations.append(f"{arn}: an answer for {path!r} was acknowledged and is lost")
        if token in self.taken and token in told.open and not self.was_taken(token):
            self.violations.append(f"{arn}: that somebody has taken the task of {path!r} is lost")
        if told.beats.get(token, 0) + self._count_letters(arn, TaskHeartbeat, token) < self._beaten[token]:
            self.violations.append(f"{arn}: a heartbeat for {path!r} was acknowledged and is lost")

    def _count_letters(self, arn: str, kind: type | UnionType, token: str | None = None) -> int:
        """How many letters of this kind an execution has not opened."""
        letters = [] if arn in self._ended else self._records[arn].letters
        return sum(isinstance(each, kind) and token in (None, getattr(each, "token", None)) for each in letters)

    # --- nothing is done too early, and nothing again -----------------------------------------------------------------

    def _compare_performed(self, note: Note) -> None:
        key = arn, state, tail = _key(note)
        told = self._told.get(arn)
        if told is None or not any(token.endswith(tail) and told.asked[token] == state for token in told.asked):
            self.violations.append(f"{arn}: victim {note.victim} has performed {state}, which was not asked for")
            return
        over = self._over.get(key)
        if over and note.at >= over.at and (over.was_reported or self._births[note.victim] >= over.at):
            self.violations.append(f"{arn}: victim {note.victim} has performed {state} again, which was over")
        for before in self._performances[key]:
            if before is note:
                break
            self._compare_with_earlier(before, note)

    def _compare_with_earlier(self, before: Note, note: Note) -> None:
        what = f"{note.about['arn']}: {note.about['state']} was performed by victim {before.victim} and again by "
        if before.victim == note.victim:
            self.violations.append(f"{what}the same one")
            return
        death = self._deaths.get(before.victim)
        if death is None or (death.is_killed and note.at < death.at):
            self.violations.append(f"{what}victim {note.victim}, while the first one lived")
        elif not death.is_killed and before.about["seconds"] < HANGING_SECONDS:
            self.violations.append(f"{what}victim {note.victim}, though the first one was closed in peace")

    def _close_tasks(self, evidence: Evidence, since: int) -> None:
        """Remembers which tasks are over by now."""
        for arn, record in evidence.records.items():
            told = self._told[arn]
            for token, state in told.asked.items():
                key = arn, state, token[-12:]
                was_reported = token in told.answers or record.tasks.get(token, False)
                if key not in self._over and (was_reported or token not in told.open):
                    self._over[key] = Over(since, was_reported)

    # --- the end ------------------------------------------------------------------------------------------------------

    def conclude(self, stderr: str) -> None:
        """Judges what is left when everything has ended and every victim is closed."""
        self.look()
        evidence = Evidence(self._file, frozenset(self._ended))
        self.violations += evidence.leftovers
        if evidence.hosts or list(self._file.with_name(f"{self._file.name}-hosts").iterdir()):
            self.violations.append(f"hosts are left: {evidence.hosts}")
        if stderr:
            self.violations.append(f"victims have written to stderr: {stderr}")
        for arn in evidence.executions:
            self._compare_with_undisturbed(arn, evidence.executions[arn])
            self._compare_children(arn, evidence)
        self._count(evidence)

    def _compare_with_undisturbed(self, arn: str, execution: Execution) -> None:
        machine = self._machine_behind(execution)
        cut_by = None
        if execution.started_by is None:
            cut_by = {"stopped": "ExecutionAborted", "timed out": "ExecutionTimedOut"}.get(machine.ending)
        elif execution.status is ExecutionStatus.ABORTED and self._is_given_up(execution.started_by):
            cut_by = "ExecutionAborted"
            self.counts["children stopped"] += 1
        expected = self._undisturbed.course(machine, execution)
        found = departures(expected, course_of(execution, self._records[arn].history), cut_by=cut_by)
        self.violations += [f"{arn} went another way: {text}" for text in found]

    def _machine_behind(self, execution: Execution) -> Machine:
        """The machine of an execution, or of the one that has started it, at whatever distance."""
        while execution.started_by is not None:
            execution = self._ended[tokens.address(execution.started_by)[0]]
        return self._machine(execution.name)

    def _is_given_up(self, token: str) -> bool:
        return token not in self._told[tokens.address(token)[0]].answers

    def _compare_children(self, arn: str, evidence: Evidence) -> None:
        """Each task that starts an execution has started one."""
        children = Counter(each.started_by for each in evidence.executions.values() if each.started_by)
        told = self._told[arn]
        for token, state in told.asked.items():
            count = children[token]
            if count > 1 or (count == 0 and state.startswith("Nested") and token in told.answers):
                self.violations.append(f"{arn}: {state} has started {count} executions")

    def _count(self, evidence: Evidence) -> None:
        counts = self.counts
        counts["starts acknowledged"] = len(self.started)
        counts["answers acknowledged"] = len(self._answered)
        counts["heartbeats acknowledged"] = self._beaten.total()
        counts["stops acknowledged"] = len(self._stopped)
        for execution in evidence.executions.values():
            counts[f"executions {execution.status.value}"] += 1
            counts["executions started by others"] += execution.started_by is not None
            counts["executions redriven"] += execution.redrive_count > 0
        counts["redrives acknowledged"] = len(self._redriven)
        counts["steps"] = self.steps
        counts["events"] = sum(len(record.history) for record in self._records.values())
        counts["tasks asked for"] = sum(len(told.asked) for told in self._told.values())
        counts["tasks performed"] = sum(map(len, self._performances.values()))
        counts["tasks performed again after a kill"] = counts["tasks performed"] - len(self._performances)
        counts["kills during start-up or recovery"] = sum(
            death.is_killed and victim not in self._recovered for victim, death in self._deaths.items()
        )


def _key(note: Note) -> Performed:
    return note.about["arn"], note.about["state"], note.about["tail"]
