"""Invented records, as messy as real ones: the same for the same seed, and nobody's.

People, companies and products are invented first; each is then written down the way either system, or both, would hold
it: in other formats, with other gaps, with the mistakes that people make. What is in both systems shares a key, and it
is known beforehand which records belong together.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from keapbridge.demo._places import LOCALES, PRODUCT_NAMES, REMARKABLE_NAMES, Locale, Town
from keapbridge.model.side import Side

if TYPE_CHECKING:
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator

__all__ = ["Invented", "Record", "Things", "invent", "load"]

Wire = dict[str, Any]
Things = Mapping[tuple[str, Side], Mapping[str, str]]
"""Synchronization and side → id → the thing that the record is about."""

BOTH = frozenset(Side)
_PLACEMENTS = (frozenset({Side.CUSTOMCRM}), frozenset({Side.KEAP}), BOTH)
_SHARES = (45, 25, 30)  # per cent of the things that are in Customcrm only, in Keap only, in both
_KEAP_NAME = 40  # characters that Keap holds of a name


@attrs.frozen
class Record:
    """A record to be loaded.

    Attributes:
        thing: the person, company or product it is about; the same on both sides, and of a duplicate.
        company: the company (as a thing) that a person works for, where the record says so.
    """

    thing: str
    properties: Wire
    company: str | None = None


@attrs.frozen
class Invented:
    """What both systems hold before the first sync.

    Attributes:
        records: by synchronization and side.
        custom_fields: label → type of the custom fields of Keap's contacts and companies, which records name by label.
        statuses: what Keap knows of e-mail addresses.
    """

    records: Mapping[tuple[str, Side], Sequence[Record]]
    custom_fields: Mapping[str, str]
    statuses: Mapping[str, str]


CUSTOM_FIELDS = {"Shoe size": "WHOLE_NUMBER", "Allergies": "TEXT", "Wants a visit": "YES_NO"}


def invent(seed: int, *, customers: int, contacts: int, products: int) -> Invented:
    """So many companies, people and products, some of them in one system, some in both; the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - repeatable is the point, secret is not
    companies = _companies(rng, customers)
    people = _people(rng, contacts, companies)
    records: dict[tuple[str, Side], list[Record]] = {}
    for object, found in (
        ("companies", (_company_records(rng, company) for company in companies)),
        ("products", (_product_records(rng, number) for number in range(products))),
        ("contacts", (_person_records(rng, person) for person in people)),
    ):
        for side in Side:
            records[object, side] = []
        for by_side in found:
            for side, record in by_side.items():
                records[object, side].append(record)
        for side in Side:
            records[object, side] += _duplicates(rng, records[object, side])
    return Invented(records, CUSTOM_FIELDS, _statuses(rng, records["contacts", Side.KEAP]))


def load(invented: Invented, customcrm: CustomcrmEmulator, keap: KeapEmulator) -> Things:
    """Put the invented records into the two systems, companies before the people who work for them."""
    fields = {
        (name, label): getattr(keap.state, name).add_custom_field(label, kind)
        for name in ("contacts", "companies")
        for label, kind in invented.custom_fields.items()
    }
    tables: dict[tuple[str, Side], Any] = {
        ("companies", Side.CUSTOMCRM): customcrm.state.customers,
        ("products", Side.CUSTOMCRM): customcrm.state.products,
        ("contacts", Side.CUSTOMCRM): customcrm.state.contacts,
        ("companies", Side.KEAP): keap.state.companies,
        ("products", Side.KEAP): keap.state.products,
        ("contacts", Side.KEAP): keap.state.contacts,
    }
    things: dict[tuple[str, Side], dict[str, str]] = {}
    for (object, side), table in tables.items():
        companies = {thing: id for id, thing in reversed(things.get(("companies", side), {}).items())}
        records = invented.records[object, side]
        ids = table.add_many(_wire(object, side, record, companies, fields) for record in records)
        things[object, side] = {id: record.thing for id, record in zip(ids, records, strict=True)}
    for email, status in invented.statuses.items():
        keap.state.set_email_status(email, status)
    return things


