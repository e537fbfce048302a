"""A mapper whose parts do not fit together is refused where it is made."""

from __future__ import annotations

import pytest

import keapbridge as kb
from keapbridge.errors import MappingError
from keapbridge.mapping import MatchKey, NearKey, contacts


def test_a_region_does_not_flow_where_its_country_does_not() -> None:
    country, region = "addresses.BILLING.country_code", "addresses.BILLING.region_code"
    one_way = kb.country("Country", keap=country, direction="to_keap")
    for direction in ("both", "to_customcrm"):
        with pytest.raises(MappingError, match="Region flows to Customcrm and Country does not"):
            contacts.with_lenses(one_way, kb.region("Region", keap=region, scope="Country", direction=direction))  # type: ignore[arg-type]
    contacts.with_lenses(one_way, kb.region("Region", keap=region, scope="Country", direction="to_keap"))
    contacts.with_lenses(kb.region("Region", keap=region, scope="Country", direction="to_keap"))


def test_a_property_that_two_lenses_would_write_is_refused() -> None:
    with pytest.raises(MappingError, match="given_name is mapped twice"):
        contacts.without("LastName").with_lenses(kb.full_name("Name"))
    with pytest.raises(MappingError, match="itself can be joined"):
        contacts.with_lenses(kb.text("X", keap="given_name+email_addresses.EMAIL1"))


def test_a_field_is_mapped_once_and_after_what_it_depends_on() -> None:
    again = kb.text("FirstName", keap="spouse_name").build(contacts.customcrm_type, contacts.keap_type)
    with pytest.raises(MappingError, match="FirstName is mapped twice"):
        kb.mapping.Mapper(**{**_parts(), "lenses": (*contacts.lenses, again)})
    with pytest.raises(MappingError, match="depends on Country, which must be mapped before it"):
        kb.mapping.Mapper(**{**_parts(), "lenses": contacts.lenses[::-1]})


def test_keys_are_of_fields_that_are_mapped() -> None:
    with pytest.raises(MappingError, match=r"the match key Emial needs Emial.*Email"):
        kb.mapping.Mapper(**{**_parts(), "keys": (MatchKey(("Emial",)),)})
    with pytest.raises(MappingError, match="what is near by Email needs Nickname"):
        kb.mapping.Mapper(**{**_parts(), "near": (NearKey(("Email",), unless=("Nickname",)),)})


def _parts() -> dict[str, object]:
    names = ("name", "customcrm_object", "keap_object", "customcrm_type", "keap_type", "lenses", "keys", "near")
    return {name: getattr(contacts, name) for name in names}
