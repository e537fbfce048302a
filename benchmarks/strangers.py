"""Another data set for lists: contacts as Keap's contract lets them be, and as no model of this library foresees them.

Properties come in an order of their own in each record, some are absent and some null; names and addresses are of ten
locales, in UTF-8 or escaped; there are properties that the contract does not have, at top level and nested. With `odd`
one record of each page holds a known property in another form than the contract's, of those that systems are known to
take. It shares nothing with `records`.
"""

from __future__ import annotations

import json
import random
from typing import Any

__all__ = ["LOCALES", "contact", "page"]

LOCALES: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = (
    ("pt_BR", "BRA", "São Paulo", ("João Conceição", "Inês de Araújo", "Caio Galvão"), "+55 11 9"),
    ("ja_JP", "JPN", "東京都", ("山田 太郎", "佐藤 花子"), "+81 3-"),
    ("ar_EG", "EGY", "القاهرة", ("محمد حسن", "ليلى سعيد"), "+20 2 "),
    ("el_GR", "GRC", "Αθήνα", ("Ελένη Παπαδοπούλου", "Νίκος Γεωργίου"), "+30 21"),
    ("de_AT", "AUT", "Wien", ("Jürgen Größl", "Anneliese Weiß"), "+43 1 "),
    ("en_IN", "IND", "Bengaluru", ("Priya Raghunathan", "Arjun Iyer"), "+91 80 "),
    ("fr_CA", "CAN", "Montréal", ("Élodie Gagné", "Benoît Côté"), "514-"),
    ("pl_PL", "POL", "Łódź", ("Grażyna Wójcik", "Michał Żak"), "+48 42 "),
    ("en_US", "USA", "O'Fallon", ('Robert "Bob" O\'Neil', "Mary Smith-Jones"), "(636) "),
    ("he_IL", "ISR", "חיפה", ("דנה לוי", "יוסי כהן"), "+972 4-"),
)
_ABSENT, _NULL = 0.15, 0.1
_ALWAYS = ("id", "email_addresses")
_ODD: tuple[dict[str, Any], ...] = (
    {"birth_date": "1979-04-01T00:00:00.000Z"},
    {"owner_id": 17},
    {"create_time": "2024-02-28T10:00:00"},
    {"anniversary_date": ""},
)


def contact(index: int, seed: int) -> dict[str, Any]:
    """A contact, which depends on its index and the seed only."""
    chance = random.Random(f"{seed}/{index}")
    locale, country, city, names, dialled = chance.choice(LOCALES)
    given, _, family = chance.choice(names).partition(" ")
    digits = f"{chance.randrange(10**7):07}"
    found: dict[str, Any] = {
        "id": str(index + 1),
        "given_name": given,
        "family_name": family,
        "middle_name": chance.choice((None, "", "K.")),
        "preferred_name": given,
        "prefix": chance.choice(("Dr.", "Ms", "")),
        "suffix": None,
        "email_addresses": [
            {"email": f"c{index}.{n}@example.{chance.choice(('org', 'net'))}", "field": f"EMAIL{n}", "is_opt_in": n < 2,
             "email_opt_status": "SINGLE_OPT_IN", "bounces": chance.randrange(3)}
            for n in range(1, chance.randrange(2, 4))
        ],
        "phone_numbers": [
            {"number": f"{dialled}{digits}", "field": f"PHONE{n}", "type": "Work", "extension": None,
             "number_e164": None, "carrier": {"name": "Orbit", "is_mobile": False}}
            for n in range(1, chance.randrange(1, 4))
        ],
        "fax_numbers": [],
        "addresses": [
            {"field": "BILLING", "line1": f"{chance.randrange(1, 400)} {family}", "line2": "", "locality": city,
             "postal_code": digits[:5], "country_code": country, "region_code": None, "geo": [chance.random(), 7.5]}
        ],
        "social_accounts": [{"name": f"@{index}", "type": "LINKED_IN"}],
        "custom_fields": [{"id": "7", "content": chance.choice(("a", 12, None, ["x", "y"]))}],
        "company": {"id": str(chance.randrange(1, 500)), "company_name": f"{family} & Co", "industry": "Looms"},
        "job_title": "Ingénieur·e",
        "website": f"https://example.org/{index}",
        "birth_date": f"{chance.randrange(1940, 2005)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        "anniversary_date": None,
        "spouse_name": chance.choice((None, given)),
        "contact_type": "Lead",
        "time_zone": "Etc/UTC",
        "preferred_locale": locale,
        "owner_id": "3",
        "source_type": "WEBFORM",
        "tag_ids": [str(chance.randrange(1000)) for _ in range(chance.randrange(5))],
        "links": [{"id": "9", "linked_contact_id": str(index + 2), "link_type_id": "1", "link_type_name": "Sibling"}],
        "create_time": f"2024-0{chance.randrange(1, 10)}-11T08:00:{chance.randrange(60):02}.123Z",
        "update_time": f"2025-0{chance.randrange(1, 10)}-21T18:30:{chance.randrange(60):02}Z",
        # What the contract does not have.
        "lifecycle": {"stage": chance.choice(("new", "won")), "since": "2025-03-01", "score": chance.random()},
        "engagement_score": chance.randrange(100),
        "preferences": ["news", {"channel": "sms", "quiet": [22, 7]}],
    }  # fmt: skip
    names_of = [name for name in found if name in _ALWAYS or chance.random() > _ABSENT]
    chance.shuffle(names_of)
    empty = {name for name in names_of if name not in _ALWAYS and chance.random() < _NULL}
    return {name: None if name in empty else found[name] for name in names_of}


def page(first: int, end: int, seed: int, *, odd: bool) -> bytes:
    """Contacts as a JSON array, every other page of it with escapes for what is not ASCII."""
    items = [contact(index, seed) for index in range(first, end)]
    if odd and items:
        chance = random.Random(f"{seed}/{first}")
        items[chance.randrange(len(items))] |= chance.choice(_ODD)
    is_escaped = bool(first // max(1, end - first) % 2)
    return json.dumps(items, ensure_ascii=is_escaped, separators=(",", ":")).encode()
