"""Mappings written as TOML: they come back equal, and what TOML cannot say is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toml_host import QUIET, Shouting, is_wanted, lower, upper

import keapbridge as kb
from keapbridge.mapping import Mapper, companies, contacts, declare, products
from keapbridge.mapping.match_keys import MatchKey, NearKey
from keapbridge.mapping.toml import _functions

CUSTOM = [kb.custom_field("Shoe size"), kb.custom_field(id="12"), kb.custom_field("T-shirt", type="TEXT", create=True)]
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["both", "to_keap", "to_customcrm"]),
        "required": st.sampled_from([True, False, "keap", ("keap",), ("customcrm",)]),
        "policy": st.sampled_from(["newest", "customcrm", "keap", "manual", None]),
        "on_empty": st.sampled_from(["clear", "keep"]),
    },
)
NAMES = st.from_regex(r"\AOwn[A-Za-z0-9 .'\"\[\]=#\\é\x7f]{0,8}\Z").filter(lambda name: "+" not in name)
LABELS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda text: text.strip())
FIELDS = st.one_of(st.sampled_from(CUSTOM), LABELS.map(kb.custom_field))


def _maker(name: str, **more: Any) -> st.SearchStrategy[Any]:
    """Fields of a kind: each with further arguments and options."""
    function = getattr(declare, name)
    arguments = st.fixed_dictionaries({"keap": FIELDS, **more})
    return st.builds(lambda own, given, options: function(own, **given, **options), NAMES, arguments, OPTIONS)


TEXTS = st.dictionaries(st.text("abc", min_size=1), st.text("xyz", min_size=1), max_size=3).filter(
    lambda table: len(set(table.values())) == len(table)
)
DECLARED = {
    "text": _maker("text", max_length=st.one_of(st.none(), st.integers(1, 999)), on_too_long=st.just("error")),
    "url": _maker("url", max_length=st.one_of(st.none(), st.integers(1, 999))),
    "email": _maker("email", max_length=st.one_of(st.none(), st.integers(1, 99))),
    "phone": _maker("phone", scope=st.sampled_from(["Country", None])),
    "fax": _maker("fax", scope=st.sampled_from(["Country", None])),
    "date": _maker("date"),
    "date_time": _maker("date_time"),
    "boolean": _maker("boolean"),
    "integer": _maker("integer"),
    "decimal": _maker("decimal"),
    "choice": _maker("choice", values=st.one_of(TEXTS.filter(bool), st.just({1: True, 0: False}))),
    "choices": _maker("choices", values=TEXTS, separator=st.sampled_from([None, ",", ";"]), ordered=st.booleans()),
    "constant": st.builds(kb.constant, NAMES, st.sampled_from(["CRM", 7, True]), keap=st.one_of(st.none(), FIELDS)),
    "lens": st.builds(
        lambda own, keap, losses, options: kb.lens(upper, lower, customcrm=own, keap=keap, losses=losses, **options),
        NAMES,
        FIELDS,
        st.sampled_from([None, "case"]),
        OPTIONS,
    ),
    "field": st.builds(
        lambda own, kind, keap, options: kb.field(own, kind, keap=keap, max_length=5, fallback="LastName", **options),
        NAMES,
        st.sampled_from([Shouting(), QUIET]),
        FIELDS,
        OPTIONS,
    ),
}
ONCE = {
    "full_name": lambda: contacts.without("FirstName", "LastName").with_lenses(kb.full_name("Name", max_length=30)),
    "backwards": lambda: contacts.without("FirstName", "MiddleName", "LastName").with_lenses(
        kb.full_name("Name", order="family, given", given="middle_name")
    ),
    "opt_out": lambda: contacts.with_lenses(kb.opt_out("OptOut", keap="email_addresses.EMAIL1")),
    "money": lambda: products.with_lenses(kb.money("Price", currency="Currency", keap="price", policy="manual")),
    "money always": lambda: products.without("Price").with_lenses(kb.money("Cost", always="EUR", keap="price")),
    "reference": lambda: contacts.with_lenses(
        kb.reference("CustomerId", "companies", keap="company.id", direction="to_keap")
    ),
    "owner": lambda: contacts.with_lenses(kb.owner("OwnerEmail", direction="to_customcrm")),
    "company_name": lambda: contacts.without("CustomerId").with_lenses(kb.company_name("Company", create=True)),
    "lead_source": lambda: contacts.with_lenses(kb.lead_source("LeadSource", create=True)),
    "tags": lambda: contacts.with_lenses(kb.tags("Tags", separator=",", create=True, direction="to_keap")),
    "region": lambda: contacts.without("Country", "Region", "Phone", "MobilePhone", "Fax").with_lenses(
        kb.country("Land", keap="addresses.BILLING.country_code"),
        kb.region("Region", keap="addresses.BILLING.region_code", scope="Land"),
    ),
    "address": lambda: contacts.with_lenses(*kb.address("SHIPPING", prefix="Shipping", names={"City": None})),
    "email": lambda: contacts.with_lenses(
        kb.email("Email", keap="email_addresses.EMAIL1", opt_in_reason="Signed up", max_length=75)
    ),
    "samples": lambda: companies.without("Description").with_lenses(
        kb.lens(upper, lower, customcrm="Loud", keap="notes", samples=[("A", "a"), (date(2026, 1, 2), Decimal("1.50"))])
    ),
    "other order": lambda: attrs.evolve(
        companies, lenses=tuple(reversed(companies.only("Name", "Website").lenses)), keys=(), near=(), needs_any={}
    ),
    "keys": lambda: contacts.matched_by(MatchKey(("Email",), ("LastName",), strict=True), MatchKey(("Phone",))),
    "near": lambda: attrs.evolve(contacts, near=(NearKey(("LastName",), unless=("Email",)),)),
    "needs any": lambda: attrs.evolve(contacts, needs_any={kb.Side.CUSTOMCRM: ("Email",)}),
    "where": lambda: contacts.where(
        customcrm={
            "Status": {"b", "a"},
            "Country": ["NO", "SE"],
            "Score": is_wanted,
            "Gone": None,
            "Rate": Decimal("1.5"),
        },
        keap=is_wanted,
    ),
    "own notation": lambda: contacts.where(customcrm={"Born": date(2000, 1, 1), "Active": True, "Level": 3}),
}


@pytest.mark.parametrize("make", ONCE.values(), ids=ONCE)
def test_a_mapping_comes_back_equal(make: Any) -> None:
    mapper = make()
    again = Mapper.from_toml(mapper.to_toml())
    assert again == mapper
    assert again.to_toml() == mapper.to_toml()


@pytest.mark.parametrize("mapper", [contacts, companies, products], ids=lambda mapper: mapper.name)
def test_a_default_mapping_is_no_more_than_its_name(mapper: Mapper) -> None:
    assert mapper.to_toml() == f'name = "{mapper.name}"\n'


@given(
    st.lists(st.one_of(*DECLARED.values()), max_size=3), st.sets(st.sampled_from(["BirthDate", "Website", "Suffix"]))
)
def test_any_fields_come_back_equal(declared: list[Any], gone: set[str]) -> None:
    try:
        mapper = contacts.without(*gone).with_lenses(*declared)
    except kb.MappingError:
        return  # one place mapped twice, say: it cannot be written in Python either
    assert Mapper.from_toml(mapper.to_toml()) == mapper


def test_every_kind_has_a_form_that_is_tried() -> None:
    tried = {*DECLARED, *(name.partition(" ")[0] for name in ONCE)}
    assert {*_functions(), "field"} - tried == {"country"}  # which "region" tries, too


@pytest.mark.parametrize(
    "make",
    [
        lambda: contacts.with_lenses(kb.lens(lambda x: x, upper, customcrm="Own", keap="spouse_name")),
        lambda: contacts.with_lenses(kb.field("Own", Shouting("error", loud=False), keap="spouse_name")),
        lambda: contacts.with_lenses(attrs.evolve(contacts["Title"], limits={kb.Side.CUSTOMCRM: 5})),
        lambda: contacts.where(customcrm=lambda _: True),
        lambda: attrs.evolve(contacts, name="toys"),
    ],
    ids=["a lambda", "a kind without a name", "what no function declares", "a lambda as filter", "other records"],
)
def test_what_toml_cannot_say_is_refused(make: Any) -> None:
    with pytest.raises(kb.MappingError):
        make().to_toml()
