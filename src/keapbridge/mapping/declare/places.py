"""Where somebody lives: countries, regions, and postal addresses as blocks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Unpack

from keapbridge.errors import MappingError
from keapbridge.mapping.declare.texts import OnTooLong, text
from keapbridge.mapping.declared import Declared, LensOptions, checked, field
from keapbridge.mapping.kinds.places import Country, Region
from keapbridge.model.given import keywords, one_of, optional
from keapbridge.model.given import text as given_text
from keapbridge.model.meant import is_meant

__all__ = ["address", "country", "region"]


@keywords()
def country(name: str, *, keap: str, notation: str | None = None, **options: Unpack[LensOptions]) -> Declared:
    """A country.

    Args:
        notation: how Customcrm writes it: `"alpha-2"`, `"alpha-3"`, `"name"`, or its name in a language (`"name nb"`).
            By default as the record had it before; in a database else as its column does, and as alpha-2 without that.
    """
    return field(name, Country(notation), keap=keap, keap_type="string (ISO 3166-1 alpha-3)", **options)


@keywords()
def region(
    name: str, *, keap: str, scope: str, notation: str | None = None, **options: Unpack[LensOptions]
) -> Declared:
    """A state or province.

    Args:
        scope: the country field it belongs to.
        notation: how Customcrm writes it: `"code"` (`US-AZ`), `"short"` (`AZ`) or `"name"`; by default as a country.
    """
    return field(name, Region(notation), keap=keap, keap_type="string (ISO 3166-2)", scope=scope, **options)


@keywords()
def address(
    keap: str,
    *,
    prefix: str = "",
    names: Mapping[str, str | None] | None = None,
    **options: Unpack[LensOptions],
) -> tuple[Declared, ...]:
    """A postal address as a block of six fields: `*kb.address("SHIPPING", prefix="Shipping")`.

    Args:
        keap: `"BILLING"`, `"SHIPPING"` or `"OTHER"` of a contact, or `"address"` of a company.
        prefix: what stands before the names of Customcrm's properties: `Country`, `Region`, `StreetAddress1`,
            `StreetAddress2`, `City`, `ZipCode`.
        names: properties that are called otherwise (`{"ZipCode": "DeliveryPostcode"}`, the prefix is not put before
            them), or that there are not (`{"StreetAddress2": None}`). Without its country an address has no region.
        options: for each of the fields.

    Raises:
        MappingError: for a name that is none of the six, and for a region without its country.
    """
    for what, given, one in (("keap", keap, "BILLING"), ("prefix", prefix or None, "Shipping")):
        checked("an address", what, optional(partial(given_text, example=one)), given)
    checked("an address", "names", _renamed, names or {})
    if keap not in _ADDRESSES:
        raise MappingError(f"an address: keap takes one of {', '.join(_ADDRESSES)}{is_meant(keap, _ADDRESSES)}")
    container = keap if keap == "address" else f"addresses.{keap}"
    unknown = sorted((names or {}).keys() - set(_ADDRESS))
    if unknown:
        raise MappingError(
            f"an address has {', '.join(_ADDRESS)}, and no {', '.join(unknown)}{is_meant(unknown[0], list(_ADDRESS))}"
        )
    own = {name: (names or {}).get(name, f"{prefix}{name}") for name in _ADDRESS}
    if own["Region"] is not None and own["Country"] is None:
        raise MappingError("an address without its country has no region: names={'Country': None, 'Region': None}")
    block: list[Declared] = []
    for name, (leaf, limit, on_too_long) in _ADDRESS.items():
        property, place = own[name], f"{container}.{leaf}"
        if property is None:
            continue
        if name == "Country":
            block.append(country(property, keap=place, **options))
        elif name == "Region":
            block.append(region(property, keap=place, scope=own["Country"] or "", **options))
        else:
            block.append(text(property, keap=place, max_length=limit, on_too_long=on_too_long, **options))
    return tuple(block)


def _renamed(what: str, given: Any) -> None:
    one_of(what, given, Mapping, f"properties by the names of an address, such as {what}={{'ZipCode': 'Postcode'}}")


_ADDRESSES = ("BILLING", "SHIPPING", "OTHER", "address")
_ADDRESS: Mapping[str, tuple[str, int | None, OnTooLong]] = {
    "Country": ("country_code", None, "error"),
    "Region": ("region_code", None, "error"),
    "StreetAddress1": ("line1", 75, "truncate"),
    "StreetAddress2": ("line2", 75, "truncate"),
    "City": ("locality", 50, "truncate"),
    "ZipCode": ("postal_code", 15, "error"),
}
