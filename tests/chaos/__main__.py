"""`make chaos`: a long run. Prints its seed, what has happened and what was violated; then the exit code is 1."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chaos.harness import Chaos
from chaos.sabotage import WAYS

LONGEST_SHOWN = 2_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description="Kills processes at random, and judges what is left.")
    parser.add_argument("--kills", type=int, default=300, help="how many (%(default)s)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="of machines, orders and moments (drawn)")
    parser.add_argument("--sabotage", choices=WAYS, help="breaks the engine in one of these ways: it is to be noticed")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {given.seed}, {given.kills} kills, in {folder}", flush=True)
    began = time.monotonic()
    chaos = Chaos(folder, given.seed, kills=given.kills, way_of_sabotage=given.sabotage)
    violations = chaos.run()
    for name, count in sorted(chaos.summary.items()):
        print(f"{count:>8,}  {name}")
    print(f"{time.monotonic() - began:>8,.1f}  seconds")
    for violation in violations[:20]:
        print(f"VIOLATION  {violation[:LONGEST_SHOWN]}")
    if violations:
        print(f"{len(violations)} violations; what is left of the run is in {folder}")
        return 1
    print("nothing was lost, nothing was done twice")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
