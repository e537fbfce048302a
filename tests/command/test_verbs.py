"""The verbs on a session: from `keapbridge init` to a sync and what comes after it, from the command line only."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_place import Place, edited
from tiers import variants

import keapbridge as kb
from keapbridge.command import main, running
from keapbridge.configuration.template import TEMPLATE
from keapbridge.testing import Fault


def test_from_init_to_a_sync_and_back(place: Place) -> None:
    assert place.run("check").startswith("1 note\n  info     contacts: records are not matched by")
    planned = place.run("plan")
    assert "contacts   create in Keap               1" in planned
    assert place.contacts() == []
    [plan_id] = re.findall(r"apply it: keapbridge apply (\w+)", planned)
    applied = place.run("apply", plan_id, "--by", "anna")
    assert "done" in applied
    assert "by anna" in applied
    assert [c["given_name"] for c in place.contacts()] == ["Ada"]
    assert "create in Keap" not in place.run("sync", "contacts", "--full")
    place.sql("UPDATE people SET given_name = 'Augusta', updated_at = '2027-01-02T03:04:05Z'")
    assert "updated in Keap" in place.run("sync", "contacts", "--customcrm", "1")
    assert [c["given_name"] for c in place.contacts()] == ["Augusta"]
    runs = json.loads(place.run("runs", "--json"))
    assert [run["purpose"] for run in runs] == ["sync", "sync", "sync"]
    assert "1 updated in Keap" in place.run("runs", "--limit", "1")
    report = json.loads(place.run("report", runs[0]["run_id"], "--json", "--lines"))
    assert [line["outcome"] for line in report["lines"]] == ["updated"]
    assert "updated in Keap (FirstName)" in place.run("report", "--lines")
    assert "'Augusta'" in place.run("explain", "contacts", "--customcrm", "1")
    would = place.run("undo", runs[0]["run_id"], "--plan", "--actions")
    assert "FirstName in Keap: 'Augusta' → 'Ada'" in would
    place.run("undo", runs[0]["run_id"], "--by", "anna")
    assert [c["given_name"] for c in place.contacts()] == ["Ada"]


def test_a_plan_is_approved_row_by_row_in_a_sheet(place: Place, tmp_path: Path) -> None:
    place.sql("INSERT INTO people VALUES (2, 'Bert', 'Berg', 'bert@example.org', '2026-01-02T03:04:05Z')")
    sheet = tmp_path / "plan.csv"
    [plan_id] = re.findall(r"apply it: keapbridge apply (\w+)", place.run("plan", "--sheet", str(sheet)))
    lines = sheet.read_text("utf-8-sig").split("\n,")
    sheet.write_text("\n".join([lines[0], *("yes," + line if "Bert" in line else "," + line for line in lines[1:])]))
    assert "not approved                 1" in place.run("apply", plan_id, "--only", str(sheet))
    assert [c["given_name"] for c in place.contacts()] == ["Bert"]
    sheet.write_text(sheet.read_text().replace("Bert", "Dora"))
    [plan_id] = re.findall(
        r"apply it: keapbridge apply (\w+)", place.run("plan", "--sheet", str(tmp_path / "new.xlsx"))
    )
    assert "the approvals are for plan" in place.run("apply", plan_id, "--only", str(sheet), code=1)
    assert (tmp_path / "new.xlsx").stat().st_size > 0
    assert [c["given_name"] for c in place.contacts()] == ["Bert"]


def test_a_conflict_is_listed_and_resolved(place: Place) -> None:
    place.run("sync")
    [keap_id] = place.keap.state.snapshot()["contacts"]
    place.keap.state.contacts.edit(keap_id, family_name="Lovelace")
    place.sql("UPDATE people SET family = 'King', updated_at = '2027-01-02T03:04:05Z'")
    text = Path("keapbridge.toml").read_text("utf-8")
    Path("keapbridge.toml").write_text(f'{text}\n[policy]\nconflicts = "manual"\n', "utf-8")
    assert place.run("conflicts") == ""
    assert "conflict" in place.run("sync")
    assert "conflict" in place.run("sync", "--fail-on", "conflict", code=3)
    shown = place.run("conflicts")
    assert "contacts 1 ↔ " in shown
    assert "'King' in Customcrm, 'Lovelace' in Keap" in shown
    assert "keapbridge resolve contacts 1 LastName customcrm|keap" in shown
    [listed] = json.loads(place.run("conflicts", "--json"))
    assert (listed["field"], listed["customcrm"], listed["keap"]) == ("LastName", "King", "Lovelace")
    assert "there is no open conflict contacts 1 Email" in place.run(
        "resolve", "contacts", "1", "Email", "keap", code=2
    )
    place.run("resolve", "contacts", "1", "LastName", "--value", "King-Noel", "--by", "anna")
    assert place.sql("SELECT family FROM people") == [("King-Noel",)]
    assert [c["family_name"] for c in place.contacts()] == ["King-Noel"]
    assert json.loads(place.run("report", "--json"))["by"] == "anna"


@pytest.mark.thorough
def test_what_failed_is_listed_and_tried_again(place: Place) -> None:
    place.keap.faults.add(Fault(status=400), path="/contacts", method="POST")
    assert "failed" in place.run("sync", code=3)
    assert "contacts Customcrm 1: " in place.run("failures")
    [failure] = json.loads(place.run("failures", "--json"))
    assert (failure["side"], failure["id"], failure["tries"]) == ("customcrm", "1", 1)
    assert "which records?" in place.run("retry", code=2)
    assert place.run("retry", "--all").startswith("1 records")
    place.run("sync")
    assert [c["given_name"] for c in place.contacts()] == ["Ada"]
    assert place.run("failures") == ""
    assert "none of these waits" in place.run("retry", "contacts", "--customcrm", "1", code=2)


@pytest.mark.thorough
def test_what_is_not_taken_back_is_asked_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run("sync")
    assert "say --yes" in place.run("forget", "contacts", "--customcrm", "1", code=2)
    assert "contacts Customcrm 1 ↔ Keap " in place.run("forget", "contacts", "--customcrm", "1", "--yes")
    assert "say --yes" in place.run("rebind", code=2)
    assert "links were dropped" in place.run("rebind", "--yes")
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: "n")
    place.run("rebind", code=2)


def test_a_brake_wants_a_person_and_a_system_that_is_away_another_time(place: Place) -> None:
    text = Path("keapbridge.toml").read_text("utf-8")
    Path("keapbridge.toml").write_text(f"{text}\n[policy]\nmax_creates = 0\n", "utf-8")
    assert "accept=['creates']" in (braked := place.run("sync", code=4))
    assert "Here that is --accept NAME" in braked
    assert place.contacts() == []
    place.run("sync", "--accept", "creates", "--by", "anna")
    assert len(place.contacts()) == 1
    wrong = place.run("sync", "--accept", "creats", code=2)
    assert "is 'creates' meant?" in wrong
    away = text.replace(place.keap.base_url, "http://127.0.0.1:9/crm/rest")
    once = away.replace("\n# Your CRM", "\nretry = {attempts = 1}\n# Your CRM")
    Path("keapbridge.toml").write_text(once, "utf-8")
    assert "try later" in place.run("plan", code=75)


def test_a_slip_is_one_line_that_names_file_and_key(place: Place) -> None:
    text = Path("keapbridge.toml").read_text("utf-8")
    Path("other.toml").write_text(text.replace("modified =", "modifed ="), "utf-8")
    said = place.run("check", "--config", "other.toml", code=1)
    assert said == "keapbridge: other.toml: customcrm.contacts.modifed: there is no such key; is 'modified' meant?\n"
    Path("other.toml").write_text(text.replace("LastName = ", "LastNam = "), "utf-8")
    assert "contacts.LastNam: " in place.run("check", "--config", "other.toml", code=1)
    field = '[mapping.contacts.fields.Email2]\nkind = "text"\nkeap = {custom_field = "No such field"}\n'
    Path("other.toml").write_text(text.replace("columns = {", "columns = {Email2 = 'id', ") + f"\n{field}", "utf-8")
    found = json.loads(place.run("check", "--config", "other.toml", "--json", code=1))
    assert any(each["severity"] == "error" and "No such field" in each["what"] for each in found), found
    assert "there is no file none.toml" in place.run("plan", "--config", "none.toml", code=1)
    assert "is there already" in place.run("init", code=2)
    with pytest.raises(kb.ConfigurationError):
        main(["check", "--config", "none.toml", "--debug"])


SESSIONS: dict[str, Callable[[Callable[[], kb.SyncSession], Callable[[], kb.AsyncSyncSession]], Any]] = {
    "a function": lambda plain, _: plain,
    "a session": lambda plain, _: plain(),
    "a context manager": lambda plain, _: contextmanager(lambda: (yield_of(plain) for _ in [0])),
    "an asynchronous session": lambda _, twin: twin,
    "a coroutine": lambda _, twin: in_a_coroutine(twin),
    "an asynchronous context manager": lambda _, twin: in_a_manager(twin),
}


def yield_of(make: Callable[[], Any]) -> Any:
    return make()


def in_a_coroutine(make: Callable[[], Any]) -> Any:
    async def open_it() -> Any:
        return make()

    return open_it


def in_a_manager(make: Callable[[], Any]) -> Any:
    @asynccontextmanager
    async def open_it() -> Any:
        async with make() as session:
            yield session

    return open_it


@pytest.mark.parametrize("kind", variants(SESSIONS, quick=("an asynchronous context manager",)))
def test_a_session_of_the_host(place: Place, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = kb.SqlTable("people", id="id", modified="updated_at", columns={"FirstName": "given_name"})
    auth: dict[str, Any] = {"auth": kb.KeapApiKey(place.keap.api_key), "base_url": place.keap.base_url}

    def options() -> dict[str, Any]:
        crm = kb.SqlCustomcrm(f"sqlite:///{place.folder / 'crm.db'}", contacts=table)
        return {"customcrm": crm, "store": "sqlite:///own.db"}

    host: Any = types.ModuleType("sessions_of_a_host")
    keap = kb.KeapClient(**auth)
    host.session = SESSIONS[kind](
        lambda: kb.SyncSession(keap=keap, **options()),
        lambda: kb.AsyncSyncSession(keap=kb.AsyncKeapClient(app=place.keap.app, **auth), **options()),
    )
    monkeypatch.setitem(sys.modules, "sessions_of_a_host", host)
    Path("keapbridge.toml").unlink()
    with keap:
        assert "created in Keap" in place.run("sync", "contacts", "--session", "sessions_of_a_host:session")
    assert [c["given_name"] for c in place.contacts()] == ["Ada"]


def test_what_lies_in_the_current_folder_or_beside_the_file_can_be_named(place: Place, tmp_path: Path) -> None:
    (tmp_path / "host_in_the_folder.py").write_text("import keapbridge as kb\nnumber = 5\n")
    assert "gives an int" in place.run("plan", "--session", "host_in_the_folder:number", code=2)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "host_beside_it.py").write_text(
        "import keapbridge as kb\nown = kb.mapping.contacts.without('Fax')\n"
    )
    beside = tmp_path / "elsewhere" / "keapbridge.toml"
    text = Path("keapbridge.toml").read_text("utf-8").replace("sqlite:///crm.db", f"sqlite:///{tmp_path / 'crm.db'}")
    (tmp_path / "elsewhere" / "keap.key").write_text(place.keap.api_key)
    beside.write_text(f'{text}\n[mapping]\ncontacts = "host_beside_it:own"\n', "utf-8")
    assert "create in Keap" in place.run("plan", "--config", str(beside))
    assert (tmp_path / "elsewhere" / "bridge.db").is_file()
    assert (
        "| Fax |" not in place.run("dataflow", "--format", "md", "--config", str(beside)).partition("and Contacts")[2]
    )


def test_a_run_that_its_deadline_stops_wants_another_time(place: Place) -> None:
    stopped = place.run("sync", "--deadline", "0.000001", code=75)
    assert "stopped before its end" in stopped
    assert place.contacts() == []


def test_what_is_no_session_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    host: Any = types.ModuleType("sessions_of_a_host")
    host.number, host.make = 5, lambda: "text"
    monkeypatch.setitem(sys.modules, "sessions_of_a_host", host)
    for name, said in (
        ("number", "gives an int, and not a session"),
        ("make", "gives a str"),
        ("none", "no 'none' in"),
    ):
        assert said in place.run("plan", "--session", f"sessions_of_a_host:{name}", code=2)


def test_repeat_syncs_by_the_schedule_until_it_is_told_to_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = kb.SyncSession.sync

    def sync(session: kb.SyncSession, **options: Any) -> kb.Report:
        asked.append(options["full"])
        if len(asked) == 2:
            raise kb.SessionBusyError("somebody is at work")
        report = real(session, **options)
        if len(asked) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return report

    monkeypatch.setattr(kb.SyncSession, "sync", sync)
    monkeypatch.setattr(running, "datetime", running.datetime)
    text = Path("keapbridge.toml").read_text("utf-8")
    Path("keapbridge.toml").write_text(f'{text}\n[schedule]\nevery = "0.01 seconds"\n', "utf-8")
    before = signal.getsignal(signal.SIGTERM)
    said = place.run("sync", "--repeat")
    assert asked == [True, False, False]  # full at first, and again after a day
    assert "somebody is at work" in said
    assert signal.getsignal(signal.SIGTERM) is before
    assert threading.current_thread() is threading.main_thread()


def test_a_database_is_written_into_a_new_file_and_planned_from_there(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEAP_API_KEY", place.keap.api_key)
    Path("keapbridge.toml").unlink()
    columns = "id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, phone TEXT"
    place.sql(f"CREATE TABLE people ({columns})", database="people.db")
    row = "'Ida', 'ida@example.org', '0228 123456'"
    place.sql(f"INSERT INTO people (first_name, email, phone) VALUES ({row})", database="people.db")
    said = place.run("init", "--database", "sqlite:///people.db", "--region", "DE", "--currency", "EUR")
    assert "no column tells when a row was changed" in said
    assert "keapbridge plan" in said
    written = Path("keapbridge.toml").read_text("utf-8")
    assert ('default_region = "DE"' in written, 'currency = "EUR"' in written) == (True, True)
    keys = 'key = {env = "KEAP_API_KEY"}\n'
    Path("keapbridge.toml").write_text(written.replace(keys, f'{keys}base_url = "{place.keap.base_url}"\n'), "utf-8")
    assert "create in Keap               1" in place.run("plan")
    place.run("sync")
    assert [each["phone_numbers"][0]["number"] for each in place.contacts()] == ["+49228123456"]
    assert "is there already" in place.run("init", "--database", "sqlite:///people.db", code=2)
    place.sql("CREATE TABLE things (id INTEGER PRIMARY KEY)", database="empty.db")
    assert "no table looks like" in place.run("init", "other.toml", "--database", "sqlite:///empty.db", code=2)
    assert not Path("other.toml").exists()


@pytest.mark.thorough
def test_all_of_it_in_processes_of_their_own(place: Place) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "keapbridge", *arguments]
        paths = os.pathsep.join(path for path in sys.path if path)
        done = subprocess.run(command, capture_output=True, check=False, env=os.environ | {"PYTHONPATH": paths})
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    Path("keapbridge.toml").unlink()
    run("init")
    assert Path("keapbridge.toml").read_text("utf-8") == TEMPLATE
    Path("keapbridge.toml").write_text(edited(TEMPLATE, place.keap.base_url), "utf-8")
    run("check")
    assert "create in Keap               1" in run("plan")
    assert "created in Keap              1" in run("sync")
    assert [c["given_name"] for c in place.contacts()] == ["Ada"]
    assert "nothing to write" in run("plan")


def test_what_is_done_is_told_to_a_log_with_times_in_utc(place: Place) -> None:
    said = place.run("sync", "-v")
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ INFO    run \w+: sync of .* done in", said, re.MULTILINE)
    assert "GET" not in said
    assert re.search(r"Z DEBUG   run \w+: GET /v2/contacts", place.run("sync", "--full", "-vv"))
    assert " INFO " not in place.run("sync"), "nobody watches"
    assert "ada@example.org" not in said
