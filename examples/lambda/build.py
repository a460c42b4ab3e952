"""Builds the zip of a Lambda function that runs a state machine with Stepwell.

    python examples/lambda/build.py order.zip --machine x86_64 --python 3.13

In it are the files of the function, Stepwell, and what an invocation imports. What only the command and the server
need is left out, and so is boto3, which Lambda's runtime has. Packages come from pip; with `--installed` they are
copied from the environment that this runs in, for functions that run on the same platform.

Lambda cannot keep what it compiles: a module that comes as text is compiled in every cold start. Where this runs with
the version of Python that the function has, modules come compiled.
"""

import argparse
import compileall
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = ("app.py", "functions.py", "order.asl.json")
NEEDED = (
    "annotated-types",
    "jlens",  # JSONata
    "msgspec",
    "orjson",
    "pydantic",
    "pydantic-core",
    "typing-extensions",
    "typing-inspection",
    "PyYAML",  # definitions in YAML, and templates
)
"""What Stepwell imports in an invocation."""
PLATFORMS = {
    machine: (f"manylinux_2_28_{machine}", f"manylinux2014_{machine}", f"manylinux_2_17_{machine}")
    for machine in ("x86_64", "aarch64")
}
"""What runs on Amazon Linux 2023, the system of Lambda's runtimes from Python 3.12 on."""
NOT_NEEDED = ("stepwell/adapters/command", "stepwell/adapters/server", "bin")
PRUNED = ("__pycache__", "tests", "test")
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MOST_BYTES = 50 * 1024 * 1024
"""Lambda takes no larger zip directly."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds the zip of a Lambda function that runs a state machine.")
    parser.add_argument("zip", type=Path, help="the file to write")
    parser.add_argument("--installed", action="store_true", help="copy packages from this environment, ask no index")
    parser.add_argument("--stepwell", default=str(HERE.parents[1]), help="what pip installs as Stepwell")
    parser.add_argument("--machine", choices=PLATFORMS, help="of the function; without it, this one")
    parser.add_argument("--python", help="version of the function's runtime; without it, of this Python")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        if options.installed:
            copy_packages(target)
        else:
            install_packages(target, options.stepwell, options.machine, options.python)
        for name in FILES:
            shutil.copy(HERE / name, target)
        prune(target)
        if options.python in (None, THIS_PYTHON):
            compile_modules(target)
        write(target, options.zip)
    size = options.zip.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{options.zip} has {size:,} bytes: Lambda takes {MOST_BYTES:,}")
    print(f"{options.zip}: {size:,} bytes")


def install_packages(target: Path, stepwell: str, machine: str | None, python: str | None) -> None:
    """What pip finds, in the versions that are installed here."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, stepwell], check=True)
    elsewhere = [f"--platform={platform}" for platform in PLATFORMS[machine]] if machine else []
    elsewhere += [f"--python-version={python}"] if python else []
    only_built = ["--only-binary=:all:"] if elsewhere else []
    subprocess.run([*pip, *elsewhere, *only_built, *(f"{name}=={version(name)}" for name in NEEDED)], check=True)


def copy_packages(target: Path) -> None:
    import stepwell

    for portion in stepwell.__path__:
        shutil.copytree(portion, target / "stepwell", dirs_exist_ok=True, ignore=shutil.ignore_patterns(*PRUNED))
    for name in NEEDED:
        for file in distribution(name).files or ():
            if ".." not in file.parts and not set(PRUNED) & set(file.parts):
                destination = target / file
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), destination)


def prune(target: Path) -> None:
    """Takes out what no invocation needs. Licences stay, in the folders that describe the packages."""
    folders = [target / name for name in NOT_NEEDED]
    folders += [path for path in target.rglob("*") if path.is_dir() and path.name in PRUNED]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def compile_modules(target: Path) -> None:
    """What is compiled is taken as it is: a zip does not keep the times by which Python would compare."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(target, quiet=2, stripdir=str(target), prependdir="/var/task", invalidation_mode=unchecked)


def write(folder: Path, path: Path) -> None:
    """The zip; the same files give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files_in(folder):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


def files_in(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


if __name__ == "__main__":
    main()
