"""Accidents: what no person typed, in either system and in each kind of CRM, and what must not be lost by it.

An accident is a generator of complaints over a world in which all is settled. What the library must say about it are
words that one line of a report, or one error, must have. All of them go on for some runs, full ones and others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from histories.months import people
from histories.systems import CONTACTS, PRODUCTS
from histories.world import World

__all__ = ["ACCIDENTS", "Accident"]

MANY = 44


@attrs.frozen
class Accident:
    """What happens to whom, and the words by which it is noticed."""

    happen: Callable[[World], Iterator[str]]
    kind: str
    says: tuple[str, ...]
    crm: dict[str, Any] = attrs.field(factory=dict)
    is_first: bool = True  # of the kinds of CRM that it happens to

    @property
    def name(self) -> str:
        name = self.happen.__name__.replace("_", " ")
        return name if self.is_first else f"{name} ({self.kind})"


NOT_SHOWN = "not shown|shows it|any more"
ACCIDENTS: list[Accident] = []


def accident(kinds: str, *says: str, **crm: Any) -> Callable[[Callable[[World], Iterator[str]]], Any]:
    """What happens in some kinds of CRM, and what must be said of it."""

    def note(happen: Callable[[World], Iterator[str]]) -> Any:
        for n, kind in enumerate(kinds.split()):
            ACCIDENTS.append(Accident(happen, kind, says, crm, is_first=n == 0))
        return happen

    return note


# --- the world before and after -------------------------------------------------------------------------------------


def _settle(world: World, many: int = MANY, **changes: Any) -> dict[str, list[str]]:
    """The same people in both systems, linked some days ago; side → their ids, in one order."""
    ids: dict[str, list[str]] = {"customcrm": [], "keap": []}
    for values in people(random.Random(1), 0, many):
        given = {name: value for name, value in (values | changes).items() if value is not None}
        for side, known in ids.items():
            known.append(world.system(side).add(CONTACTS, given))
    world.wait(days=1)
    world.run()
    world.wait(days=1)
    world.run(full=True)
    world.wait(days=1)
    return ids


def _stock(world: World, many: int = 24) -> None:
    for n in range(many):
        values = {"Name": f"Article {n}", "Sku": f"S{n}", "Price": 1000 + 150 * n, "ShortDescription": f"Number {n}"}
        for side in ("customcrm", "keap"):
            world.system(side).add(PRODUCTS, {**values, "Currency": "USD", "Active": True})


def _go_on(world: World) -> None:
    """A run of changes, one that looks at everything, and one on the next day."""
    world.wait(minutes=10)
    world.run()
    world.wait(minutes=10)
    world.run(full=True)
    world.wait(days=1)
    world.run()


def _type(world: World, side: str, id: str, kind: str = CONTACTS, **values: Any) -> None:
    world.system(side).edit(kind, id, values)


def _kept(world: World, side: str, name: str, before: dict[str, Any], kind: str = CONTACTS) -> Iterator[str]:
    """Complain about all that a column lost."""
    now = world.column(side, name, kind)
    lost = [id for id in before if now.get(id) != before[id]]
    if lost:
        yield f"{len(lost)} of {len(before)} {name} in {side} changed: {before[lost[0]]!r} is {now.get(lost[0])!r}"


def _flows(world: World, side: str, ids: dict[str, list[str]], n: int, **values: Any) -> Iterator[str]:
    """Complain if what somebody typed meanwhile, in another field, did not arrive."""
    other = "keap" if side == "customcrm" else "customcrm"
    row = world.system(other).rows(CONTACTS).get(ids[other][n], {})
    for name, value in values.items():
        if row.get(name) != value:
            yield f"{name} was typed in {side} meanwhile, and {other} has {row.get(name)!r}"


# --- a system goes back ---------------------------------------------------------------------------------------------


def _is_restored(world: World, side: str, field: str, value: str) -> Iterator[str]:
    other = "keap" if side == "customcrm" else "customcrm"
    ids = _settle(world)
    backup = world.system(side).backup()
    for n, id in enumerate(ids[other][:30]):
        _type(world, other, id, **{field: f"{value}{n:04}"})
    world.run()
    world.wait(days=1)
    world.run(full=True)
    before = world.column(other, field)
    assert sum(str(text).startswith(value) for text in world.column(side, field).values()) == 30
    world.wait(hours=2)
    world.system(side).restore(backup)
    _go_on(world)
    yield from _kept(world, other, field, before)


@accident("database declared", "restored|went back|gone back", "customcrm")
def the_database_is_restored(world: World) -> Iterator[str]:
    yield from _is_restored(world, "customcrm", "JobTitle", "New ")


@accident("emulator", "restored|went back|gone back", "customcrm")
def the_crm_is_restored(world: World) -> Iterator[str]:
    yield from _is_restored(world, "customcrm", "StreetAddress1", "New ")


@accident("declared emulator database", "restored|went back|gone back", "keap")
def keap_is_restored(world: World) -> Iterator[str]:
    yield from _is_restored(world, "keap", "Phone", "+472230")


@accident("declared", "conflict", "City", "back|restored")
def four_records_are_restored(world: World) -> Iterator[str]:
    ids = _settle(world)
    table = world.crm.server._rows[CONTACTS]
    backup = world.crm.backup()[CONTACTS]
    for id in ids["keap"][:20]:
        _type(world, "keap", id, City="Alta")
    world.run()
    world.wait(days=1)
    world.run()
    before = world.column("keap", "City")
    world.wait(hours=2)
    for id in ids["customcrm"][:4]:
        table[id] = backup[id]
    _type(world, "keap", ids["keap"][7], JobTitle="Diver")
    _go_on(world)
    yield from _kept(world, "keap", "City", before)
    yield from _flows(world, "keap", ids, 7, JobTitle="Diver")


# --- a column is emptied or levelled --------------------------------------------------------------------------------


def _all_become(world: World, side: str, field: str, value: Any, innocent: str) -> Iterator[str]:
    other = "keap" if side == "customcrm" else "customcrm"
    ids = _settle(world, **({} if field != "JobTitle" else {"JobTitle": "Cook"}))
    before = world.column(other, field)
    for id in ids[side]:
        _type(world, side, id, **{field: value})
    _type(world, side, ids[side][5], **{innocent: "Typed"})
    _go_on(world)
    yield from _kept(world, other, field, before)
    yield from _flows(world, side, ids, 5, **{innocent: "Typed"})


@accident("database", "held", "JobTitle", "empt|clear")
def a_column_is_emptied(world: World) -> Iterator[str]:
    yield from _all_become(world, "customcrm", "JobTitle", None, "City")


@accident("emulator database declared", "held", "LastName", "empt|clear")
def a_field_of_keap_is_emptied(world: World) -> Iterator[str]:
    yield from _all_become(world, "keap", "LastName", None, "JobTitle")


@accident("declared", "held", "StreetAddress1", "empt|clear", modified=False)
def a_property_is_emptied(world: World) -> Iterator[str]:
    yield from _all_become(world, "customcrm", "StreetAddress1", None, "JobTitle")


@accident("emulator database declared", "held", "Phone", "empt|clear")
def a_field_is_emptied_bit_by_bit(world: World) -> Iterator[str]:
    """Eight at a time, by webhooks and by runs: what was written before counts, too."""
    ids = _settle(world)
    before = world.column("customcrm", "Phone")
    for n in range(0, 40, 8):
        some = ids["keap"][n : n + 8]
        for id in some:
            _type(world, "keap", id, Phone=None)
        world.wait(minutes=10)
        if n % 16:
            world.look_at(CONTACTS, keap=tuple(some))
        else:
            world.run()
    now = world.column("customcrm", "Phone")
    lost = sum(now[id] != before[id] for id in before)
    if lost > 20:
        yield f"{lost} of {len(before)} Phone in customcrm were emptied"


@accident("database emulator", "held", "Phone", "same|one value")
def a_column_is_levelled(world: World) -> Iterator[str]:
    yield from _all_become(world, "customcrm", "Phone", "+4722999999", "JobTitle")


@accident("declared emulator database", "held", "StreetAddress1", "same|one value")
def a_field_of_keap_is_levelled(world: World) -> Iterator[str]:
    yield from _all_become(world, "keap", "StreetAddress1", "Unknown", "JobTitle")


@accident("emulator database declared", "held", "Price", "same|one value")
def all_prices_become_one(world: World) -> Iterator[str]:
    _stock(world)
    _settle(world, 3)
    before = world.column("keap", "Price", PRODUCTS)
    for id in world.crm.rows(PRODUCTS):
        _type(world, "customcrm", id, PRODUCTS, Price=1)
    _go_on(world)
    yield from _kept(world, "keap", "Price", before, PRODUCTS)


# --- another record under an old id ---------------------------------------------------------------------------------

EVE = {"FirstName": "Gro", "LastName": "Vik", "Email": "gro@example.com", "Phone": "+4723334455", "City": "Alta"}


def _is_reissued(world: World, reissue: Callable[[str], None]) -> Iterator[str]:
    ids = _settle(world)
    before = world.keap.rows(CONTACTS)
    ours = ids["customcrm"][-1]
    reissue(ours)
    _type(world, "customcrm", ids["customcrm"][5], JobTitle="Diver")
    _go_on(world)
    now = world.keap.rows(CONTACTS)
    id = ids["keap"][-1]
    if now.get(id) != before[id]:
        yield f"Keap's contact was {before[id]} and is {now.get(id)}"
    row = world.crm.rows(CONTACTS).get(ours, {})
    if {name: row.get(name) for name in EVE} != EVE:
        yield f"the new person became {row}"
    yield from _flows(world, "customcrm", ids, 5, JobTitle="Diver")


@accident("database", "unlinked|conflict", "another|same person|birth")
def an_id_of_the_database_is_reissued(world: World) -> Iterator[str]:
    def reissue(id: str) -> None:
        world.crm.delete(CONTACTS, id)
        assert world.crm.add(CONTACTS, EVE) == id

    yield from _is_reissued(world, reissue)


@accident("database", "conflict", "the same person", created=False)
def an_id_is_reissued_where_there_are_no_births(world: World) -> Iterator[str]:
    def reissue(id: str) -> None:
        world.crm.delete(CONTACTS, id)
        assert world.crm.add(CONTACTS, EVE) == id

    yield from _is_reissued(world, reissue)


@accident("declared", "unlinked|conflict", "another|same person|birth")
def an_id_of_an_api_is_reissued(world: World) -> Iterator[str]:
    def reissue(id: str) -> None:
        rows = world.crm.server._rows[CONTACTS]
        new = world.crm.add(CONTACTS, EVE)
        rows[id] = attrs.evolve(rows.pop(new), id=id)

    yield from _is_reissued(world, reissue)


@accident("emulator database declared", "unlinked|conflict", "another|same person|birth")
def a_number_of_keap_is_given_to_another(world: World) -> Iterator[str]:
    """As in an application that was set up anew."""
    ids = _settle(world)
    before = world.crm.rows(CONTACTS)
    ours, theirs = (ids[side][-1] for side in ("customcrm", "keap"))
    _type(world, "keap", theirs, **dict.fromkeys(("StreetAddress1", "Country"), None), **EVE)
    born = world.clock.moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    world.keap.emulator.state.contacts.corrupt(theirs, create_time=born)
    _type(world, "keap", ids["keap"][5], JobTitle="Diver")
    _go_on(world)
    now = world.crm.rows(CONTACTS)
    if now.get(ours) != before[ours]:
        yield f"Customcrm's record was {before[ours]} and is {now.get(ours)}"
    row = world.keap.rows(CONTACTS)[theirs]
    if {name: row.get(name) for name in EVE} != EVE:
        yield f"the new person became {row}"
    yield from _flows(world, "keap", ids, 5, JobTitle="Diver")


@accident("database", "unlinked|conflict|linked", "another|same person|birth")
def a_table_is_loaded_anew_in_another_order(world: World) -> Iterator[str]:
    """Each id belongs to somebody else."""
    _settle(world)
    people_of_keap = {id: (row["FirstName"], row["Email"]) for id, row in world.keap.rows(CONTACTS).items()}
    rows = world.crm.rows(CONTACTS)
    for id in rows:
        world.crm.delete(CONTACTS, id)
    loaded = [
        {k: v for k, v in row.items() if k in {"FirstName", "LastName", "Email", "Phone"}} for row in rows.values()
    ]
    for row in reversed(loaded):
        world.crm.add(CONTACTS, row)
    _go_on(world)
    now = {id: (row.get("FirstName"), row.get("Email")) for id, row in world.keap.rows(CONTACTS).items()}
    changed = [id for id in people_of_keap if now.get(id) != people_of_keap[id]]
    if changed:
        yield f"{len(changed)} people of Keap became others: {people_of_keap[changed[0]]} is {now.get(changed[0])}"
    if len(now) != MANY:
        yield f"Keap holds {len(now)} people, not {MANY}"
    names = {(row["FirstName"], row["Email"]) for row in world.crm.rows(CONTACTS).values()}
    if names != {(row["FirstName"], row["Email"]) for row in loaded}:
        yield "people of the table became others"


# --- a property that is not shown -----------------------------------------------------------------------------------


def _without(name: str) -> Callable[[Any], Any]:
    """Answers in which a property has never been heard of."""

    def shown(body: Any) -> Any:
        if isinstance(body, dict):
            return {key: shown(value) for key, value in body.items() if key != name}
        return [shown(item) for item in body] if isinstance(body, list) else body

    return shown


def _vanishes(world: World, side: str, field: str, theirs: str) -> Iterator[str]:
    other = "keap" if side == "customcrm" else "customcrm"
    ids = _settle(world, JobTitle="Cook")
    before = {each: world.column(each, field) for each in (side, other)}
    world.wire(side).shown = _without(theirs)
    for n in range(6):  # somebody saves these, so that lists of changes show them
        _type(world, side, ids[side][n], City="Alta")
    world.look_at(CONTACTS, **{side: (ids[side][1],)})
    _go_on(world)
    for each, column in before.items():
        yield from _kept(world, each, field, column)
    yield from _flows(world, side, ids, 5, City="Alta")
    world.wire(side).shown = None
    _type(world, side, ids[side][8], City="Hamar")
    _go_on(world)
    for each, column in before.items():
        yield from _kept(world, each, field, column)
    _type(world, side, ids[side][9], **{field: "Diver"})
    _go_on(world)
    yield from _flows(world, side, ids, 9, **{field: "Diver"})


@accident("declared", "held", "JobTitle", NOT_SHOWN)
def a_property_vanishes_from_an_api(world: World) -> Iterator[str]:
    yield from _vanishes(world, "customcrm", "JobTitle", "jobTitle")


@accident("emulator", "held", "LastName", NOT_SHOWN)
def a_property_vanishes_from_the_crm(world: World) -> Iterator[str]:
    yield from _vanishes(world, "customcrm", "LastName", "LastName")


@accident("declared", "held", "StreetAddress1", NOT_SHOWN, modified=False)
def a_property_vanishes_where_all_is_read(world: World) -> Iterator[str]:
    yield from _vanishes(world, "customcrm", "StreetAddress1", "street_address1")


@accident("database emulator declared", "held", "JobTitle", NOT_SHOWN)
def keap_does_not_show_a_property(world: World) -> Iterator[str]:
    yield from _vanishes(world, "keap", "JobTitle", "job_title")


@accident("database", "JobTitle")
def a_column_is_dropped_and_made_again(world: World) -> Iterator[str]:
    """It is filled again from the other side."""
    ids = _settle(world, JobTitle="Cook")
    before = world.column("keap", "JobTitle")
    world.shut()
    world.crm.run("DROP TRIGGER contacts_touch")
    world.crm.run("ALTER TABLE contacts DROP COLUMN JobTitle")
    world.crm.stamp(CONTACTS)
    _type(world, "customcrm", ids["customcrm"][3], City="Alta")
    _go_on(world)
    yield from _kept(world, "keap", "JobTitle", before)
    yield from _flows(world, "customcrm", ids, 3, City="Alta")
    world.shut()
    world.crm.run("ALTER TABLE contacts ADD COLUMN JobTitle TEXT")
    world.crm.stamp(CONTACTS)
    _go_on(world)
    yield from _kept(world, "keap", "JobTitle", before)
    left = sum(value != "Cook" for value in world.column("customcrm", "JobTitle").values())
    if left:
        yield f"{left} of {MANY} JobTitle were not filled again"


def _shoes(world: World) -> tuple[str, dict[str, list[str]]]:
    import keapbridge as kb

    field = world.keap.emulator.state.contacts.add_custom_field("Shoe size")
    mapper = world.mappers[CONTACTS].with_lenses(kb.text("Website", keap=kb.custom_field("Shoe size")))
    world.mappers[CONTACTS] = mapper
    ids = _settle(world, Website=None)
    for n, id in enumerate(ids["customcrm"][:30]):
        _type(world, "customcrm", id, Website=f"4{n}")
    world.run()
    world.wait(days=1)
    world.run()
    world.wait(days=1)
    return field, ids


def _shoes_in_keap(world: World) -> list[str]:
    documents = world.keap.emulator.state.contacts.values()
    return sorted(item["content"] for document in documents for item in document.get("custom_fields", []))


@accident("emulator database declared", "Website|Shoe size")
def a_custom_field_is_made_again(world: World) -> Iterator[str]:
    field, ids = _shoes(world)
    before = world.column("customcrm", "Website")
    world.keap.emulator.state.contacts.delete_custom_field(field)
    world.keap.emulator.state.contacts.add_custom_field("Shoe size")
    _type(world, "keap", ids["keap"][3], City="Alta")
    _go_on(world)
    yield from _kept(world, "customcrm", "Website", before)
    yield from _flows(world, "keap", ids, 3, City="Alta")
    wanted = sorted(filter(None, before.values()))
    if _shoes_in_keap(world) != wanted:
        yield f"Keap has {len(_shoes_in_keap(world))} of {len(wanted)} values again"


@accident("declared emulator database", "held", "Website|Shoe size")
def a_custom_field_is_deleted(world: World) -> Iterator[str]:
    field, ids = _shoes(world)
    before = world.column("customcrm", "Website")
    world.keap.emulator.state.contacts.delete_custom_field(field)
    _type(world, "keap", ids["keap"][3], City="Alta")
    _type(world, "customcrm", ids["customcrm"][4], City="Alta")
    _go_on(world)
    yield from _kept(world, "customcrm", "Website", before)
    yield from _flows(world, "keap", ids, 3, City="Alta")
    yield from _flows(world, "customcrm", ids, 4, City="Alta")


# --- writes that are answered ---------------------------------------------------------------------------------------


def _to_and_fro(world: World, field: str, ours: str, theirs: str) -> Iterator[str]:
    ids = _settle(world, 6)
    written = 0
    for n in range(16):
        side, value = (("customcrm", ours), ("keap", theirs))[n % 2]
        if world.system(side).rows(CONTACTS)[ids[side][2]].get(field) != value:
            _type(world, side, ids[side][2], **{field: value})
        world.wait(minutes=20)
        before = {each: world.column(each, field) for each in ("customcrm", "keap")}
        world.run()
        after = {each: world.column(each, field) for each in ("customcrm", "keap")}
        written = 0 if after == before else written + 1
    if written:
        yield f"{field} is still carried to and fro"


@accident("emulator database declared", "conflict", "LastName", "to and fro|in turn|again and again|each other")
def two_automations_spell_a_name(world: World) -> Iterator[str]:
    yield from _to_and_fro(world, "LastName", "BERG", "Berg")


@accident("database emulator declared", "conflict", "Phone", "to and fro|in turn|again and again|each other")
def two_automations_choose_a_phone(world: World) -> Iterator[str]:
    yield from _to_and_fro(world, "Phone", "+4722100500", "+4722100600")


@accident("declared emulator database", "conflict", "City", "to and fro|in turn|again and again|each other")
def two_automations_write_a_town(world: World) -> Iterator[str]:
    yield from _to_and_fro(world, "City", "Oslo N", "OSLO")


def _is_not_taken(world: World, side: str, field: str, value: str) -> Iterator[str]:
    other = "keap" if side == "customcrm" else "customcrm"
    ids = _settle(world, 8)
    before = world.column(side, field)
    _type(world, other, ids[other][2], **{field: value})
    _type(world, other, ids[other][3], Status="Former")
    _go_on(world)
    typed = world.column(other, field)[ids[other][2]]
    if typed != value:
        yield f"{field} was typed in {other}, {side} did not take it, and {other} has {typed!r}"
    yield from _flows(world, other, ids, 3, Status="Former")
    assert world.column(side, field) == before


@accident("emulator database declared", "JobTitle", "not taken|still holds")
def keap_does_not_take_a_value(world: World) -> Iterator[str]:
    world.keap_wire.taken = lambda body: {name: value for name, value in body.items() if name != "job_title"}
    yield from _is_not_taken(world, "keap", "JobTitle", "Diver")


@accident("database", "City", "not taken|still holds")
def a_trigger_puts_a_value_back(world: World) -> Iterator[str]:
    world.crm.run(
        "CREATE TRIGGER contacts_stay AFTER UPDATE OF City ON contacts WHEN new.City IS NOT old.City "
        "BEGIN UPDATE contacts SET City = old.City WHERE id = new.id; END"
    )
    yield from _is_not_taken(world, "customcrm", "City", "Alta")


@accident("declared", "LastName", "not taken|still holds")
def an_api_does_not_take_a_value(world: World) -> Iterator[str]:
    def taken(body: Any) -> Any:
        return {"data": {name: value for name, value in body["data"].items() if name != "lastName"}}

    world.crm_wire.taken = taken
    yield from _is_not_taken(world, "customcrm", "LastName", "Aas")


@accident("database", "Email|updated in Customcrm")
def two_people_swap_addresses(world: World) -> Iterator[str]:
    """The column takes each value once: both arrive, or the report names both."""
    ids = _settle(world, 6)
    world.crm.run("CREATE UNIQUE INDEX one_each ON contacts (Email)")
    one, two = ids["keap"][1], ids["keap"][2]
    emails = world.column("keap", "Email")
    _type(world, "keap", one, Email=emails[two])
    _type(world, "keap", two, Email=emails[one])
    wanted = {**emails, one: emails[two], two: emails[one]}
    _go_on(world)
    yield from _kept(world, "keap", "Email", wanted)
    ours = world.column("customcrm", "Email")
    swapped = [ours[ids["customcrm"][n]] for n in (1, 2)] == [emails[two], emails[one]]
    named = world.says("Email", ids["customcrm"][1]) and world.says("Email", ids["customcrm"][2])
    if not swapped and not named:
        yield f"the addresses are {[ours[ids['customcrm'][n]] for n in (1, 2)]}, and the report does not name both"
