"""`stepwell prune`: executions that ended long ago are removed."""

import re
import sys
from pathlib import Path

import click

from stepwell.adapters.clocks import SystemClock
from stepwell.adapters.command import options
from stepwell.adapters.command.executions import writing
from stepwell.adapters.command.output import write
from stepwell.adapters.stores.sqlite import SqliteStore

AGE = re.compile(r"(\d+)\s*([smhdw])")
MEGABYTE = 1_000_000
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def _seconds(_context: click.Context, _option: click.Parameter, given: str | None) -> int | None:
    """How long ago, in seconds: `30d`."""
    if given is None:
        return None
    found = AGE.fullmatch(given.strip())
    if found is None:
        raise click.BadParameter(f"{given!r} is no time; write 90s, 30m, 12h, 30d or 4w")
    return int(found[1]) * SECONDS[found[2]]


@click.command("prune", short_help="Remove executions that ended long ago.")
@options.data
@click.option(
    "--older-than", callback=_seconds, metavar="AGE", help="Those that ended longer ago than this: 12h, 30d, 4w."
)
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="All that have ended but the newest N.")
@click.option("--dry-run", is_flag=True, help="Only say how many these are.")
def command(data: Path | None, older_than: int | None, keep: int | None, dry_run: bool) -> int:
    """Remove executions that ended long ago, with their histories, and give the disk the room back.

    What has not ended stays, also where its process is gone. With both options whatever either of them names goes.

    \b
    Examples:
      stepwell prune --older-than 30d
      stepwell prune --keep 1000 --dry-run
    """
    if older_than is None and keep is None:
        raise click.UsageError("say what is to be removed: --older-than AGE, --keep N, or both")
    before = None if older_than is None else SystemClock().now() - older_than * 1000
    with writing(data) as store:
        size = _size(store)
        count = store.prune(stopped_before=before, keep=keep, pretend=dry_run)
        what = f"{count:,} execution{'' if count == 1 else 's'}"
        if dry_run:
            write(sys.stdout, f"{what} would be removed\n")
            return 0
        store.tidy_all()
        store.shrink()
        room = max(0, size - _size(store))
        given_back = f", {room / MEGABYTE:,.1f} MB given back" if room >= MEGABYTE else ""
        write(sys.stdout, f"{what} removed{given_back}\n")
    return 0


def _size(store: SqliteStore) -> int:
    return sum(path.stat().st_size for path in store.path.parent.glob(f"{store.path.name}*") if path.is_file())
