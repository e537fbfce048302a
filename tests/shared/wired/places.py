"""The two systems of a wired game, and what lies between them and the library."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import httpx
from histories.systems import CONTACTS, PRODUCTS, DeclaredCrm, EmulatedCrm, Keap, SqlCrm, Values
from histories.wire import Wire

import keapbridge as kb
from keapbridge.testing import KeapEmulator

__all__ = ["CRMS", "NAMED", "OWN", "RARE", "TOWNS", "Line", "LivelyKeap", "OwnSqlCrm", "ids_of", "own_of"]

TOWNS = ("Oslo", "Tempe")  # all that the database knows
# By other names in Keap: entries of its lists, a custom field, and tags.
NAMED = ("LeadSource", "Keeper", "Shoes", "Tags")
OWN = "Own"  # a property of the CRM that nobody maps


class LivelyKeap(Keap):
    """Keap's emulator with habits, and always the same application."""

    def __init__(self, clock: Callable[[], Any], habits: kb.Habits, tenant: str = "em1") -> None:
        self.emulator = KeapEmulator(clock=clock, habits=habits, tenant=tenant)


class Line(Wire):
    """The way to a system, which may be cut.

    Attributes:
        fault: what happens to a request in place of what should: a status, `"soon"` (in 20 seconds), `"later"` (in two
            hours), `"lost"` (it arrives, its answer does not), `"unsent"`, or `None`.
        answered: changes an answer by what was asked.
    """

    fault: Callable[[httpx.Request], int | str | None] | None = None
    answered: Callable[[httpx.Request, Any], Any] | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        match self.fault(request) if self.fault is not None else None:
            case None:
                return self._told(request, super().handle_request(request))
            case int(status):
                return httpx.Response(status, stream=httpx.ByteStream(b"no"), headers={"retry-after": "1"})
            case "soon" | "later" as when:
                seconds = {"soon": "20", "later": "7200"}[when]
                return httpx.Response(429, stream=httpx.ByteStream(b"no"), headers={"retry-after": seconds})
            case "lost":
                super().handle_request(request).read()
                raise httpx.ReadError("the answer was lost", request=request)
            case _:
                raise httpx.ConnectError("no connection", request=request)

    def _told(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if self.answered is None or not (content := response.read()):
            return response
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        shown = json.dumps(self.answered(request, json.loads(content))).encode()
        return httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(shown))


class OwnSqlCrm(SqlCrm):
    """A database with a column that nobody maps."""

    def __init__(self, clock: Callable[[], Any], **options: Any) -> None:
        super().__init__(clock, **options)
        for kind in (CONTACTS, PRODUCTS):
            self.run(f"ALTER TABLE {kind} ADD COLUMN {OWN} TEXT")
        for column in NAMED:
            self.run(f"ALTER TABLE {CONTACTS} ADD COLUMN {column} TEXT")
        self.stamp(CONTACTS)

    def declare(self, *columns: str) -> None:
        """Tell of columns that the default mapping has no name for."""
        names = {name: name for name in ("Status", *columns)}
        self.tables[CONTACTS] = attrs.evolve(self.tables[CONTACTS], columns=names)


