"""The values that nobody thinks of once more, with a database as the CRM: in its cells, and from Keap into its columns.

What a record holds arrives at the other side, or is held or failed with its record and field; nothing of another record
is delayed by it, nothing is emptied or written over for it, and a second run writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from evil_values import EVIL, KINDS, Halves, Kind, cases_of, is_empty, names_nothing, refer, some
from in_process import straight_into

import keapbridge as kb
from keapbridge.testing import KeapEmulator

pytestmark = [pytest.mark.thorough, pytest.mark.usefixtures("broken_answers")]


class Literal(str):
    """A cell as SQL, where no parameter can say it."""

    __slots__ = ()


TEXT_CELLS: tuple[Any, ...] = tuple(
    value for value in EVIL if isinstance(value, str) and "\x00" not in value and "HALF" not in value
)
ANY_CELLS: tuple[Any, ...] = (  # what SQLite keeps in a column of any type
    *TEXT_CELLS,
    *(7, -1, 1.5, 1e300, 2**62, b"", b"\x00\xff", "a\x00b"),
    *(Literal("CAST(X'61EDA080' AS TEXT)"), Literal("9e999"), Literal("zeroblob(3)")),
)
MOMENTS = ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'0001-01-01'", "'9999-12-31'", "'10000-01-01'")
NUMBERS = ("'NaN'", "'Infinity'", "1e100", "-1", "0.001", "12.345", "0")
TYPED = {
    "BirthDate": ("DATE", tuple(map(Literal, MOMENTS))),
    "UpdatedAt": ("TIMESTAMP", tuple(map(Literal, MOMENTS))),
    "Price": ("NUMERIC", tuple(map(Literal, NUMBERS))),
    "Active": ("BOOLEAN", ()),
}
SHORT = frozenset({"Title", "Suffix", "Sku", "ZipCode"})
PEOPLE = kb.mapping.contacts.with_lenses(
    kb.text("Shoes", keap=kb.custom_field("Shoe size")),
    kb.tags("Labels", separator=","),
    kb.lead_source("LeadSource"),
)


@attrs.define
class Rows:
    """A table of records, as the emulators' tables are used."""

    engine: sa.Engine
    name: str
    columns: tuple[str, ...]

    @classmethod
    def made(cls, engine: sa.Engine, kind: Kind) -> Rows:
        columns = (*kind.records(0)[0], "UpdatedAt")
        types = {
            name: TYPED[name][0] if name in TYPED else "VARCHAR(20)" if name in SHORT else "TEXT" for name in columns
        }
        key = "SERIAL" if engine.dialect.name == "postgresql" else "INTEGER"
        declared = ", ".join(f'"{name}" {type}' for name, type in types.items())
        with engine.begin() as c:
            c.exec_driver_sql(f'CREATE TABLE "{kind.ours}" ("Id" {key} PRIMARY KEY, {declared})')
        return cls(engine, kind.ours, columns)

    def add_many(self, records: Any) -> list[str]:
        return [self._add(record) for record in records]

    def _add(self, record: dict[str, Any]) -> str:
        cells = {name: ",".join(cell) if isinstance(cell, list) else cell for name, cell in record.items()}
        names, marks = ", ".join(f'"{n}"' for n in cells), ", ".join(f":{n}" for n in cells)
        with self.engine.begin() as c:
            made = f'INSERT INTO "{self.name}" ({names}) VALUES ({marks}) RETURNING "Id"'
            id = str(c.execute(sa.text(made), cells).scalar_one())
        self.put(id, "UpdatedAt", "2026-01-02 03:04:05")
        return id

    def put(self, id: str, name: str, cell: Any) -> None:
        said = cell if isinstance(cell, Literal) else ":cell"
        with self.engine.begin() as c:
            statement = sa.text(f'UPDATE "{self.name}" SET "{name}" = {said} WHERE "Id" = :id')
            c.execute(statement, {"id": int(id)} | ({} if isinstance(cell, Literal) else {"cell": cell}))

    def cell(self, id: str, name: str) -> Any:
        with self.engine.connect() as c:
            return c.exec_driver_sql(f'SELECT "{name}" FROM "{self.name}" WHERE "Id" = {id}').scalar_one()

    def cells(self) -> dict[str, dict[str, Any]]:
        """All cells by record, to the letter."""
        shown = "hex" if self.engine.dialect.name == "sqlite" else ""
        names = ", ".join(f'{shown}(CAST("{n}" AS {"BLOB" if shown else "TEXT"})) AS "{n}"' for n in self.columns)
        names += "".join(f', typeof("{n}") AS "{n}?"' for n in self.columns if shown)
        with self.engine.connect() as c:
            rows = c.execute(sa.text(f'SELECT "Id", {names} FROM "{self.name}"')).mappings()
            return {str(row["Id"]): dict(row) for row in rows}


