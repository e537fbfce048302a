"""The rows of one kind of record, read: pages of all, of what has changed, and records by their ids."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast

import sqlalchemy as sa

from keapbridge.customcrm.adapter import ENDPOINTS, AdapterPage
from keapbridge.customcrm.sql.cells import Reader
from keapbridge.customcrm.sql.reflected import Part, Reflected, can_be_blank, has_zone, is_number, reflect, time_column
from keapbridge.customcrm.sql.table import SqlJoin, SqlTable
from keapbridge.customcrm.sql.values import place_text, property_types, shown, stamp_of
from keapbridge.errors import MappingError
from keapbridge.model.maybe import Unreadable
from keapbridge.model.meant import is_meant

__all__ = ["UUID_TEXT", "ReadRows"]

_OWN = {"Id", "CreatedAt", "UpdatedAt", "ETag"}
UUID_TEXT = 32  # digits


class ReadRows:
    """The records of one object: rows of a table, with what belongs to them in others."""

    def __init__(self, engine: sa.Engine, look: sa.Inspector, object: str, given: SqlTable) -> None:
        self.given = given
        self.object = object
        self._dialect = engine.dialect.name
        self._kinds = property_types(ENDPOINTS[object].codec.cls, ENDPOINTS[object].codec.wire_names)
        seen = reflect(engine, look, given.name, given.schema, given.id, object)
        self._id = seen.column(given.id, object)
        named = {k: None if k is None else seen.column(k, object) for k in (given.created, given.deleted, given.key)}
        self._created, self._deleted = named[given.created], named[given.deleted]
        self._key = named[given.key]
        modified = None if given.modified is None else time_column(seen, given.modified, object)
        joins = [self._join(engine, look, join) for join in given.joins]
        elsewhere = {name for join in joins for name in join.columns} | set(given.constants)
        special = {given.id, given.modified, given.created, given.deleted, given.key}
        self._main = Part(seen, self._columns(seen, special, elsewhere), self._id, modified)
        self._parts = (self._main, *joins)
        self.properties = frozenset(name for part in self._parts for name in part.columns) | set(given.constants)
        self.required = self._required()
        self.lists_changes = all(part.modified is not None for part in self._parts)
        is_made = given.id in seen.defaults or is_number(self._id)
        self._makes_ids = given.new_id is None and is_made
        self.creates_once = not self._makes_ids or given.key is not None
        self._patient = False
        self._words: dict[sa.Column[Any], Sequence[Any]] = {}
        self._check()

    def place_of(self, property: str) -> str:
        """Where a property is kept, in words."""
        columns = ((part.columns.get(property), part.seen.table) for part in self._parts)
        return next((f"column {column.name} of {table.name}" for column, table in columns if column is not None), "")

    def patiently(self) -> Self:
        """The same, where some rows cannot be read at once."""
        other = copy.copy(self)
        other._patient = True  # noqa: SLF001 - its own
        return other

    def _given_by_us(self) -> set[str]:
        """The columns that are written without a property."""
        special = {self.given.id, self.given.modified if self.given.touch else None, self.given.key}
        if self._created is not None and self.given.touch:
            special.add(self._created.name)
        return {name for name in special if name is not None}

    def _never_empty(self) -> list[sa.Column[Any]]:
        """The columns that a new row must have a value for."""
        seen, known = self._main.seen, self._given_by_us()
        if seen.is_view:
            return []
        return [c for c in seen.table.c if c.name in seen.required - seen.defaults and c.name not in known]

    def _required(self) -> frozenset[str]:
        names = {column.name: name for name, column in self._main.columns.items()}
        table = self._main.seen.table.name
        return frozenset(
            names.get(column.name, f"{table}.{column.name}")
            for column in self._never_empty()
            if not can_be_blank(column) and column is not self._deleted
        )

    def _check(self) -> None:
        seen, what = self._main.seen, self.object
        if not self._makes_ids and self.given.new_id is None:
            length = getattr(self._id.type, "length", None)
            if length is not None and length < UUID_TEXT:
                raise MappingError(f"{what}: {seen.table.name}.{self.given.id} is too short for a UUID: give new_id=")
        if self._makes_ids and seen.is_view and self.given.key is None and self._dialect == "sqlite":
            raise MappingError(f"{what}: the view {seen.table.name} does not tell new ids: give key= or new_id=")
        if self.lists_changes and len({has_zone(p.modified) for p in self._parts}) > 1:
            raise MappingError(f"{what}: some columns with the time of change have a time zone, and some have none")

    def _columns(self, seen: Reflected, special: Collection[Any], elsewhere: Collection[str]) -> dict[str, Any]:
        known = [name for name in ENDPOINTS[self.object].codec.wire_names.values() if name not in _OWN]
        by_name = {_squeezed(c.name): c for c in seen.table.c if c.name not in special}
        found = {name: by_name[_squeezed(name)] for name in known if _squeezed(name) in by_name}
        for name, column in self.given.columns.items():
            if name in _OWN:
                raise MappingError(f"{self.object}: {name} is given by id=, modified= or created=, not by columns=")
            if column is None and name not in known:
                raise MappingError(f"{self.object}: there is no property {name} to leave out{is_meant(name, known)}")
            found.pop(name, None)
            if column is not None:
                found[name] = seen.column(column, self.object)
        return {name: column for name, column in found.items() if name not in elsewhere}

    def _join(self, engine: sa.Engine, look: sa.Inspector, join: SqlJoin) -> Part:
        seen = reflect(engine, look, join.table, join.schema, None, self.object)
        columns = {name: seen.column(column, self.object) for name, column in join.columns.items()}
        where = tuple(seen.column(column, self.object) == value for column, value in join.where.items())
        modified = None if join.modified is None else time_column(seen, join.modified, self.object)
        return Part(seen, columns, seen.column(join.on, self.object), modified, where, dict(join.where))

    # --- reading ----------------------------------------------------------------------------------------------------

    def page(self, connection: sa.Connection, since: datetime | None, cursor: str | None, size: int) -> AdapterPage:
        moment = self._clock(connection)
        after = None if cursor is None else json.loads(cursor)
        if since is None:
            query = sa.select(self._id).where(*self._alive()).order_by(self._id).limit(size)
            if after is not None:
                query = query.where(self._id > self._raw_id(after[0]))
            ids = [row[0] for row in connection.execute(query)]
            last = [str(ids[-1])] if ids else []
        else:
            rows: Sequence[Any] = connection.execute(self._changes(since, after, size)).all()
            ids = [row[0] for row in rows]
            last = [str(ids[-1]), place_text(rows[-1][1])] if rows else []
        records = self._records(connection, ids)
        alive = {record["Id"] for record in records}
        gone = [str(id) for id in ids if str(id) not in alive]
        return AdapterPage(records, gone, json.dumps(last) if len(ids) == size else None, moment)

    def _changes(self, since: datetime, after: Any, size: int) -> Any:
        """The ids of what changed, and when, in order; those of another table count for their record."""
        # Rows without a time, or with one that is none, are always listed: nobody knows when they were changed.
        modified = cast("sa.Column[Any]", self._main.modified)
        always = sa.literal(self._moment(since), None if self._dialect == "sqlite" else modified.type)
        place = sa.func.coalesce(self._place(modified), always).label("place")
        sources = [sa.select(self._id.label("id"), place)]
        for part in self._parts[1:]:
            ours = sa.select(self._id.label("id"), sa.func.coalesce(self._place(part.modified), always).label("place"))
            sources.append(ours.join(part.seen.table, part.on == self._id).where(*part.where))
        together = sa.union_all(*sources).subquery() if len(sources) > 1 else sources[0].subquery()
        newest = sa.func.max(together.c.place)
        # As a text: there are moments that no driver can show ("infinity").
        shown = sa.cast(newest, sa.Text) if self._dialect == "postgresql" else newest
        query = sa.select(together.c.id, shown.label("newest")).group_by(together.c.id)
        query = query.having(newest >= self._moment(since))
        if after is not None:
            id, last = self._raw_id(after[0]), self._place_value(after[1])
            query = query.having(sa.or_(newest > last, sa.and_(newest == last, together.c.id > id)))
        return query.order_by(newest, together.c.id).limit(size)

    def _place(self, column: Any) -> Any:
        # SQLite's times are texts in whatever form the host writes them: made comparable, in UTC.
        return sa.func.strftime("%Y-%m-%d %H:%M:%f", column) if self._dialect == "sqlite" else column

    def _moment(self, since: datetime) -> Any:
        moment = since.astimezone(UTC)
        if self._dialect == "sqlite":
            earlier = moment - timedelta(milliseconds=1)  # its function rounds to milliseconds
            return earlier.strftime("%Y-%m-%d %H:%M:%S.") + f"{earlier.microsecond // 1000:03}"
        return moment if has_zone(self._main.modified) else moment.replace(tzinfo=None)

    def _place_value(self, text: str) -> Any:
        if self._dialect == "postgresql":
            return sa.cast(sa.literal(text), cast("sa.Column[Any]", self._main.modified).type)
        return text if self._dialect == "sqlite" else datetime.fromisoformat(text)

    def _alive(self) -> tuple[Any, ...]:
        if self._deleted is None:
            return ()
        if isinstance(self._deleted.type, sa.Boolean):
            return (sa.or_(self._deleted.is_(None), self._deleted == sa.false()),)
        if is_number(self._deleted):
            return (sa.or_(self._deleted.is_(None), self._deleted == 0),)
        return (self._deleted.is_(None),)

    def read(self, connection: sa.Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
        raw = [id for id in map(self._raw_id, ids) if id is not None]
        return self._records(connection, raw)

    def _records(self, connection: sa.Connection, ids: Sequence[Any], *, lock: bool = False) -> list[dict[str, Any]]:
        if not ids:
            return []
        seen = self._main.seen
        locks = lock and not seen.is_view
        reader = Reader(connection, seen.table, self._id, self._alive(), locks, self._patient)
        rows = {row[self.given.id]: row for row in reader.read(ids)}
        others = [self._others(connection, part, list(rows)) for part in self._parts[1:]]
        there = (id for id in dict.fromkeys(ids) if id in rows)
        return [self._record(rows[id], [other.get(id, []) for other in others]) for id in there]

    def _others(self, connection: sa.Connection, part: Part, ids: Sequence[Any]) -> dict[Any, list[Any]]:
        reader = Reader(connection, part.seen.table, part.on, part.where, patient=self._patient)
        found: dict[Any, list[Any]] = {}
        for row in reader.read(ids) if ids else ():
            found.setdefault(row[part.on.name], []).append(row)
        return found

    def _record(self, row: Any, others: Sequence[Sequence[Any]]) -> dict[str, Any]:
        record: dict[str, Any] = {"Id": str(row[self.given.id]), **self.given.constants}
        for part, rows in zip(self._parts, ([row], *others), strict=True):
            several = Unreadable(f"{len(rows)} rows in {part.seen.table.name}") if len(rows) > 1 else None
            for name, column in part.columns.items():
                value = rows[0][column.name] if rows else None
                record[name] = several or shown(value, self._kinds.get(name))
        content = json.dumps(record, sort_keys=True, default=str)
        modified = row[self.given.modified] if self.given.modified else None
        record["ETag"] = hashlib.blake2b(f"{content}{modified}".encode("utf-8", "replace"), digest_size=12).hexdigest()
        if self.given.created is not None:
            record["CreatedAt"] = stamp_of(row[self.given.created])
        if self.given.modified is not None:
            record["UpdatedAt"] = self._updated([row, *(rows[0] if rows else None for rows in others)])
        return record

    def _updated(self, rows: Sequence[Any]) -> datetime | None:
        """When a record was changed last: the row that was, of all that it is made of; `None` if one does not tell."""
        stamps: list[datetime] = []
        for part, row in zip(self._parts, rows, strict=True):
            if row is not None and part.modified is not None:
                stamp = stamp_of(row[part.modified.name])
                if stamp is None:
                    return None
                stamps.append(stamp)
        return max(stamps, default=None)

    def _raw_id(self, id: str) -> Any:
        """The id as the column has it; `None` for one that it cannot have."""
        if is_number(self._id):
            return int(id) if id.isascii() and id.isdigit() and len(id) < 19 else None
        if isinstance(self._id.type, sa.Uuid):
            digits = id.replace("-", "").lower()
            return id if len(digits) == UUID_TEXT and not digits.strip("0123456789abcdef") else None
        return id

    def _clock(self, connection: sa.Connection) -> datetime | None:
        if self._dialect != "postgresql":
            return None
        found: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return found.astimezone(UTC)


def _squeezed(name: str) -> str:
    return name.replace("_", "").casefold()
