"""How each verb can end: every code that the page on the command promises is seen, and no other is promised."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from command_place import Place

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Effect, Send
from keapbridge.command import main
from keapbridge.command.verbs import FAMILIES
from keapbridge.testing import Fault

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "command.md"
LATER = "2099-01-01T00:00:00.000000Z"
VERBS = [name for verbs in FAMILIES.values() for name in verbs]


def promised() -> Mapping[str, frozenset[int]]:
    """Verb → the codes beyond 0, 1 and 2 that the table of the page ticks."""
    [head, *rows] = re.findall(
        r"^\| (?:verb|`\w+`).*\|$", PAGE.read_text("utf-8").partition("How it ends")[2], re.MULTILINE
    )
    codes = [int(cell) for cell in head.strip("| ").split(" | ")[1:]]
    found: dict[str, frozenset[int]] = {}
    for row in rows:
        verbs, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        ticked = frozenset(code for code, cell in zip(codes, cells, strict=True) if cell)
        found |= dict.fromkeys(re.findall(r"`(\w+)`", verbs), ticked)
    return found


# --- how one comes to an end with a code ----------------------------------------------------------------------------


def away(place: Place) -> None:
    """Keap does not answer."""
    place.configure(place.keap.base_url, "http://127.0.0.1:9/crm/rest")
    place.configure("\n# Your CRM", "\nretry = {attempts = 1}\n# Your CRM")


def busy(place: Place) -> None:
    place.run("sync")
    taken(place)


def taken(place: Place) -> None:
    """Another runner is at work."""
    place.sql("UPDATE keapbridge_leases SET holder = 'another', expires_at = ?", LATER, database="bridge.db")


def linked(place: Place) -> None:
    place.run("sync")


def refusing(place: Place) -> None:
    """Keap takes no new person."""
    place.keap.faults.add(Fault(status=400), path="/contacts", method="POST")


def failed(place: Place) -> None:
    refusing(place)
    place.run("sync", code=3)


def braked(place: Place) -> None:
    """No creates are allowed."""
    with (place.folder / "keapbridge.toml").open("a") as file:
        file.write("\n[policy]\nmax_creates = 0\n")


def swept(place: Place) -> None:
    """Many people lose one and the same field, which a brake holds."""
    for number in range(2, 30):
        place.sql("INSERT INTO people VALUES (?, ?, 'L', ?, '2026-01-02')", number, f"A{number}", f"a{number}@b.org")
    place.run("sync")
    place.sql("UPDATE people SET family = NULL, updated_at = '2027-01-02'")
    place.run("sync", code=4)


def in_conflict(place: Place) -> None:
    """Both sides have edited a name."""
    place.run("sync")
    place.configure("# [policy]", '[policy]\nconflicts = "manual"\n# [policy]')
    [keap_id] = place.keap.state.snapshot()["contacts"]
    place.keap.state.contacts.edit(keap_id, family_name="Lovelace")
    place.sql("UPDATE people SET family = 'King', updated_at = '2027-01-02T03:04:05Z'")
    place.run("sync")


def in_conflict_and_refusing(place: Place) -> None:
    in_conflict(place)
    place.keap.faults.add(Fault(status=400), path="/contacts", method="PATCH")


def in_conflict_and_busy(place: Place) -> None:
    in_conflict(place)
    taken(place)


def stopped(place: Place) -> None:
    place.run("sync", "--deadline", "0.000001", code=75)


def planned(prepare: Callable[[Place], Any]) -> Callable[[Place], None]:
    def planned_then(place: Place) -> None:
        place.run("plan")
        prepare(place)

    return planned_then


def ran(prepare: Callable[[Place], Any]) -> Callable[[Place], None]:
    def ran_then(place: Place) -> None:
        place.run("sync")
        prepare(place)

    return ran_then


def refusing_deletions(place: Place) -> None:
    place.keap.faults.add(Fault(status=400), path="/contacts/", method="DELETE")


def nothing(_: Place) -> None:
    pass


CASES: Mapping[tuple[str, int], tuple[Callable[[Place], Any], list[str]]] = {
    ("check", 75): (away, []),
    ("plan", 3): (in_conflict, ["--full", "--fail-on", "conflict"]),
    ("plan", 75): (away, []),
    ("apply", 3): (planned(refusing), ["PLAN"]),
    ("apply", 4): (planned(braked), ["PLAN"]),
    ("apply", 75): (planned(away), ["PLAN"]),
    ("sync", 3): (refusing, []),
    ("sync", 4): (braked, []),
    ("sync", 75): (away, []),
    ("undo", 3): (ran(refusing_deletions), ["RUN"]),
    ("undo", 75): (busy, ["RUN"]),
    ("report", 3): (failed, []),
    ("report", 4): (swept, []),
    ("report", 75): (stopped, []),
    ("explain", 75): (ran(away), ["contacts", "--customcrm", "1"]),
    ("resolve", 3): (in_conflict_and_refusing, ["contacts", "1", "LastName", "customcrm"]),
    ("resolve", 75): (in_conflict_and_busy, ["contacts", "1", "LastName", "customcrm"]),
    ("forget", 75): (busy, ["contacts", "--customcrm", "1", "--yes"]),
    ("rebind", 75): (busy, ["--yes"]),
    ("inspect", 3): (nothing, ["sqlite://"]),
}
INTERRUPTED: Mapping[str, tuple[Callable[[Place], Any], list[str]]] = {
    "check": (nothing, []),
    "plan": (nothing, []),
    "apply": (planned(nothing), ["PLAN"]),
    "sync": (nothing, []),
    "undo": (linked, ["RUN"]),
    "resolve": (in_conflict, ["contacts", "1", "LastName", "customcrm"]),
}
ELSEWHERE = {
    *(("detect", code) for code in (3, 75)),
    *(("fleet", code) for code in (3, 130)),
    *(("kit", code) for code in (3, 130)),
    *(("probe", code) for code in (3, 75)),
}
"""Seen in the tests of these verbs, or (a fleet that is away) a matter of the host's database."""


