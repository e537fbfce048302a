"""The two sides of a bridge."""

from __future__ import annotations

from enum import Enum

__all__ = ["Side"]


class Side(Enum):
    """One of the two systems."""

    CUSTOMCRM = "customcrm"
    KEAP = "keap"

    # There is one of each, so its identity will do; what enums have hashes their names, a hundred times a record.
    __hash__ = object.__hash__

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.KEAP if self is Side.CUSTOMCRM else Side.CUSTOMCRM

    @property
    def title(self) -> str:
        """Its name, for people."""
        return self.value.capitalize()
