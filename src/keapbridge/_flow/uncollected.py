"""Keeping the garbage collector out where many values are made within milliseconds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector out while a page, or a batch of records, is worked on.

    It would come a dozen times for each page, and look at records that nobody has had the time to drop: a third of the
    whole. Within this nothing waits for a system, and no cycles are made.

    What is young to it stays so: the process is the host's, whose own cycles would else wait for a collection of all.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
