"""Values that nobody thinks of, for every property of a record of either system."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import httpx

import keapbridge as kb
from keapbridge.testing import KeapEmulator

__all__ = ["EVIL", "KINDS", "PEOPLE", "Halves", "Kind", "cases_of", "is_empty", "names_nothing", "refer", "some"]

HALF = "HALF-A-PAIR"  # stands for half of a surrogate pair, which no emulator can hold
EMPTY: tuple[Any, ...] = (None, "", " ", [], {})
TEXTS = (
    *(".", "..", "\x00", "a\x00b", "\u202e", "9" * 5000, "%00", "'; --", "=1+1", "null", "NaN", "-0000", "1e999"),
    *("0001-01-01T00:00:00", "0000-00-00", "2024-02-30", "05/01/1980", "10000-01-01", "9999-12-31T23:59:59-12:00"),
    *("0001-01-01T00:00:00+14:00", "2024-01-01T10:00:00", "1" * 300, "12,50", "ja", HALF, f"a{HALF}b"),
)
OTHERS: tuple[Any, ...] = (
    *(0, -1, 1e20, 10**40, 1.5, True, False, [None], [7], [[["x"]]], {"id": None}, {"x": {"y": []}}),
    *(
        [{"field": "EMAIL1"}],
        [{"field": "EMAIL1", "email": 7}],
        [{"field": [], "email": "a@example.org"}],
        [{"id": {}}],
    ),
)
EVIL = (*EMPTY, *TEXTS, *OTHERS)
HUGE = "x" * 2**20


class Halves(httpx.HTTPTransport):
    """Shows half of a surrogate pair where a system holds what stands for it."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        content = response.read().replace(HALF.encode(), b"\\ud800")
        headers = [(name, value) for name, value in response.headers.items() if name != "content-length"]
        return httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(content))


SHOES, VIP, FAIR = "1", "101", "3001"  # ids of what contacts refer to


def refer(server: KeapEmulator) -> None:
    """Have Keap know what contacts refer to."""
    made = (
        server.state.contacts.add_custom_field("Shoe size"),
        server.state.tags.add({"name": "VIP"}),
        server.state.lead_sources.add({"name": "Fair"}),
    )
    assert made == (SHOES, VIP, FAIR)


