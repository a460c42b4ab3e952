"""The statements, by name, from the `.sql` files beside this module."""

import re
from functools import cache
from importlib.resources import files

NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(topic: str) -> dict[str, str]:
    """The statements of `statements/TOPIC.sql`, by name."""
    text = (files(__package__) / "statements" / f"{topic}.sql").read_text(encoding="utf-8")
    parts = NAME.split(text)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def migrations() -> list[str]:
    """The scripts that bring a database from one version to the next, the first of them from nothing."""
    folder = files(__package__) / "migrations"
    return [script.read_text(encoding="utf-8") for script in sorted(folder.iterdir(), key=lambda each: each.name)]
