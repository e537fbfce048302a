"""Every property of a record of either system, with values that nobody thinks of: they hold their field, and no more.

Each value is served in a record of its own, one that is linked or one that is new. In the same run the healthy records
are synchronised both ways, and of what the others hold nothing is cleared on the other side, nor written over where it
cannot be read. What can be no value is told with its record and its field.

The second tier plays some of the combinations, chosen by what they are; the slow tier plays all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from evil_values import KINDS, PEOPLE, Halves, Kind, cases_of, is_empty, refer, some
from in_process import straight_into

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

pytestmark = [pytest.mark.thorough, pytest.mark.usefixtures("broken_answers")]


@contextmanager
def clients(
    keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> Iterator[tuple[kb.KeapClient, kb.CustomcrmClient]]:
    with (
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
        Halves() as theirs,
        Halves() as ours,
    ):
        straight_into(keap, theirs)
        straight_into(crm, ours)
        yield keap, crm


OUR_OWN = ("Id", "CreatedAt", "UpdatedAt", "ETag")
THEIR_OWN = ("id", "create_time", "update_time")
OF_CONTACTS = ("company",)  # of what no mapping looks at Keap is not asked


EACH = (
    pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.theirs),
    pytest.mark.parametrize("side", kb.Side, ids=lambda side: side.value),
    pytest.mark.parametrize(
        ("store", "share"),
        [
            pytest.param("sqlite", 3, id="sqlite"),
            pytest.param("postgresql", 11, id="postgresql"),
            pytest.param("sqlite", 1, id="sqlite-all", marks=pytest.mark.slow),
            pytest.param("postgresql", 1, id="postgresql-all", marks=pytest.mark.slow),
        ],
    ),
)


def each(test: Any) -> Any:
    """With every kind and side, over either store."""
    for mark in EACH:
        test = mark(test)
    return test


@each
@pytest.mark.usefixtures("emptied_switches")
def test_no_value_of_one_record_stops_another_or_empties_anything(
    request: pytest.FixtureRequest,
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    kind: Kind,
    side: kb.Side,
    store: str,
    share: int,
) -> None:
    ours: Any = getattr(crm_server.state, kind.ours)
    theirs: Any = getattr(keap_server.state, kind.theirs)
    evil_side, server = (ours, crm_server) if side is kb.Side.CUSTOMCRM else (theirs, keap_server)
    sample = kind.records(0)[list(kb.Side).index(side)]
    own = OUR_OWN if side is kb.Side.CUSTOMCRM else THEIR_OWN + OF_CONTACTS * (kind.theirs == "contacts")
    cases = some(list(cases_of(sample, own)), share)
    healthy = [len(cases) + n for n in range(3)]
    refer(keap_server)
    records = [kind.records(n) for n in range(len(cases) + 3)]
    a, b = ours.add_many(r for r, _ in records), theirs.add_many(r for _, r in records)
    address = "sqlite://" if store == "sqlite" else request.getfixturevalue("postgresql_url")
    with (
        clients(keap_server, crm_server) as (keap, crm),
        kb.SyncSession(customcrm=crm, keap=keap, store=address, contacts=PEOPLE) as session,
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
        told = _told(report, side, kind.mapper)
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
            if emptied and not is_empty(evil):
                lost.append((name, evil, emptied))
            if not _is_own(name) and _is_odd(evil) and name in sample and name not in told.get(ids[n], ()):
                silent.append((name, evil))
        for n, document in enumerate(dict(evil_side.items()).values()):
            if n < len(cases) and not _shows(document.get(cases[n][0]), cases[n][1]):
                overwritten.append((cases[n], document.get(cases[n][0])))
        assert (lost, overwritten, silent) == ([], [], [])


@each
def test_who_is_new_arrives_or_is_told_of_with_the_field(
    request: pytest.FixtureRequest,
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    kind: Kind,
    side: kb.Side,
    store: str,
    share: int,
) -> None:
    tables: dict[kb.Side, Any] = {
        kb.Side.CUSTOMCRM: getattr(crm_server.state, kind.ours),
        kb.Side.KEAP: getattr(keap_server.state, kind.theirs),
    }
    which = list(kb.Side).index(side)
    sample = kind.records(0)[which]
    cases = some([case for case in cases_of(sample, ()) if case[0] in sample], share)
    healthy = [kind.records(len(cases) + n)[which] for n in range(3)]
    address = "sqlite://" if store == "sqlite" else request.getfixturevalue("postgresql_url")
    with (
        clients(keap_server, crm_server) as (keap, crm),
        kb.SyncSession(customcrm=crm, keap=keap, store=address, currency="USD", contacts=PEOPLE) as session,
    ):
        refer(keap_server)
        ids = tables[side].add_many([*(kind.records(n)[which] for n in range(len(cases))), *healthy])
        for id, (name, evil) in zip(ids, cases, strict=False):
            tables[side].corrupt(id, **{name: evil})
        report = getattr(session, kind.theirs).sync()
        assert [str(line) for line in report.lines if "unforeseen" in line.reason] == []
        outcomes: dict[str | None, set[str]] = {}
        for line in report.lines:
            outcomes.setdefault(line.customcrm_id if which == 0 else line.keap_id, set()).add(line.outcome)
        tagged = {"updated"} if kind.theirs == "contacts" and side is kb.Side.CUSTOMCRM else set()  # by further calls
        assert [outcomes[id] for id in ids[len(cases) :]] == [{"created"} | tagged] * 3
        told = _told(report, side, kind.mapper)
        silent = [case for id, case in zip(ids, cases, strict=False) if not outcomes.get(id)]
        silent += [
            (name, evil)
            for id, (name, evil) in zip(ids, cases, strict=False)
            if _is_odd(evil) and type(evil) is not type(sample[name]) and name not in told.get(id, ())
        ]
        assert silent == []
        assert len(tables[side]) == len(ids)
        assert len(tables[side.other]) == sum("created" in its for its in outcomes.values())


def _told(report: kb.Report, side: kb.Side, mapper: kb.mapping.Mapper) -> dict[str | None, set[str]]:
    """By record, the properties that the report tells something of."""
    found: dict[str | None, set[str]] = {}
    for line in report.lines:
        fields = set() if line.outcome == "created" else set(line.fields)
        fields |= {lens.name for lens in mapper.lenses if f"{lens.name}:" in line.reason}
        paths = [path for field in fields for path in mapper[field].place(side).path.split("+")]
        id = line.customcrm_id if side is kb.Side.CUSTOMCRM else line.keap_id
        found.setdefault(id, set()).update(path.partition(".")[0] for path in paths)
    return found


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


def _is_odd(evil: Any) -> bool:
    """Whether it can be the value of no property at all."""
    return evil in ([None], [7], [[["x"]]], {"x": {"y": []}})


def _is_own(name: str) -> bool:
    return name in (*OUR_OWN, *THEIR_OWN, *OF_CONTACTS)
