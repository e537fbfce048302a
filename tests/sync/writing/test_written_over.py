"""A system that takes a new record for one that is linked: who is written over gets back what they held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from stopping import Clock, CountingDriver, KilledError, shares
from tiers import each
from toys import Box, World

import keapbridge as kb
from keapbridge._flow.effects import now
from keapbridge.errors import TransportError
from keapbridge.model.kept_in_store import Commit, Intent
from keapbridge.model.records import Link
from keapbridge.store import schema
from keapbridge.sync.lease import TERM

KEAP, CUSTOMCRM = kb.Side.KEAP, kb.Side.CUSTOMCRM
SIDES = pytest.mark.parametrize("side", list(kb.Side), ids=str)
TOP, KITE = ("Top", "red"), ("Kite", "blue")
AFTER_THE_TERM = TERM + timedelta(seconds=1)


@attrs.frozen
class Scene:
    """A linked top, whose record on one side is taken for the counterpart of a kite that is new on the other side.

    Attributes:
        side: where records are taken for others.
        top, counterpart: the linked records, that of `side` last.
        kite: the new one.
    """

    world: World
    side: kb.Side
    top: str
    counterpart: str
    kite: str

    @property
    def target(self) -> Box:
        return box_of(self.world, self.side)

    @property
    def source(self) -> Box:
        return box_of(self.world, self.side.other)

    def held(self) -> list[tuple[Any, Any]]:
        """What both records of the top, and the kite, hold."""
        return [
            shown(self.source.records[self.top]),
            shown(self.target.records[self.counterpart]),
            shown(self.source.records[self.kite]),
        ]

    def intents(self) -> list[Intent]:
        return self.world.run(self.world.store.intents.open("toys"))

    def ids(self) -> tuple[str | None, str | None]:
        """The record that is written over, as the engine is asked for it: by Keap's id, or by Customcrm's."""
        return (self.counterpart, None) if self.side is KEAP else (None, self.counterpart)

    def is_healed(self) -> bool:
        return self.held() == [TOP, TOP, KITE] and not self.intents()


def box_of(world: World, side: kb.Side) -> Box:
    return world.gadgets if side is KEAP else world.toys


def shown(record: Any) -> tuple[Any, Any]:
    return (getattr(record, "title", None) or getattr(record, "name", None), record.colour)


def put(world: World, side: kb.Side, name: str, colour: str | None, **more: Any) -> str:
    """What a person does on a side."""
    return box_of(world, side).put(**{"title" if side is KEAP else "name": name}, colour=colour, **more)


def scene(world: World, side: kb.Side) -> Scene:
    top = put(world, side.other, *TOP)
    assert world.sync().ok
    [counterpart] = box_of(world, side).records
    box_of(world, side).take_new_ones_for(counterpart)
    return Scene(world, side, top, counterpart, put(world, side.other, *KITE))


def is_known_of(world: World, text: str) -> bool:
    """Whether the store has this value in any row."""
    with world.store.database.engine.connect() as connection:
        tables = (connection.execute(sa.select(table)).all() for table in schema.metadata.sorted_tables)
        return any(f'"{text}"' in str(row) for rows in tables for row in rows)


def lost(what: str, _id: str, _values: Mapping[str, Any]) -> None:
    if what == "create":
        raise TransportError("cut off", sent=True)


def nothing(_what: str, _id: str, _values: Mapping[str, Any]) -> None:
    pass


def unread(box: Box, id: str) -> Callable[[], None]:
    """Lets a box show a record in no way, and answers what ends that."""
    get_many, find_like = box.get_many, box.find_like

    def none(_ids: Any) -> Any:
        yield from ()
        return ()

    box.get_many, box.find_like = none, lambda _record, _since: none(())  # type: ignore[method-assign]
    box.unlisted.add(id)

    def end() -> None:
        box.get_many, box.find_like = get_many, find_like  # type: ignore[method-assign]
        box.unlisted.clear()

    return end


def hidden_when_made(s: Scene) -> list[Callable[[], None]]:
    """Lets a record not be shown from the moment on at which it is written over; what is answered ends that."""
    end: list[Callable[[], None]] = []

    def hide(what: str, id: str, _values: Mapping[str, Any]) -> None:
        if what == "create" and not end:
            end.append(unread(s.target, id))

    s.target.after = hide
    return end


def one_record(world: World, side: kb.Side, id: str) -> kb.Report:
    """What a webhook brings about."""
    return world.run(world.engine.sync(("toys",), ids={side: [id], side.other: []}))


WAYS = {
    "all": lambda s: s.world.sync(full=True),
    "what has changed": lambda s: s.world.sync(),
    "the record": lambda s: one_record(s.world, s.side, s.counterpart),
    "its partner": lambda s: one_record(s.world, s.side.other, s.top),
    "the new one": lambda s: one_record(s.world, s.side.other, s.kite),
    "a plan": lambda s: s.world.run(s.world.engine.apply(s.world.plan())),
}
BY_ALL_WAYS = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@SIDES
def test_it_gets_back_what_it_held_in_the_same_run(toys: World, side: kb.Side) -> None:
    s = scene(toys, side)
    report = toys.sync()
    [failure] = report.failures
    assert "has written it to" in failure.reason
    assert s.is_healed()
    assert s.target.calls[-2:] == [("create", s.counterpart), ("update", s.counterpart)]
    calls = toys.calls()
    for full in (False, True):
        [line] = [line for line in toys.sync(full=full).lines if "tried again when it is edited" in line.reason]
        assert line.reason.startswith("failed once"), "it would be written over it again"
    assert toys.calls() == calls


@SIDES
@BY_ALL_WAYS
def test_what_cannot_be_read_again_at_once_is_put_back_by_whatever_comes_next(
    toys: World, side: kb.Side, way: Callable[[Scene], kb.Report]
) -> None:
    s = scene(toys, side)
    end = hidden_when_made(s)
    toys.sync()
    assert s.held() == [TOP, KITE, KITE]
    [note] = s.intents()
    assert (note.over, note.source_id) == (s.counterpart, s.kite)
    toys.sync()
    assert s.held() == [TOP, KITE, KITE], "nothing of it is taken for an edit"
    end[0]()
    way(s)
    assert s.is_healed()
    calls = toys.calls()
    toys.sync(full=True)
    assert (s.is_healed(), toys.calls()) == (True, calls)


@SIDES
@BY_ALL_WAYS
@pytest.mark.parametrize("same_key_is_safe", [False, True])
def test_an_answer_that_was_lost_makes_no_difference(
    toys: World, side: kb.Side, way: Callable[[Scene], kb.Report], same_key_is_safe: bool
) -> None:
    s = scene(toys, side)
    s.target.creates_once = same_key_is_safe
    s.target.after = lost
    toys.sync()
    assert s.held() == [TOP, KITE, KITE]
    s.target.after = nothing
    way(s)
    way(s)
    assert s.is_healed()


@SIDES
def test_it_makes_none_that_the_new_one_was_linked_meanwhile(toys: World, side: kb.Side) -> None:
    """A plan from before knows another counterpart for it."""
    s = scene(toys, side)
    s.target.after = lost
    toys.sync()
    s.target.after = nothing
    other = put(toys, side, *KITE)
    ids = {side: other, side.other: s.kite}
    link = Link(ids[CUSTOMCRM], ids[KEAP], *({"Name": KITE[0], "Colour": KITE[1]},) * 2)
    toys.run(toys.store.links.settle([Commit("toys", link, {})]))
    for _ in range(2):
        toys.sync()
    assert s.is_healed()
    assert shown(s.target.records[other]) == KITE


@SIDES
def test_as_long_as_nobody_knows_the_record_only_looks_written_over_and_waits(toys: World, side: kb.Side) -> None:
    s = scene(toys, side)
    s.target.after = lost
    toys.sync()
    s.target.after, find_like = nothing, s.target.find_like
    s.target.find_like = lambda _record, _since: iter(())  # type: ignore[method-assign,assignment,return-value]
    s.target.creates_once = True  # so that it is not given up while it is not found
    plan = toys.plan()
    assert len([action for action in plan.actions if "may have been written over it" in str(action)]) == 1
    assert s.held() == [TOP, KITE, KITE]
    s.target.creates_once, s.target.find_like = False, find_like  # type: ignore[method-assign]
    toys.sync()
    assert s.is_healed()


@SIDES
def test_a_record_that_is_shown_as_it_was_before_is_not_put_back_yet(toys: World, side: kb.Side) -> None:
    """Reads may lag for as long as they like: the time stamp tells."""
    s = scene(toys, side)
    old = s.target.records[s.counterpart]
    real: list[Any] = []

    def lag(what: str, id: str, _values: Mapping[str, Any]) -> None:
        if what == "create":
            real.append(s.target.records[id])
            s.target.records[id] = old

    shown_new = s.target._shown
    s.target._shown = lambda each: real[0] if real else shown_new(each)  # type: ignore[method-assign]
    s.target.after = lag
    toys.sync()
    for full in (False, True):
        toys.sync(full=full)
        assert [note.over for note in s.intents()] == [s.counterpart]
    s.target._shown = shown_new  # type: ignore[method-assign]
    s.target.records[s.counterpart] = real[0]
    toys.sync()
    assert s.is_healed()


@SIDES
def test_edits_of_people_meanwhile_are_edits(toys: World, side: kb.Side) -> None:
    s = scene(toys, side)
    end = hidden_when_made(s)
    toys.sync()
    end[0]()
    s.target.put(id=s.counterpart, colour="green")
    toys.sync()
    assert s.held() == [("Top", "green"), ("Top", "green"), KITE]
    assert s.intents() == []


@SIDES
def test_an_edit_of_the_partner_is_written_over_it_instead(toys: World, side: kb.Side) -> None:
    s = scene(toys, side)
    end = hidden_when_made(s)
    toys.sync()
    end[0]()
    s.source.put(id=s.top, colour="green")
    toys.sync()
    assert s.held() == [("Top", "green"), ("Top", "green"), KITE]
    assert s.intents() == []


@SIDES
def test_what_was_in_conflict_is_in_conflict_again(toy_worlds: Callable[..., World], side: kb.Side) -> None:
    world = toy_worlds(policy=kb.Policy(conflicts="manual"))
    s = scene(world, side)
    s.source.put(id=s.top, colour="green")
    s.target.put(id=s.counterpart, colour="yellow")
    world.sync()
    assert s.held() == [("Top", "green"), ("Top", "yellow"), KITE]
    for _ in range(2):
        conflicts = [line.fields for line in world.sync().lines if line.outcome == "conflict"]
        assert conflicts == [("Colour",)]
    assert s.held() == [("Top", "green"), ("Top", "yellow"), KITE]


@SIDES
def test_one_that_is_written_over_twice_gets_back_what_it_held_first(toys: World, side: kb.Side) -> None:
    s = scene(toys, side)
    ball = put(toys, side.other, "Ball", "black")
    end = hidden_when_made(s)
    toys.sync()
    assert len(s.intents()) == 2
    end[0]()
    toys.run(toys.engine.retry("toys", *((s.counterpart,), (s.top,))[:: 1 if side is KEAP else -1]))
    toys.sync()
    toys.sync()
    assert s.is_healed()
    assert shown(s.source.records[ball]) == ("Ball", "black")


@SIDES
@pytest.mark.parametrize("which", ["that wrote it over", "that put it back"])
def test_neither_run_brings_it_back_when_it_is_undone(toys: World, side: kb.Side, which: str) -> None:
    s = scene(toys, side)
    end = hidden_when_made(s)
    first = toys.sync()
    end[0]()
    second = toys.sync()
    toys.run(toys.engine.undo(first if which == "that wrote it over" else second))
    toys.sync()
    assert s.is_healed()
    history = toys.run(toys.engine.history("toys", *s.ids()))
    assert "put back" in [entry.kind for entry in history]


@SIDES
def test_one_that_is_not_linked_and_was_written_over_is_not_deleted_with_what_was_made(
    toys: World, side: kb.Side
) -> None:
    box = box_of(toys, side)
    ball = put(toys, side, "Ball", "black")
    toys.run(toys.engine.undo(toys.sync()))
    assert box_of(toys, side.other).records == {}
    box.take_new_ones_for(ball)
    put(toys, side.other, *KITE)
    report = toys.sync()
    assert shown(box.records[ball]) == KITE
    [line] = [line for line in report.lines if line.outcome == "created"]
    assert line.reason == f"{side.title} has written it to one that it had already"
    toys.run(toys.engine.undo(report))
    assert shown(box.records[ball]) == ("Ball", "black")
    assert list(toys.engine.links("toys")) == []


@SIDES
def test_undoing_a_deletion_puts_nothing_over_another(toy_worlds: Callable[..., World], side: kb.Side) -> None:
    world = toy_worlds(policy=kb.Policy(deletions="delete", max_deletes=None))
    top = put(world, side.other, *TOP)
    kite = put(world, side.other, *KITE)
    world.sync()
    box, source = box_of(world, side), box_of(world, side.other)
    mine = {shown(record)[0]: id for id, record in box.records.items()}
    del source.records[kite]
    report = world.sync(full=True)
    assert mine["Kite"] not in box.records
    box.take_new_ones_for(mine["Top"])
    world.run(world.engine.undo(report))
    for full in (False, True):
        world.sync(full=full)
        assert (shown(source.records[top]), shown(box.records[mine["Top"]])) == (TOP, TOP)


@SIDES
def test_a_pair_that_is_no_more_waits_for_nothing(toys: World, side: kb.Side) -> None:
    s = scene(toys, side)
    end = hidden_when_made(s)
    toys.sync()
    end[0]()
    ids = {side: s.counterpart, side.other: s.top}
    forgotten = toys.run(toys.engine.forget("toys", ids[KEAP], None))
    assert forgotten.erased["intents"] == 1
    toys.sync()
    assert s.intents() == []


@SIDES
@pytest.mark.parametrize("is_known", [True, False])
def test_who_was_written_over_another_is_forgotten_once_that_one_is_as_it_was(
    toys: World, side: kb.Side, is_known: bool
) -> None:
    """What the store knows of the one is all that tells it from an edit of the other, as long as that may be shown."""
    clock = Clock(datetime.now(UTC))
    toys.driver = CountingDriver(clock)
    shares(toys.store, clock)
    s = scene(toys, side)
    end = hidden_when_made(s)
    if not is_known:
        s.target.after = lost
    toys.sync()
    over = s.target.records[s.counterpart]
    ids = (s.kite, None) if side is CUSTOMCRM else (None, s.kite)
    with pytest.raises(kb.UncertainError, match=f"{s.kite}.*sync"):
        toys.run(toys.engine.forget("toys", *ids))
    s.target.after = nothing
    for show in end:
        show()
    toys.sync()
    assert s.is_healed()
    with pytest.raises(kb.UncertainError, match=f"{s.counterpart}, over which {s.kite} had been written"):
        toys.run(toys.engine.forget("toys", *ids))
    back, s.target.records[s.counterpart] = s.target.records[s.counterpart], over
    toys.sync(full=True)
    clock.pass_by(timedelta(minutes=5))
    with pytest.raises(kb.UncertainError, match="may still be shown as it was then"):
        toys.run(toys.engine.forget("toys", *ids))
    s.target.records[s.counterpart] = back
    toys.sync(full=True)
    assert s.is_healed()
    assert is_known_of(toys, KITE[0])
    assert toys.run(toys.engine.forget("toys", *ids)).erased["intents"] == 0
    assert not is_known_of(toys, KITE[0])
    [put_back] = [e for e in toys.run(toys.engine.history("toys", *s.ids())) if e.kind == "put back"]
    assert (put_back.before, put_back.sources) == ({}, ())
    assert put_back.after["Name"] == TOP[0]
    toys.sync(full=True)
    assert s.is_healed()


@SIDES
def test_of_two_that_are_taken_for_one_at_the_same_moment_one_is_linked_and_the_other_told(
    toys: World, side: kb.Side
) -> None:
    """Both are written before either is linked."""
    ids = [put(toys, side.other, *name) for name in (TOP, KITE)]
    target, source = box_of(toys, side), box_of(toys, side.other)
    there = put(toys, side, "Ball", "black")
    target.unlisted.add(there)
    target.take_new_ones_for(there)
    toys.driver = driver = CountingDriver(Clock(datetime.now(UTC)), side_by_side=True)
    linked: list[int] = []
    target.after = lambda *_: linked.append(driver.log.count("links.commit"))
    report = toys.sync()
    assert linked[:2] == [0, 0]
    [failure] = report.failures
    [link] = toys.engine.links("toys")
    assert "which is linked with" in failure.reason
    left = failure.keap_id if side is CUSTOMCRM else failure.customcrm_id
    assert {left, link.id(side.other)} == set(ids)
    target.unlisted.clear()
    for _ in range(2):
        toys.sync()
        assert [shown(source.records[each]) for each in ids] == [TOP, KITE]
        assert shown(target.records[there]) == shown(source.records[link.id(side.other)])


@SIDES
@pytest.mark.parametrize("first", ["the first", "the second"])
def test_what_two_have_made_together_holds_nothing_of_the_one_that_it_is_not_linked_with(
    toys: World, side: kb.Side, first: str
) -> None:
    """The second is written over the first, with no colour of its own; any of the two is linked first."""
    ids = [put(toys, side.other, *name) for name in (TOP, ("Kite", None))]
    target, source = box_of(toys, side), box_of(toys, side.other)
    target.take_new_ones_for("7")
    observations, turns = toys.store.staging.observations, [0 if first == "the first" else 99]

    def slowly(name: str, where: kb.Side, those: Any) -> Any:
        """What comes between the first answer and its link takes its time."""
        for _ in range(turns.pop() if turns and (where, list(those)) == (side, ["7"]) else 0):
            yield from now()
        return (yield from observations(name, where, those))

    toys.store.staging.observations = slowly  # type: ignore[method-assign]
    clock = Clock(datetime.now(UTC))
    toys.driver = CountingDriver(clock, side_by_side=True)
    toys.sync()
    toys.sync(full=True)
    [link] = toys.engine.links("toys")
    assert link.id(side.other) == ids[first == "the second"]
    assert [shown(source.records[each]) for each in ids] == [TOP, ("Kite", None)]
    assert shown(target.records["7"]) == shown(source.records[link.id(side.other)])

    clock.pass_by(timedelta(minutes=5))
    [other] = set(ids) - {link.id(side.other)}
    assert is_known_of(toys, shown(source.records[other])[0])
    toys.run(toys.engine.forget("toys", *((other, None) if side is CUSTOMCRM else (None, other))))
    assert not any(is_known_of(toys, value) for value in shown(source.records[other]) if value)


@each
@SIDES
def test_a_run_that_dies_at_any_moment_leaves_nothing_that_is_lost(tmp_path: Path, side: kb.Side, stride: int) -> None:
    """The world after one effect is the world before the next one."""
    moments = 0
    for k in list(_every_moment(tmp_path, side))[::stride]:
        world = World(at=f"sqlite:///{tmp_path / f'{k}.db'}")
        s = scene(world, side)
        clock = Clock(datetime.now(UTC))
        world.reopen(CountingDriver(clock, stop_at=k))
        shares(world.store, clock)
        with pytest.raises(KilledError):
            world.sync()
        clock.pass_by(AFTER_THE_TERM)
        world.reopen(CountingDriver(clock))
        shares(world.store, clock)
        for _ in range(2):
            one_record(world, side, s.counterpart)
            assert s.held()[::2] == [TOP, KITE], f"{k}: {s.held()}"
        for _ in range(2):
            clock.pass_by(timedelta(days=1))
            world.sync()
        assert s.is_healed(), f"{k}: {s.held()} {s.intents()}"
        world.store.close()
        moments += 1
    assert moments > 40 // stride


def _every_moment(tmp_path: Path, side: kb.Side) -> Iterator[int]:
    world = World(at=f"sqlite:///{tmp_path / 'all.db'}")
    scene(world, side)
    clock = Clock(datetime.now(UTC))
    driver = CountingDriver(clock)
    world.reopen(driver)
    shares(world.store, clock)
    world.sync()
    world.store.close()
    yield from range(len(driver.log))
