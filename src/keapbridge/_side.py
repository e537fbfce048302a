"""The two sides of a bridge."""

from __future__ import annotations

from enum import Enum

__all__ = ["Side"]


class Side(Enum):
    """One of the two systems."""

    CUSTOMCRM = "customcrm"
    KEAP = "keap"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.KEAP if self is Side.CUSTOMCRM else Side.CUSTOMCRM

    @property
    def title(self) -> str:
        """Its name, for people."""
        return self.value.capitalize()
