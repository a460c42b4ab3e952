"""Engines that lose things: what the harness must notice. Only victims are ever sabotaged, and only when told to be.

A disk is not always fast: where something is done too early, what it depends on comes a good moment later.
"""

import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from stepwell.adapters.stores.sqlite.batch import Batch
from stepwell.adapters.stores.sqlite.hosts import HostLocks
from stepwell.adapters.stores.sqlite.store import SqliteStore
from stepwell.engine.ports import Recovered
from stepwell.engine.worker import Worker

VARIABLE = "STEPWELL_CHAOS_SABOTAGE"

SECONDS_AT_RISK = 0.02


def perform_before_the_commit() -> None:
    """Effects are performed before the steps that ask for them are laid down."""
    lay_down = Worker._lay_down

    def sabotaged(worker: Worker) -> None:
        gathered, worker._gathered = worker._gathered, []
        for execution, made, _ in gathered:
            for effect in made.effects:
                worker._perform(execution.arn, effect)
        while worker._drives:
            worker._drives.popleft()()
        if gathered:
            time.sleep(SECONDS_AT_RISK)
        lay_down(worker)
        for _, _, done in gathered:
            if done:
                done(True)

    Worker._lay_down = sabotaged


def acknowledge_before_the_commit() -> None:
    """Whoever waits for an answer gets it before the steps are laid down."""
    lay_down = Worker._lay_down

    def sabotaged(worker: Worker) -> None:
        for _, _, done in worker._gathered:
            if done:
                done(True)
        if worker._gathered:
            time.sleep(SECONDS_AT_RISK)
        lay_down(worker)

    Worker._lay_down = sabotaged


def commit_piece_by_piece() -> None:
    """A group is not one transaction."""
    write = Batch._all

    def sabotaged(batch: Batch, statement: str, values: list[Any]) -> None:
        write(batch, statement, values)
        if values:
            batch._connection.execute("COMMIT")
            time.sleep(SECONDS_AT_RISK / 4)
            batch._connection.execute("BEGIN IMMEDIATE")

    Batch._all = sabotaged


def forget_the_journal() -> None:
    """Now and then a step is laid down without its row in the journal."""
    write = Batch.write

    def sabotaged(batch: Batch) -> None:
        batch.journal = [row for row in batch.journal if row[1] % 5]
        write(batch)

    Batch.write = sabotaged


def forget_what_was_left_open() -> None:
    """Whoever takes over has tasks performed again that were handed over already."""
    take_over = Worker.take_over

    def sabotaged(worker: Worker, found: Recovered) -> None:
        tasks = [replace(each, is_left_open=False) for each in found.tasks]
        take_over(worker, replace(found, tasks=tasks))

    Worker.take_over = sabotaged


def take_from_the_living() -> None:
    """Nobody counts as alive, so whoever comes takes everything over."""
    HostLocks.lives = lambda locks, host: False


def settle_letters_unread() -> None:
    """Letters are thrown away instead of being opened."""
    letters = SqliteStore.letters

    def sabotaged(store: SqliteStore) -> list[Any]:
        for letter in letters(store):
            store.settle(letter)
        return []

    SqliteStore.letters = sabotaged


WAYS: dict[str, Callable[[], None]] = {
    way.__name__.replace("_", "-"): way
    for way in (
        perform_before_the_commit,
        acknowledge_before_the_commit,
        commit_piece_by_piece,
        forget_the_journal,
        forget_what_was_left_open,
        take_from_the_living,
        settle_letters_unread,
    )
}


def arrange(name: str | None) -> None:
    """Sabotages this process, and those that it forks, in one of the ways."""
    if name is not None:
        WAYS[name]()