def _wire(
    object: str, side: Side, record: Record, companies: Mapping[str, str], fields: Mapping[tuple[str, str], str]
) -> Wire:
    properties = dict(record.properties)
    if record.company is not None:
        id = companies[record.company]
        properties |= {"CustomerId": id} if side is Side.CUSTOMCRM else {"company": {"id": id}}
    if properties.get("custom_fields"):
        properties["custom_fields"] = [
            {**field, "id": fields[object, field["id"]]} for field in properties["custom_fields"]
        ]
    return properties


# --- numbers, names, addresses ----------------------------------------------------------------------------------


@attrs.frozen
class _Number:
    """A phone number: its digits as they are written in its country, without trunk prefix."""

    locale: Locale
    digits: str
    extension: str | None = None

    def written(self, rng: random.Random, near: Locale | None = None) -> str:
        """In one of the ways people write it; `near` is where it can be dialled without a country's prefix."""
        ways = [f"+{self.locale.calling} {self.digits}", f"+{self.locale.calling}{_only_digits(self.digits)}"]
        if near is self.locale:
            home = self.locale.trunk + self.digits
            ways += [home, _only_digits(home), home.replace(" ", "."), home.replace(" ", "-")]
        if near is not None and near.country in _DIAL_00:
            ways.append(f"00{self.locale.calling} {self.digits}")
        return rng.choice(ways)


def _only_digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _fill(rng: random.Random, pattern: str, **parts: str) -> str:
    """A pattern with its parts filled in and a digit for every `#`."""
    filled = pattern.format(n=rng.randint(1, 299), m=rng.randint(2, 40), **parts)
    return "".join(rng.choice("0123456789") if c == "#" else c for c in filled)


_DIAL_00 = frozenset(
    ["GB", "NO", "SE", "DE", "FR", "ES", "GR", "UA", "EG", "IL", "CN", "KW", "IN"]
)  # where 00 begins a call to another country
_AREAS = ("602", "212", "512", "312", "305", "408")


def _number(rng: random.Random, locale: Locale, pattern: str) -> _Number:
    return _Number(locale, _fill(rng, pattern, area=rng.choice(_AREAS)))


def _locale(rng: random.Random) -> Locale:
    return rng.choices(LOCALES, [locale.share for locale in LOCALES])[0]


def _placed(rng: random.Random) -> frozenset[Side]:
    return rng.choices(_PLACEMENTS, _SHARES)[0]


def _often(rng: random.Random, share: float) -> bool:
    return rng.random() < share


@attrs.frozen
class _Address:
    locale: Locale
    town: Town
    zip: str
    line1: str
    line2: str | None


def _address(rng: random.Random, locale: Locale) -> _Address:
    town = rng.choice(locale.towns)
    line2 = _fill(rng, "Floor {m}") if _often(rng, 0.15) else None
    return _Address(locale, town, _fill(rng, town.zip), _fill(rng, rng.choice(locale.streets)), line2)


def _customcrm_address(rng: random.Random, address: _Address, *, clear: bool = False) -> Wire:
    """`clear`: the country by its code, so that everybody understands it."""
    locale, town = address.locale, address.town
    countries = (locale.country, locale.alpha3, rng.choice(locale.written))
    return {
        "StreetAddress1": address.line1,
        "StreetAddress2": address.line2,
        "ZipCode": address.zip,
        "City": town.name,
        "Region": rng.choice(town.region_written) if town.region_written else None,
        "Country": locale.country if clear else rng.choice((locale.country, *countries)),
    }


def _keap_address(address: _Address, slot: str = "BILLING") -> Wire:
    item = {
        "line1": address.line1,
        "line2": address.line2,
        "locality": address.town.name,
        "region_code": address.town.region,
        "postal_code": address.zip,
        "country_code": address.locale.alpha3,
        "field": slot,
    }
    return {name: value for name, value in item.items() if value is not None}


