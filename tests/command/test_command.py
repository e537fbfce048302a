"""The command: its frame, its exit codes, and the verbs that need no session."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import keapbridge as kb
from keapbridge import demo
from keapbridge.__main__ import main
from keapbridge.command import whole_parser
from keapbridge.command.verbs import FAMILIES


@pytest.mark.parametrize(
    ("format", "heading", "row"),
    [
        ("rst", "Customcrm to Keap Dataflow\n==", "FirstName"),
        ("md", "# Customcrm to Keap Dataflow", "| FirstName | given_name | string |"),
        ("html", "<h1>Customcrm to Keap Dataflow</h1>", "<td>FirstName</td><td>given_name</td>"),
    ],
)
def test_dataflow_prints_the_document(capsys: pytest.CaptureFixture[str], format: str, heading: str, row: str) -> None:
    assert main(["dataflow", "--format", format]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(heading)
    assert row in printed
    assert printed.endswith("\n")
    assert not printed.endswith("\n\n")
    for object in ("Companies", "Products", "Contacts"):
        assert f"and {object}" in printed


def test_dataflow_is_rst_unless_asked_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    main(["dataflow"])
    default = capsys.readouterr().out
    main(["dataflow", "--format", "rst"])
    assert capsys.readouterr().out == default


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"keapbridge {kb.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["dataflow", "--format", "pdf"],
        ["demo", "--contacts", "0"],
        ["demo", "--contacts", "many"],
    ],
)
def test_what_it_does_not_understand_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: keapbridge" in capsys.readouterr().err


def test_without_arguments_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    for verbs in FAMILIES.values():
        assert [name for name, does in verbs.items() if f"\n  {name:<11} {does}\n" not in shown] == []
    assert "exit codes:" in shown


def test_a_verb_that_there_is_not_is_told_with_what_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snyc"]) == 2
    assert capsys.readouterr().err.startswith("keapbridge: there is no verb 'snyc'; is 'sync' meant?")
    with pytest.raises(SystemExit):
        main(["plan", "kontacts"])
    assert "there is no 'kontacts'; is 'contacts' meant?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fleet statsu", "there is no 'statsu'; is 'status' meant?"),
        ("fleet bogus", "there is no 'bogus' (status, add,"),
        ("completion bahs", "there is no 'bahs'; is 'bash' meant?"),
        ("sync --fail-on nwe", "there is no 'nwe'; is 'new' meant?"),
        ("report --lnies", "it takes no --lnies; is '--lines' meant?"),
    ],
)
def test_any_other_word_that_there_is_not_is_told_so_too(
    line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(line.split())
    assert stop.value.code == 2
    assert told in capsys.readouterr().err


def test_the_help_of_every_verb_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for family, verbs in FAMILIES.items():
        assert set(importlib.import_module(f"keapbridge.command.{family}").VERBS) == set(verbs)
        for name in verbs:
            with pytest.raises(SystemExit) as stop:
                main([name, "--help"])
            assert stop.value.code == 0
            assert f"usage: keapbridge {name}" in capsys.readouterr().out


def test_an_error_is_one_line_unless_it_is_to_be_debugged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> int:
        raise error

    monkeypatch.setattr(demo, "run", fail)
    later = kb.SessionBusyError("somebody is at work", until=datetime(2026, 3, 1, 12, tzinfo=UTC))
    cases: list[tuple[Exception, int, str]] = [
        (kb.LinkStoreError("no store"), 1, "keapbridge: no store\n"),
        (ValueError("no such day"), 2, "keapbridge: no such day\n"),
        (kb.BrakeError("too many", None), 4, "keapbridge: too many. Here that is --accept NAME\n"),
        (later, 75, "keapbridge: try later; as of 2026-03-01 12:00:00 UTC: somebody is at work\n"),
        (ZeroDivisionError("oh"), 1, "keapbridge: a fault of its own: ZeroDivisionError: oh (--debug shows where)\n"),
    ]
    for error, code, said in cases:
        assert main(["demo"]) == code
        assert capsys.readouterr().err == said
        with pytest.raises(type(error)):
            main(["demo", "--debug"])


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_demo_gets_its_numbers_and_gives_its_exit_code(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    asked: dict[str, Any] = {}

    def run(_: Any, **options: Any) -> int:
        asked.update(options)
        return code

    monkeypatch.setattr(demo, "run", run)
    assert main(["demo", "--seed", "7", "--customers", "3", "--contacts", "4", "--products", "5"]) == code
    assert asked == {"seed": 7, "customers": 3, "contacts": 4, "products": 5}


def test_the_demo_has_200_customers_1000_contacts_and_150_products_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(demo, "run", lambda _, **options: asked.update(options) or 0)
    assert main(["demo"]) == 0
    assert asked == {"seed": demo.SEED, "customers": 200, "contacts": 1000, "products": 150}


def test_it_runs_as_a_module_on_a_terminal_that_knows_only_ascii() -> None:
    command = [sys.executable, "-X", "utf8=0", "-m", "keapbridge", "dataflow", "--format", "md"]
    done = subprocess.run(command, capture_output=True, check=False, env={"PYTHONIOENCODING": "ascii"} | _paths())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"# Customcrm to Keap Dataflow")


def _paths() -> dict[str, str]:
    """Where this process finds the package, for another one."""
    return {"PYTHONPATH": ":".join(p for p in sys.path if p)}


VERBS = [name for verbs in FAMILIES.values() for name in verbs]
NO_DATA = {"console", "demo", "dataflow", "completion", "fleet"}
"""They print documents, serve pages, or (the fleet) have what takes `--json` one word further on."""


def _parsed(line: str) -> argparse.Namespace:
    return whole_parser().parse_args(shlex.split(line))


def test_every_verb_can_print_for_scripts() -> None:
    said = {name: _help(name) for name in VERBS}
    assert {name for name, text in said.items() if "--json" not in text} == NO_DATA
    assert "--json" in _help("fleet status")


def _help(verb: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.suppress(SystemExit):
        main([*verb.split(), "--help"])
    return told.getvalue()


def test_every_example_in_the_help_is_a_command() -> None:
    lines = re.findall(r"^  keapbridge (.+?)(?: {2,}.*)?$", "".join(map(_help, VERBS)), re.MULTILINE)
    assert len(lines) > 20
    for line in lines:
        assert _parsed(line.partition(" >")[0]).command == line.split()[0]


def test_the_commands_on_the_page_are_commands() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guides" / "command.md").read_text("utf-8")
    lines = re.findall(r"^\$ keapbridge ([^#\n>]+)", page, re.MULTILINE)
    assert len(lines) > 5
    for line in lines:
        assert _parsed(line).command == line.split()[0]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_a_shell_completes_verbs_objects_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in (*VERBS, "contacts", "fail-on"):
        assert word in script


def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    (tmp_path / "script").write_text(capsys.readouterr().out, "utf-8")
    tried = "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _shtab_keapbridge; echo ${COMPREPLY[@]}"
    line = (
        f"source {tmp_path / 'script'}; COMP_WORDS=(keapbridge sy); {tried}; COMP_WORDS=(keapbridge sync co); {tried}"
    )
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines() == ["sync", "companies contacts"]


def test_completion_without_its_extra_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "pip install 'keapbridge[completion]'" in capsys.readouterr().err
