"""Whether the source of a function has changed since it was looked at last.

Rule 1: one looks before every invocation, and that costs next to nothing: a long look is followed by a rest.
Rule 2: what is watched is code and what code reads: a database or a log that grows in the folder changes nothing.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from time import monotonic

from stepwell.adapters.tasks.lambda_functions.sources import FunctionSource

WATCHED = frozenset({
    ".cfg", ".cjs", ".css", ".csv", ".env", ".graphql", ".html", ".ini", ".j2", ".js", ".json", ".jsonata", ".md",
    ".mjs", ".node", ".pem", ".py", ".so", ".sql", ".toml", ".txt", ".wasm", ".xml", ".xsd", ".yaml", ".yml",
})  # fmt: skip
"""Endings of files."""

PASSED_OVER = frozenset({"node_modules", "site-packages", "__pycache__"})
"""Folders that change when something is installed. So do those whose names begin with a dot."""

LONG_LOOK_SECONDS = 0.0005
RESTS_PER_LOOK = 20
"""After a long look there is none for so many times its duration."""


class SourceFiles:
    """The files of a function and its layers, as they were when it was asked last."""

    def __init__(self, source: FunctionSource) -> None:
        own = () if source.inline_code is not None else (source.folder,)
        self._folders = (*own, *source.layers)
        self._seen: int | None = None
        self._rests_until = 0.0

    def have_changed(self) -> bool:
        """Whether they have changed since this was asked the last time; not when it is asked for the first time."""
        begun = monotonic()
        if begun < self._rests_until:
            return False
        before, self._seen = self._seen, _fingerprint(self._folders)
        ended = monotonic()
        if ended - begun > LONG_LOOK_SECONDS:
            self._rests_until = ended + (ended - begun) * RESTS_PER_LOOK
        return before is not None and before != self._seen


def _fingerprint(folders: Iterable[Path]) -> int:
    """A number that is another one when a file is."""
    waiting = [str(folder) for folder in folders]
    found: list[tuple[str, int, int]] = []
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in PASSED_OVER and not entry.name.startswith("."):
                        waiting.append(entry.path)
                elif os.path.splitext(entry.name)[1] in WATCHED or entry.name == ".env":
                    with suppress(OSError):  # it is gone already
                        status = entry.stat()
                        found.append((entry.path, status.st_mtime_ns, status.st_size))
    return hash(tuple(sorted(found)))
