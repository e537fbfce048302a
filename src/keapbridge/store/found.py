"""What a statement found that was executed without SQLAlchemy, in the words of SQLAlchemy's results."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

__all__ = ["Found"]


class Found:
    """The rows, all of which are read: whoever asks for many asks for some at a time.

    A row is a tuple whose values have the names of their columns, too.

    Attributes:
        rowcount: how many rows were changed.
    """

    def __init__(self, cursor: Any) -> None:
        self.rowcount: int = cursor.rowcount
        self._rows: list[Any] = []
        if cursor.description is not None:
            make = _row_of(tuple(column[0] for column in cursor.description))
            self._rows = [make(values) for values in cursor.fetchall()]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        return self._rows

    def first(self) -> Any:
        """The first row; `None` where there is none."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """The only row.

        Raises:
            ValueError: when there are none or several.
        """
        [row] = self._rows
        return row

    def one_or_none(self) -> Any:
        """The only row; `None` where there is none."""
        return self.one() if self._rows else None

    def scalars(self) -> Iterator[Any]:
        """The first value of each row."""
        return (row[0] for row in self._rows)

    def scalar(self) -> Any:
        """The first value of the first row; `None` where there is none."""
        return self._rows[0][0] if self._rows else None


@lru_cache(maxsize=512)
def _row_of(columns: tuple[str, ...]) -> Any:
    made: Any = namedtuple("Row", columns, rename=True)  # type: ignore[misc]  # noqa: PYI024 - known only now
    return made._make
