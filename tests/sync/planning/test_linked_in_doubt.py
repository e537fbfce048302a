"""Records that went back wait for a word, and many of them stop their synchronization; ids that were given again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from tiers import named, variants
from toys import World

import keapbridge as kb
from keapbridge.model.actions import Conflict, Skip
from keapbridge.testing import Fault, KeapEmulator

Worlds = Callable[..., World]
CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
AT_ONCE = timedelta(0)


@pytest.fixture
def world(toy_worlds: Worlds) -> World:
    return toy_worlds(lag=AT_ONCE)


def colours(world: World, ours: str, theirs: str) -> tuple[str, str]:
    return world.toys.records[ours].colour, world.gadgets.records[theirs].colour


@pytest.mark.parametrize("side", variants([CUSTOMCRM, KEAP], quick=[KEAP]))
def test_a_record_that_went_back_waits(world: World, side: kb.Side) -> None:
    ours, theirs = world.restored_toy(side)
    before = colours(world, ours, theirs)
    for _ in range(2):
        report = world.sync(full=True)
        assert report.count("conflict") == 1
        assert colours(world, ours, theirs) == before
    [conflict] = world.run(world.engine.conflicts())
    assert (conflict.field, conflict.about) == ("*", "restored")
    assert f"{side.title} {ours if side is CUSTOMCRM else theirs} went back" in conflict.reason


@pytest.mark.parametrize("side", variants([CUSTOMCRM, KEAP], quick=[CUSTOMCRM]))
@pytest.mark.parametrize(("winner", "colour"), [("restored", "red"), ("other", "blue")])
def test_one_is_resolved_for_the_side_that_is_right(world: World, side: kb.Side, winner: str, colour: str) -> None:
    ours, theirs = world.restored_toy(side)
    world.sync(full=True)
    [conflict] = world.run(world.engine.conflicts())
    report = world.run(world.engine.resolve(conflict, side if winner == "restored" else side.other))
    assert report.ok
    assert colours(world, ours, theirs) == (colour, colour)
    assert world.run(world.engine.conflicts()) == []
    assert world.plan(full=True).is_empty


@pytest.mark.parametrize("winner", variants([CUSTOMCRM, KEAP], quick=[KEAP]))
def test_what_was_said_is_done_by_the_next_run_where_a_write_fails(world: World, winner: kb.Side) -> None:
    ours, theirs = world.restored_toy(CUSTOMCRM)
    world.sync(full=True)
    [conflict] = world.run(world.engine.conflicts())
    box = world.toys if winner is KEAP else world.gadgets

    def refuse(what: str, *_: Any) -> None:
        if what == "update":
            raise kb.TransportError("refused")

    before, box.before = box.before, refuse
    assert not world.run(world.engine.resolve(conflict, winner)).ok
    assert colours(world, ours, theirs) == ("red", "blue")
    box.before = before
    assert world.run(world.engine.conflicts()) == []
    assert world.sync().ok
    wanted = "blue" if winner is KEAP else "red"
    assert colours(world, ours, theirs) == (wanted, wanted)
    assert world.plan(full=True).is_empty


def test_it_waits_also_when_it_is_edited(world: World) -> None:
    ours, theirs = world.restored_toy(CUSTOMCRM)
    world.sync(full=True)
    world.toys.put(id=ours, price=None)  # its stamp is new now
    assert world.sync().count("conflict") == 1
    assert colours(world, ours, theirs) == ("red", "blue")


def test_what_may_be_a_lagging_list_is_skipped_and_looked_at_again(toys: World) -> None:
    ours, theirs = toys.restored_toy(CUSTOMCRM)
    now = toys.toys.records[ours]
    plan = toys.plan(full=True)
    [skipped] = [action for action in plan.actions if isinstance(action, Skip)]
    assert (skipped.field, skipped.side, skipped.id) == (None, CUSTOMCRM, ours)
    assert toys.run(toys.engine.apply(plan)).count("skipped") == 1
    assert colours(toys, ours, theirs) == ("red", "blue")
    toys.toys.records[ours] = attrs.evolve(now, colour="blue")  # the list has caught up
    assert toys.sync(full=True).ok
    assert toys.plan(full=True).is_empty
    assert colours(toys, ours, theirs) == ("blue", "blue")


def test_one_that_no_list_shows_again_is_read_before_it_is_believed(toys: World) -> None:
    ours, theirs = toys.restored_toy(CUSTOMCRM)
    toys.sync(full=True)
    toys.toys.put(id=ours, colour="blue")  # it has caught up, and no list of changes shows it
    toys.toys.records[ours] = attrs.evolve(toys.toys.records[ours], updated_at=toys.gadgets.records[theirs].updated_at)
    sync = attrs.evolve(toys["toys"], settings=attrs.evolve(toys["toys"].settings, lag=AT_ONCE))
    toys.engine.bridge.synchronizations["toys"] = sync  # type: ignore[index]
    assert toys.sync().count("conflict") == 0
    assert colours(toys, ours, theirs) == ("blue", "blue")


def many(world: World, numbers: range) -> list[tuple[str, str]]:
    return [world.restored_toy(CUSTOMCRM, name=f"Top {n}") for n in numbers]


def test_nine_are_conflicts_and_ten_stop_their_synchronization(world: World) -> None:
    pairs = many(world, range(9))
    assert world.sync(full=True).count("conflict") == 9
    pairs += many(world, range(9, 10))
    world.crm_makers.put(name="Ada")
    report = world.sync(full=True)
    [failure] = report.failures
    assert failure.object == "toys"
    assert failure.reason.startswith("could not go on: Customcrm went back: 10 toys")
    assert "1:0" in failure.reason
    assert report.count("created", "makers") == 1
    assert {colours(world, *pair) for pair in pairs} == {("red", "blue")}


def test_a_run_of_nothing_else_raises_and_its_plan_can_be_applied(world: World) -> None:
    many(world, range(10))
    plan = world.run(world.engine.plan(("toys",), full=True))
    with pytest.raises(kb.BrakeError, match="Customcrm went back: 10 toys"):
        world.run(world.engine.apply(plan))
    assert [action for action in plan.actions if not isinstance(action, Conflict)] == []


def test_finding_one_makes_a_run_a_full_one(toy_worlds: Worlds) -> None:
    world = toy_worlds(lag=AT_ONCE, overlap=timedelta(hours=2))
    pairs = [world.linked_toy(name=f"Top {n}") for n in range(2)]
    before = dict(world.toys.records)
    for _, theirs in pairs:
        world.gadgets.put(id=theirs, colour="blue")
    world.sync()
    for (ours, _), back in zip(pairs, (timedelta(hours=1), timedelta(days=1)), strict=True):
        world.toys.records[ours] = attrs.evolve(before[ours], updated_at=before[ours].updated_at - back)
    assert world.sync().count("conflict") == 2  # of which a list of changes shows one
    world.toys.listed.clear()
    assert world.sync().count("conflict") == 2
    assert None not in world.toys.listed


@pytest.mark.parametrize(
    ("edited", "side"),
    named(
        {
            "quiet, Customcrm": (False, CUSTOMCRM),
            "quiet, Keap": (False, KEAP),
            "edited since, Customcrm": (True, CUSTOMCRM),
            "edited since, Keap": (True, KEAP),
        },
        quick=["quiet, Customcrm", "edited since, Keap"],
    ),
)
def test_a_restore_that_no_list_of_changes_shows_is_found(toy_worlds: Worlds, side: kb.Side, edited: bool) -> None:
    world = toy_worlds(lag=AT_ONCE, overlap=timedelta(minutes=5))
    pairs = [world.linked_toy(name=f"Top {n}") for n in range(11)]
    box, other = (world.toys, world.gadgets) if side is CUSTOMCRM else (world.gadgets, world.toys)
    mine, its = (0, 1) if side is CUSTOMCRM else (1, 0)
    backup = {id: attrs.evolve(r, updated_at=r.updated_at - timedelta(days=1)) for id, r in box.records.items()}
    for pair in pairs:
        other.put(id=pair[its], colour="blue")
    world.sync()
    world.sync()  # it has seen what it wrote
    box.records.clear()
    box.records.update(backup)
    if edited:
        box.put(id=pairs[0][mine], colour="green")
    for _ in range(2):
        with pytest.raises(kb.BrakeError, match=f"{side.title} went back: 1[01] toys"):
            world.run(world.engine.sync(("toys",)))
        assert [other.records[pair[its]].colour for pair in pairs] == ["blue"] * 11


@pytest.mark.parametrize("side", variants([CUSTOMCRM, KEAP], quick=[CUSTOMCRM]))
def test_the_newest_record_may_be_deleted(toy_worlds: Worlds, side: kb.Side) -> None:
    toys = toy_worlds(overlap=timedelta(minutes=5))
    pairs = [toys.linked_toy(name=f"Top {n}") for n in range(4)]
    toys.sync()
    box = toys.toys if side is CUSTOMCRM else toys.gadgets
    gone = pairs[-1][side is KEAP]
    del box.records[gone]
    looks: list[tuple[str, str]] = []
    box.before = lambda what, which, _: looks.append((what, which))
    toys.toys.listed.clear()
    for _ in range(3):
        assert toys.sync().ok
    assert None not in toys.toys.listed  # nothing is read completely
    assert looks == [("get", gone)]  # and it is looked for once


def test_one_found_by_its_id_makes_the_next_run_a_full_one(world: World) -> None:
    one, other = many(world, range(2))
    ids = {CUSTOMCRM: (one[0],), KEAP: ()}
    assert world.run(world.engine.sync(("toys",), ids=ids)).count("conflict") == 1
    assert world.sync().count("conflict") == 2
    assert colours(world, *other) == ("red", "blue")


@pytest.mark.parametrize("said", variants(["sync", "apply"], quick=["sync"]))
@pytest.mark.parametrize(
    ("winner", "colour"), [(CUSTOMCRM, "red"), pytest.param(KEAP, "blue", marks=pytest.mark.thorough)]
)
def test_somebody_says_whose_values_are_right(world: World, said: str, winner: kb.Side, colour: str) -> None:
    pairs = many(world, range(10))
    accept = {"restored": winner.value}
    if said == "sync":
        report = world.run(world.engine.sync(("toys",), full=True, accept=accept))
    else:
        plan = world.run(world.engine.plan(("toys",), full=True))
        report = world.run(world.engine.apply(plan, accept=accept))
    assert (report.ok, report.count("conflict"), report.count("updated")) == (True, 0, 10)
    assert {colours(world, *pair) for pair in pairs} == {(colour, colour)}
    assert world.plan(full=True).is_empty
    assert world.run(world.engine.conflicts()) == []


def test_a_word_is_not_waited_for(toys: World) -> None:
    ours, theirs = toys.restored_toy(CUSTOMCRM)
    assert toys.run(toys.engine.sync(full=True, accept={"restored": "keap"})).ok
    assert colours(toys, ours, theirs) == ("blue", "blue")


# --- ids that were given again --------------------------------------------------------------------------------------

PEOPLE = """CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, phone TEXT,
    created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')))"""
