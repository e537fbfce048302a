"""Threads that are left behind: those that were there before, of this process or of another test, do not count."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

__all__ = ["assert_ended", "leaving_no_thread"]

PATIENCE = 60.0  # seconds; a thread that has nothing to do any more needs a moment to end


@contextmanager
def leaving_no_thread(of: str = "keapbridge") -> Iterator[None]:
    """None is left at the end whose name begins so and that began meanwhile."""
    before = set(threading.enumerate())
    yield
    assert_ended(of, before)


def assert_ended(of: str, but: Collection[threading.Thread] = ()) -> None:
    """No thread whose name begins so is at work, but for some."""
    for thread in threading.enumerate():
        if thread.name.startswith(of) and thread not in but:
            thread.join(PATIENCE)
            assert not thread.is_alive(), f"{thread.name} is at work still"
