"""Keeping the garbage collector out where many values are made within milliseconds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]

MANY = 2_000  # objects that are made and in use, of which it is worth while to be rid
MOST = 1_000_000  # of them, after which all is looked at


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector out while a page, or a batch of records, is worked on.

    It would come a dozen times for each page, and look at records that nobody has had the time to drop: a third of the
    whole. Within this nothing waits for a system, and no cycles are made.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            made, *_ = gc.get_count()
            if made > MANY:
                _old.take(made)
            gc.enable()


class _Old:
    """What the collector takes for old, so that it looks at it seldom.

    A page is let go of as a whole, and then its memory is free without the collector. It would look at all of it first,
    as soon as it may come again.
    """

    def __init__(self) -> None:
        self._taken = 0

    def take(self, made: int) -> None:
        """Let it take for old all that is new to it."""
        if gc.get_freeze_count():
            return  # the host has put objects aside for good, and they would come back
        gc.freeze()
        gc.unfreeze()
        self._taken += made
        if self._taken > MOST:  # cycles of others are among it; nothing else counts what was taken in like this
            self._taken = 0
            gc.collect()


_old = _Old()
