"""`make fuzz`: a long run. Prints its seed, what was answered and what was violated; then the exit code is 1."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from fuzz.harness import Fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description="Asks a server by chance, and judges the answers.")
    parser.add_argument("--requests", type=int, default=50_000, help="how many (%(default)s)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="of all requests (drawn)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(f"seed {given.seed}, {given.requests:,} requests, in {folder}", flush=True)
    began = time.monotonic()
    fuzz = Fuzz(folder, given.seed, requests=given.requests)
    violations = fuzz.run()
    for code, count in fuzz.answers.most_common():
        print(f"{count:>8,}  {code or '(no refusal)'}")
    print(f"{time.monotonic() - began:>8,.1f}  seconds")
    for violation in violations[:20]:
        print(f"VIOLATION  {violation}")
    if violations:
        print(f"{len(violations)} violations; what is left of the run is in {folder}")
        return 1
    print("every request was answered, and the file is whole")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