class TownCrm(OwnSqlCrm):
    """A database that has each address once, keeps towns in a table of their own, and tells no time of a change."""

    def __init__(self, clock: Callable[[], Any], **_: Any) -> None:
        super().__init__(clock, modified=False)
        self.run(f"DROP TRIGGER {CONTACTS}_touch")
        self.run(f"ALTER TABLE {CONTACTS} DROP COLUMN City")
        self.run("CREATE TABLE town (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        self.run(f"ALTER TABLE {CONTACTS} ADD COLUMN town_id INTEGER REFERENCES town")
        self.run(f"CREATE UNIQUE INDEX one_address ON {CONTACTS} (Email)")
        for town in TOWNS:
            self.run("INSERT INTO town (name) VALUES (?)", town)
        self.stamp(CONTACTS)
        self.tables[CONTACTS] = kb.SqlTable(
            CONTACTS,
            id="id",
            lookups=[kb.SqlLookup("town", local="town_id", columns={"City": "name"})],
            created="created_at",
            touch=False,
        )

    def _towned(self, values: Values) -> dict[str, Any]:
        found = dict(values)
        if "City" in found:
            [*ids] = self.run("SELECT id FROM town WHERE name = ?", found.pop("City"))
            found["town_id"] = ids[0][0] if ids else None
        return found

    def add(self, kind: str, values: Values) -> str:
        return super().add(kind, self._towned(values))

    def edit(self, kind: str, id: str, values: Values, **rest: Any) -> None:
        super().edit(kind, id, self._towned(values), **rest)

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        shown = super().rows(kind)
        if kind == CONTACTS:
            towns = dict(self.run(f"SELECT {kind}.id, town.name FROM {kind} JOIN town ON town.id = town_id"))
            for id in shown:
                shown[id] |= {"City": towns[int(id)]} if int(id) in towns else {}
        return shown


class StrictCrm(OwnSqlCrm):
    """A database in which everybody has a title, be it none."""

    title = "JobTitle TEXT NOT NULL"

    def __init__(self, clock: Callable[[], Any], **options: Any) -> None:
        super().__init__(clock, **options)
        [(made,)] = self.run(f"SELECT sql FROM sqlite_master WHERE name = '{CONTACTS}'")
        self.run(f"DROP TABLE {CONTACTS}")
        self.run(made.replace("JobTitle TEXT", self.title))
        self.stamp(CONTACTS)

    def add(self, kind: str, values: Values) -> str:
        return super().add(kind, {"JobTitle": "", **values} if kind == CONTACTS else values)


class DemandingCrm(StrictCrm):
    """A database in which everybody has a branch, which nobody maps."""

    title = "JobTitle TEXT, Branch INTEGER NOT NULL"

    def add(self, kind: str, values: Values) -> str:
        return super().add(kind, {"Branch": 7, **values} if kind == CONTACTS else values)


class CountingCrm(StrictCrm):
    """A database that makes titles of what it knows itself."""

    title = "JobTitle TEXT GENERATED ALWAYS AS ('Number ' || (length(LastName) % 3)) VIRTUAL"

    def add(self, kind: str, values: Values) -> str:
        return OwnSqlCrm.add(self, kind, self._without(kind, values))

    def edit(self, kind: str, id: str, values: Values, **rest: Any) -> None:
        super().edit(kind, id, self._without(kind, values) or {OWN: own_of(self, kind, id)}, **rest)

    @staticmethod
    def _without(kind: str, values: Values) -> Values:
        return {name: value for name, value in values.items() if kind != CONTACTS or name != "JobTitle"}


def own_of(crm: Any, kind: str, id: str, name: str = OWN) -> Any:
    """What a record of the CRM holds in one property; by default in that which nobody maps."""
    match crm:
        case SqlCrm():
            return crm.run(f"SELECT {name} FROM {kind} WHERE id = ?", int(id))[0][0]
        case DeclaredCrm():
            raw = crm.server.raw(kind, id)
            return raw.get(name, raw.get(name.lower()))
        case _:
            return crm._table(kind)[id].get(name)


def ids_of(crm: Any, kind: str) -> set[str]:
    """Those of the records that are there."""
    match crm:
        case SqlCrm():
            return {str(row[0]) for row in crm.run(f"SELECT id FROM {kind}")}
        case DeclaredCrm():
            return {id for id, row in crm.server._rows[kind].items() if not row.deleted}
        case _:
            return set(crm._table(kind))


CRMS: dict[str, Callable[..., Any]] = {
    "emulator": EmulatedCrm,
    "database": OwnSqlCrm,
    "towns": TownCrm,
    "declared": DeclaredCrm,
    "blind": lambda clock: DeclaredCrm(clock, modified=False),
}
# Those that only openings begin with.
RARE: dict[str, Callable[..., Any]] = {"strict": StrictCrm, "demanding": DemandingCrm, "counting": CountingCrm}