def _latin(text: str) -> str:
    """What of a text can stand in an e-mail address."""
    plain = unicodedata.normalize("NFKD", text.translate(str.maketrans("øØæÆłđ", "oOaAld"))).casefold()
    return "".join(c for c in plain if c.isascii() and c.isalnum())


# --- companies --------------------------------------------------------------------------------------------------


@attrs.frozen
class _Company:
    thing: str
    sides: frozenset[Side]
    name: str
    address: _Address
    domain: str
    phone: _Number
    fax: _Number
    described: str | None


_DESCRIPTIONS = (
    "Key account. Pays late, but pays.",
    "Met at the fair in Hannover.\r\nCall back in spring.",
    "<p>Wholesale &amp; retail</p>",
    "多年的老客户。",
    "Важный клиент",
    "  see contract 2019/17  ",
)


def _companies(rng: random.Random, number: int) -> list[_Company]:
    found: list[_Company] = []
    names: set[str] = set()
    while len(found) < number:
        n, locale = len(found) + 1, _locale(rng)
        address = _address(rng, locale)
        name = rng.choice(locale.company).format(family=rng.choice(locale.family), town=address.town.name)
        if n % 40 == 7 and found:
            name = found[-1].name  # a branch in another town
        elif name in names:
            name = f"{name} ({_fill(rng, '####')})"
        if name in names and any(c.name == name and c.address.zip == address.zip for c in found):
            continue
        names.add(name)
        found.append(
            _Company(
                f"company {n}", _placed(rng), name, address,
                f"{_latin(name)[:20] or 'firma'}{n}.example.com",
                _number(rng, locale, locale.phone), _number(rng, locale, locale.phone),
                rng.choice(_DESCRIPTIONS) if _often(rng, 0.4) else None,
            )
        )  # fmt: skip
    return found


def _company_records(rng: random.Random, c: _Company) -> dict[Side, Record]:
    kept = frozenset({"Name", "ZipCode"}) if c.sides == BOTH else frozenset()
    records = {}
    if Side.CUSTOMCRM in c.sides:
        customer = {
            "Name": _retyped(rng, c.name),
            "Description": c.described,
            **_customcrm_address(rng, c.address),
            "Phone": c.phone.written(rng, c.address.locale),
            "Fax": c.fax.written(rng, c.address.locale) if _often(rng, 0.3) else None,
            "Email": _retyped(rng, f"post@{c.domain}"),
            "Website": rng.choice((f"https://www.{c.domain}/", c.domain, f"http://{c.domain}/?lang=en&ref=crm")),
        }
        customer = _spoiled(rng, _thinned(rng, customer, kept | {"Name"}), kept, _CUSTOMER_MISTAKES)
        own = {
            "CreditLimit": rng.randint(0, 90) * 1000,
            "Segments": rng.sample(["A", "B", "ø", "赤"], 2),
            "Blocked": False,
        }
        records[Side.CUSTOMCRM] = Record(c.thing, customer | own)
    if Side.KEAP in c.sides:
        phone = {"field": "PHONE1", "number": c.phone.written(rng, c.address.locale), "type": "Work"}
        company: Wire = {
            "company_name": _retyped(rng, c.name),
            "notes": c.described,
            "address": _keap_address(c.address),
            "email_address": {"email": f"post@{c.domain}", "field": "EMAIL1"},
            "phone_number": phone,
            "fax_number": {"field": "FAX1", "number": c.fax.written(rng)} if _often(rng, 0.3) else None,
            "website": f"https://www.{c.domain}/",
        }
        kept_in_keap = frozenset({"company_name", "address"})
        company = _spoiled(rng, _thinned(rng, company, kept_in_keap), kept_in_keap, _COMPANY_MISTAKES)
        company["custom_fields"] = [{"id": "Allergies", "content": "late invoices"}] if _often(rng, 0.5) else []
        records[Side.KEAP] = Record(c.thing, {**company, **_edited_long_ago(rng)})
    return records


