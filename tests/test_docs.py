"""The examples in the documentation are run, and its diagrams are drawn anew."""

import re
import shlex
from pathlib import Path

import pytest

from stepwell.adapters.command.main import invoke
from stepwell.engine.lifecycles import EXECUTION

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<about>[^\n]*))?\n(?P<body>.*?)^```$", re.M | re.S)


def blocks(page: str) -> "list[tuple[str, str, str]]":
    text = (ROOT / page).read_text(encoding="utf-8")
    return [(found["language"], found["about"] or "", found["body"]) for found in BLOCK.finditer(text)]


def test_the_first_workflow_of_the_readme_does_what_the_readme_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for _, about, body in blocks("README.md"):
        if about.startswith("file="):
            Path(about.removeprefix("file=")).write_text(body, encoding="utf-8")
    commands = 0
    for language, _, body in blocks("README.md"):
        if language != "console":
            continue
        for entry in re.split(r"^\$ ", body, flags=re.M)[1:]:
            command, _, shown = entry.partition("\n")
            code = invoke(shlex.split(command)[1:])
            out, err = capsys.readouterr()
            commands += 1
            assert code == 0, out + err
            if shown:
                assert out == shown
    assert commands == 6


@pytest.mark.parametrize("body", [body for _, about, body in blocks("README.md") if about == "run"])
def test_the_python_of_the_readme_runs(body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(body, "README.md", "exec"), {})


def test_the_diagram_of_the_architecture_is_that_of_the_table():
    drawn = [body for _, about, body in blocks("ARCHITECTURE.md") if about == "lifecycle=execution"]

    assert drawn == [EXECUTION.diagram() + "\n"]


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_files_that_the_documentation_names_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:definitions|engine|adapters)/\.\.\./[\w./]+)", text))
    folders = {"definitions": "definitions/stepwell/definitions", "engine": "engine/stepwell/engine"}
    folders["adapters"] = "adapters/stepwell/adapters"
    missing = []
    for name in named:
        layer, _, rest = name.partition("/.../")
        if not (ROOT / folders[layer] / rest.rstrip("/.")).exists():
            missing.append(name)

    assert not missing
