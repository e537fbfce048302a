"""Every property of a record of either system, with values that nobody thinks of: they hold their field, and no more.

Each value is served in a record of its own, one that is linked. In the same run the healthy records are synchronised
both ways, and of what the others hold nothing is cleared on the other side, nor written over where it cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

pytestmark = [pytest.mark.thorough, pytest.mark.usefixtures("broken_answers")]

EMPTY: tuple[Any, ...] = (None, "", " ", [], {})
TEXTS = (
    *(".", "..", "\x00", "a\x00b", "\u202e", "9" * 5000, "%00", "'; --", "=1+1", "null", "NaN", "-0000", "1e999"),
    *("0001-01-01T00:00:00", "0000-00-00", "2024-02-30", "05/01/1980", "10000-01-01", "9999-12-31T23:59:59-12:00"),
    *("0001-01-01T00:00:00+14:00", "2024-01-01T10:00:00", "1" * 300, "12,50", "ja"),
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


@attrs.frozen
class Kind:
    """One of the three: how its records are called, and what one holds that both systems agree about."""

    ours: str
    theirs: str
    edited: tuple[str, str]

    def records(self, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
        mail, phone, born = f"n{n}@example.org", f"+4722{n:06}", "1980-05-01"
        address = {"line1": "Main Street 1", "locality": "Oslo", "country_code": "NOR", "postal_code": "0150"}
        where = {"StreetAddress1": "Main Street 1", "City": "Oslo", "Country": "NO", "ZipCode": "0150"}
        match self.theirs:
            case "contacts":
                return (
                    {
                        "FirstName": f"N{n}",
                        "LastName": "L",
                        "Email": mail,
                        "Phone": phone,
                        "BirthDate": "1980-05-01",
                        **where,
                    },
                    {
                        "given_name": f"N{n}",
                        "family_name": "L",
                        "birth_date": born,
                        "email_addresses": [{"field": "EMAIL1", "email": mail}],
                        "phone_numbers": [{"field": "PHONE1", "number": phone}],
                        "addresses": [{"field": "BILLING", **address}],
                    },
                )
            case "companies":
                return (
                    {"Name": f"N{n}", "Email": mail, "Phone": phone, "Website": f"https://n{n}.example.org", **where},
                    {
                        "company_name": f"N{n}",
                        "website": f"https://n{n}.example.org",
                        "address": address,
                        "email_address": {"email": mail},
                        "phone_number": {"number": phone},
                    },
                )
            case _:
                return (
                    {
                        "Name": f"N{n}",
                        "Sku": f"S{n}",
                        "ShortDescription": "d",
                        "Price": "5.00",
                        "Currency": "USD",
                        "Active": True,
                    },
                    {
                        "name": f"N{n}",
                        "sku": f"S{n}",
                        "short_description": "d",
                        "active": True,
                        "price": {"amount": 500, "currency_code": "USD"},
                    },
                )


KINDS = (
    Kind("contacts", "contacts", ("JobTitle", "job_title")),
    Kind("customers", "companies", ("Description", "notes")),
    Kind("products", "products", ("Description", "description")),
)
OUR_OWN = ("Id", "CreatedAt", "UpdatedAt", "ETag")
THEIR_OWN = ("id", "create_time", "update_time")
OF_CONTACTS = ("company", "custom_fields", "tag_ids", "origin", "leadsource_id")


def _cases(known: Mapping[str, Any], own: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Each property with each value; of objects and of what is in lists, each part, too."""
    for name in (*known, *own):
        for evil in EVIL:
            yield name, evil
        for item in known[name][:1] if isinstance(value := known.get(name), list) else ():
            for part in item:
                for evil in EVIL:
                    yield name, [{**item, part: evil}]
        for part in value if isinstance(value, dict) else ():
            for evil in EVIL:
                yield name, {**value, part: evil}
    yield next(iter(known)), HUGE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.theirs)