ADD = "INSERT INTO people (id, first_name, last_name, email, phone, created_at) VALUES (?, ?, ?, ?, ?, ?)"
EVE = (2, "Eve", "Lund", "eve@example.org", "+4721000001", "2026-01-01 10:00:00")
BOB = (2, "Bob", "Holm", "bob@example.org", "+4721000002", "2026-02-02 10:00:00")


class People:
    """A table of people as the CRM, and a Keap."""

    def __init__(self, keap: KeapEmulator, *, created: str | None) -> None:
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self.run(PEOPLE)
        table = kb.SqlTable("people", id="id", modified="updated_at", created=created)
        client = kb.KeapClient(auth=kb.KeapApiKey(keap.api_key), base_url=keap.base_url)
        crm = kb.SqlCustomcrm(self.engine, contacts=table)
        self.keap = keap
        self.session = kb.SyncSession(customcrm=crm, keap=client, store="sqlite://")
        self.closing = (self.session, client, crm)

    def run(self, sql: str, *values: object) -> list[Any]:
        with self.engine.begin() as connection:
            found = connection.exec_driver_sql(sql, values)
            return [tuple(row) for row in found] if found.returns_rows else []

    def given_again(self, taker: tuple[object, ...] = BOB) -> str:
        """Eve is synced, deleted, and her id is somebody else's; answers her id in Keap."""
        self.run(ADD, *EVE)
        self.session.sync()
        [eve] = self.keap.state.contacts
        self.run("DELETE FROM people")
        self.run(ADD, *taker)
        return eve

    def theirs(self) -> dict[str, tuple[Any, Any]]:
        return {id: (d.get("given_name"), d.get("family_name")) for id, d in self.keap.state.contacts.items()}

    def ours(self) -> list[Any]:
        return self.run("SELECT id, first_name, email FROM people ORDER BY id")


