"""The examples do what their pages say: from an empty folder, with the commands as they stand there."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import keapbridge
from keapbridge.command import whole_parser

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGES = {page.parent.name: page for page in sorted(EXAMPLES.glob("*/README.md"))}
BLOCK = re.compile(r'^```sh(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^```', re.MULTILINE | re.DOTALL)
NOT_HERE = {"install", "as root", "with docker"}
"""What a block says of itself that this machine cannot do, or has done."""


def free_port(seen: Iterator[int] = itertools.count(20_000 + os.getpid() % 10_000)) -> int:  # noqa: B008 - one a process
    """A port below those that systems give to whoever asks for any."""
    for port in seen:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError


def followed(page: Path, folder: Path) -> str:
    """What the blocks of a page print, one after the other, in one shell in a copy of its folder."""
    here = folder / page.parent.name
    shutil.copytree(page.parent, here)
    blocks = [block for block in BLOCK.finditer(page.read_text("utf-8")) if block["title"] not in NOT_HERE]
    assert blocks
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    given = {
        **{name: str(free_port()) for name in ("KEAP_PORT", "PORT")},
        "PATH": os.pathsep.join(programs),
        "PYTHONPATH": str(Path(keapbridge.__file__).parents[1]),
    }
    # Into a file: the servers of the page hold a pipe open for as long as they run.
    with (folder / "printed.txt").open("w+", encoding="utf-8") as printed:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", "\n".join(block["body"] for block in blocks)],
            cwd=here,
            env=kept | given,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait()
        finally:
            os.killpg(shell.pid, signal.SIGKILL)  # the page's servers
        printed.seek(0)
        told = printed.read()
    assert code == 0, told
    return told


@pytest.mark.thorough
def test_cron(tmp_path: Path) -> None:
    told = followed(PAGES["cron"], tmp_path)
    assert "contacts   create in Keap               1" in told
    assert "a brake holds a run" in told
    assert "ended with 4" in told
    assert told.rstrip().splitlines()[-1].endswith("created in Keap (Email, FirstName)")
    log = (tmp_path / "cron" / "bridge.log").read_text("utf-8")
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ INFO    run \w+: sync of", log, re.MULTILINE)


@pytest.mark.thorough
def test_systemd(tmp_path: Path) -> None:
    told = followed(PAGES["systemd"], tmp_path)
    assert "created in Keap              1" in told
    assert told.count("done in") == 4  # two runs, each in the log and as it is printed


@pytest.mark.thorough
def test_docker(tmp_path: Path) -> None:
    told = followed(PAGES["docker"], tmp_path)
    assert "1 created in Keap" in told
    assert "ending at the next call" in told


@pytest.mark.thorough
def test_fastapi(tmp_path: Path) -> None:
    told = followed(PAGES["fastapi"], tmp_path)
    answers = [json.loads(line) for line in told.splitlines() if line.startswith(("{", "["))]
    assert any(each["first_name"] == "Ada" for each in answers if "first_name" in each)
    assert [each["counts"]["contacts"] for each in answers if "run" in each] == [
        {"created in Keap": 1, "unchanged": 0},
        {"unchanged": 0, "updated in Customcrm": 1},
    ]
    assert answers[-1][0]["last_name"] == "Berg-Dahl"
    page = (tmp_path / "fastapi" / "plan.html").read_text("utf-8")
    assert page.startswith("<div class='kb'>")
    assert "ada@example.org" in page


# --- what is not run here is right as far as it can be told -----------------------------------------------------------


LINES = {
    "cron/crontab": r"keapbridge (backup \S+)",
    "cron/sync.sh": r"^keapbridge (.*?) \"\$@\"",
    "systemd/bridge.service": r"^ExecStart=.*/keapbridge (.*)$",
    "systemd/bridge-full.service": r"^ExecStart=.*/keapbridge (.*)$",
}


@pytest.mark.parametrize("path", LINES)
def test_the_commands_in_the_files_are_commands(path: str) -> None:
    [line] = re.findall(LINES[path], (EXAMPLES / path).read_text("utf-8"), re.MULTILINE)
    whole_parser().parse_args([*line.split(), *(["copy.db"] if "backup" in line else [])])


def test_every_file_of_an_example_is_told_of_on_its_page() -> None:
    own = {"database.py", "keap.py", "README.md"}
    for name, page in PAGES.items():
        text = page.read_text("utf-8")
        files = {path.name for path in page.parent.iterdir() if path.is_file()} - own
        assert (name, {file for file in files if file not in text and file != "app.py"}) == (name, set())
        assert f"({name}/README.md)" in (EXAMPLES / "README.md").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/keapbridge.toml")), ids=lambda path: path.parent.name)
def test_the_three_files_say_the_same_crm(path: Path) -> None:
    found = tomllib.loads(path.read_text("utf-8"))
    first = tomllib.loads((EXAMPLES / "cron" / "keapbridge.toml").read_text("utf-8"))
    assert found["customcrm"]["contacts"] == first["customcrm"]["contacts"]
    assert found["schedule"] == first["schedule"]


@pytest.mark.thorough
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd")
    for path in (EXAMPLES / "systemd").glob("bridge*"):
        text = path.read_text("utf-8").replace("/srv/bridge/.venv/bin/keapbridge", "/bin/true")
        (tmp_path / path.name).write_text(text, "utf-8")
    units = [str(tmp_path / f"bridge{which}") for which in (".service", ".timer", "-full.service", "-full.timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, check=False, text=True)
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line] == []


def test_the_image_runs_what_the_page_says() -> None:
    image = (EXAMPLES / "docker" / "Dockerfile").read_text("utf-8")
    [command] = re.findall(r"^CMD (\[.*\])$", image, re.MULTILINE)
    assert json.loads(command) == ["keapbridge", "sync", "--repeat", "--verbose"]
    [health] = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", image, re.MULTILINE)
    for arguments in (json.loads(command), json.loads(health)):
        whole_parser().parse_args(arguments[1:])
    assert " ".join(json.loads(command)) in PAGES["docker"].read_text("utf-8")


def test_the_compose_file_names_what_is_there() -> None:
    services = yaml.safe_load((EXAMPLES / "docker" / "compose.yaml").read_text("utf-8"))["services"]
    for name, service in services.items():
        file = EXAMPLES / "docker" / f"{service['env_file']}.example"
        variables = dict(line.split("=", 1) for line in file.read_text("utf-8").splitlines())
        assert variables, name
    given = (EXAMPLES / "docker" / "bridge.env.example").read_text("utf-8")
    wanted = re.findall(r'env = "(\w+)"', (EXAMPLES / "docker" / "keapbridge.toml").read_text("utf-8"))
    assert set(wanted) == {line.partition("=")[0] for line in given.splitlines()}
