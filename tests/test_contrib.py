"""What `contrib/` starts is a command that there is."""

import configparser
import json
import re
import shlex
from pathlib import Path

from stepwell.adapters.command.serve import command

CONTRIB = Path(__file__).parents[1] / "contrib"


def parsed(arguments):
    with command.make_context("serve", list(arguments)) as context:
        return context.params


def test_the_unit_of_systemd_serves_on_the_loopback_and_keeps_its_data():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(CONTRIB / "systemd" / "stepwell.service")

    program, name, *arguments = shlex.split(unit["Service"]["ExecStart"])

    assert (program, name) == ("/opt/stepwell/bin/stepwell", "serve")
    found = parsed(arguments)
    assert (found["host"], found["port"]) == ("127.0.0.1", 8083)
    assert str(found["data"]) == unit["Service"]["WorkingDirectory"] == f"/var/lib/{unit['Service']['StateDirectory']}"
    assert float(unit["Service"]["TimeoutStopSec"]) > found["grace"], "else what runs is killed before its end"


def test_the_dockerfile_serves_where_its_port_is():
    text = (CONTRIB / "docker" / "Dockerfile").read_text()

    program, name, *arguments = json.loads(re.search(r"^ENTRYPOINT (\[.*\])$", text, re.M)[1])

    assert (program, name) == ("stepwell", "serve")
    assert parsed(arguments)["port"] == int(re.search(r"^EXPOSE (\d+)$", text, re.M)[1])