# --- people -----------------------------------------------------------------------------------------------------


@attrs.frozen
class _Person:
    thing: str
    sides: frozenset[Side]
    given: str | None
    family: str | None
    email: str | None
    shares_mailbox: bool
    email2: str | None
    address: _Address
    phone: _Number
    mobile: _Number
    born: str
    job: str
    company: _Company | None


_JOBS = (
    "CEO",
    "Head of Procurement",
    "Einkäufer",
    "Daglig leder",
    "Responsable des achats",
    "経理部長",
    "Bookkeeper",
    "Owner",
    "Директор",
    "مدير",
    "Assistant to the Regional Manager",
)


def _people(rng: random.Random, number: int, companies: Sequence[_Company]) -> list[_Person]:
    people: list[_Person] = []
    for n in range(1, number + 1):
        company = rng.choice(companies) if companies and _often(rng, 0.6) else None
        locale = company.address.locale if company and _often(rng, 0.9) else _locale(rng)
        given, family = _name(rng, n, locale)
        couple = n % 45 in {30, 31}  # with one mailbox
        if couple and people and given == people[-1].given:
            given = f"{given}-{locale.given[0]}"
        phone, mobile = _number(rng, locale, locale.phone), _number(rng, locale, locale.mobile)
        if company and _often(rng, 0.3):
            phone = attrs.evolve(company.phone, extension=str(n))  # the switchboard
        email: str | None = people[-1].email if couple and n % 45 == 31 else _email(rng, n, given, family, company)
        if not couple and given and family and _often(rng, 0.15):
            email = None
        people.append(
            _Person(
                thing=f"person {n}",
                sides=_placed(rng),
                given=given,
                family=family,
                email=email,
                shares_mailbox=couple,
                email2=f"privat{n}@example.net" if _often(rng, 0.2) else None,
                address=_address(rng, locale),
                phone=phone,
                mobile=mobile,
                born=f"{rng.randint(1935, 2006)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
                job=rng.choice(_JOBS),
                company=company,
            )
        )
    return people


def _name(rng: random.Random, number: int, locale: Locale) -> tuple[str | None, str | None]:
    if number <= len(REMARKABLE_NAMES):
        return REMARKABLE_NAMES[number - 1]
    return rng.choice(locale.given), rng.choice(locale.family)


def _email(rng: random.Random, number: int, given: str | None, family: str | None, company: _Company | None) -> str:
    name = ".".join(filter(None, (_latin(given or ""), _latin(family or ""))))[:30] or "kontakt"
    domain = company.domain if company else rng.choice(("example.com", "example.org", "mail.example.net"))
    return f"{name}{number}@{domain}"


def _person_records(rng: random.Random, p: _Person) -> dict[Side, Record]:
    """What the systems hold of a person; somebody in both is recognised by e-mail address, or by name and phone."""
    name = ("FirstName", "LastName")
    recognised_by = ("Email", *(name if p.shares_mailbox else ())) if p.email else (*name, "Phone", "Country")
    kept = frozenset(recognised_by) if p.sides == BOTH else frozenset()
    records = {}
    if Side.CUSTOMCRM in p.sides:
        wire = _spoiled(rng, _thinned(rng, _customcrm_person(rng, p, kept), kept), kept, _CONTACT_MISTAKES)
        own = {
            "LoyaltyTier": rng.choice(("gold", "silver", None)),
            "Children": rng.randint(0, 4),
            "Tags": ["vip", "ål", "猫"],
        }
        works_for = p.company.thing if p.company and Side.CUSTOMCRM in p.company.sides else None
        records[Side.CUSTOMCRM] = Record(p.thing, wire | own, works_for)
    if Side.KEAP in p.sides:
        theirs = {"Email": "email_addresses", "FirstName": "given_name", "LastName": "family_name",
                  "Phone": "phone_numbers", "Country": "addresses"}  # fmt: skip
        kept_in_keap = frozenset(theirs[name] for name in kept)
        document = _thinned(rng, _keap_person(rng, p), kept_in_keap)
        document = _spoiled(rng, document, kept_in_keap, _KEAP_CONTACT_MISTAKES)
        works_for = p.company.thing if p.company and Side.KEAP in p.company.sides else None
        records[Side.KEAP] = Record(p.thing, document | _edited_long_ago(rng), works_for)
    return records


