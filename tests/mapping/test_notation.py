"""What is written to Customcrm looks as it does there, and what means the same already is left alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keapbridge as kb
from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.places import Country
from keapbridge.mapping.notation import Notation, learnt, spelt
from keapbridge.mapping.writing import put_values
from keapbridge.model.side import Side

CONTACTS = kb.mapping.contacts
RAWS: dict[str, tuple[Any, ...]] = {
    "Country": ("Norway", "NOR", "no", "Norwegen", "NORGE ", None),
    "Region": ("03", "NO-03", "oslo", "Oslo", None),
    "Phone": ("22 22 22 22", "+47 22 22 22 22", "22-22-22-22", "+4722222222", "22222222 x5", None),
    "Email": ("Ada@Example.ORG", "ada@example.org", " ADA@EXAMPLE.ORG", None),
    "FirstName": ("Ada", " Ada ", "", "Ada\r\nB", None),
    "BirthDate": ("1990-02-03", "1990-02-03T00:00:00", None),
    "Website": ("https://Example.org/", "example.org", None),
}


@given(st.fixed_dictionaries({name: st.sampled_from(raws) for name, raws in RAWS.items()}), st.data())
def test_writing_back_what_a_record_means_changes_none_of_its_bytes(raws: dict[str, Any], data: Any) -> None:
    attributes = {lens.name: lens.customcrm.attributes[0] for lens in CONTACTS.lenses}
    record = kb.customcrm.Contact(**{attributes[name]: raw for name, raw in raws.items()})
    values, _ = CONTACTS.read(Side.CUSTOMCRM, record, Context())
    some = data.draw(st.sets(st.sampled_from(sorted(values))))
    learning = CONTACTS.learning([kb.customcrm.Contact(country="Sweden", phone="+46 8 123 456 78")], Context())
    written, _ = put_values(learning, Side.CUSTOMCRM, record, {name: values[name] for name in some}, Context())
    assert written == record


@pytest.mark.parametrize(
    ("field", "like", "value", "scope", "written"),
    [
        ("Country", ["Norway", "Sweden"], "DEU", None, "Germany"),
        ("Country", ["Norwegen", "Schweden"], "DEU", None, "Deutschland"),
        ("Country", ["NOR", "SWE", "DE"], "FRA", None, "FRA"),
        ("Country", ["UK", "Norway", "Sweden"], "GBR", None, "UK"),
        ("Country", [], "DEU", None, "DE"),
        ("Country", ["D", "A", "CH"], "FRA", None, "F"),
        ("Country", ["D", "A", "CH"], "NLD", None, "NL"),
        ("Region", ["Oslo"], "NO-46", "NOR", "Vestland"),
        ("Region", ["03"], "NO-46", "NOR", "46"),
        ("Phone", ["22 22 22 22", "22 22 22 23"], "+4733333333", "NOR", "33 33 33 33"),
        ("Phone", ["22 22 22 22", "22 22 22 23"], "+12065550100", "NOR", "+1 206-555-0100"),
        ("Phone", ["(206) 555-0100"], "+12065550199", "USA", "(206) 555-0199"),
        ("Phone", ["206.555.0100"], "+12065550199", "USA", "206.555.0199"),
        ("Phone", ["+47 22 22 22 22"], "+4733333333", "NOR", "+47 33 33 33 33"),
        ("Phone", ["ring Kim"], "+4733333333", "NOR", "+4733333333"),
        ("Email", ["ADA@EXAMPLE.ORG", "BO@EXAMPLE.ORG"], "cy@example.org", None, "CY@EXAMPLE.ORG"),
        ("Email", ["Ada@example.org"], "cy@example.org", None, "cy@example.org"),
    ],
)
def test_a_value_is_written_as_its_column_writes_others(
    field: str, like: list[str], value: str, scope: str | None, written: str
) -> None:
    kind, context = CONTACTS[field].kind, Context()
    home = {"Region": "NOR", "Phone": "USA" if "206" in str(like) else "NOR"}.get(field)
    examples = []
    for raw in like:
        with suppress(UnfitError):
            examples.append((raw, kind.read(raw, Side.CUSTOMCRM, home, context)))
    notation = learnt(kind, examples)
    assert spelt(kind, value, notation, None, scope, context) == written


def test_how_the_record_itself_wrote_it_counts_more_and_what_the_mapping_says_most() -> None:
    context = Context()
    column = Notation("alpha-2", {"NOR": "NO"})
    for kind, written in (
        (kb.mapping.contacts["Country"].kind, "NOR"),
        (Country("name"), "Norway"),
    ):
        assert spelt(kind, "NOR", column, ("SWE", "SWE"), None, context) == written
    for wrong in ("alpha2", "E164", "short nb"):
        with pytest.raises(kb.MappingError, match="notation must be one of"):
            kb.country("Country", keap="addresses.BILLING.country_code", notation=wrong)
    with pytest.raises(kb.MappingError, match="notation must be"):
        kb.phone("Phone", keap="phone_numbers.PHONE1", notation="local")


def test_a_text_that_cannot_be_dialled_is_passed_where_the_mapping_says_so() -> None:
    lens = kb.phone("Phone", keap="phone_numbers.PHONE1", on_unreadable="pass").build(
        kb.customcrm.Contact, kb.keap.Contact
    )
    for text in ("ring Kim", "555-0101", "+1 555"):
        value = lens.kind.read(text, Side.CUSTOMCRM, None, Context())
        assert value == text
        assert lens.kind.write(value, Side.KEAP, Context()) == (text, None)
        assert lens.kind.read((text, None), Side.KEAP, "NOR", Context()) == text
        assert lens.kind.write(value, Side.CUSTOMCRM, Context()) == text
