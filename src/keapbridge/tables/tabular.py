"""What is a table: everything of rows has the same five ways out of Python."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from keapbridge.tables.approvals import APPROVE, CHOICES
from keapbridge.tables.files import needs, write_csv, write_excel
from keapbridge.tables.values import Cell, Row, as_json, cells, row_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Page", "Rows", "Tabular", "to_csv", "to_dicts", "to_excel", "to_pandas", "to_polars"]

T = TypeVar("T")


class Tabular(ABC):
    """Something of rows. Nested values are laid flat in everything but dicts: `address.city`."""

    __slots__ = ()

    @abstractmethod
    def _dicts(self) -> Iterator[Row]:
        """Its rows, nested as they are."""

    def _table(self) -> Iterator[Mapping[str, Cell]]:
        """Its rows laid flat."""
        return map(cells, self._dicts())

    def to_dicts(self) -> list[dict[str, Any]]:
        """Its rows as dicts that `json.dumps` takes: moments and days in ISO 8601."""
        return [as_json(dict(row)) for row in self._dicts()]

    def to_polars(self) -> pl.DataFrame:
        """Its rows as a polars data frame.

        Raises:
            ImportError: when polars is not there.
        """
        try:
            import polars as pl
        except ImportError as error:
            raise ImportError(needs("data frames", "polars"), name=error.name) from error
        columns, rows = self._columns()
        return pl.DataFrame({name: _of_one_kind([row.get(name) for row in rows]) for name in columns}, strict=False)

    def to_pandas(self) -> pd.DataFrame:
        """Its rows as a pandas data frame.

        Raises:
            ImportError: when pandas is not there.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(needs("data frames", "pandas"), name=error.name) from error
        columns, rows = self._columns()
        return pd.DataFrame({name: _of_one_kind([row.get(name) for row in rows]) for name in columns})

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write its rows to a CSV file (UTF-8). A quote stands before what a spreadsheet would take for a formula.

        Args:
            path: where to; a file that is there is replaced.
        """
        write_csv(path, *self._sheet())

    def to_excel(self, path: str | os.PathLike[str]) -> None:
        """Write its rows to a sheet. What records hold are texts in it, never formulas.

        Args:
            path: where to (`.xlsx`); a file that is there is replaced.

        Raises:
            ImportError: when XlsxWriter is not there.
            ValueError: for more than 1,048,575 rows.
        """
        choices = CHOICES if self._is_to_be_approved else ()
        write_excel(path, *self._sheet(), name=self._name, choices=choices)

    @property
    def _name(self) -> str:
        """Of its sheet."""
        return "table"

    @property
    def _is_to_be_approved(self) -> bool:
        """Whether a person ticks its rows in a file."""
        return False

    def _sheet(self) -> tuple[Sequence[str], Iterator[Sequence[Cell]]]:
        """What stands in a file."""
        columns, rows = self._columns()
        first = [APPROVE] if self._is_to_be_approved else []
        return [*first, *columns], ([*(None for _ in first), *map(row.get, columns)] for row in rows)

    def _columns(self) -> tuple[Sequence[str], Sequence[Mapping[str, Cell]]]:
        """The names of all columns, in the order in which they are met, and the rows."""
        rows = list(self._table())
        return list(dict.fromkeys(name for row in rows for name in row)), rows


def _of_one_kind(column: list[Cell]) -> list[Any]:
    """A column that a frame can hold: texts, where its values are of several kinds."""
    kinds = {type(cell) for cell in column if cell is not None}
    if len(kinds) <= 1 or kinds == {int, float}:
        return list(column)
    return [None if cell is None else str(cell) for cell in column]


class Rows(list[T], Tabular):
    """A list that is a table, too."""

    __slots__ = ()

    def _dicts(self) -> Iterator[Row]:
        return map(row_of, self)

    def _repr_html_(self) -> str:
        from keapbridge.tables.display import ROWS, show_rows

        kinds = {type(each).__name__ for each in self}
        of = kinds.pop() if len(kinds) == 1 else "rows"
        return show_rows([cells(row_of(each)) for each in self[:ROWS]], len(self), of)


class Page(Rows[T]):
    """A part of a longer list.

    Attributes:
        next: after what the list goes on: `after=page.next` asks for the next part; `None` at the end of the list.
    """

    __slots__ = ("next",)

    def __init__(self, rows: Iterable[T] = (), next: str | None = None) -> None:
        super().__init__(rows)
        self.next = next


def _tabular(values: Tabular | Iterable[Any]) -> Tabular:
    if isinstance(values, Tabular):
        return values
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        of = type(values).__name__
        collect = "; collect it first: [each async for each in …]" if isinstance(values, AsyncIterable) else ""
        raise TypeError(f"a plan, a report, or several records, as keap.contacts.list() has them, not {of}{collect}")
    return Rows(values)


def to_dicts(values: Tabular | Iterable[Any]) -> list[dict[str, Any]]:
    """Records, lines or failures (or a whole plan or report) as dicts that `json.dumps` takes.

    ```python
    kb.to_dicts(keap.contacts.list())
    ```

    What was not asked for is left out; `None` is known to be empty. Moments and days are in ISO 8601.

    Args:
        values: any number of them; they are read at once.

    Raises:
        TypeError: for what has no attributes to make columns of.
    """
    return _tabular(values).to_dicts()


def to_polars(values: Tabular | Iterable[Any]) -> pl.DataFrame:
    """The same as a polars data frame; nested values are laid flat (`addresses.1.locality`).

    Raises:
        ImportError: when polars is not there.
        TypeError: as `to_dicts`.
    """
    return _tabular(values).to_polars()


def to_pandas(values: Tabular | Iterable[Any]) -> pd.DataFrame:
    """The same as a pandas data frame.

    Raises:
        ImportError: when pandas is not there.
        TypeError: as `to_dicts`.
    """
    return _tabular(values).to_pandas()


def to_csv(values: Tabular | Iterable[Any], path: str | os.PathLike[str]) -> None:
    """The same as a CSV file (UTF-8), in which no cell is a formula.

    Raises:
        TypeError: as `to_dicts`.
    """
    _tabular(values).to_csv(path)


def to_excel(values: Tabular | Iterable[Any], path: str | os.PathLike[str]) -> None:
    """The same as a sheet (`.xlsx`), in which no cell is a formula.

    Raises:
        ImportError: when XlsxWriter is not there.
        TypeError, ValueError: as `to_dicts`, and for more than 1,048,575 rows.
    """
    _tabular(values).to_excel(path)