@pytest.mark.parametrize("side", kb.Side, ids=lambda side: side.value)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_no_value_of_one_record_stops_another_or_empties_anything(
    request: pytest.FixtureRequest,
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    kind: Kind,
    side: kb.Side,
    store: str,
) -> None:
    ours: Any = getattr(crm_server.state, kind.ours)
    theirs: Any = getattr(keap_server.state, kind.theirs)
    evil_side, server = (ours, crm_server) if side is kb.Side.CUSTOMCRM else (theirs, keap_server)
    sample = kind.records(0)[list(kb.Side).index(side)]
    own = OUR_OWN if side is kb.Side.CUSTOMCRM else THEIR_OWN + OF_CONTACTS * (kind.theirs == "contacts")
    cases = list(_cases(sample, own))
    if store == "postgresql":
        cases = cases[::5]  # what is stored of a value does not depend on the property
    healthy = [len(cases) + n for n in range(3)]
    records = [kind.records(n) for n in range(len(cases) + 3)]
    a, b = ours.add_many(r for r, _ in records), theirs.add_many(r for _, r in records)
    address = "sqlite://" if store == "sqlite" else request.getfixturevalue("postgresql_url")
    with (
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store=address) as session,
    ):
        sync = getattr(session, kind.theirs)
        assert sync.sync().count("linked") == len(records)
        ids, others = (a, b) if side is kb.Side.CUSTOMCRM else (b, a)
        other_side = theirs if side is kb.Side.CUSTOMCRM else ours
        before = [dict(other_side[id]) for id in others]
        for id, (name, evil) in zip(ids, cases, strict=False):
            evil_side.corrupt(id, **{name: evil})
        one, two, _ = healthy
        ours.edit(a[one], **{kind.edited[0]: "from ours"})
        theirs.edit(b[two], **{kind.edited[1]: "from theirs"})
        server.requests.clear()
        report = sync.sync(full=True)
        served: dict[str, dict[str, Any]] = {}
        for item in _items(server):
            for name, value in item.items():
                served.setdefault(name, {})[_text(value)] = value
        assert [(n, e) for n, e in cases if not any(_shows(value, e) for value in served[n].values())] == []
        assert theirs[b[one]][kind.edited[1]] == "from ours"
        assert ours[a[two]][kind.edited[0]] == "from theirs"
        told = {line.customcrm_id if side is kb.Side.CUSTOMCRM else line.keap_id: line for line in report.lines}
        case_of = dict(zip(ids, cases, strict=False))
        wrong = [line for line in report.lines if line.outcome in {"unlinked", "deleted", "created"}]
        # A system may refuse what somebody else wrote, of that record.
        wrong += [
            line
            for line in report.lines
            if line.outcome == "failed"
            and ("unforeseen" in line.reason or not {line.customcrm_id, line.keap_id} & case_of.keys())
        ]
        assert [(case_of.get(line.customcrm_id), case_of.get(line.keap_id), str(line)) for line in wrong] == []
        lost, overwritten, silent = [], [], []
        for n, (name, evil) in enumerate(cases):
            now = other_side[others[n]]
            emptied = [field for field, value in before[n].items() if value and now.get(field) in (None, "", [], {})]
            if emptied and not _is_empty(evil):
                lost.append((name, evil, emptied))
            if not _is_own(name) and _is_odd(evil) and name in sample and ids[n] not in told:
                silent.append((name, evil))
        for n, document in enumerate(dict(evil_side.items()).values()):
            if n < len(cases) and not _shows(document.get(cases[n][0]), cases[n][1]):
                overwritten.append((cases[n], document.get(cases[n][0])))
        assert (lost, overwritten, silent) == ([], [], [])


def _items(server: Any) -> Iterator[dict[str, Any]]:
    for exchange in server.requests:
        if exchange.method == "GET" and exchange.status == 200:
            body = json.loads(exchange.response_body)
            for value in body.values() if isinstance(body, dict) else ():
                yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _shows(shown: Any, evil: Any) -> bool:
    """Whether it is this value, perhaps with parts that the system adds by itself."""
    if isinstance(evil, dict) and isinstance(shown, dict):
        return all(name in shown and _shows(shown[name], part) for name, part in evil.items())
    if isinstance(evil, list) and isinstance(shown, list):
        return len(shown) == len(evil) and all(map(_shows, shown, evil))
    return _text(shown) == _text(evil)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _is_empty(evil: Any) -> bool:
    """Whether it says that there is nothing, or holds a part that does."""
    if isinstance(evil, list):
        return not evil or any(map(_is_empty, evil))
    if isinstance(evil, dict):
        return evil.keys() <= {"field"} or any(map(_is_empty, evil.values()))
    return evil is None or (isinstance(evil, str) and not evil.strip())


def _is_odd(evil: Any) -> bool:
    """Whether it can be the value of no property at all."""
    return evil in ([None], [7], [[["x"]]], {"x": {"y": []}})


def _is_own(name: str) -> bool:
    return name in (*OUR_OWN, *THEIR_OWN, *OF_CONTACTS)
