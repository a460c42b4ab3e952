"""The layout is the architecture: the namespace stays whole, and imports run one way."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("definitions", "engine", "adapters")
ALLOWED = {
    "definitions": {"definitions"},
    "engine": {"definitions", "engine"},
    "adapters": {"definitions", "engine", "adapters", "local", "testing"},
}
OF_THE_WORLD = {
    "asyncio",
    "boto3",
    "botocore",
    "concurrent",
    "http",
    "multiprocessing",
    "os",
    "pathlib",
    "queue",
    "random",
    "secrets",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
"""Modules of clocks, chance, threads and I/O: not for the core."""


def modules(layer: str) -> list[Path]:
    return sorted((ROOT / layer / "stepwell").rglob("*.py"))


def imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names.append(node.module or "")
    return names


def test_no_init_file_breaks_the_namespace():
    assert not [layer for layer in LAYERS if (ROOT / layer / "stepwell" / "__init__.py").exists()]


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_one_way(layer):
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(layer)
        for name in imports(path)
        if name.startswith("stepwell") and name.split(".")[1] not in ALLOWED[layer]
    }

    assert modules(layer)
    assert not wrong


@pytest.mark.parametrize("layer", ["definitions", "engine"])
def test_the_core_knows_no_clock_no_chance_and_no_io(layer):
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(layer)
        for name in imports(path)
        if name.split(".")[0] in OF_THE_WORLD
    }
    opened = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules(layer)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print", "input")
    }

    assert not wrong
    assert not opened


@pytest.mark.parametrize("layer", ["definitions", "engine"])
def test_the_core_swallows_no_bug(layer):
    broad = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules(layer)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    }

    assert not broad