def _customcrm_person(rng: random.Random, p: _Person, kept: frozenset[str]) -> Wire:
    phone = p.phone.written(rng, p.address.locale) + (f" x{p.phone.extension}" if p.phone.extension else "")
    return {
        "FirstName": p.given,
        "LastName": p.family,
        "MiddleName": rng.choice(("Q.", "van", "بن", None, None, None, None)),
        "Title": rng.choice(("Dr.", "Mrs.", "Herr", None, None, None)),
        "Suffix": rng.choice(("Jr.", "MD, PhD", None, None, None, None, None)),
        "Email": _retyped(rng, p.email) if p.email else None,
        "Email2": p.email2,
        "Phone": phone,
        "MobilePhone": p.mobile.written(rng, p.address.locale),
        "JobTitle": p.job,
        "Website": "https://example.org/~me" if _often(rng, 0.2) else None,
        "BirthDate": p.born,
        **_customcrm_address(rng, p.address, clear="Country" in kept),
    }


def _keap_person(rng: random.Random, p: _Person) -> Wire:
    phone = {"field": "PHONE1", "number": p.phone.written(rng, p.address.locale), "type": rng.choice(("Work", "Home"))}
    if p.phone.extension:
        phone["extension"] = p.phone.extension
    phones = [
        phone,
        *_occasionally(
            rng, 0.6, {"field": "PHONE2", "number": p.mobile.written(rng, p.address.locale), "type": "Mobile"}
        ),
    ]
    for slot in ("PHONE3", "PHONE4", "PHONE5"):
        phones += _occasionally(rng, 0.15, {"field": slot, "number": _fill(rng, "(555) ###-####")})
    emails = [] if p.email is None else [{"email": p.email, "field": "EMAIL1"}]
    emails += [] if p.email2 is None else [{"email": p.email2, "field": "EMAIL2"}]
    emails += _occasionally(rng, 0.2, {"email": _fill(rng, "old-####@example.org"), "field": "EMAIL3"})
    addresses = [_keap_address(p.address)]
    addresses += _occasionally(rng, 0.3, _keap_address(_address(rng, p.address.locale), "SHIPPING"))
    addresses += _occasionally(rng, 0.1, _keap_address(_address(rng, _locale(rng)), "OTHER"))
    outdated = _often(rng, 0.1)
    return {
        "given_name": p.given and p.given[:_KEAP_NAME],
        "family_name": p.family and p.family[:_KEAP_NAME],
        "preferred_name": p.given if _often(rng, 0.2) else None,
        "email_addresses": emails,
        "phone_numbers": phones,
        "fax_numbers": _occasionally(rng, 0.1, {"field": "FAX2", "number": "+1 602 555 0199"}),
        "addresses": addresses,
        "job_title": "Trainee" if outdated else p.job,
        "birth_date": p.born,
        "spouse_name": "Öyvind" if _often(rng, 0.1) else None,
        "anniversary_date": "1999-12-31" if _often(rng, 0.1) else None,
        "contact_type": rng.choice(("Customer", "Prospect", None)),
        "time_zone": "Europe/Oslo" if _often(rng, 0.2) else None,
        "owner_id": "7" if _often(rng, 0.5) else None,
        "social_accounts": _occasionally(rng, 0.2, {"name": "@someone", "type": "INSTAGRAM"}),
        "custom_fields": [
            *_occasionally(rng, 0.4, {"id": "Shoe size", "content": rng.randint(35, 48)}),
            *_occasionally(rng, 0.3, {"id": "Allergies", "content": "Nüsse, 花生"}),
        ],
    }