@pytest.fixture
def people(keap_emulator: KeapEmulator) -> Iterator[Callable[..., People]]:
    made: list[People] = []

    def make(created: str | None = "created_at") -> People:
        made.append(People(keap_emulator, created=created))
        return made[-1]

    yield make
    for each in made:
        for closing in each.closing:
            closing.close()
        each.engine.dispose()


@pytest.mark.parametrize("full", [False, True], ids=["changes", "full"])
def test_whose_id_is_given_to_another_is_not_renamed(people: Callable[..., People], full: bool) -> None:
    world = people()
    eve = world.given_again()
    report = world.session.sync(full=full)
    [line] = [line for line in report.lines if line.outcome == "unlinked"]
    assert (line.customcrm_id, line.keap_id) == ("2", eve)
    assert world.theirs()[eve] == ("Eve", "Lund")
    assert sorted(world.theirs().values()) == [("Bob", "Holm"), ("Eve", "Lund")]
    assert world.ours() == [(2, "Bob", "bob@example.org")]
    assert world.session.plan(full=True).is_empty


def test_the_new_one_is_matched_with_whom_it_is(people: Callable[..., People]) -> None:
    world = people()
    bob = world.keap.state.contacts.add(
        {"given_name": "Bob", "family_name": "Holm", "email_addresses": [{"email": BOB[3], "field": "EMAIL1"}]}
    )
    world.session.sync()
    world.run("DELETE FROM people WHERE email = ?", BOB[3])
    world.session.sync(full=True)  # Bob is unlinked, and kept
    eve_row = world.run(ADD, *EVE)
    assert eve_row == []
    world.session.sync()
    world.run("DELETE FROM people")
    world.run(ADD, *BOB)
    assert world.session.sync().count("linked") == 1
    assert world.session.contacts.links().__next__().keap_id == bob
    assert len(world.theirs()) == 2


