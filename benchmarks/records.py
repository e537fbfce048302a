"""The data set: an index and a seed give a contact, as Keap's JSON, as a Customcrm's JSON, and in canonical form.

The two JSON forms of one index say the same under the default mapping, in each system's own words: numbers in national
form and countries of three letters in Keap, E.164 and two letters in the Customcrm. They are made by filling a text, so
that a server makes a page of a thousand faster than any client reads it.
"""

from __future__ import annotations

import attrs

__all__ = [
    "KEAP_FIELDS",
    "canonical_contact",
    "customcrm_contacts",
    "customcrm_id",
    "customcrm_index",
    "keap_contacts",
    "keap_id",
]

KEAP_FIELDS = 27

_GIVEN_NAMES = """
    Ada Alan Anders Anna Barbara Bjørn Brigitte Carl Charlotte Claude Donald Dorothy Edsger Edith Elena Emil Erika
    Francis Frida Grace Hanna Hedy Henrik Ida Ingrid Jørgen Joan John Kåre Karen Karl Kathleen Katherine Knut Kurt Lars
    Leonard Lise Maria Margaret Marie Mary Maryam Max Nils Emmy Olga Otto Peter Radia Rasmus René Rosa Rózsa Shafi
    Solveig Sophie Stephen Sven Tim Tove Ursula Vera Wilhelmina
"""
_FAMILY_NAMES = """
    Allen Backus Bartik Berg Blackwell Borg Cerf Church Clarke Codd Conway Dahl Dijkstra Engelbart Estrin Feinler Floyd
    Germain Goldberg Goldwasser Gray Hamilton Hansen Hoare Holberton Hopper Jennings Johnson Kay Keller Kernighan Knuth
    Kovalevskaya Lamarr Lamport Liskov Lovelace McCarthy Meitner Micali Milner Minsky Mirzakhani Naur Neumann Newell
    Nygaard Ødegård Perlis Perlman Péter Ritchie Schmidt Scott Shaw Simon Sørensen Sutherland Tarjan Thompson Turing
    Vaughan Wilkes Wirth
"""
_GIVEN = _GIVEN_NAMES.split()
_FAMILY = _FAMILY_NAMES.split()
_JOBS = ("Engineer", "Head of Sales", "Owner", "Chief Operating Officer", "Assistant", "Bookkeeper", "Buyer", "Partner")
_STREETS = ("Main Street", "High Street", "Station Road", "Church Lane", "Harbour Walk", "Mill Road", "Park Avenue")
_DAYS = 18_000  # that birthdays are spread over


@attrs.frozen
class _Place:
    """Where a contact lives. `%03d` and `%04d` in its numbers and its postal code stand for digits."""

    alpha3: str
    alpha2: str
    country: str
    region_code: str
    region: str
    city: str
    postal: str
    national: str
    international: str
    zone: str
    locale: str


_PLACES = (
    _Place(
        *("USA", "US", "United States", "US-AZ", "Arizona", "Phoenix", "85%03d", "(480) %03d-%04d", "+1480%03d%04d"),
        *("America/Phoenix", "en_US"),
    ),
    _Place(
        *("USA", "US", "United States", "US-NY", "New York", "Albany", "12%03d", "(518) %03d-%04d", "+1518%03d%04d"),
        *("America/New_York", "en_US"),
    ),
    _Place(
        *("CAN", "CA", "Canada", "CA-ON", "Ontario", "Toronto", "M5V %03d", "(416) %03d-%04d", "+1416%03d%04d"),
        *("America/Toronto", "en_CA"),
    ),
    _Place(
        *("GBR", "GB", "United Kingdom", "GB-LND", "London, City of", "London", "EC1A %03d", "020 7%03d %04d"),
        *("+44207%03d%04d", "Europe/London", "en_GB"),
    ),
    _Place(
        *("DEU", "DE", "Germany", "DE-BE", "Berlin", "Berlin", "10%03d", "030 %03d%04d", "+4930%03d%04d"),
        *("Europe/Berlin", "de_DE"),
    ),
    _Place(
        *("NOR", "NO", "Norway", "NO-03", "Oslo", "Oslo", "0%03d", "2%03d %04d", "+472%03d%04d"),
        *("Europe/Oslo", "nb_NO"),
    ),
    _Place(
        *("AUS", "AU", "Australia", "AU-NSW", "New South Wales", "Sydney", "2%03d", "(02) 9%03d %04d"),
        *("+6129%03d%04d", "Australia/Sydney", "en_AU"),
    ),
    _Place(
        *("USA", "US", "United States", "US-CA", "California", "San Jose", "95%03d", "(408) %03d-%04d"),
        *("+1408%03d%04d", "America/Los_Angeles", "en_US"),
    ),
)