def all_cells(kind: Kind, engine: sa.Engine) -> Iterator[tuple[str, Any]]:
    """Each column with each cell that its database keeps there."""
    loose = engine.dialect.name == "sqlite"
    for name in (*kind.records(0)[0], "UpdatedAt"):
        yield name, None
        typed = TYPED[name][1] if name in TYPED else TEXT_CELLS
        for cell in ANY_CELLS if loose else typed:
            if loose or name not in SHORT or len(cell) <= 20:
                yield name, cell


@pytest.fixture
def engine(request: pytest.FixtureRequest, database: str, tmp_path: Any) -> Iterator[sa.Engine]:
    url = f"sqlite:///{tmp_path / 'crm.db'}" if database == "sqlite" else request.getfixturevalue("postgresql_url")
    made = sa.create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def opened(keap_server: KeapEmulator, engine: sa.Engine) -> Iterator[Any]:
    """Makes the table of a kind and opens a session over it."""
    closing: list[Any] = []

    def open(kind: Kind) -> tuple[Rows, kb.SyncSession]:
        rows = Rows.made(engine, kind)
        own = {"Shoes": "Shoes", "Labels": "Labels", "LeadSource": "LeadSource"} if kind.ours == "contacts" else {}
        tables: Any = {kind.ours: kb.SqlTable(kind.ours, id="Id", modified="UpdatedAt", columns=own)}
        crm = kb.SqlCustomcrm(engine, **tables)
        keap = kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url)
        theirs = Halves()
        straight_into(keap, theirs)
        policy = kb.Policy(max_first_create_share=None)
        session = kb.SyncSession(
            customcrm=crm, keap=keap, store="sqlite://", currency="USD", contacts=PEOPLE, policy=policy
        )
        closing.extend([session, crm, keap, theirs])
        return rows, session

    yield open
    for each in closing:
        each.close()


EACH = (
    pytest.mark.parametrize("side", kb.Side, ids=lambda side: side.value),
    pytest.mark.parametrize(
        ("database", "kind", "share"),
        [
            pytest.param(
                database, kind, share, id=f"{database}-{kind.theirs}{'-all' if share == 1 else ''}", marks=marks
            )
            for database, few in (("sqlite", 5), ("postgresql", 3))
            for kind in KINDS
            for share, marks in ((few, ()), (1, pytest.mark.slow))
        ],
    ),
)


@attrs.define
class World:
    """Records of one kind on both sides, of which one side's hold evil values."""

    server: KeapEmulator
    rows: Rows
    session: kb.SyncSession
    kind: Kind
    side: kb.Side
    cases: list[tuple[str, Any]]
    ours: list[str] = attrs.field(factory=list)
    theirs: list[str] = attrs.field(factory=list)

    @property
    def table(self) -> Any:
        return getattr(self.server.state, self.kind.theirs)

    def fill(self, *sides: kb.Side) -> None:
        """A record for each case and two healthy ones, on these sides."""
        records = [self.kind.records(n) for n in range(len(self.cases) + 2)]
        if kb.Side.CUSTOMCRM in sides:
            self.ours = self.rows.add_many(ours for ours, _ in records)
        if kb.Side.KEAP in sides:
            self.theirs = self.table.add_many(theirs for _, theirs in records)

    def corrupt(self) -> None:
        for n, (name, evil) in enumerate(self.cases):
            if self.side is kb.Side.CUSTOMCRM:
                self.rows.put(self.ours[n], name, evil)
            else:
                self.table.corrupt(self.theirs[n], **{name: evil})

    def held(self, side: kb.Side) -> dict[str, dict[str, Any]]:
        """What the records of a side hold, but for when it was changed."""
        records = self.rows.cells() if side is kb.Side.CUSTOMCRM else dict(self.table.items())
        when = ("UpdatedAt", "UpdatedAt?", "update_time")
        return {id: {k: v for k, v in record.items() if k not in when} for id, record in records.items()}

    def sync(self, **options: Any) -> kb.Report:
        report: kb.Report = getattr(self.session, self.kind.theirs).sync(**options)
        return report

    def silent(self, report: kb.Report, *, defaults: bool = False) -> list[Any]:
        """The cases whose two records differ, and for which no reason is given.

        Args:
            defaults: whether a new record may have got what its source does not hold.
        """
        told = told_of(report)
        explain: Any = self.session.explain
        found = []
        for case, id in zip(self.cases, self.ours or self.theirs, strict=False):
            explained = explain(self.kind.theirs, **{"customcrm" if self.ours else "keap": id})
            reasons = told.get(id, set())
            if explained.link is not None:
                reasons = told.get(explained.link.customcrm_id, set()) | told.get(explained.link.keap_id, set())
            source = getattr(explained, self.side.value).values if defaults else {}
            fields = {name for name in differing(explained) if not defaults or source.get(name, "*") is not None}
            if "*" not in reasons and fields - reasons:
                found.append((case, fields - reasons))
        return found

    def assert_quiet(self) -> None:
        """Another run writes nothing anywhere."""
        self.server.requests.clear()
        before = self.rows.cells()
        self.sync(full=True)
        assert [(each.path, each.body) for each in self.server.requests.writes] == []
        assert self.rows.cells() == before


