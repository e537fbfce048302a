"""What is written to the tables of a record: values of columns, references to rows of others, new rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from keapbridge.customcrm.sql.clock import now_in
from keapbridge.customcrm.sql.documents import Path, dug, is_empty, placed
from keapbridge.customcrm.sql.gathering import Found
from keapbridge.customcrm.sql.keys import UUID_TEXT, Raw
from keapbridge.customcrm.sql.lookups import Wanted, find_row, refers_to
from keapbridge.customcrm.sql.parts import Part
from keapbridge.customcrm.sql.reading import REFERENCE, ReadRows
from keapbridge.customcrm.sql.reflected import AsWritten, can_be_blank, is_binary, is_number
from keapbridge.customcrm.sql.values import converted
from keapbridge.customcrm.sql.words import spelt
from keapbridge.errors import StatusError
from keapbridge.model.maybe import Unreadable

__all__ = ["Values", "WrittenValues", "goes_along", "made_id"]

FEWEST_DIGITS = 16  # of a made id: 64 bits, of which no two are alike by chance
COMPUTED = "is computed by the database, and is not written"
OF_ID = "is the id of its row, which does not change"
PASSED_OVER = "a trigger, a rule or a policy of the database passed it over"
SPELLINGS = 20  # cells of a column that are looked at to learn how it spells yes and no

Values = dict[Part, dict[str, Any]]
"""What is written to each table, by column."""


class WrittenValues(ReadRows):
    """The records of one object, and what becomes of values that are written to them."""

    # --- values -----------------------------------------------------------------------------------------------------

    def _values(self, connection: sa.Connection, given: Mapping[str, Any], found: Found | None = None) -> Values:
        """What is written to each table: of a new record, or of one that there is."""
        values: Values = {part: {} for part in self.tables.parts}
        for part in self.tables.parts:
            for name, column in part.columns.items():
                if name in given and not part.is_lookup:
                    value = given[name]
                    if column.name in part.seen.computed:
                        raise StatusError(f"{self.object}: {self._place(part, column)} {COMPUTED}", status=422)
                    if name in self._of_id and found is not None:
                        raise StatusError(f"{self.object}: {self._place(part, column)} {OF_ID}", status=422)
                    if name == REFERENCE and is_binary(column) and isinstance(value, str):
                        value = bytes.fromhex(value)
                    if path := part.path(name):
                        self._place_in_document(values[part], part, column, path, value, found)
                        continue
                    word = self._word(connection, part, column, value, found) if isinstance(value, bool) else None
                    values[part][column.name] = self._stored(part, column, value) if word is None else word
        return values

    def _place_in_document(
        self, own: dict[str, Any], part: Part, column: sa.Column[Any], path: Path, value: Any, found: Found | None
    ) -> None:
        """Write to one place of a column that holds JSON; to nothing else of it."""
        row = None if found is None else found.row(part)
        cell = None if row is None or isinstance(row, Unreadable) else row[column.name]
        if isinstance(cell, Unreadable) or isinstance(dug(cell, path), Unreadable):
            raise StatusError(f"{self.object}: {self._place(part, column)} holds no JSON with such a place", status=422)
        if row is None and value is None:
            return
        onto = own.get(column.name, None if is_empty(cell) else column)
        made = placed(self._dialect, onto, cell, path, value)
        own[column.name] = sa.cast(made, column.type) if self._dialect == "postgresql" else made

    def _refer(self, connection: sa.Connection, values: Values, given: Mapping[str, Any], found: Found | None) -> None:
        """Set the references to what properties name.

        Raises:
            StatusError: when no row has what they name, and none shall be made.
        """
        for part in self.tables.parts:
            above = part.above
            if not part.is_lookup or above is None or above.is_lookup or not Wanted.concerns(self.tables, part, given):
                continue
            _, local = part.link
            wanted = Wanted.of(self.tables, part, given, found)
            if wanted.is_empty:
                values[above][local.name] = None
                continue
            key = find_row(connection, self.tables, part, wanted, self._stored)
            if key is None and refers_to(part) == "create":
                key = self._refer_to_new(connection, part, wanted)
            if key is None:
                raise StatusError(f"{self.object}: {wanted.missing_in(part)}", status=422)
            values[above][local.name] = key

    def _refer_to_new(self, connection: sa.Connection, part: Part, wanted: Wanted) -> Any:
        """Make the row that a reference is to be to, and those that it refers to itself."""
        values: Values = {each: {} for each in self.tables.parts}
        values[part] = {
            column.name: self._stored(part, column, wanted.values[name])
            for name, column in part.columns.items()
            if wanted.values.get(name) is not None
        }
        for child in self.tables.below(part):
            under = wanted.below(self.tables, child)
            if under.is_empty:
                continue
            key = find_row(connection, self.tables, child, under, self._stored)
            if key is None and refers_to(child) == "create":
                key = self._refer_to_new(connection, child, under)
            if key is None:
                return None
            values[part][child.link[1].name] = key
        digest = " ".join(f"{name}={value}" for name, value in sorted(wanted.values.items()))
        return self._insert_row(connection, part, values[part], digest)[part.link[0].name]

    def _word(
        self, connection: sa.Connection, part: Part, column: sa.Column[Any], value: bool, found: Found | None
    ) -> Any:
        """Yes or no for a column of texts, as the row spells it, or else others do; `None` for another column."""
        if not isinstance(column.type, (sa.String, AsWritten)):
            return None
        row = None if found is None else found.row(part)
        own = [] if row is None or isinstance(row, Unreadable) or row[column.name] is None else [row[column.name]]
        if not own and not self._words.get(column):
            query = sa.select(column).where(column.is_not(None), *part.where).limit(SPELLINGS)
            self._words[column] = connection.execute(query).scalars().all()
        like = own or self._words.get(column, ())
        if isinstance(column.type, AsWritten) and not any(isinstance(cell, str) for cell in like):
            return None
        return sa.literal(spelt(value, like, getattr(column.type, "length", None)), sa.String())

    def _place(self, part: Part, column: sa.Column[Any]) -> str:
        return f"{part.table.name}.{column.name}"

    def _stored(self, part: Part, column: sa.Column[Any], value: Any) -> Any:
        if value is None:
            return "" if can_be_blank(column) and column.name in part.seen.required else None
        try:
            return converted(column, value, self._zone)
        except (ValueError, TypeError, ArithmeticError):
            raise StatusError(f"{self.object}: {self._place(part, column)} takes no such value", status=422) from None

    def _refuse_strangers(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            constant = self.given.constants.get(name)
            if name not in self.properties or (name in self.given.constants and value not in (None, constant)):
                held = f"holds {name} {constant} only" if constant is not None else f"has no column for {name}"
                raise StatusError(f"{self.object}: {self.given.name} {held}", status=422)

    def _touched(self, part: Part) -> dict[str, Any]:
        return {part.modified.name: self._now(part.modified)} if self.given.touch and part.modified is not None else {}

    def _new_id(self, key: str, connection: sa.Connection) -> Raw:
        if self.given.new_id is not None:
            made = self.given.new_id(key, connection) if self._given_connection() else self.given.new_id(key)
            return tuple(made) if isinstance(made, (tuple, list)) else (made,)
        if len(self.given.ids) > 1:
            raise StatusError(f"{self.object}: a key of several columns is made by new_id=", status=422)
        return (made_id(f"{self.object} {key}", self._key.columns[0]),)

    def _now(self, column: sa.Column[Any]) -> Any:
        """The database's own clock: all that write to it share it."""
        return now_in(self._dialect, column, self._zone)

    # --- new rows ---------------------------------------------------------------------------------------------------

    def _insert_row(self, connection: sa.Connection, part: Part, own: Mapping[str, Any], key: str) -> dict[str, Any]:
        seen, table = part.seen, part.table
        whole: dict[str, Any] = {**part.fixed, **own, **self._touched(part)}
        if part is not self._main:
            whole |= self._own_ids(part, {**part.given.on_create, **whole}, key)
        for name, value in part.given.on_create.items():
            if whole.get(name) is None:
                whole[name] = value(dict(whole)) if callable(value) else value
        whole |= goes_along(part, whole)
        needed = seen.required - seen.defaults
        whole |= {c.name: "" for c in table.c if c.name in needed and c.name not in whole and can_be_blank(c)}
        statement = sa.insert(table).values(whole)
        asked = {child.link[1] for child in self.tables.below(part) if not child.is_lookup}
        asked |= set(self._key.columns) if part is self._main else {part.link[0]}
        wanted = [column for column in asked if column.name not in whole]
        return {**whole, **self._executed(connection, part, statement, wanted)}

    def _executed(self, connection: sa.Connection, part: Part, statement: Any, wanted: Sequence[Any]) -> dict[str, Any]:
        """Insert a row; what the database has put into these of its columns."""
        if not wanted:
            connection.execute(statement)
            return {}
        if part.seen.is_view and self._dialect == "sqlite":
            key = self.tables.key
            assert key is not None  # checked when it was made
            connection.execute(statement)
            found = connection.execute(sa.select(*wanted).where(key == statement.compile().params[key.name])).one()
        elif connection.dialect.insert_returning:
            returned = connection.execute(statement.returning(*wanted)).first()
            if returned is None:
                raise StatusError(f"{self.object}: no row of {part.table.name} was made: {PASSED_OVER}", status=422)
            found = returned
        else:
            made: Any = connection.execute(statement).inserted_primary_key
            by_name = dict(zip((c.name for c in part.table.primary_key), made, strict=True))
            return {column.name: by_name[column.name] for column in wanted}
        return {column.name: value for column, value in zip(wanted, found, strict=True)}

    def _own_ids(self, part: Part, whole: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Ids for a row of another table, where neither the database nor the record gives them."""
        seen = part.seen
        lacking = [name for name in seen.key if name not in whole and name not in seen.defaults]
        texts = [part.table.c[name] for name in lacking if not is_number(part.table.c[name])]
        return {c.name: made_id(f"{self.object} {part.name} {c.name} {key}", c) for c in texts}


def goes_along(part: Part, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row holds beside what is written to it, because of that."""
    return {name: value(dict(row)) if callable(value) else value for name, value in part.on_write.items()}


def made_id(of: str, column: sa.Column[Any]) -> str | bytes:
    """A UUID made from a text, as a column of ids takes it; where that is short, as much of it as goes in.

    Raises:
        StatusError: where that is too little to be an id of its own.
    """
    made = hashlib.blake2b(of.encode(), digest_size=16).digest()
    # As RFC 9562 marks a UUID whose bits mean something to its maker only.
    digits = bytes([*made[:6], made[6] & 0x0F | 0x80, made[7], made[8] & 0x3F | 0x80, *made[9:]]).hex()
    length = getattr(column.type, "length", None)
    if is_binary(column):
        return bytes.fromhex(digits)
    if length is not None and length < UUID_TEXT + 4:
        if length < FEWEST_DIGITS:
            place = f"{column.table.name}.{column.name}"
            raise StatusError(f"{place} is too short for an id: give on_create=, which makes one", status=422)
        return digits[:length]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