def _occasionally(rng: random.Random, share: float, item: Wire) -> list[Wire]:
    return [item] if _often(rng, share) else []


# --- products ---------------------------------------------------------------------------------------------------


def _product_records(rng: random.Random, number: int) -> dict[Side, Record]:
    what, which = (rng.choice(words) for words in PRODUCT_NAMES)
    thing, name = f"product {number + 1}", f"{what}, {which} – {number + 1}"
    sku = f"SKU-{number + 1:04}" if _often(rng, 0.85) else None
    cents = rng.choice((0, 99, 1250, 4999, 129_900, rng.randint(1, 500_000)))
    sides = _placed(rng)
    described = rng.choice(("<p>Two-layer&nbsp;hull</p>", "Gewicht: 3,2 kg\r\nFarbe: rot", "防水", None))
    records = {}
    if Side.CUSTOMCRM in sides:
        price, currency = _price(rng, cents, foreign=Side.KEAP not in sides and _often(rng, 0.25))
        records[Side.CUSTOMCRM] = Record(
            thing,
            {
                "Name": _retyped(rng, name) if sku else name,
                "Sku": sku,
                "Description": described if _often(rng, 0.8) else None,
                "ShortDescription": f"{what} ({which})" if _often(rng, 0.6) else None,
                "Price": price,
                "Currency": currency,
                "Active": rng.choice((True, True, False, None)),
                "Warehouse": {"aisle": rng.randint(1, 20), "bin": "ß-4"},
            },
        )
    if Side.KEAP in sides:
        raised = cents + 100 if sku and _often(rng, 0.1) else cents  # a new price that reached one system only
        document = {
            "name": name,
            "sku": sku,
            "description": described,
            "short_description": f"{what}",
            "price": raised,
            "active": _often(rng, 0.8),
            "shippable": True,
            "weight": 1.5,
            "taxable": _often(rng, 0.5),
            "inventory": {"inventory_count": rng.randint(0, 50), "inventory_limit": 5, "out_of_stock_enabled": True},
        }
        records[Side.KEAP] = Record(thing, document | _edited_long_ago(rng))
    return records


def _price(rng: random.Random, cents: int, *, foreign: bool) -> tuple[str | float | None, str | None]:
    """A price as a CRM keeps it: decimals as text or number; in foreign currency, or not quite a price."""
    if not foreign:
        return rng.choice(
            (f"{cents / 100:.2f}", f"{cents / 100:g}" if cents < 1e7 else f"{cents / 100:.2f}", cents / 100)
        ), "USD"
    return rng.choice(
        (
            (f"{cents / 100:.2f}", "EUR"),
            (str(cents), "JPY"),
            (f"{cents / 1000:.3f}", "KWD"),
            ("0.333", "USD"),
            (None, "USD"),
            ("9.90", None),
        )
    )


# --- what goes wrong with data ----------------------------------------------------------------------------------

