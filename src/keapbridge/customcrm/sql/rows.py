"""The rows of one kind of record, written, once it is seen that nobody has moved them meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from keapbridge.customcrm.sql.reading import UUID_TEXT, ReadRows
from keapbridge.customcrm.sql.reflected import AsWritten, Part, can_be_blank, has_zone, is_number
from keapbridge.customcrm.sql.values import converted
from keapbridge.customcrm.sql.words import spelt
from keapbridge.errors import ConflictError, NotFoundError, StatusError
from keapbridge.model.checked import asked_id

__all__ = ["Rows"]

SPELLINGS = 20  # cells of a column that are looked at to learn how it spells yes and no


class Rows(ReadRows):
    """The records of one object, which are written, too."""

    def create(self, connection: sa.Connection, record: Mapping[str, Any], key: str) -> dict[str, Any]:
        self._refuse_strangers(record)
        self._lock(connection)
        id = None if self._makes_ids else self._new_id(key)
        known = self._made_before(connection, id, key)
        if known is not None:
            return known
        values = self._values(connection, self._main, record)
        if id is not None:
            values[self.given.id] = id
        if self._key is not None:
            values[self._key.name] = key
        if self._created is not None and self.given.touch and self._created.name not in self._main.seen.defaults:
            values[self._created.name] = self._now(self._created)
        values |= self._touched(self._main)
        values |= {c.name: "" for c in self._never_empty() if c.name not in values and can_be_blank(c)}
        statement = sa.insert(self._main.seen.table).values(values)
        if id is None:
            id = self._inserted(connection, statement, key)
        else:
            connection.execute(statement)
        for part in self._parts[1:]:
            self._write_part(connection, part, id, self._values(connection, part, record))
        return self._records(connection, [id])[0]

    def _inserted(self, connection: sa.Connection, statement: Any, key: str) -> Any:
        if self._main.seen.is_view and self._dialect == "sqlite":
            assert self._key is not None  # checked when it was made
            connection.execute(statement)
            return connection.execute(sa.select(self._id).where(self._key == key)).scalar_one()
        if connection.dialect.insert_returning:
            return connection.execute(statement.returning(self._id)).scalar_one()
        made: Any = connection.execute(statement).inserted_primary_key
        return made[0]

    def _made_before(self, connection: sa.Connection, id: Any, key: str) -> dict[str, Any] | None:
        if self._key is None and id is None:
            return None
        condition: sa.ColumnElement[bool] = (self._id == id) if self._key is None else (self._key == key)
        found = connection.execute(sa.select(self._id).where(condition)).scalar()
        if found is None:
            return None
        records = self._records(connection, [found])
        if not records:
            raise NotFoundError(f"{self.object} {found} was made and deleted since", status=410)
        return records[0]

    def update(
        self, connection: sa.Connection, id: str, changes: Mapping[str, Any], version: str | None
    ) -> dict[str, Any]:
        raw = self._existing(connection, id, version)
        self._refuse_strangers(changes)
        for part in self._parts[1:]:
            values = self._values(connection, part, changes, raw)
            if values:
                self._write_part(connection, part, raw, values)
        values = self._values(connection, self._main, changes, raw) | self._touched(self._main)
        if values:
            statement = sa.update(self._main.seen.table).where(self._id == raw).values(values)
            connection.execute(statement)
        return self._records(connection, [raw])[0]

    def update_together(
        self, connection: sa.Connection, writes: Sequence[tuple[str, Mapping[str, Any], str | None]]
    ) -> list[dict[str, Any]]:
        """Several updates, of which one may write what another one gives up."""
        for id, _, version in sorted(writes, key=lambda write: write[0]):  # in one order, so that nobody is locked out
            self._existing(connection, id, version)
        for id, changes, _ in writes:
            self._give_up(connection, self._raw_id(id), changes)
        return [self.update(connection, id, changes, None) for id, changes, _ in writes]

    def _give_up(self, connection: sa.Connection, raw: Any, changes: Mapping[str, Any]) -> None:
        """Let go of the values that are about to be replaced: nobody sees what takes their place until then."""
        for part in self._parts:
            free = {c.name: self._nothing(part, c, raw) for name, c in part.columns.items() if name in changes}
            if free:
                connection.execute(sa.update(part.seen.table).where(part.on == raw, *part.where).values(free))

    def _nothing(self, part: Part, column: sa.Column[Any], raw: Any) -> Any:
        if column.name not in part.seen.required:
            return None
        if not isinstance(column.type, sa.String):
            return column
        longest = getattr(column.type, "length", None) or 40
        return hashlib.blake2b(f"{column.name} {raw}".encode(), digest_size=20).hexdigest()[:longest]

    def delete(self, connection: sa.Connection, id: str, version: str | None) -> None:
        raw = self._existing(connection, id, version)
        table = self._main.seen.table
        if self._deleted is None:
            for part in self._parts[1:]:
                connection.execute(sa.delete(part.seen.table).where(part.on == raw, *part.where))
            connection.execute(sa.delete(table).where(self._id == raw))
            return
        column = self._deleted
        is_flag = isinstance(column.type, sa.Boolean)
        value = True if is_flag else 1 if is_number(column) else self._now(column)
        connection.execute(
            sa.update(table).where(self._id == raw).values({column.name: value, **self._touched(self._main)})
        )

    def _existing(self, connection: sa.Connection, id: str, version: str | None) -> Any:
        """The id of a record that is there in this version; nobody else can write it until the transaction ends."""
        self._lock(connection)
        raw = self._raw_id(asked_id(id))
        records = [] if raw is None else self._records(connection, [raw], lock=True)
        if not records:
            raise NotFoundError(f"{self.object} {id} is not there", status=404)
        if version is not None and records[0]["ETag"] != version:
            raise ConflictError(f"{self.object} {id} was changed meanwhile", status=412)
        return raw

    def _lock(self, connection: sa.Connection) -> None:
        if self._dialect == "sqlite" and not self._main.seen.is_view:
            # It has no locks for rows; a write that writes nothing makes this transaction the only writer.
            nothing = sa.update(self._main.seen.table).where(sa.false()).values({self.given.id: self._id})
            connection.execute(nothing)

    def _write_part(self, connection: sa.Connection, part: Part, id: Any, values: Mapping[str, Any]) -> None:
        """Write to the row of another table; one without content is not made."""
        table = part.seen.table
        done = (
            connection.execute(
                sa.update(table).where(part.on == id, *part.where).values({**values, **self._touched(part)})
            ).rowcount
            if values
            else 0
        )
        if not done and any(value not in (None, "") for value in values.values()):
            seen = part.seen
            blank = {c.name: "" for c in table.c if c.name in seen.required - seen.defaults and can_be_blank(c)}
            whole = {**blank, **part.fixed, part.on.name: id, **values, **self._touched(part)}
            connection.execute(sa.insert(table).values(whole))

    def _values(
        self, connection: sa.Connection, part: Part, given: Mapping[str, Any], raw: Any = None
    ) -> dict[str, Any]:
        """The values of a row: of a new one, or of that which belongs to the record with the id `raw`."""
        found: dict[str, Any] = {}
        for name, column in part.columns.items():
            if name in given:
                value = given[name]
                word = self._word(connection, part, column, value, raw) if isinstance(value, bool) else None
                found[column.name] = self._stored(part, column, value) if word is None else word
        return found

    def _word(self, connection: sa.Connection, part: Part, column: sa.Column[Any], value: bool, raw: Any) -> Any:
        """Yes or no for a column of texts, as the row spells it, or else others do; `None` for another column."""
        if not isinstance(column.type, (sa.String, AsWritten)):
            return None
        query = sa.select(column).where(column.is_not(None))
        own: Sequence[Any] = ()
        if raw is not None:
            own = connection.execute(query.where(part.on == raw, *part.where).limit(1)).scalars().all()
        if not own and not self._words.get(column):
            self._words[column] = connection.execute(query.where(*part.where).limit(SPELLINGS)).scalars().all()
        like = own or self._words.get(column, ())
        if isinstance(column.type, AsWritten) and not any(isinstance(cell, str) for cell in like):
            return None
        return sa.literal(spelt(value, like, getattr(column.type, "length", None)), sa.String())

    def _stored(self, part: Part, column: sa.Column[Any], value: Any) -> Any:
        if value is None:
            return "" if can_be_blank(column) and column.name in part.seen.required else None
        try:
            return converted(column, value)
        except (ValueError, TypeError, ArithmeticError):
            where = f"{part.seen.table.name}.{column.name}"
            raise StatusError(f"{self.object}: {where} takes no such value", status=422) from None

    def _refuse_strangers(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            constant = self.given.constants.get(name)
            if name not in self.properties or (name in self.given.constants and value not in (None, constant)):
                held = f"holds {name} {constant} only" if constant is not None else f"has no column for {name}"
                raise StatusError(f"{self.object}: {self.given.name} {held}", status=422)

    def _touched(self, part: Part) -> dict[str, Any]:
        return {part.modified.name: self._now(part.modified)} if self.given.touch and part.modified is not None else {}

    def _new_id(self, key: str) -> Any:
        if self.given.new_id is not None:
            return self.given.new_id(key)
        made = hashlib.blake2b(f"{self.object} {key}".encode(), digest_size=16).digest()
        # As RFC 9562 marks a UUID whose bits mean something to its maker only.
        digits = bytes([*made[:6], made[6] & 0x0F | 0x80, made[7], made[8] & 0x3F | 0x80, *made[9:]]).hex()
        length = getattr(self._id.type, "length", None)
        if length is not None and length < UUID_TEXT + 4:
            return digits
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _now(self, column: sa.Column[Any]) -> Any:
        """The database's own clock: all that write to it share it."""
        match self._dialect:
            case "sqlite":
                return sa.func.strftime("%Y-%m-%d %H:%M:%f", "now")
            case "postgresql":
                now = sa.func.clock_timestamp()
                return now if has_zone(column) else sa.func.timezone("UTC", now)
            case "mysql" | "mariadb":
                return sa.func.utc_timestamp(sa.text("6"))
            case _:
                return sa.func.current_timestamp()
