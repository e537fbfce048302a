"""`keapbridge fleet`: thin over the fleet that a host's module has."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from keapbridge.command import main
from keapbridge.command.codes import CANNOT, USAGE, WANTS_A_PERSON

MODULE = """
from keapbridge.fleet import Fleet
def fleet():
    return Fleet({url!r}, open=lambda tenant, store: None)
"""


@pytest.fixture
def host(tmp_path: Path, postgresql_store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("procrastinate")
    (tmp_path / "host_of_a_fleet.py").write_text(MODULE.format(url=postgresql_store), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "host_of_a_fleet", raising=False)
    return "host_of_a_fleet:fleet"


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
def test_tenants_are_handled_and_told(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = json.dumps({"key": "vault:acme"})
    assert main(["fleet", "add", "acme", "--settings", settings, "--every", "1", "--fleet", host]) == 0
    assert main(["fleet", "add", "acme", "--fleet", host]) in {CANNOT, USAGE}
    assert main(["fleet", "pause", "acme", "--fleet", host]) == 0
    capsys.readouterr()
    assert main(["fleet", "status", "--json", "--fleet", host]) == 0
    [acme] = json.loads(capsys.readouterr().out)
    assert (acme["name"], acme["state"], acme["every"]) == ("acme", "paused", timedelta(minutes=1).total_seconds())
    assert main(["fleet", "resume", "acme", "--fleet", host]) == 0
    assert main(["fleet", "run", "--fleet", host]) == 0
    capsys.readouterr()
    assert main(["fleet", "status", "--fleet", host]) == WANTS_A_PERSON  # its session could not be opened
    assert "failed" in capsys.readouterr().out
    assert main(["fleet", "remove", "acme", "--fleet", host]) == 0
    assert main(["fleet", "pause", "acme", "--fleet", host]) in {CANNOT, USAGE}
    assert "there is no tenant 'acme'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["status", "--fleet", "json:nothing"], "nothing"),
        (["status", "--fleet", "json:decoder"], "not a Fleet"),
        (["add", "acme", "--settings", "[]", "--fleet", "json:decoder"], "values by name in JSON"),
        (["add", "acme", "--every", "-1", "--fleet", "json:decoder"], "more than 0"),
    ],
)
def test_slips_are_told(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with(["fleet", *given]) in {CANNOT, USAGE}
    assert said in capsys.readouterr().err


def ended_with(arguments: list[str]) -> object:
    try:
        return main(arguments)
    except SystemExit as ended:  # argparse ends so
        return ended.code