def filled(place: Place, arguments: list[str]) -> list[str]:
    ids: dict[str, str] = {}
    for word, table in (("PLAN", "plans"), ("RUN", "runs")):
        if word in arguments:
            [(ids[word],), *_] = place.sql(
                f"SELECT id FROM keapbridge_{table} ORDER BY rowid DESC", database="bridge.db"
            )
    return [ids.get(each, each) for each in arguments]


@pytest.mark.parametrize(("verb", "code"), CASES)
@pytest.mark.thorough
def test_a_verb_ends_so(place: Place, verb: str, code: int) -> None:
    prepare, arguments = CASES[verb, code]
    prepare(place)
    place.run(verb, *filled(place, arguments), code=code)


@pytest.mark.parametrize("verb", INTERRUPTED)
@pytest.mark.thorough
def test_a_verb_that_is_interrupted_ends_so(place: Place, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, arguments = INTERRUPTED[verb]
    prepare(place)
    arguments = filled(place, arguments)
    before = place.contacts()
    real, interrupts = SyncDriver.perform, iter([signal.SIGINT])

    def interrupted(driver: SyncDriver, effect: Effect) -> Any:
        if isinstance(effect, Send):  # the first call
            for number in interrupts:
                signal.raise_signal(number)
        return real(driver, effect)

    monkeypatch.setattr(SyncDriver, "perform", interrupted)
    place.run(verb, *arguments, code=130)
    assert place.contacts() == before


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_ends_with_2_for_arguments_that_there_are_not(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([verb, "--no-such-option"])
    assert stop.value.code == 2
    assert f"usage: keapbridge {verb}" in capsys.readouterr().err


def test_the_page_promises_what_is_seen() -> None:
    seen = {*CASES, *((verb, 130) for verb in INTERRUPTED), *ELSEWHERE}
    table = promised()
    assert set(table) <= set(VERBS)
    assert {(verb, code) for verb, codes in table.items() for code in codes} == seen