def keap_id(index: int) -> str:
    """The id of a contact in Keap."""
    return str(index + 1)


def customcrm_id(index: int) -> str:
    """The id of a contact in the Customcrm. It is in another order than Keap's, as ids of two systems are."""
    return f"A{(index * 7_919 + 13) % 10_000_019:08d}"


def customcrm_index(id: str) -> int:
    """The index of a contact, from its id in the Customcrm."""
    return (int(id[1:]) - 13) * _INVERSE % 10_000_019


_INVERSE = pow(7_919, -1, 10_000_019)


def _mixed(index: int, seed: int) -> int:
    """A number that looks like chance: 64 bits, another one for each index."""
    mixed = (index * 0x9E3779B97F4A7C15 + (seed + 1) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ (mixed >> 31)) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return mixed ^ (mixed >> 29)


def _keap_text(place: _Place) -> str:
    return (
        '{"id":"%d","given_name":"%s","family_name":"%s","middle_name":%s,"preferred_name":"%s","prefix":%s,'
        '"suffix":%s,"email_addresses":['
        '{"email":"%s","field":"EMAIL1","is_opt_in":true,"email_opt_status":"SINGLE_OPT_IN"},'
        '{"email":"%s","field":"EMAIL2","is_opt_in":false,"email_opt_status":"NON_MARKETABLE"}],'
        '"phone_numbers":['
        f'{{"number":"{place.national}","field":"PHONE1","type":"Work","number_e164":"{place.international}"}},'
        f'{{"number":"{place.national}","field":"PHONE2","type":"Mobile","number_e164":"{place.international}"}}],'
        f'"fax_numbers":[{{"number":"{place.national}","field":"FAX1","type":"Work"}}],'
        f'"addresses":[{{"field":"BILLING","line1":"%d %s","line2":%s,"locality":"{place.city}",'
        f'"postal_code":"{place.postal}","region_code":"{place.region_code}",'
        f'"region":"{place.region}","country_code":"{place.alpha3}","country":"{place.country}"}}],'
        '"social_accounts":[],'
        '"custom_fields":[{"id":"12","content":"north"},{"id":"14","content":%d}],'
        '"job_title":"%s","website":"https://%s.example.com","birth_date":"%s","anniversary_date":null,'
        f'"spouse_name":null,"contact_type":"Customer","time_zone":"{place.zone}",'
        f'"preferred_locale":"{place.locale}","leadsource_id":"4","owner_id":"1","source_type":"API",'
        '"tag_ids":["91","%d"],"create_time":"%s","update_time":"%s"}'
    )


def _customcrm_text(place: _Place) -> str:
    return (
        '{"Id":"%s","FirstName":"%s","MiddleName":%s,"LastName":"%s","Title":%s,"Suffix":%s,"Email":"%s",'
        f'"Email2":"%s","Phone":"{place.international}","MobilePhone":"{place.international}",'
        f'"Fax":"{place.international}","JobTitle":"%s","Website":"https://%s.example.com","BirthDate":"%s",'
        f'"CustomerId":null,"StreetAddress1":"%d %s","StreetAddress2":%s,"ZipCode":"{place.postal}",'
        f'"City":"{place.city}","Region":"{place.region_code}","Country":"{place.alpha2}",'
        '"CreatedAt":"%s","UpdatedAt":"%s","ETag":"%d"}'
    )


_KEAP = tuple(map(_keap_text, _PLACES))
_CUSTOMCRM = tuple(map(_customcrm_text, _PLACES))


def _day(number: int) -> str:
    # Days up to the 28th, so that every month has them.
    return f"{1940 + number // 336}-{number // 28 % 12 + 1:02d}-{number % 28 + 1:02d}"


_BIRTHDAYS = tuple(map(_day, range(_DAYS)))


def _moment(mixed: int) -> str:
    seconds = mixed % 86_400
    day = mixed // 86_400 % 28 + 1
    time = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"2025-{mixed // 7 % 12 + 1:02d}-{day:02d}T{time}.000Z"


_MOMENTS = tuple(_moment(_mixed(number, 0)) for number in range(4096))
_SLUG = str.maketrans("øåéóØ", "oaeoo")
_GIVEN_SLUGS = tuple(name.lower().translate(_SLUG) for name in _GIVEN)
_FAMILY_SLUGS = tuple(name.lower().translate(_SLUG) for name in _FAMILY)
_MIDDLE = ("null", '"Q."', '"von der"', "null")
_TITLES = ("null", '"Ms."', '"Mr."', '"Dr."')
_SUFFIXES = ("null", "null", "null", "null", "null", "null", "null", '"PhD"')
_LINES = ("null", '"Suite 12"', "null", '"c/o Analytical Engines"')


