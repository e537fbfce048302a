"""Countries, regions and phone numbers, as far as Keap knows them."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

import phonenumbers
import pycountry

from keapbridge.testing.keap._checks import InvalidError
from keapbridge.testing.keap._documents import Document, in_part, in_slot


@cache
def _countries(name: str) -> dict[str, Any]:
    """All countries by one of their names or codes."""
    return {key: country for country in pycountry.countries if (key := getattr(country, name, None))}


def _country(code: str) -> Any | None:
    return _countries("alpha_3").get(code)


@cache
def _regions() -> dict[str, Any]:
    return {region.code: region for region in pycountry.subdivisions}


@lru_cache(maxsize=4096)
def _region_named(country: str, name: str) -> str | None:
    """The code of a region of this country (alpha-2) by its name."""
    wanted = name.casefold()
    return next((c for c, r in _regions().items() if r.country_code == country and r.name.casefold() == wanted), None)


def _country_named(name: str) -> str | None:
    found = _countries("name").get(name) or _countries("official_name").get(name)
    return str(found.alpha_3) if found else None


def region_of(country_code: Any, name: Any) -> str | None:
    """The code of a region by its name, and by the code (alpha-3) of its country."""
    country = _country(country_code) if isinstance(country_code, str) else None
    return _region_named(country.alpha_2, name) if country is not None and isinstance(name, str) else None


def check_place(item: Document, path: str) -> None:
    """Refuses places that do not exist; fills in the codes for the deprecated long names."""
    if "country_code" not in item and "country" in item:
        code = _country_named(item["country"])
        if code is None:
            raise InvalidError(f"{path}.country is not known, use country_code")
        item["country_code"] = code
    country_code = item.get("country_code")
    if country_code is None:
        if "region" in item or "region_code" in item:
            raise InvalidError(f"{path}.country_code is required when a region is given")
        return
    country = _country(country_code)
    if country is None:
        raise InvalidError(f"{path}.country_code must be an ISO 3166-1 alpha-3 code")
    if "region_code" not in item and "region" in item:
        code = _region_named(country.alpha_2, item["region"])
        if code is not None:
            item["region_code"] = code
    region_code = item.get("region_code")
    if region_code is not None and getattr(_regions().get(region_code), "country_code", None) != country.alpha_2:
        raise InvalidError(f"{path}.region_code is not a region of {country_code}")


def name_place(item: Document) -> None:
    """Adds the long names that go with the codes; wrong codes are left as they are."""
    country_code, region_code = item.get("country_code"), item.get("region_code")
    country = _country(country_code) if isinstance(country_code, str) else None
    region = _regions().get(region_code) if isinstance(region_code, str) else None
    if country is not None:
        item["country"] = country.name
    if region is not None:
        item["region"] = region.name


_TEN_DIGITS = re.compile(r"[2-9][0-9]{9}")
_SEPARATORS = re.compile(r"[ ().-]+")


@lru_cache(maxsize=65536)
def e164(number: str, region: str) -> str | None:
    """The number in E.164 as dialled from the country `region` (alpha-2), if it can be parsed."""
    # The usual case by hand: parsing is too slow for 100,000 records.
    if region == "US" and _TEN_DIGITS.fullmatch(digits := _SEPARATORS.sub("", number)):
        return f"+1{digits}"
    parsed = _parsed(number, region)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if parsed else None


def _parsed(number: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_possible_number(parsed) else None


def national(number: str, region: str) -> str:
    parsed = _parsed(number, region)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL) if parsed else number


def home_region(document: Document) -> str:
    """The country (alpha-2) in which the phone numbers of this record are dialled."""
    code = in_slot(document.get("addresses"), "BILLING", "country_code") or in_part(document, "address", "country_code")
    country = _country(code) if code else None
    return str(country.alpha_2) if country else "US"
