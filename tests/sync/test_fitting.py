"""A mapper is fitted to a Customcrm: it loses what that cannot hold, and learns what that tells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.mapping.kinds import Context
from keapbridge.model.side import Side
from keapbridge.sync.clients import AdapterSystem, KeapSystem
from keapbridge.sync.fitting import narrowed, told

CONTACTS = kb.mapping.contacts
HELD = frozenset({"FirstName", "LastName", "Email", "Region", "Phone"})
Holding = Callable[..., AdapterSystem]


@pytest.fixture
def holding() -> Holding:
    """Makes the system of an adapter, of which fitting asks only what it holds and tells."""

    def made(
        properties: Collection[str] | None,
        needs: Collection[str] = (),
        capacities: Mapping[str, Any] | None = None,
    ) -> AdapterSystem:
        flows = SimpleNamespace(properties=properties, needs=needs, capacities=capacities or {}, examples={})
        return AdapterSystem(flows)  # type: ignore[arg-type]

    return made


def test_a_mapper_is_narrowed_to_what_there_is_and_remembers_what_has_no_place(holding: Holding) -> None:
    mapper = narrowed(CONTACTS, holding(HELD))
    assert {lens.name for lens in mapper.lenses} == {"FirstName", "LastName", "Email", "Phone"}
    assert mapper["Phone"].scope is None, "there is no country to read it by"
    assert {"Country", "Region"} <= {lens.name for lens in mapper.homeless}, (
        "a region means nothing without its country"
    )


def test_a_key_whose_field_has_no_place_is_remembered(holding: Holding) -> None:
    mapper = narrowed(CONTACTS, holding(HELD - {"Email"}))
    assert "Email" in mapper.homeless_keys
    assert "Email" not in narrowed(CONTACTS, holding(HELD)).homeless_keys


def test_what_a_record_cannot_be_made_without_is_required(holding: Holding) -> None:
    mapper = narrowed(CONTACTS, holding(HELD, needs=["Phone", "shoe_size"]))
    assert Side.CUSTOMCRM in mapper["Phone"].required
    assert mapper.needed == {Side.CUSTOMCRM: ("shoe_size",)}, "no field of the mapping is kept there"


def test_one_that_holds_everything_leaves_the_mapper_as_it_is(holding: Holding) -> None:
    assert narrowed(CONTACTS, holding(None)) is CONTACTS


def test_what_the_columns_take_is_told_to_the_mapper_and_nothing_else_changes_it(
    holding: Holding, unasked: kb.KeapClient
) -> None:
    assert told(CONTACTS, holding(HELD), Context()) is CONTACTS
    assert told(CONTACTS, KeapSystem(unasked.contacts.flows), Context()) is CONTACTS