def _keap_contact(index: int, seed: int) -> str:
    mixed = _mixed(index, seed)
    given, family = mixed % 64, (mixed >> 6) % 64
    slug = f"{_GIVEN_SLUGS[given]}.{_FAMILY_SLUGS[family]}.{index}"
    three, four = 200 + (mixed >> 12) % 800, (mixed >> 22) % 10_000
    mobile, fax = (four + 1) % 10_000, (four + 2) % 10_000
    code = (mixed >> 36) % 1000
    moment = mixed >> 40
    return _KEAP[mixed >> 61] % (
        index + 1,
        _GIVEN[given],
        _FAMILY[family],
        _MIDDLE[(mixed >> 46) % 4],
        _GIVEN[given],
        _TITLES[(mixed >> 48) % 4],
        _SUFFIXES[(mixed >> 50) % 8],
        slug + "@example.com",
        slug + "@example.org",
        *(three, four, three, four),
        *(three, mobile, three, mobile),
        *(three, fax),
        code + 1,
        _STREETS[code % 7],
        _LINES[(mixed >> 53) % 4],
        code,
        code,
        _JOBS[(mixed >> 55) % 8],
        slug,
        _BIRTHDAYS[moment % _DAYS],
        100 + code % 20,
        _MOMENTS[moment % 4096],
        _MOMENTS[(moment + 1) % 4096],
    )


def _customcrm_contact(index: int, seed: int) -> str:
    mixed = _mixed(index, seed)
    given, family = mixed % 64, (mixed >> 6) % 64
    slug = f"{_GIVEN_SLUGS[given]}.{_FAMILY_SLUGS[family]}.{index}"
    three, four = 200 + (mixed >> 12) % 800, (mixed >> 22) % 10_000
    code = (mixed >> 36) % 1000
    moment = mixed >> 40
    return _CUSTOMCRM[mixed >> 61] % (
        customcrm_id(index),
        _GIVEN[given],
        _MIDDLE[(mixed >> 46) % 4],
        _FAMILY[family],
        _TITLES[(mixed >> 48) % 4],
        _SUFFIXES[(mixed >> 50) % 8],
        slug + "@example.com",
        slug + "@example.org",
        *(three, four),
        *(three, (four + 1) % 10_000),
        *(three, (four + 2) % 10_000),
        _JOBS[(mixed >> 55) % 8],
        slug,
        _BIRTHDAYS[moment % _DAYS],
        code + 1,
        _STREETS[code % 7],
        _LINES[(mixed >> 53) % 4],
        code,
        _MOMENTS[(moment + 2) % 4096],
        _MOMENTS[(moment + 3) % 4096],
        1 + code % 9,
    )


def canonical_contact(index: int, seed: int) -> dict[str, str | None]:
    """A contact as both systems' records read in canonical form."""
    mixed = _mixed(index, seed)
    place = _PLACES[mixed >> 61]
    given, family = mixed % 64, (mixed >> 6) % 64
    slug = f"{_GIVEN_SLUGS[given]}.{_FAMILY_SLUGS[family]}.{index}"
    three, four = 200 + (mixed >> 12) % 800, (mixed >> 22) % 10_000
    code = (mixed >> 36) % 1000

    def text(choices: tuple[str, ...], shift: int) -> str | None:
        found = choices[(mixed >> shift) % len(choices)]
        return None if found == "null" else found.strip('"')

    return {
        "CustomerId": None,
        "FirstName": _GIVEN[given],
        "MiddleName": text(_MIDDLE, 46),
        "LastName": _FAMILY[family],
        "Title": text(_TITLES, 48),
        "Suffix": text(_SUFFIXES, 50),
        "Email": slug + "@example.com",
        "Email2": slug + "@example.org",
        "Country": place.alpha3,
        "Region": place.region_code,
        "StreetAddress1": f"{code + 1} {_STREETS[code % 7]}",
        "StreetAddress2": text(_LINES, 53),
        "City": place.city,
        "ZipCode": place.postal % code,
        "Phone": place.international % (three, four),
        "MobilePhone": place.international % (three, (four + 1) % 10_000),
        "Fax": place.international % (three, (four + 2) % 10_000),
        "JobTitle": _JOBS[(mixed >> 55) % 8],
        "Website": f"https://{slug}.example.com",
        "BirthDate": _BIRTHDAYS[(mixed >> 40) % _DAYS],
    }


def keap_contacts(indices: range | list[int], seed: int) -> bytes:
    """Keap's contacts, as the items of a JSON array."""
    return ",".join([_keap_contact(index, seed) for index in indices]).encode()


def customcrm_contacts(indices: range | list[int], seed: int) -> bytes:
    """The Customcrm's contacts, as the items of a JSON array."""
    return ",".join([_customcrm_contact(index, seed) for index in indices]).encode()