@pytest.fixture
def world(keap_server: KeapEmulator, engine: sa.Engine, opened: Any, kind: Kind, share: int, side: kb.Side) -> World:
    refer(keap_server)
    rows, session = opened(kind)
    cases = list(all_cells(kind, engine)) if side is kb.Side.CUSTOMCRM else list(cases_of(kind.records(0)[1], ()))
    return World(keap_server, rows, session, kind, side, some(cases, share))


def each(test: Any) -> Any:
    """With every kind, side and database."""
    for mark in EACH:
        test = mark(test)
    return test


@each
@pytest.mark.usefixtures("emptied_switches")
def test_no_cell_stops_another_or_empties_anything(world: World) -> None:
    world.fill(*kb.Side)
    assert world.sync().count("linked") == len(world.ours)
    before = world.held(world.side.other)
    world.corrupt()
    put = world.held(world.side)
    world.rows.put(world.ours[-1], world.kind.edited[0], "from ours")
    world.table.edit(world.theirs[-2], **{world.kind.edited[1]: "from theirs"})
    report = world.sync(full=True)
    assert world.table[world.theirs[-1]][world.kind.edited[1]] == "from ours"
    assert world.rows.cell(world.ours[-2], world.kind.edited[0]) == "from theirs"
    evil = {*world.ours[:-2], *world.theirs[:-2]}
    wrong = [line for line in report.lines if line.outcome in {"unlinked", "deleted", "created"}]
    wrong += [line for line in report.lines if line.outcome == "failed" and "unforeseen" in line.reason]
    wrong += [line for line in report.lines if line.reason and not {line.customcrm_id, line.keap_id} & evil]
    assert [str(line) for line in wrong] == []
    now, after = world.held(world.side), world.held(world.side.other)
    mine, others = (world.ours, world.theirs) if world.side is kb.Side.CUSTOMCRM else (world.theirs, world.ours)
    lost, overwritten = [], []
    for n, (name, value) in enumerate(world.cases):
        held = after[others[n]]
        # What says no is not empty: SQLite keeps a text such as -0000 as the number 0 there.
        emptied = [f for f, v in before[others[n]].items() if v and not held.get(f) and held.get(f) is not False]
        if emptied and not is_empty(value) and not names_nothing(name, value):
            lost.append((name, value, emptied))
        if now[mine[n]] != put[mine[n]]:
            overwritten.append((name, value, now[mine[n]]))
    assert (lost, overwritten, world.silent(report)) == ([], [], [])
    world.assert_quiet()


@each
def test_who_is_new_arrives_or_is_told_of(world: World) -> None:
    world.fill(world.side)
    world.corrupt()
    put = world.held(world.side)
    report = world.sync()
    assert [str(line) for line in report.lines if "unforeseen" in line.reason] == []
    ids = world.ours or world.theirs
    outcomes: dict[str | None, set[str]] = {}
    for line in report.lines:
        outcomes.setdefault(line.customcrm_id if world.ours else line.keap_id, set()).add(line.outcome)
    assert all("created" in outcomes[id] for id in ids[-2:])
    assert [case for id, case in zip(ids, world.cases, strict=False) if not outcomes.get(id)] == []
    made = sum("created" in its for its in outcomes.values())
    assert (len(world.held(world.side)), len(world.held(world.side.other))) == (len(ids), made)
    assert {id: held for id, held in world.held(world.side).items() if held != put[id]} == {}
    assert world.silent(report, defaults=True) == []
    world.assert_quiet()


def told_of(report: kb.Report) -> dict[str | None, set[str]]:
    """By record, the fields that a reason is given for; all where the record failed."""
    found: dict[str | None, set[str]] = {}
    for line in report.lines:
        if line.reason:
            for id in (line.customcrm_id, line.keap_id):
                found.setdefault(id, set()).update(line.fields or ("*",))
    return found


def differing(explained: Any) -> set[str]:
    """The fields that the two records of a pair do not agree about; all where there is none of the two."""
    if explained.customcrm is None or explained.keap is None:
        return {"*"}
    ours, theirs = explained.customcrm.values, explained.keap.values
    return {name for name in ours.keys() | theirs.keys() if not _is_cut(ours.get(name), theirs.get(name))}


def _is_cut(ours: Any, theirs: Any) -> bool:
    """Whether both hold a value, or one as much of a text as it can."""
    if isinstance(ours, str) and isinstance(theirs, str) and ours and theirs:
        return ours.startswith(theirs) or theirs.startswith(ours)
    return bool(ours == theirs)