@attrs.frozen
class Kind:
    """One of the three: how its records are called, and what one holds that both systems agree about."""

    ours: str
    theirs: str
    edited: tuple[str, str]
    mapper: kb.mapping.Mapper

    def records(self, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
        mail, phone, born, site = f"n{n}@example.org", f"+4722{n:06}", "1980-05-01", f"https://n{n}.example.org"
        second, mobile, fax = f"m{n}@example.org", f"+4790{n:06}", f"+4723{n:06}"
        address = {
            "line1": "Main Street 1",
            "line2": "Hall 2",
            "locality": "Oslo",
            "region_code": "NO-03",
            "country_code": "NOR",
            "postal_code": "0150",
        }
        where = {
            "StreetAddress1": "Main Street 1",
            "StreetAddress2": "Hall 2",
            "City": "Oslo",
            "Region": "03",
            "Country": "NO",
            "ZipCode": "0150",
        }
        match self.theirs:
            case "contacts":
                return (
                    {
                        "FirstName": f"N{n}",
                        "MiddleName": "M.",
                        "LastName": "L",
                        "Title": "Dr.",
                        "Suffix": "Jr.",
                        "Email": mail,
                        "Email2": second,
                        "Phone": phone,
                        "MobilePhone": mobile,
                        "Fax": fax,
                        "JobTitle": "Clerk",
                        "Website": site,
                        "BirthDate": born,
                        "Shoes": "40",
                        "Labels": ["VIP"],
                        "LeadSource": "Fair",
                        **where,
                    },
                    {
                        "given_name": f"N{n}",
                        "middle_name": "M.",
                        "family_name": "L",
                        "prefix": "Dr.",
                        "suffix": "Jr.",
                        "job_title": "Clerk",
                        "website": site,
                        "birth_date": born,
                        "email_addresses": [{"field": "EMAIL1", "email": mail}, {"field": "EMAIL2", "email": second}],
                        "phone_numbers": [{"field": "PHONE1", "number": phone}, {"field": "PHONE2", "number": mobile}],
                        "fax_numbers": [{"field": "FAX1", "number": fax}],
                        "addresses": [{"field": "BILLING", **address}],
                        "custom_fields": [{"id": SHOES, "content": "40"}],
                        "tag_ids": [VIP],
                        "leadsource_id": FAIR,
                    },
                )
            case "companies":
                return (
                    {
                        "Name": f"N{n}",
                        "Description": "d",
                        "Email": mail,
                        "Phone": phone,
                        "Fax": fax,
                        "Website": site,
                        **where,
                    },
                    {
                        "company_name": f"N{n}",
                        "notes": "d",
                        "website": site,
                        "address": address,
                        "email_address": {"email": mail},
                        "phone_number": {"number": phone},
                        "fax_number": {"number": fax},
                    },
                )
            case _:
                return (
                    {
                        "Name": f"N{n}",
                        "Sku": f"S{n}",
                        "Description": "text",
                        "ShortDescription": "d",
                        "Price": "5.00",
                        "Currency": "USD",
                        "Active": True,
                    },
                    {
                        "name": f"N{n}",
                        "sku": f"S{n}",
                        "description": "text",
                        "short_description": "d",
                        "active": True,
                        "price": {"amount": 500, "currency_code": "USD"},
                    },
                )


PEOPLE = kb.mapping.contacts.with_lenses(
    kb.text("Shoes", keap=kb.custom_field("Shoe size")),
    kb.tags("Labels"),
    kb.lead_source("LeadSource"),
)
KINDS = (
    Kind("contacts", "contacts", ("JobTitle", "job_title"), PEOPLE),
    Kind("customers", "companies", ("Description", "notes"), kb.mapping.companies),
    Kind("products", "products", ("Description", "description"), kb.mapping.products),
)


def cases_of(known: Mapping[str, Any], own: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Each property with each value; of objects and of what is first in lists, each part, too.

    What comes after it in a list stays, for it would be gone in truth.
    """
    for name in (*known, *own):
        value: Any = known.get(name)
        others = value[1:] if isinstance(value, list) else []
        for evil in EVIL:
            yield name, [*evil, *others] if isinstance(evil, list) and evil and isinstance(evil[0], dict) else evil
        for item in value[:1] if isinstance(value, list) else ():
            for evil in EVIL:
                for changed in [{**item, part: evil} for part in item] if isinstance(item, dict) else [evil]:
                    yield name, [changed, *others]
        for part in value if isinstance(value, dict) else ():
            for evil in EVIL:
                yield name, {**value, part: evil}
    yield next(iter(known)), HUGE


def some(cases: list[tuple[str, Any]], share: int) -> list[tuple[str, Any]]:
    """One of so many of the combinations, always the same ones."""
    return [case for case in cases if zlib.crc32(repr(case).encode("utf-8", "surrogatepass")) % share == 0]


def names_nothing(name: str, evil: Any) -> bool:
    """Whether it says, with 0, that a record of Keap has none: no lead source, or no custom field that there is."""
    if name == "custom_fields":
        return isinstance(evil, list) and all(isinstance(each, dict) and each.get("id") == 0 for each in evil)
    return name == "leadsource_id" and evil == 0


def is_empty(evil: Any) -> bool:
    """Whether it says that there is nothing, or holds a part that does."""
    if isinstance(evil, list):
        return not evil or any(map(is_empty, evil))
    if isinstance(evil, dict):
        return evil.keys() <= {"field"} or any(map(is_empty, evil.values()))
    return evil is None or (isinstance(evil, str) and not evil.strip())
