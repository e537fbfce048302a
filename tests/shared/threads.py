"""Threads that are left behind: those that were there before, of this process or of another test, do not count."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["leaving_no_thread"]


@contextmanager
def leaving_no_thread(of: str = "keapbridge") -> Iterator[None]:
    """None is left at the end whose name begins so and that began meanwhile."""
    before = set(threading.enumerate())
    yield
    assert not [each for each in threading.enumerate() if each not in before and each.name.startswith(of)]
