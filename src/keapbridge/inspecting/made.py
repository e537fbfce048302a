"""Functions that make values for new rows and for copies, which can be printed as well as called. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import attrs

__all__ = ["InCase", "SameAs", "ShortId", "is_printable"]


@attrs.frozen
class ShortId:
    """Makes the id of a new row for a column that has no room for a UUID."""

    length: int

    def __call__(self, key: str) -> str:
        """Of the key of a create."""
        return key.replace("-", "")[-self.length :].upper()

    @property
    def source(self) -> str:
        """The same in Python."""
        return f'lambda key: key.replace("-", "")[-{self.length}:].upper()'


@attrs.frozen
class InCase:
    """The text of another column of the row in `upper` or `lower` letters."""

    case: str
    column: str

    def __call__(self, row: Mapping[str, Any]) -> Any:
        """Of what else the row holds."""
        return getattr(row.get(self.column) or "", self.case)()

    @property
    def source(self) -> str:
        """The same in Python."""
        return f'lambda row: (row.get("{self.column}") or "").{self.case}()'


@attrs.frozen
class SameAs:
    """What another column of the row holds."""

    column: str

    def __call__(self, row: Mapping[str, Any]) -> Any:
        """Of what else the row holds."""
        return row.get(self.column)

    @property
    def source(self) -> str:
        """The same in Python."""
        return f'lambda row: row.get("{self.column}")'


def is_printable(value: object) -> TypeGuard[ShortId | InCase | SameAs]:
    """Whether a value is one of these."""
    return isinstance(value, (ShortId, InCase, SameAs))
