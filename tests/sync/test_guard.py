"""Bulkheads: one record or one field that fails leaves the others alone, and is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from tiers import variants
from toys import TOYS, Gadget, Toy, World

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge.mapping import Mapper
from keapbridge.mapping.kinds import Context
from keapbridge.model.records import Canonical
from keapbridge.sync.engine import Engine
from keapbridge.sync.guard import IN_A_ROW, SAME_FIELD, TRACEBACKS, Guard, reason_of, stops_everything

LOGGER = "keapbridge.records"
SECRET = "poison"


@attrs.frozen
class Delicate(kb.mapping.Kind):
    """A kind of a host that has not thought of everything."""

    def read(self, raw: Any, side: kb.Side, scope: Canonical, context: Context) -> Canonical:
        if raw is not None and SECRET in raw:
            raise LookupError(f"{raw} is unheard of")
        return raw  # type: ignore[no-any-return]


def mapped(world: World, mapper: Mapper) -> World:
    """The world with another mapping of toys."""
    bridge = world.engine.bridge
    toys = attrs.evolve(bridge["toys"], mapper=mapper)
    world.engine = Engine(attrs.evolve(bridge, synchronizations={"makers": bridge["makers"], "toys": toys}))
    return world


DELICATE = TOYS.with_lenses(kb.field("Colour", Delicate(), keap="colour").build(Toy, Gadget))


def names(world: World) -> set[Any]:
    return {gadget.title for gadget in world.gadgets.records.values()}


def told(report: kb.Report) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return [(line.outcome, line.customcrm_id or line.keap_id, line.fields) for line in report.lines]


# --- one by itself ----------------------------------------------------------------------------------------------


def test_the_culprit_is_found_by_halves_and_all_others_are_done() -> None:
    calls: list[int] = []

    def do(items: Sequence[int]) -> Flow[list[int]]:
        yield from ()
        calls.append(len(items))
        if 617 in items:
            raise ZeroDivisionError
        return list(items)

    def alone(item: int, error: Exception) -> Flow[list[int]]:
        yield from ()
        return [-item]

    done = SyncDriver().run(Guard().by_halves(range(1000), do, alone))
    assert done == [-n if n == 617 else n for n in range(1000)]
    assert len(calls) < 25


@pytest.mark.parametrize(
    ("error", "stops"),
    [
        (kb.AuthError("no", status=401), True),
        (kb.AuthError("no", status=403), False),
        (kb.QuotaExhaustedError("spent", status=429), True),
        (kb.UnavailableError("down"), True),
        (kb.SessionBusyError("another one"), True),
        (kb.LinkStoreError("gone"), True),
        (kb.LinkStoreError("no such character", refused=True), False),
        (kb.StatusError("no", status=400), False),
        (TypeError("what?"), False),
    ],
)
def test_what_ends_a_run_is_what_concerns_all_records(error: Exception, stops: bool) -> None:
    assert stops_everything(error) is stops


def test_a_reason_shows_the_place_and_never_the_words_of_an_error() -> None:
    with pytest.raises(LookupError) as caught:
        Delicate().read(SECRET, kb.Side.KEAP, None, Context())
    assert reason_of(caught.value).startswith("unforeseen LookupError (test_guard.py:")
    assert SECRET not in reason_of(caught.value)


# --- in a run ---------------------------------------------------------------------------------------------------


def test_a_value_that_its_kind_fails_on_holds_its_field_only(toys: World, caplog: pytest.LogCaptureFixture) -> None:
    world = mapped(toys, DELICATE)
    for n in range(5):
        world.toys.put(name=f"Top {n}", colour=SECRET if n == 3 else "red")
    with caplog.at_level(logging.ERROR, LOGGER):
        report = world.sync()
    assert names(world) == {f"Top {n}" for n in range(5)}
    assert ("held", "4", ("Colour",)) in told(report)
    assert "Traceback" in caplog.text
    assert "toys Customcrm 4, Colour: unforeseen LookupError" in caplog.text
    assert "LookupError: " not in caplog.text  # its words, with the value


def test_a_filter_that_fails_on_one_record_stops_no_other(toys: World) -> None:
    world = mapped(toys, TOYS.where(customcrm=lambda toy: toy.colour.startswith("r")))
    world.crm_makers.put(name="Engines")
    for n in range(5):
        world.toys.put(name=f"Top {n}", colour=None if n == 3 else "red")
    report = world.sync()
    assert names(world) == {"Top 0", "Top 1", "Top 2", "Top 4"}
    assert [(line.outcome, line.customcrm_id) for line in report.failures] == [("failed", "4")]
    assert "unforeseen AttributeError (test_guard.py" in report.failures[0].reason
    assert len(world.keap_makers.records) == 1


OURS = (
    kb.SyncError("about another session"),
    kb.LinkStoreError("of another store"),
    asyncio.CancelledError(),
    GeneratorExit(),
)


@pytest.mark.parametrize("raised", variants(OURS, quick=OURS[-2:]), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["filter", "condition", "kind", "rule"])
def test_what_a_function_of_the_host_raises_is_a_mistake_in_it_whatever_it_is_called(
    toy_worlds: Callable[..., World], where: str, raised: BaseException
) -> None:
    def fails(given: Any, *_: Any) -> Any:
        if SECRET in str(given):
            raise raised
        return given if where == "kind" else True

    class Failing(kb.mapping.Kind):
        def read(self, raw: Any, side: kb.Side, scope: Canonical, context: Context) -> Canonical:
            return fails(raw)  # type: ignore[no-any-return]

    mapper = {
        "filter": TOYS.where(customcrm=fails),
        "condition": TOYS.where(customcrm={"Colour": fails}),
        "kind": TOYS.with_lenses(kb.field("Colour", Failing(), keap="colour").build(Toy, Gadget)),
    }.get(where, TOYS)
    policy = kb.Policy(conflicts=fails) if where == "rule" else kb.Policy()
    world = mapped(toy_worlds(policy=policy), mapper)
    ours, theirs = world.linked_toy()
    world.toys.put(id=ours, colour=SECRET)
    world.gadgets.put(id=theirs, colour="green")
    world.toys.put(name="New", colour="red")
    report = world.sync()
    assert "New" in names(world)
    reasons = [
        line.reason for line in report.lines if f"unforeseen {type(raised).__name__} (test_guard.py" in line.reason
    ]
    assert reasons
    assert world.gadgets.records[theirs].colour == "green"
    assert world.sync(full=True).complete, "the lease was not given back"


def test_a_linked_record_that_fails_is_not_taken_for_deleted(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    world = mapped(toys, TOYS.where(customcrm=lambda toy: toy.colour.startswith("r")))
    world.toys.put(id=ours, colour=None)
    assert not world.sync(full=True).ok
    assert theirs in world.gadgets.records
    assert [link.keap_id for link in world.engine.links("toys")] == [theirs]


def test_a_rule_of_the_host_that_fails_holds_the_field(toy_worlds: Callable[..., World]) -> None:
    def rule(contest: Any) -> kb.Side:
        return kb.Side.KEAP if contest.keap.startswith("g") else kb.Side.CUSTOMCRM

    world = toy_worlds(policy=kb.Policy(conflicts=rule))
    ours, theirs = world.linked_toy()
    fine = world.toys.put(name="Fine")
    world.toys.put(id=ours, colour="blue", name="Whip")
    world.gadgets.put(id=theirs, colour=None)
    report = world.sync()
    assert [line.keap_id for line in report.lines if line.fields == ("Colour",)] == [theirs]
    assert world.gadgets.records[theirs].title == "Whip"
    assert world.toys.records[ours].colour == "blue"
    assert fine in world.toys.records


@pytest.mark.parametrize("what", variants(["update", "create", "get"], quick=["update"]))
def test_a_mistake_at_one_record_of_a_system_stops_no_other(toys: World, what: str) -> None:
    """A create of which nobody knows what became of it is not sent again."""
    ours = [toys.toys.put(name=f"Top {n}") for n in range(4)]
    assert toys.sync().ok
    [theirs] = [id for id, gadget in toys.gadgets.records.items() if gadget.title == "Top 1"]
    edited = {id: toys.toys.put(id=id, name=f"Whip {id}") for id in ours}
    toys.toys.put(name="New 1")
    toys.toys.put(name="New 2")

    def fail(doing: str, id: str, values: Any) -> None:
        spoilt = {"update": "Whip 2", "create": "New 1"}.get(what)
        if doing == what and (theirs in id.split() if what == "get" else values.get("title") == spoilt):
            raise RuntimeError("a bug")

    toys.gadgets.before = fail
    if what == "create":
        toys.gadgets.before, toys.gadgets.after = lambda *_: None, fail
    report = toys.sync()
    assert not report.ok
    expected = {"Whip 1", "Whip 3", "Whip 4", "New 2", "New 1", "Whip 2"}
    if what != "create":
        expected -= {"Whip 2"}
        expected |= {"Top 1"}
    assert names(toys) == expected
    toys.gadgets.before = toys.gadgets.after = lambda *_: None
    toys.sync()
    assert sorted(map(str, names(toys))) == sorted(["New 1", "New 2", *(f"Whip {id}" for id in edited)])
    assert len(toys.gadgets.records) == 6


def test_a_field_that_fails_time_and_again_is_told_once(toys: World, caplog: pytest.LogCaptureFixture) -> None:
    world = mapped(toys, DELICATE)
    for n in range(SAME_FIELD + 30):
        world.toys.put(name=f"Top {n}", colour=SECRET)
    with caplog.at_level(logging.ERROR, LOGGER):
        report = world.sync()
    held = [line for line in report.lines if line.outcome == "held"]
    assert [(line.customcrm_id, line.fields) for line in held] == [("*", ("Colour",))]
    assert f"failed for {SAME_FIELD} records in a row" in held[0].reason
    assert len(names(world)) == SAME_FIELD + 30
    assert caplog.text.count("Traceback") <= 2 * TRACEBACKS


def test_nothing_is_made_while_a_field_that_records_are_matched_by_cannot_be_read(toys: World) -> None:
    name = kb.field("Name", Delicate(), keap="title").build(Toy, Gadget)
    world = mapped(toys, TOYS.with_lenses(name))
    for n in range(SAME_FIELD):
        world.toys.put(name=SECRET, colour=str(n))
    world.sync()
    assert not world.gadgets.records


def test_a_long_row_of_mistakes_ends_the_run_with_one_error(toys: World) -> None:
    def broken(_: Any) -> bool:
        raise ZeroDivisionError

    world = mapped(toys, TOYS.where(customcrm=broken))
    for n in range(IN_A_ROW):
        world.toys.put(name=f"Top {n}")
    with pytest.raises(kb.KeapbridgeError, match=r"100 records in a row .* toys Customcrm 100: unforeseen ZeroDiv"):
        world.sync()


def test_refusals_end_no_run_however_many(toys: World) -> None:
    def refuse(doing: str, id: str, values: Any) -> None:
        if doing == "create":
            raise kb.StatusError("no", status=422)

    toys.gadgets.before = refuse
    for n in range(IN_A_ROW + 20):
        toys.toys.put(name=f"Top {n}")
    assert len(toys.sync().failures) == IN_A_ROW + 20


@pytest.mark.parametrize("error", [kb.StatusError("no", status=400), RuntimeError("a bug")])
def test_a_synchronization_that_cannot_go_on_is_told_and_the_others_run(
    toys: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(_since: Any) -> Flow[Any]:
        yield from ()
        raise error

    toys.crm_makers.put(name="Engines")
    toys.toys.put(name="Top")
    with monkeypatch.context() as patch:
        patch.setattr(toys.keap_makers, "list", refuse)
        report = toys.sync()
        assert names(toys) == {"Top"}
        [line] = report.failures
        assert (line.object, line.keap_id) == ("makers", "*")
        assert line.reason.startswith("could not go on: ")
        assert not toys.keap_makers.records
    assert toys.sync().ok
    assert [maker.name for maker in toys.keap_makers.records.values()] == ["Engines"]


def test_what_stops_every_synchronization_is_raised(toys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_since: Any) -> Flow[Any]:
        yield from ()
        raise kb.StatusError("no", status=400)

    for box in (toys.keap_makers, toys.gadgets):
        monkeypatch.setattr(box, "list", refuse)
    with pytest.raises(kb.StatusError):
        toys.sync()
