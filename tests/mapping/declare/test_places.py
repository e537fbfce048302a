"""Addresses are blocks of fields."""

from __future__ import annotations

import pytest

import keapbridge as kb
from keapbridge.errors import MappingError
from keapbridge.mapping import companies, contacts
from keapbridge.mapping.kinds import Context

NOWHERE = Context(keap_currency="USD")


def test_an_address_is_a_block() -> None:
    mapper = contacts.with_lenses(*kb.address("SHIPPING", prefix="Ship", names={"ZipCode": "Code", "City": None}))
    new = {lens.customcrm.path: lens.keap.path for lens in mapper.lenses if "SHIPPING" in lens.keap.path}
    leaves = {
        "ShipCountry": "country_code",
        "ShipRegion": "region_code",
        "ShipStreetAddress1": "line1",
        "ShipStreetAddress2": "line2",
        "Code": "postal_code",
    }
    assert new == {name: f"addresses.SHIPPING.{leaf}" for name, leaf in leaves.items()}
    assert mapper["ShipRegion"].scope == "ShipCountry"
    assert companies.with_lenses(*kb.address("address")) == companies
    for wrong in ({"Street": "S"}, {"Country": None}):
        with pytest.raises(MappingError):
            kb.address("OTHER", names=wrong)
    with pytest.raises(MappingError):
        contacts.with_lenses(*kb.address("HOME"))
