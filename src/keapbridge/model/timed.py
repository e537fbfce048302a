"""Dates that their system shows with a time of day: the day counts, the text is kept to be put back as it was. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

__all__ = ["TimedDate", "as_sent"]


class TimedDate(date):
    """A date, equal to any other of its day.

    Attributes:
        sent: the text that it was shown with, of which it is the first part.
    """

    sent: str

    @classmethod
    def of(cls, text: str) -> TimedDate:
        """The date of a text.

        Raises:
            ValueError: when it does not begin with one.
        """
        day = cls.fromisoformat(text[:10])
        day.sent = text
        return day

    def __reduce__(self) -> Any:
        return TimedDate.of, (self.sent,)


def as_sent(value: Any) -> Any:
    """What is written of a value that JSON does not know: an encoder asks.

    Raises:
        TypeError: when it is none.
    """
    if isinstance(value, TimedDate):
        return value.sent
    raise TypeError(type(value).__name__)