def test_a_person_made_anew_is_who_she_was(people: Callable[..., People]) -> None:
    world = people()
    eve = world.given_again((*EVE[:5], BOB[5]))
    assert world.session.sync(full=True).count("unlinked") == 0
    world.run("UPDATE people SET last_name = 'Berg', email = 'berg@example.org', updated_at = '2999-01-01 00:00:00'")
    assert world.session.sync(full=True).ok
    assert world.theirs() == {eve: ("Eve", "Berg")}


def test_without_births_it_is_asked_whether_it_is_the_same_person(people: Callable[..., People]) -> None:
    world = people(created=None)
    eve = world.given_again()
    report = world.session.sync()
    assert report.count("conflict") == 1
    assert world.theirs() == {eve: ("Eve", "Lund")}
    [conflict] = world.session.conflicts()
    assert (conflict.field, conflict.about) == ("*", "stranger")
    with pytest.raises(kb.UnfitError, match='"same" or "different"'):
        world.session.resolve(conflict, kb.Side.KEAP)
    assert world.session.resolve(conflict, "different").count("unlinked") == 1
    world.session.sync()
    assert sorted(world.theirs().values()) == [("Bob", "Holm"), ("Eve", "Lund")]
    assert world.ours() == [(2, "Bob", "bob@example.org")]
    assert world.session.conflicts() == []


def test_somebody_who_changed_altogether_is_the_same_once_it_is_said(people: Callable[..., People]) -> None:
    world = people(created=None)
    eve = world.given_again()
    world.session.sync()
    [conflict] = world.session.conflicts()
    assert world.session.resolve(conflict, "same").ok
    assert world.theirs() == {eve: ("Bob", "Holm")}
    assert world.session.plan(full=True).is_empty


def test_what_was_said_of_somebody_counts_until_it_is_done_and_for_nobody_else(people: Callable[..., People]) -> None:
    world = people(created=None)
    eve = world.given_again()
    world.session.sync()
    [conflict] = world.session.conflicts()
    world.keap.faults.add(Fault(status=400), method="PATCH", times=9)
    assert not world.session.resolve(conflict, "same").ok
    world.keap.faults.clear()
    assert world.theirs() == {eve: ("Eve", "Lund")}
    assert world.session.conflicts() == []
    world.run("UPDATE people SET first_name = 'Kim', last_name = 'Vik', email = 'kim@example.org', phone = NULL")
    assert world.session.sync(full=True).count("conflict") == 1
    assert world.theirs() == {eve: ("Eve", "Lund")}
    [conflict] = world.session.conflicts()
    world.session.resolve(conflict, "same")
    assert world.theirs() == {eve: ("Kim", "Vik")}


@pytest.mark.parametrize("created", variants([None, "created_at"], quick=[None]))
def test_a_marriage_is_an_edit(people: Callable[..., People], created: str | None) -> None:
    world = people(created)
    eve = world.given_again((2, "Eva", "Berg", "eva.berg@example.org", EVE[4], EVE[5]))
    assert world.session.sync().count("updated") == 1
    assert world.theirs() == {eve: ("Eva", "Berg")}
