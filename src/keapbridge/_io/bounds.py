"""What a client lets another system do to it: how much an answer may hold, how long a list, a call or a wait may be.

Pure. Nothing here is an opinion about the data: a bound ends what would not end by itself.
"""

from __future__ import annotations

from typing import Any

import attrs

from keapbridge._io.told_times import DAY
from keapbridge.errors import BoundError, ShapeError
from keapbridge.model.given import keywords

__all__ = ["Bounds", "Listing"]


def _positive(_: object, attribute: Any, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:  # nan is not more than 0
        raise ValueError(f"{attribute.name} must be a number of more than 0, not {value!r}")


def _whole(_: object, attribute: Any, value: float) -> None:
    if not isinstance(value, int):
        raise ValueError(f"{attribute.name} must be a whole number, not {value!r}")  # noqa: TRY004 - as the others


def _a_day_at_most(_: object, attribute: Any, value: float) -> None:
    if value > DAY:
        raise ValueError(f"{attribute.name} must be at most a day ({DAY:.0f}), not {value!r}")


@keywords()
@attrs.frozen(kw_only=True)
class Bounds:
    """How much a client takes from a system before it calls it a fault. What reaches a bound is a `BoundError`.

    Attributes:
        answer_bytes: of one answer, after it was decompressed. Nothing more is read then.
        pages: of one list.
        empty_pages: in a row, of one list. A system that reads on and filters afterwards may have many; one whose list
            never ends has no others.
        call_seconds: from the beginning of one exchange to its last byte, however steadily it comes.
        wait_seconds: the longest wait before a call that the other side asks for; a longer one is not slept but raised,
            as `RateLimitedError` or `QuotaExhaustedError` with `retry_at`. A day at most.

    Raises:
        ValueError: for what is not more than 0.
    """

    answer_bytes: int = attrs.field(default=64 * 1024 * 1024, validator=[_positive, _whole])
    pages: int = attrs.field(default=100_000, validator=[_positive, _whole])
    empty_pages: int = attrs.field(default=1_000, validator=[_positive, _whole])
    call_seconds: float = attrs.field(default=300.0, validator=[_positive, _a_day_at_most])
    wait_seconds: float = attrs.field(default=300.0, validator=[_positive, _a_day_at_most])

    def reached(self, bound: str, what: str) -> BoundError:
        """The error for what went beyond a bound."""
        most: float = getattr(self, bound)
        return BoundError(f"{what}; a client with bounds=Bounds({bound}=…) takes more than {most:g}", bound=bound)


@attrs.define
class Listing:
    """The way through one list, to notice that it never ends.

    A page may be asked for again; that is no step.
    """

    bounds: Bounds
    _places: dict[int, int] = attrs.field(factory=dict, init=False, repr=False)
    _showed: int = attrs.field(default=0, init=False, repr=False)  # the number of the last page that was not empty

    def onward(self, number: int, token: str | None, *, empty: bool = False) -> None:
        """A page, the first one being number 1, says that another one follows.

        Args:
            token: by what it names the next page; `None` where pages are only counted.
            empty: whether it shows nothing else.

        Raises:
            ShapeError: when another page of the list has named that one already.
            BoundError: when the list has too many pages, or too many in a row that show nothing.
        """
        # Numbers in place of tokens: a token may be long, and there may be many.
        if token is not None and self._places.setdefault(hash(token), number) != number:
            raise ShapeError("the list leads back to a page that was read already, and would never end", paths=["$"])
        if number >= self.bounds.pages:
            raise self.bounds.reached("pages", f"the list goes on after {number} pages")
        if not empty:
            self._showed = max(self._showed, number)
        elif number - self._showed >= self.bounds.empty_pages:
            raise self.bounds.reached("empty_pages", f"the list goes on after {number - self._showed} empty pages")
