"""Rows of all tables that records are made of, gathered record by record."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa

from keapbridge.customcrm.sql.cells import Reader
from keapbridge.customcrm.sql.keys import Key, Raw
from keapbridge.customcrm.sql.parts import Part, Tables
from keapbridge.errors import MappingError
from keapbridge.model.maybe import Unreadable

__all__ = ["Found", "Gatherer"]

Row = Mapping[str, Any]
NO_REFERENCE = (None, 0, "", "0")  # as tables spell it, where no row is called so


@attrs.frozen(eq=False)
class Found:
    """One record, as rows.

    Attributes:
        rows: its rows in each table, `Unreadable` where nobody can tell which they are.
    """

    id: Raw
    rows: Mapping[Part, Sequence[Row] | Unreadable]

    def row(self, part: Part) -> Row | Unreadable | None:
        """The one row of a table; `None` where there is none, `Unreadable` where there are several."""
        rows = self.rows[part]
        if isinstance(rows, Unreadable):
            return rows
        if len(rows) > 1:
            return Unreadable(f"{len(rows)} rows in {part.table.name}")
        return rows[0] if rows else None


def _folded(text: str) -> str:
    """A text as the broadest of collations sees it."""
    plain = unicodedata.normalize("NFKD", text.casefold()).rstrip()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@attrs.frozen
class Gatherer:
    """Reads the rows of records.

    Attributes:
        alive: the conditions for the records that are there.
        patient: see `cells.Reader`.
    """

    connection: sa.Connection
    tables: Tables
    key: Key
    alive: Sequence[sa.ColumnElement[bool]] = ()
    patient: bool = False

    def gather(self, ids: Sequence[Raw], *, lock: bool = False) -> list[Found]:
        """Those of the records that there are, in the order of their ids.

        Raises:
            CellError: when a row cannot be read, unless it is patient.
            MappingError: when two rows of the table of the records have the same id.
        """
        if not ids:
            return []
        main = self.tables.main
        locks = lock and not main.seen.is_view
        reader = Reader(self.connection, main.table, self.key, self.alive, locks, self.patient)
        records: dict[Raw, dict[Part, Sequence[Row] | Unreadable]] = {}
        for row in reader.read(ids):
            id = self.key.of(row)
            if id in records:
                names = ", ".join(column.name for column in self.key.columns)
                raise MappingError(f"{main.table.name}: two rows have the same id ({names}): no id= tells them apart")
            records[id] = {main: [row]}
        for part in self.tables.parts[1:]:
            self._hang(part, [Found(id, rows) for id, rows in records.items()], records)
        return [Found(id, records[id]) for id in dict.fromkeys(ids) if id in records]

    def _hang(
        self, part: Part, found: Sequence[Found], records: Mapping[Raw, dict[Part, Sequence[Row] | Unreadable]]
    ) -> None:
        """Add the rows of a part to the records."""
        remote, local = part.link
        assert part.above is not None  # it hangs on something
        held: dict[Raw, Any] = {}
        for one in found:
            row = one.row(part.above)
            value = row if isinstance(row, Unreadable) or row is None else row[local.name]
            if isinstance(value, Unreadable):
                records[one.id][part] = value
            else:
                held[one.id] = value
        wanted = list(dict.fromkeys((value,) for value in held.values() if value is not None))
        reader = Reader(self.connection, part.table, Key((remote,)), part.where, patient=self.patient)
        rows: dict[str, list[Row]] = {}
        for row in reader.read(wanted) if wanted else ():
            rows.setdefault(str(row[remote.name]), []).append(row)
        # The database may call texts the same that are not: by its collation, or for spaces behind them.
        strange = rows.keys() - {str(value) for value in held.values()}
        alike: dict[str, list[Row]] = {}
        for name in strange:
            alike.setdefault(_folded(name), []).extend(rows[name])
        for id, value in held.items():
            its = rows.get(str(value), []) if value is not None else []
            if strange and isinstance(value, str):
                its = its + alike.get(_folded(value), [])
            lost = part.is_lookup and not its and value not in NO_REFERENCE
            records[id][part] = Unreadable(f"{local.table.name}.{local.name} refers to no row") if lost else its
