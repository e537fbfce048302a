"""The two sides of a bridge."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from keapbridge.model.meant import is_meant

__all__ = ["Side", "SideName"]

SideName = Literal["customcrm", "keap"]
"""A side as a text, which is taken wherever a host names one."""


class Side(StrEnum):
    """One of the two systems. It equals its name: `line.side == "keap"`.

    Attributes:
        other: the opposite side.
        title: its name, for people.
    """

    CUSTOMCRM = "customcrm"
    KEAP = "keap"

    other: Side
    title: str  # type: ignore[assignment]

    def __init__(self, value: str) -> None:
        self.title = value.capitalize()  # pyright: ignore[reportIncompatibleMethodOverride]

    @classmethod
    def of(cls, given: Any, what: str) -> Side:
        """The side that a host names.

        Args:
            given: a side, or its name.
            what: the argument, for the error.

        Raises:
            ValueError: for what is none. A text is not repeated unless it is nearly a side: it may be somebody's name.
        """
        match given:
            case "customcrm" | "keap":  # a member equals its name
                return cls(given)
            case str():
                if meant := is_meant(given, [side.value for side in cls]):
                    raise ValueError(f"{what}: {given!r} is no side{meant}")
                shown = "a text that is none"
            case _:
                shown = type(given).__name__
        raise ValueError(f"{what}: a side is 'customcrm' or 'keap', not {shown}")


Side.CUSTOMCRM.other, Side.KEAP.other = Side.KEAP, Side.CUSTOMCRM
