"""Near misses: who is told of, who is made all the same, and what is left of it afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tiers import variants
from toys import TOYS
from toys import World as Toys

import keapbridge as kb
from keapbridge.decide import match
from keapbridge.errors import MappingError
from keapbridge.mapping import NearKey
from keapbridge.model.actions import Skip
from keapbridge.sync.planning import near_misses

if TYPE_CHECKING:
    from conftest import World

PHONE = {"number": "+4722334455", "field": "PHONE1"}
COMPANIES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "one phone, a longer name": ({"Name": "Acme", "Phone": "+4722334455"}, {"company_name": "Acme Inc"}, True),
    "one phone, another name": ({"Name": "Looms", "Phone": "+4722334455"}, {"company_name": "Acme Inc"}, False),
    "one name, another phone": ({"Name": "ACME", "Phone": "+4799887766"}, {"company_name": "Acme"}, True),
    "one name, another country": (
        {"Name": "Acme", "Country": "SE", "Phone": "+4699887766"},
        {"company_name": "Acme"},
        False,
    ),
}


@pytest.mark.parametrize(("ours", "theirs", "is_near"), COMPANIES.values(), ids=COMPANIES)
def test_companies_too_are_told_of(world: World, ours: dict[str, Any], theirs: dict[str, Any], is_near: bool) -> None:
    mine = world.crm.state.customers.add(ours)
    address = {"field": "BILLING", "country_code": "NOR"}
    its = world.keap.state.companies.add({"phone_number": PHONE, "address": address, **theirs})
    report = world.sync()
    told = {line.customcrm_id or line.keap_id: line.reason for line in report.lines if line.outcome == "skipped"}
    several = told.pop("*", "")
    assert (f"Customcrm {mine}; Keap {its}" in several) == (ours["Name"] == "Looms")
    assert world.counts()["companies"] == ((1, 1) if is_near else (2, 2))
    assert {id: f"{its}" in told[id] or f"{mine}" in told[id] for id in told} == (
        {mine: True, its: True} if is_near else {}
    )


def near_toys(toys: Toys) -> None:
    toys.remap("toys", attrs.evolve(TOYS, near=(NearKey(("Colour",)),)))


def test_colleagues_on_one_switchboard_are_made_and_told_of_once(world: World) -> None:
    for n in range(4):
        world.crm.state.contacts.add({"FirstName": f"Ada{n}", "Email": f"a{n}@x.example", "Phone": "+4722334455"})
        numbers = {"phone_numbers": [PHONE], "email_addresses": [{"email": f"b{n}@x.example", "field": "EMAIL1"}]}
        world.keap.state.contacts.add({"given_name": f"Bob{n}", **numbers})
    first, second = world.sync(), world.sync()
    [told] = [line for line in first.lines if line.outcome == "skipped"]
    assert "the same Phone, and names that are quite different" in told.reason
    assert told.reason.count("Customcrm") == 4
    assert "and 2 more" in told.reason
    assert first.count("created") == 8
    assert not list(second.lines)
    assert world.counts()["contacts"] == (8, 8)


@pytest.mark.parametrize("by_id", [False, True], ids=["run", "webhook"])
@pytest.mark.parametrize("side", variants(kb.Side, quick=[kb.Side.CUSTOMCRM]))
def test_who_may_be_one_that_is_linked_is_told_of_until_a_person_says_it_is_another(
    toys: Toys, side: kb.Side, by_id: bool
) -> None:
    near_toys(toys)
    ours, theirs = toys.linked_toy(name="Top", colour="red")
    new = (
        toys.toys.put(name="Kite", colour="RED")
        if side is kb.Side.CUSTOMCRM
        else toys.gadgets.put(title="Kite", colour="RED")
    )
    ids = {kb.Side.CUSTOMCRM: [], kb.Side.KEAP: [], side: [new]}
    report = toys.run(toys.engine.sync(("toys",), ids=ids)) if by_id else toys.sync()
    assert report.count("created") == 0
    [told] = toys.plan().actions
    assert isinstance(told, Skip)
    assert (told.side, told.id) == (side, new)
    assert told.candidates == ((kb.Side.CUSTOMCRM, ours), (kb.Side.KEAP, theirs))
    assert toys.run(toys.engine.sync(("toys",), accept=["near-misses"])).count("created") == 1
    assert toys.plan(full=True).is_empty


def test_what_linked_records_are_near_by_follows_their_edits(toys: Toys) -> None:
    near_toys(toys)
    ours, _ = toys.linked_toy(name="Top", colour="red")
    toys.toys.put(id=ours, colour="blue")
    toys.sync()
    toys.toys.put(name="Kite", colour="red")
    toys.toys.put(name="Yo-yo", colour="blue")
    report = toys.sync()
    assert (report.count("created"), report.count("skipped")) == (1, 1)


def test_links_of_before_are_known_by_what_is_near_now(toys: Toys) -> None:
    toys.linked_toy(name="Top", colour="red")
    near_toys(toys)
    toys.toys.put(name="Kite", colour="red")
    assert toys.sync().count("skipped") == 1


def test_what_a_crowd_of_linked_records_shares_says_nothing(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match, "CROWD", 2)
    for n in range(3):
        toys.linked_toy(name=f"Top {n}", colour="red")
    near_toys(toys)
    toys.toys.put(name="Kite", colour="red")
    assert toys.sync().count("created") == 1


def test_nothing_is_left_of_what_they_are_compared_by(toys: Toys) -> None:
    near_toys(toys)
    toys.toys.put(name="Kite", colour="red")
    toys.gadgets.put(title="Top", colour="RED")
    assert [line.outcome for line in toys.sync().lines] == ["skipped"] * 2
    keys = toys["toys"].mapper.matching.near_keys_of({"Colour": "red"}, {})
    assert [toys.run(toys.store.match_keys.same_key("toys", side, keys)) for side in kb.Side] == [[], []]
    toys.gadgets.put(title="Kite", colour="red")
    assert toys.sync().count("linked") == 1


def test_where_nothing_is_left_on_both_sides_nothing_is_compared(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    near_toys(toys)
    asked: list[object] = []
    monkeypatch.setattr(near_misses, "fill", lambda *args, **_: asked.append(args))
    for n in range(3):
        toys.toys.put(name=f"Kite {n}", colour="red")
    assert toys.sync().count("created") == 3
    assert asked == []


def test_what_makes_a_near_miss_must_be_mapped() -> None:
    with pytest.raises(MappingError, match="near by Weight needs Weight"):
        attrs.evolve(TOYS, near=(NearKey(("Weight",)),))
    assert kb.mapping.contacts.without("Phone").near == kb.mapping.contacts.near[1:]
    assert kb.mapping.contacts.without("BirthDate").near[1].unless == ("Email",)


@pytest.mark.parametrize("how", ["is refused", "is stopped"])
def test_who_was_to_be_made_by_a_run_before_is_made_whoever_was_made_meanwhile(toys: Toys, how: str) -> None:
    near_toys(toys)
    toys.linked_toy(name="Top", colour="blue")
    for n in range(3):
        toys.toys.put(name=f"Kite {n}", colour="red")

    def once(what: str, _id: str, _values: Any) -> None:
        if what == "create" and toys.gadgets.calls[-1][0] == "create" and len(toys.gadgets.calls) > 1:
            toys.gadgets.before = lambda *_: None
            raise kb.StatusError("no", status=400) if how == "is refused" else kb.AuthError("no key", status=401)

    toys.gadgets.before = once
    if how == "is refused":
        assert toys.sync().count("failed") == 1
        [failure] = toys.run(toys.store.failures.page())
        toys.run(toys.store.failures.note(attrs.evolve(failure, next_try_at=failure.next_try_at - timedelta(days=1))))
    else:
        with pytest.raises(kb.AuthError):
            toys.sync()
    assert toys.sync().count("skipped") == 0
    assert len(toys.gadgets.records) == 4