_LONG = "Building 7, " + "behind the second gate on the left, past the old mill, " * 2 + "ring twice"
# Per mistake: in how many records one of them has it, the property, what it holds then.
Mistakes = tuple[tuple[int, str, tuple[Any, ...]], ...]
_ADDRESS_MISTAKES: Mistakes = (
    (40, "Country", (None,)),
    (60, "Country", ("Narnia", "EU", "unknown", "Norge/Sverige")),
    (50, "Region", ("elsewhere", "XX", "—")),
    (90, "ZipCode", ("leave it at the back door",)),
    (80, "StreetAddress1", (_LONG,)),
    (120, "City", ("Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",)),
)
_CONTACT_MISTAKES: Mistakes = (
    (30, "Email", ("n/a", "none", "anna@@example.com", "kunde@", "a b@example.org", "jürgen.groß@exämple.org")),
    (30, "Phone", ("call after 4 pm", "555", "0", "?", "12 34")),
    (50, "MobilePhone", ("same", "+47", "123456789012345678901234567890")),
    (70, "JobTitle", ("Vice President of " + "Very " * 60 + "Important Things",)),
    (90, "Website", ("https://example.org/" + "?utm_source=newsletter" * 6, "none")),
    (45, "FirstName", (None, "", "-")),
    *_ADDRESS_MISTAKES,
)
_CUSTOMER_MISTAKES: Mistakes = (
    (30, "Email", ("n/a", "info@", "post at example.org")),
    (30, "Phone", ("see website", "0800-FLOWERS!!", "1")),
    (45, "Name", (None, "")),
    *_ADDRESS_MISTAKES,
)
_COMPANY_MISTAKES: Mistakes = (
    (30, "phone_number", ({"field": "PHONE1", "number": "unknown"}, {"field": "PHONE1", "number": "22 11"})),
    (60, "notes", ("",)),
)
_KEAP_CONTACT_MISTAKES: Mistakes = (
    (40, "given_name", (None, "")),
    (60, "phone_numbers", ([{"field": "PHONE1", "number": "mornings only"}, {"field": "PHONE3", "number": "0"}],)),
    (
        80,
        "email_addresses",
        ([{"field": "EMAIL1", "email": "invalid@"}, {"field": "EMAIL3", "email": "x@example.org"}],),
    ),
    (60, "addresses", ([{"field": "BILLING", "region": "California", "line1": "1 Infinite Loop"}],)),
)


def _spoiled(rng: random.Random, record: Wire, kept: frozenset[str], mistakes: Mistakes) -> Wire:
    """The record with the mistakes that people make, except in what it is recognised by."""
    spoiled = dict(record)
    for one_in, name, values in mistakes:
        if rng.randrange(one_in) == 0 and name not in kept:
            spoiled[name] = rng.choice(values)
    return spoiled


def _thinned(rng: random.Random, record: Wire, kept: frozenset[str]) -> Wire:
    """The record without what nobody has filled in."""
    return {name: value if name in kept or _often(rng, 0.9) else None for name, value in record.items()}


def _retyped(rng: random.Random, text: str) -> str:
    """The same text as somebody else would have typed it."""
    return rng.choice((text, text, text, text, f" {text}", f"{text} ", text.upper() if text.isascii() else text))


def _edited_long_ago(rng: random.Random) -> Wire:
    """A time of the last edit; without one, the record was edited just now."""
    if _often(rng, 0.5):
        return {}
    return {
        "create_time": "2019-05-01T00:00:00.000Z",
        "update_time": _fill(rng, "2024-0{month}-1#T1#:00:00.000Z", month="3"),
    }


def _duplicates(rng: random.Random, records: Sequence[Record]) -> Iterator[Record]:
    """What somebody entered again: the same once more, or less of it."""
    for record in records:
        if rng.randrange(45) == 0:
            optional = {
                "MiddleName",
                "JobTitle",
                "Website",
                "BirthDate",
                "job_title",
                "birth_date",
                "notes",
                "Description",
            }
            again = {k: v for k, v in record.properties.items() if k not in optional or _often(rng, 0.5)}
            yield attrs.evolve(record, properties=again)


def _statuses(rng: random.Random, contacts: Sequence[Record]) -> dict[str, str]:
    known = ("SINGLE_OPT_IN", "CONFIRMED", "LIST_UNSUBSCRIBE", "HARD_BOUNCE", "NON_MARKETABLE")
    emails = [
        item["email"] for r in contacts for item in r.properties.get("email_addresses") or () if "@" in item["email"]
    ]
    return {email: rng.choice(known) for email in emails if _often(rng, 0.4)}
