"""Rows of a database of which some cannot be read: read by halves, and a row that stands alone column by column.

What a driver cannot make a value of (a date without a day, a text in another encoding) is `Unreadable` then, and all
else of the row is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from keapbridge.customcrm.sql.keys import Key, Raw
from keapbridge.model.maybe import Unreadable

__all__ = ["CellError", "Reader"]

Row = Mapping[str, Any]


class CellError(Exception):
    """Some rows cannot be read at once."""


@attrs.frozen
class Reader:
    """Reads rows of a table by what they are called by.

    Attributes:
        by: the columns that the ids are of.
        patient: read by halves what cannot be read at once. It needs a transaction in which nothing has failed.
    """

    connection: sa.Connection
    table: sa.Table
    by: Key
    where: Sequence[Any] = ()
    lock: bool = False
    patient: bool = False

    def read(self, ids: Sequence[Raw]) -> list[Row]:
        """The rows, in any order.

        Raises:
            CellError: when one of them cannot be read, unless the reader is patient.
        """
        if not self.patient:
            try:
                return self._all(ids)
            except Exception as error:
                if not _is_of_a_value(error):
                    raise
                raise CellError from error
        try:
            with self.connection.begin_nested():
                return self._all(ids)
        except Exception as error:
            if not _is_of_a_value(error):
                raise
            reason = f"the database cannot show it: {_name(error)}"
        if len(ids) == 1:
            return self._by_columns(ids[0], reason)
        middle = len(ids) // 2
        return self.read(ids[:middle]) + self.read(ids[middle:])

    def _all(self, ids: Sequence[Raw]) -> list[Row]:
        query = sa.select(self.table).where(self.by.among(ids), *self.where)
        if self.lock:
            query = query.with_for_update()
        return list[Any](self.connection.execute(query).mappings())

    def _by_columns(self, id: Raw, reason: str) -> list[Row]:
        these = (self.by.among([id]), *self.where)
        count = self.connection.execute(sa.select(sa.func.count()).select_from(self.table).where(*these)).scalar_one()
        columns = {column.name: self._column(column, these, count, reason) for column in self.table.c}
        columns |= {column.name: [part] * count for column, part in zip(self.by.columns, id, strict=True)}
        return [{name: values[n] for name, values in columns.items()} for n in range(count)]

    def _column(self, column: sa.Column[Any], these: Sequence[Any], count: int, reason: str) -> list[Any]:
        try:
            with self.connection.begin_nested():
                return list(self.connection.execute(sa.select(column).where(*these)).scalars())
        except Exception as error:
            if not _is_of_a_value(error):
                raise
            return [Unreadable(reason)] * count


def _is_of_a_value(error: Exception) -> bool:
    """Whether an error tells of what a row holds, and not of the database."""
    match error:
        case OperationalError():
            return "decode" in str(error.orig).casefold()  # as SQLite's driver calls it
        case IntegrityError() | InterfaceError() | ProgrammingError():
            return False
        case DBAPIError():
            return not error.connection_invalidated
        case _:
            return isinstance(error, (ValueError, TypeError, ArithmeticError, LookupError))


def _name(error: Exception) -> str:
    return type(error.orig if isinstance(error, DBAPIError) else error).__name__
