"""Values are put into records so that they are read back, and that all else means what it meant before."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, OURS, THEIRS, Scene, fitting, scenes

import keapbridge as kb
from keapbridge.errors import UnfitError
from keapbridge.mapping import companies, contacts, products
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.needs import fill_required
from keapbridge.mapping.writing import new_record, put_values, same_texts, written_along
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

CONTEXT = Context("USD", "NO")


@st.composite
def drafts(draw: st.DrawFn) -> tuple[Scene, dict[str, Canonical]]:
    """A record and values of several fields for it; a country and its region together."""
    scene = draw(scenes())
    names = set(draw(st.lists(st.sampled_from([lens.name for lens in scene.mapper.lenses]), min_size=1)))
    if names & {"Country", "Region"}:
        names |= {"Country", "Region"}
    values = {
        lens.name: fitting(lens, scene.side, draw(scene.world.values(lens)), scene.world)
        for lens in scene.mapper.lenses
        if lens.name in names
    }
    if "Region" in values:
        values["Country"] = scene.world.country
    return scene, values


@LAWS
@given(drafts())
def test_several_values_are_read_back_and_only_their_attributes_are_written(
    draft: tuple[Scene, dict[str, Canonical]],
) -> None:
    scene, values = draft
    context = scene.world.context
    record, changes = put_values(scene.mapper, scene.side, scene.record, values, context)
    found, _ = scene.mapper.read(scene.side, record, context)
    assert {name: found.get(name, "missing") for name in values} == values
    assert changes.keys() == {root for name in values for root in scene.mapper[name].place(scene.side).roots}
    assert attrs.evolve(scene.record, **changes) == record
    fresh, unreadable = scene.mapper.read(scene.side, new_record(scene.mapper, scene.side, values, context), context)
    assert unreadable == {}
    assert {name: fresh[name] for name in values} == values


# --- values that mean the same stay as they are -----------------------------------------------------------------------


def _person(side: Side, country: str | None, phone: str) -> Any:
    if side is OURS:
        return kb.customcrm.Contact(country=country, phone=phone)
    address = (kb.keap.Address(field="BILLING", country_code=country),)
    return kb.keap.Contact(addresses=address, phone_numbers=(kb.keap.PhoneNumber(field="PHONE1", number=phone),))


@pytest.mark.parametrize("side", list(Side), ids=lambda side: side.title)
@pytest.mark.parametrize(
    ("phone", "country", "rewritten"),
    [
        ("(602) 555-0143", "DEU", True),
        ("(602) 555-0143", None, True),
        ("(602) 555-0143", "CAN", False),
        ("+1 602 555 0143", "DEU", False),
    ],
)
def test_a_national_number_keeps_its_meaning_when_its_country_is_written(
    side: Side, phone: str, country: str | None, *, rewritten: bool
) -> None:
    codes = {"USA": "US"} if side is OURS else {}
    record = _person(side, codes.get("USA", "USA"), phone)
    changed, written = put_values(contacts, side, record, {"Country": country}, CONTEXT)
    root = "phone" if side is OURS else "phone_numbers"
    assert (root in written) is rewritten
    held = contacts["Phone"].place(side).get(changed)
    number = held[0] if isinstance(held, tuple) else held
    assert number == ("+16025550143" if rewritten else phone)


def test_a_text_that_is_read_by_another_country_is_no_other_text() -> None:
    known = {"Country": "USA", "Phone": "+16025550143", "Fax": "+16025550144"}
    now = {"Country": "DEU", "Phone": "+496025550143", "Fax": "+496025559999"}
    assert same_texts(contacts, THEIRS, known, now, CONTEXT) == {"Phone": "+16025550143"}
    assert same_texts(contacts, THEIRS, known, {**now, "Country": "USA"}, CONTEXT) == {}
    trunk = {"Country": "DEU", "Phone": "+491711234567"}
    assert same_texts(contacts, OURS, trunk, {"Country": "AUT", "Phone": "+431711234567"}, CONTEXT) == {
        "Phone": "+491711234567"
    }


def test_an_address_is_given_the_country_of_its_region() -> None:
    context = Context(default_region="US")
    old = kb.keap.Contact(addresses=(kb.keap.Address(field="BILLING", locality="Anaheim", region="CA"),))
    values, unreadable = contacts.read(THEIRS, old, context)
    assert (values["Country"], values["Region"], unreadable) == (None, "US-CA", {})
    changed, _ = put_values(contacts, THEIRS, old, {"City": "Fresno"}, context)
    assert written_along(contacts, THEIRS, old, changed, {"City"}, context) == {"Country": (None, "USA")}
    made = new_record(contacts, THEIRS, {"Region": "US-AZ"}, Context())
    assert made.addresses[0].country_code == "USA"
    odd = kb.customcrm.Contact(country="Atlantis", region="CA")
    assert contacts.read(OURS, odd, context)[1].keys() == {"Country", "Region"}


# --- what a system has no place for -----------------------------------------------------------------------------------


def test_what_has_no_place_in_customcrm_is_still_required_and_filled() -> None:
    narrow = attrs.evolve(products.without("ShortDescription", "Price"), homeless=(products["ShortDescription"],))
    made = new_record(narrow, THEIRS, fill_required(narrow, THEIRS, {"Name": "Kite"}), CONTEXT)
    assert made.short_description == "Kite"
    priceless = attrs.evolve(products.without("Price"), homeless=(products["Price"],))
    with pytest.raises(UnfitError, match="Keap needs Price, and Customcrm has no place for it"):
        fill_required(priceless, THEIRS, {"Name": "Kite", "ShortDescription": "Kite"})
    demanding = attrs.evolve(products, needed={OURS: ("goods.stock",)})
    with pytest.raises(UnfitError, match=r"Customcrm needs goods\.stock"):
        fill_required(demanding, OURS, {"Name": "Kite"})
    nothing = companies.without("Name")
    with pytest.raises(UnfitError, match="Customcrm has no place for anything that it holds"):
        fill_required(nothing, OURS, {"City": None})
