"""`python -m keapbridge qa`: every line passes where the mapping works, and the right one fails where it does not."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from tiers import variants

import keapbridge as kb
from keapbridge.__main__ import main
from keapbridge.dataflow.checklist import checklist
from keapbridge.mapping import Mapper, companies, contacts, products
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.text import Text
from keapbridge.mapping.lens import Lens
from keapbridge.qa import Result, execute, mappers_of, run, sandbox
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

KEAP, OURS = kb.Side.KEAP, kb.Side.CUSTOMCRM
own = contacts.with_lenses(kb.text("Nickname", keap="preferred_name", max_length=100))
not_a_mapper = 5


def results(*given: Mapper, clean: bool = False) -> list[Result]:
    mappers = mappers_of(given)
    with sandbox(mappers) as (crm, keap):
        return list(execute(crm, keap, mappers, clean=clean))


def failed(found: list[Result]) -> set[tuple[str, str, kb.Side]]:
    return {(r.check.object, r.check.field, r.check.to) for r in found if r.passed is False}


@pytest.mark.thorough
def test_every_line_of_the_default_mappings_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["qa"]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = [f"✓ {check}" for mapper in (companies, products, contacts) for check in checklist(mapper)]
    assert lines == [*expected, f"{len(expected)} passed, 0 failed"]


@attrs.frozen
class Shouting(Text):
    """Writes something else than was read, to one side."""

    to: kb.Side = KEAP

    def write(self, value: Any, side: kb.Side, context: Context) -> Any:
        return value.upper() if value is not None and side is self.to else value


def elsewhere(lens: Lens) -> Lens:
    """A lens that shows one property of Keap in the table and writes to another."""
    return attrs.evolve(lens, keap=attrs.evolve(lens.keap, attributes=("preferred_name",)))


BROKEN: dict[str, tuple[Mapper, set[tuple[str, str, kb.Side]]]] = {
    "writes-elsewhere": (
        contacts.with_lenses(elsewhere(contacts["JobTitle"])),
        {("contacts", "JobTitle", KEAP), ("contacts", "JobTitle", OURS)},
    ),
    "shouts-to-keap": (
        companies.with_lenses(attrs.evolve(companies["City"], kind=Shouting(to=KEAP))),
        {("companies", "City", KEAP)},
    ),
    "shouts-to-customcrm": (
        products.with_lenses(attrs.evolve(products["Description"], kind=Shouting(to=OURS))),
        {("products", "Description", OURS)},
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", variants(BROKEN, quick=("writes-elsewhere",)))
def test_the_right_line_fails_when_a_lens_is_broken(name: str) -> None:
    mapper, expected = BROKEN[name]
    found = results(mapper)
    assert failed(found) == expected
    assert all(r.reason for r in found if r.passed is False)
    assert all(r.passed for r in found if (r.check.object, r.check.field, r.check.to) not in expected)


@pytest.mark.thorough
def test_a_line_that_fails_makes_the_exit_code_1_and_says_what_was_seen() -> None:
    said: list[str] = []
    assert run(said.append, [BROKEN["writes-elsewhere"][0]]) == 1
    assert said[-1] == "74 passed, 2 failed"
    assert any("job_title is None instead of" in line for line in said)


KINDS = contacts.without("FirstName", "LastName").with_lenses(
    kb.full_name("Name"),
    kb.url("Website", keap="website"),
    *kb.address("SHIPPING", prefix="Shipping", names={"ZipCode": "ShippingPostcode", "StreetAddress2": None}),
    kb.integer("ShoeSize", keap=kb.custom_field("Shoe size")),
    kb.decimal("Height", keap=kb.custom_field("Height")),
    kb.date("Since", keap=kb.custom_field("Since")),
    kb.date_time("SeenAt", keap=kb.custom_field("Seen at")),
    kb.boolean("HasHat", keap=kb.custom_field("Has hat")),
    kb.choice("Size", {"S": "Small", "L": "Large"}, keap=kb.custom_field("Size")),
    kb.choices("Colours", keap=kb.custom_field("Colours"), separator=";"),
    kb.phone("Pager", keap=kb.custom_field("Pager")),
    kb.text("OneWay", keap="spouse_name", direction="to_keap"),
    kb.lens(str.lower, str.upper, customcrm="Loud", keap="preferred_name", samples=[("a", "A"), ("b", "B")]),
    kb.constant("Status", "active"),
    kb.constant("Origin", "CRM", keap=kb.custom_field("Origin")),
    kb.opt_out("OptOut", keap="email_addresses.EMAIL1"),
).where(customcrm={"Status": ["active", "new"]})  # fmt: skip


@pytest.mark.thorough
def test_every_kind_is_checked_but_consent_which_nobody_may_write() -> None:
    dear = products.without("Price").with_lenses(kb.money("Amount", always="NOK", keap="price", required=True))
    found = results(KINDS, dear)
    assert [str(r) for r in found if r.passed is False] == []
    assert {r.check.field for r in found if r.passed is None} == {"OptOut"}


@pytest.mark.thorough
def test_between_two_systems_of_ones_own_nothing_is_left_behind_and_nothing_else_is_touched() -> None:
    with CustomcrmEmulator() as crm_server, KeapEmulator() as keap_server:
        crm_server.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
        keap_server.state.products.add({"name": "Widget", "sku": "W", "price": 5, "short_description": "w"})
        before = crm_server.state.snapshot(), keap_server.state.snapshot()

        @contextmanager
        def pair() -> Iterator[tuple[kb.CustomcrmClient, kb.KeapClient]]:
            with (
                kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
                kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
            ):
                yield crm, keap

        said: list[str] = []
        assert run(said.append, pair=pair) == 0
        assert (crm_server.state.snapshot(), keap_server.state.snapshot()) == before


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module of a host's, to name things in."""
    module = types.ModuleType("mappings_of_a_host")
    monkeypatch.setitem(sys.modules, "mappings_of_a_host", module)
    module.own, module.make, module.number = own, lambda: own, 5  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("name", ["own", "make"])
def test_a_mapping_of_ones_own_is_named_on_the_command_line(
    host: types.ModuleType, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["dataflow", "--format", "md", "--mapping", f"mappings_of_a_host:{name}"]) == 0
    assert "| Nickname | preferred_name | string |" in capsys.readouterr().out


WRONG = {
    "mappings_of_a_host:nothing": "there is no 'nothing' in it",
    "mappings_of_a_host:onw": "is 'mappings_of_a_host:own' meant?",
    "no_such_module_at_all:x": "there is no module 'no_such_module_at_all'",
    "mappings_of_a_host": "is no name as in 'package.module:name'",
    "mappings_of_a_host:number": "is an int, and ",
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("option", ["--mapping", "--pair"])
def test_a_wrong_name_is_told_with_what_is_wrong(
    host: types.ModuleType, capsys: pytest.CaptureFixture[str], name: str, option: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["qa", option, name])
    assert stop.value.code == 2
    assert WRONG[name] in " ".join(capsys.readouterr().err.split())
