"""The rows of one kind of record, read: pages of all, of what has changed, and records by their ids."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from keapbridge.customcrm.adapter import ENDPOINTS, AdapterPage
from keapbridge.customcrm.sql.documents import ARROW, dug
from keapbridge.customcrm.sql.gathering import Found, Gatherer
from keapbridge.customcrm.sql.keys import UUID_TEXT, Key, Raw, id_text
from keapbridge.customcrm.sql.listing import Listing
from keapbridge.customcrm.sql.parts import Part, tables_of
from keapbridge.customcrm.sql.reflected import can_be_blank, has_zone, is_binary, is_number
from keapbridge.customcrm.sql.table import SqlTable
from keapbridge.customcrm.sql.unsafe import refuse_harm
from keapbridge.customcrm.sql.values import place_text, property_types, shown, stamp_of
from keapbridge.errors import MappingError
from keapbridge.model.finding import Finding
from keapbridge.model.maybe import Unreadable

__all__ = ["ReadRows"]

REFERENCE = "CustomerId"  # the property that holds an id
EXAMPLES = 100  # rows from which is learnt how values are written


class ReadRows:
    """The records of one object: rows of a table, with what belongs to them in others."""

    def __init__(self, engine: sa.Engine, look: sa.Inspector, object: str, given: SqlTable) -> None:
        self.given = given
        self.object = object
        self._dialect = engine.dialect.name
        self._kinds = property_types(ENDPOINTS[object].codec.cls, ENDPOINTS[object].codec.wire_names)
        self.tables = tables_of(engine, look, object, given)
        self._main = self.tables.main
        self._key = Key(tuple(self._main.table.c[name] for name in given.ids))
        self._zone = ZoneInfo(given.time_zone or "UTC")
        self._listing = Listing(self.tables, self._key, self._dialect, self._zone)
        self.properties = frozenset(name for part in self.tables.parts for name in part.columns) | set(given.constants)
        self.lists_changes = self.tables.lists_changes
        self._makes_ids = self._database_makes_ids()
        # Properties that are in the id: a number of articles that is the key of its table.
        self._of_id = {name for name, column in self._main.columns.items() if column in self._key.columns}
        again = self._makes_ids or self._given_connection() or bool(self._of_id)
        self._repeats = given.key is not None or not again
        self.required = self._required()
        self._patient = False
        self._words: dict[sa.Column[Any], Sequence[Any]] = {}
        self._check()

    def refuse_harm(self, engine: sa.Engine) -> Iterator[Finding]:
        """What is to be known of its tables; see `refused.refuse_harm`."""
        return refuse_harm(engine, self.tables, self._key, self.given, self.object)

    @property
    def creates_once(self) -> bool:
        """Whether the key of a create tells whether it was done."""
        return self._repeats

    @property
    def creates_are_new(self) -> bool:
        """Whether a new row is never one that is there; one with its id may be, where properties are in the id."""
        return not self._of_id

    def _database_makes_ids(self) -> bool:
        if self.given.new_id is not None or len(self.given.ids) > 1:
            return False
        column = self._key.columns[0]
        return column.name in self._main.seen.defaults or is_number(column)

    def _given_connection(self) -> bool:
        """Whether new ids depend on more than the key of a create."""
        return self.given.new_id is not None and takes_connection(self.given.new_id)

    def place_of(self, property: str) -> str:
        """Where a property is kept, in words."""
        for part in self.tables.parts:
            if property in part.columns:
                name = ARROW.join((part.columns[property].name, *part.path(property)))
                return f"column {name} of {part.table.name}"
        return ""

    def patiently(self) -> Self:
        """The same, where some rows cannot be read at once."""
        other = copy.copy(self)
        other._patient = True  # noqa: SLF001 - its own
        return other

    def _given_by_us(self) -> set[str]:
        """The columns of the table of the records that are written without a property."""
        given, main = self.given, self._main
        names = {*given.ids, given.key, *main.fixed, *given.on_create, *given.on_write}
        if given.touch:
            names |= {column.name for column in (main.modified, self.tables.created) if column is not None}
        # What a row that is made before it, and always, gives it.
        names |= {part.link[1].name for part in self.tables.below(main) if part.goes_before}
        return {name for name in names if name is not None}

    def _never_empty(self) -> list[sa.Column[Any]]:
        """The columns that a new row must have a value for."""
        seen, known = self._main.seen, self._given_by_us()
        if seen.is_view:
            return []
        return [c for c in seen.table.c if c.name in seen.required - seen.defaults and c.name not in known]

    def _required(self) -> frozenset[str]:
        names = {column.name: name for name, column in self._main.columns.items()}
        references = {p.link[1].name: p for p in self.tables.below(self._main) if p.is_lookup}
        names.update((column, min(part.columns)) for column, part in references.items())
        table = self._main.table.name
        deleted = self.tables.deleted[1] if self.tables.deleted is not None else None
        # A text that no two rows may share cannot be "" for want of a value.
        alone = {name for unique in self._main.seen.uniques if len(unique) == 1 for name in unique}
        found = {
            names.get(column.name, f"{table}.{column.name}")
            for column in self._never_empty()
            if (not can_be_blank(column) or column.name in {*references, *alone}) and column is not deleted
        }
        if 1 < len(self._key.columns) > len(self._of_id) and self.given.new_id is None:
            found.add(f"{table}.{self._key.columns[0].name}")
        return frozenset(found)

    def _check(self) -> None:
        main, what = self._main, self.object
        is_made = not (self._makes_ids or self._of_id) and self.given.new_id is None
        if is_made and len(self._key.columns) == 1:
            [column] = self._key.columns
            length = getattr(column.type, "length", None)
            if length is not None and length < (UUID_TEXT // 2 if is_binary(column) else UUID_TEXT):
                short = f"{main.table.name}.{column.name} is too short for a UUID"
                raise MappingError(f"{what}: {short}: give new_id=, a function that makes an id")
        if self._makes_ids and main.seen.is_view and self.given.key is None and self._dialect == "sqlite":
            advice = "give key=, a column that keeps the key of a create, or new_id="
            raise MappingError(f"{what}: the view {main.table.name} does not tell new ids: {advice}")
        mark = self.tables.key
        room = None if mark is None else getattr(mark.type, "length", None)
        if mark is not None and room is not None and room < UUID_TEXT:
            raise MappingError(
                f"{what}: {main.table.name}.{mark.name} is too short for a key of {UUID_TEXT} characters"
            )
        stamped = [part.modified for part in self.tables.parts if part.modified is not None]
        if self.lists_changes and len({has_zone(column) for column in stamped}) > 1:
            names = ", ".join(f"{c.table.name}.{c.name}{'' if has_zone(c) else ' (none)'}" for c in stamped)
            raise MappingError(
                f"{what}: of the columns with the time of change, some have a time zone and some have none: {names}; "
                "leave out modified= of a join"
            )

    # --- reading ----------------------------------------------------------------------------------------------------

    def page(self, connection: sa.Connection, since: datetime | None, cursor: str | None, size: int) -> AdapterPage:
        moment = self._clock(connection)
        after = None if cursor is None else json.loads(cursor)
        reached = None if after is None else self._key.raw(after[0])
        if since is None:
            rows: Sequence[Any] = connection.execute(self._listing.all(reached, size)).all()
            ids = [tuple(row) for row in rows]
            last = [self._key.text(ids[-1])] if ids else []
        else:
            place = None if after is None or reached is None else (reached, after[1])
            rows = connection.execute(self._listing.changes(since, place, size)).all()
            ids = [tuple(row[:-1]) for row in rows]
            last = [self._key.text(ids[-1]), place_text(rows[-1][-1])] if rows else []
        records = self._records(connection, ids)
        alive = {record["Id"] for record in records}
        gone = [text for text in map(self._key.text, ids) if text not in alive]
        return AdapterPage(records, gone, json.dumps(last) if len(ids) == size else None, moment)

    def read(self, connection: sa.Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
        raw = [id for id in map(self._key.raw, ids) if id is not None]
        return self._records(connection, raw)

    def examples(self, connection: sa.Connection) -> list[dict[str, Any]]:
        """The newest records, and rows of lookups as records that show no more."""
        newest = [column.desc() for column in self._key.columns]
        query = sa.select(*self._key.columns).where(*self._listing.alive()).order_by(*newest).limit(EXAMPLES)
        found = self._records(connection, [tuple(row) for row in connection.execute(query)])
        for part in self.tables.parts:
            if part.is_lookup:
                columns = [column.label(name) for name, column in part.columns.items()]
                rows = connection.execute(sa.select(*columns).where(*part.where).limit(EXAMPLES)).mappings()
                found += [{"Id": "-", **row} for row in rows]
        return found

    def _records(self, connection: sa.Connection, ids: Sequence[Raw]) -> list[dict[str, Any]]:
        return [self._record(found) for found in self._found(connection, ids)]

    def _found(self, connection: sa.Connection, ids: Sequence[Raw], *, lock: bool = False) -> list[Found]:
        gatherer = Gatherer(connection, self.tables, self._key, self._listing.alive(), self._patient)
        return gatherer.gather(ids, lock=lock)

    def _record(self, found: Found) -> dict[str, Any]:
        record: dict[str, Any] = {"Id": self._key.text(found.id), **self.given.constants}
        for part in self.tables.parts:
            row = found.row(part)
            for name, column in part.columns.items():
                if isinstance(row, Unreadable):
                    record[name] = row
                else:
                    value = None if row is None else dug(row[column.name], part.path(name))
                    if name == REFERENCE and isinstance(value, (bytes, memoryview)):
                        value = id_text((value,))
                    record[name] = shown(value, self._kinds.get(name), self._zone, column)
        content = json.dumps(record, sort_keys=True, default=str)
        modified = [self._raw_stamp(found, part) for part in self.tables.parts[:1]]
        record["ETag"] = hashlib.blake2b(f"{content}{modified}".encode("utf-8", "replace"), digest_size=12).hexdigest()
        main = found.row(self._main)
        if self.tables.created is not None and isinstance(main, dict | sa.RowMapping):
            record["CreatedAt"] = stamp_of(main[self.tables.created.name], self._zone, of_day=True)
        if self.tables.modified is not None:
            record["UpdatedAt"] = self._updated(found)
        return record

    def _raw_stamp(self, found: Found, part: Part) -> Any:
        row = found.row(part)
        return None if row is None or isinstance(row, Unreadable) or part.modified is None else row[part.modified.name]

    def _updated(self, found: Found) -> datetime | None:
        """When a record was changed last: the row that was, of all that it is made of; `None` if one does not tell."""
        stamps: list[datetime] = []
        for part in self.tables.parts:
            if part.modified is not None and found.row(part) is not None:
                stamp = stamp_of(self._raw_stamp(found, part), self._zone)
                if stamp is None:
                    return None
                stamps.append(stamp)
        return max(stamps, default=None)

    def _clock(self, connection: sa.Connection) -> datetime | None:
        if self._dialect != "postgresql":
            return None
        found: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return found.astimezone(UTC)


def takes_connection(function: Any) -> bool:
    """Whether a function of the host's that makes ids wants the connection, too."""
    import inspect

    try:
        inspect.signature(function).bind("key", None)
    except (TypeError, ValueError):
        return False
    return True
