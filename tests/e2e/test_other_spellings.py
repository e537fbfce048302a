"""One person, company or product in other spellings, or known by another address: nobody is made a second time.

Over each kind of CRM, from either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from histories.systems import CONTACTS, PRODUCTS
from histories.world import World, worlds
from tiers import named, variants

KINDS = pytest.mark.parametrize("kind", variants(["emulator", "database", "declared"], quick=["database"]))
Make = Callable[..., World]


@pytest.fixture(scope="module")
def make() -> Iterator[Make]:
    with worlds() as make:
        yield make


def in_keap(world: World, *addresses: str, **more: Any) -> str:
    """Somebody in Keap, with these e-mail addresses in the slots from EMAIL1 on; an empty one is left out."""
    slots = [{"email": address, "field": f"EMAIL{n}"} for n, address in enumerate(addresses, 1) if address]
    person = {"given_name": "Ada", "family_name": "Berg", "email_addresses": slots, **more}
    return str(world.keap.emulator.state.contacts.add(person))


def in_crm(world: World, email: str | None, **more: Any) -> str:
    return str(world.crm.add(CONTACTS, {"FirstName": "Ada", "LastName": "Berg", "Email": email, **more}))


def sizes(world: World, kind: str = CONTACTS) -> tuple[int, int]:
    return len(world.crm.rows(kind)), len(world.keap.rows(kind))


def settled(world: World, kind: str = CONTACTS) -> bool:
    """Whether a run links the two records there are, and nothing is left to do."""
    report: Any = world.run()
    plan = world.session.plan(full=True)
    return report.count("linked") == 1 and sizes(world, kind) == (1, 1) and plan.is_empty


@KINDS
@pytest.mark.parametrize("slot", [2, 3])
def test_who_is_known_by_another_address_is_linked(make: Make, kind: str, slot: int) -> None:
    world = make(kind)
    in_keap(world, "work@example.org", *[""] * (slot - 2), "home@example.org")
    in_crm(world, "home@example.org")
    assert settled(world)


@KINDS
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("ada@example.org\u200b", "ada@example.org"),
        ("\uff41da\uff20example.org", "ada@example.org"),
        ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example"),
    ],
    ids=["invisible", "full width", "punycode"],
)
def test_an_address_in_another_spelling_is_the_same(make: Make, kind: str, ours: str, theirs: str) -> None:
    world = make(kind)
    in_keap(world, theirs)
    in_crm(world, ours)
    assert settled(world)
    assert world.keap.rows(CONTACTS)[next(iter(world.keap.rows(CONTACTS)))]["Email"] == theirs


@KINDS
@pytest.mark.parametrize(("ours", "theirs"), [("AB\u201312", "\uff21\uff22-12"), ("ab&amp;12", "AB&12")], ids=ascii)
def test_a_product_in_another_spelling_is_the_same(make: Make, kind: str, ours: str, theirs: str) -> None:
    world = make(kind)
    product = {"Name": "Widget", "Price": 100, "ShortDescription": "w", "Active": True}
    world.keap.add(PRODUCTS, {**product, "Sku": theirs})
    world.crm.add(PRODUCTS, {**product, "Sku": ours, "Currency": "USD"})
    assert settled(world, PRODUCTS)


@KINDS
def test_each_of_two_that_differ_in_case_finds_its_own(make: Make, kind: str) -> None:
    world = make(kind)
    for sku in ("a1", "A1"):
        product = {"Name": f"Widget {sku}", "Sku": sku, "Price": 100, "ShortDescription": "w", "Active": True}
        world.keap.add(PRODUCTS, product)
        world.crm.add(PRODUCTS, {**product, "Currency": "USD"})
    report: Any = world.run()
    assert report.count("linked") == 2
    assert world.session.plan(full=True).is_empty
    assert {row["Sku"] for row in world.keap.rows(PRODUCTS).values()} == {"a1", "A1"}


@KINDS
def test_who_comes_later_and_is_known_by_the_third_address_of_a_linked_one_is_reported(make: Make, kind: str) -> None:
    world = make(kind)
    in_keap(world, "work@example.org")
    in_crm(world, "work@example.org")
    world.run()
    [id] = world.keap.rows(CONTACTS)
    world.wait(minutes=30)
    slots = [{"email": f"{name}@example.org", "field": f"EMAIL{n}"} for n, name in enumerate(("work", "b", "home"), 1)]
    world.keap.emulator.state.contacts.edit(id, email_addresses=slots)
    world.run()
    world.wait(minutes=30)
    in_crm(world, "home@example.org")
    report: Any = world.run()
    assert sizes(world) == (2, 1)
    assert [f"Keap {id}" in line.reason for line in report.lines if line.outcome == "skipped"] == [True]


@KINDS
def test_who_appears_meanwhile_is_known_by_every_address(make: Make, kind: str) -> None:
    world = make(kind)
    in_crm(world, "home@example.org")
    world.open()
    plan = world.session.plan()
    world.wait(minutes=3)
    in_keap(world, "work@example.org", "", "home@example.org")
    report = world.session.apply(plan)
    assert (report.count("created"), report.count("linked")) == (0, 1)
    assert sizes(world) == (1, 1)


@KINDS
def test_who_was_kept_by_keys_that_were_made_otherwise_is_still_found(make: Make, kind: str) -> None:
    world = make(kind)
    id = in_keap(world, "work@example.org", "", "home@example.org")
    in_crm(world, "work@example.org")
    world.run()
    with world._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM keapbridge_match_keys")
        connection.exec_driver_sql("UPDATE keapbridge_facts SET value = 'older' WHERE name = 'contacts_keys'")
        connection.exec_driver_sql("UPDATE keapbridge_facts SET value = 'older' WHERE name = 'contacts_mapping'")
    world.wait(minutes=30)
    twin = in_crm(world, "work@example.org")
    world.look_at(CONTACTS, customcrm=(twin,))
    assert sizes(world) == (2, 1)
    assert world.says(f"Keap {id}")
    world.run()
    assert sizes(world) == (2, 1)


# --- near misses ----------------------------------------------------------------------------------------------------

PHONE = "+4722334455"
NEAR = {
    "one phone, two addresses": ({"Email": "ada@example.org", "Phone": PHONE}, {"email": "berg@example.org"}),
    "one phone, another last name": (
        {"LastName": "King", "Email": None, "Phone": PHONE},
        {"email": "berg@example.org"},
    ),
    "one name, no address": ({"Email": None, "Phone": "+4799887766"}, {"email": "berg@example.org"}),
}


def numbers(*numbers: str) -> list[dict[str, str]]:
    return [{"number": number, "field": f"PHONE{n}"} for n, number in enumerate(numbers, 1)]


@KINDS
@pytest.mark.parametrize(("ours", "theirs"), named(NEAR, quick=["one phone, another last name"]))
@pytest.mark.parametrize("meanwhile", [False, True], ids=["first contact", "just before it is made"])
def test_a_near_miss_is_told_with_its_candidates_and_nothing_is_made(
    make: Make, kind: str, ours: dict[str, Any], theirs: dict[str, str], meanwhile: bool
) -> None:
    world = make(kind)
    mine = in_crm(world, None, **ours)
    if not meanwhile:
        its = in_keap(world, theirs["email"], phone_numbers=numbers("+4788888888", PHONE))
    world.open()
    plan = world.session.plan()
    if meanwhile:
        world.wait(minutes=3)
        its = in_keap(world, theirs["email"], phone_numbers=numbers("+4788888888", PHONE))
    else:
        told = {(action.side.value, action.id, action.candidates[0][1]) for action in plan.actions}
        assert told == {("customcrm", mine, its), ("keap", its, mine)}
    report = world.session.apply(plan)
    assert sizes(world) == (1, 1)
    assert [its in line.reason for line in report.lines if line.customcrm_id == mine] == [True]


@KINDS
@pytest.mark.parametrize(("ours", "theirs"), NEAR.values(), ids=NEAR)
@pytest.mark.parametrize("side", ["customcrm", "keap"])
def test_who_comes_later_and_is_near_to_a_linked_one_is_told_with_it(
    make: Make, kind: str, ours: dict[str, Any], theirs: dict[str, str], side: str
) -> None:
    world = make(kind)
    if side == "customcrm":
        in_keap(world, theirs["email"], phone_numbers=numbers("+4788888888", PHONE))
    else:
        in_crm(world, None, **ours)
    world.run()
    assert sizes(world) == (1, 1)
    [known] = (world.keap if side == "customcrm" else world.crm).rows(CONTACTS)
    world.wait(minutes=30)
    if side == "customcrm":
        in_crm(world, None, **ours)
    else:
        in_keap(world, theirs["email"], phone_numbers=numbers("+4788888888", PHONE))
    report: Any = world.run(full=True)
    assert sizes(world) == ((2, 1) if side == "customcrm" else (1, 2))
    assert [known in line.reason for line in report.lines if line.outcome == "skipped"] == [True]
    world.run(full=True, accept=["near-misses"])
    assert sizes(world) == (2, 2)
    assert world.session.plan(full=True).is_empty


@KINDS
def test_people_who_share_a_phone_or_a_name_and_are_others_are_made(make: Make, kind: str) -> None:
    world = make(kind)
    in_crm(world, "ada@example.org", Phone=PHONE)
    in_keap(world, "will@example.org", given_name="William", family_name="King", phone_numbers=numbers(PHONE))
    in_keap(world, "other.ada@example.org", phone_numbers=numbers("+4788888888"))
    report: Any = world.run()
    assert report.count("created") == 3
    assert sizes(world) == (3, 3)
