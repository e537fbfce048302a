"""Transactions that fail for the moment only (a restart, a lock, a deadlock): they are made again, as a whole.

Only when it is certain that nothing of them was committed: an answer to a commit that was lost on its way is an error.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Blocking, Flow, Sleep
from keapbridge.errors import LinkStoreError

__all__ = ["PAUSES", "PassingError", "flow", "insistent", "is_passing", "retrying"]

PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 5.0, 5.0)  # seconds at most before each further try, a random part of them

# PostgreSQL's words for what it has undone itself: serialization failure, deadlock, a lock that was not to be had, a
# transaction that was idle or took too long.
_UNDONE = frozenset({"40001", "40P01", "55P03", "25P03", "25P04"})
# Shutting down, crashed, starting up; too many connections.
_RESTARTING = frozenset({"57P01", "57P02", "57P03", "53300"})

LOGGER = logging.getLogger("keapbridge.store")

R = TypeVar("R")
P = ParamSpec("P")
T = TypeVar("T")


class PassingError(LinkStoreError):
    """A transaction failed, nothing of it was committed, and another try may do."""


def retrying(label: str, work: Callable[[], T]) -> Flow[T]:
    """Do work of one transaction; after a `PassingError` again, a few times, with growing pauses.

    Raises:
        LinkStoreError: when it does not pass.
    """
    for pause in PAUSES:
        try:
            result: T = yield Blocking(work, label)
        except PassingError as error:
            LOGGER.info("%s is done again: %s", label, error)
            yield Sleep(pause, jitter=True)
        else:
            return result
    try:
        result = yield Blocking(work, label)
    except PassingError as error:
        raise LinkStoreError(f"{error} (tried {len(PAUSES) + 1} times)") from None
    return result


def flow(work: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], Flow[T]]:
    """Make a flow of a method: one effect, which runs it, and again if it fails for the moment only.

    So what it is given must be there for another time. A trace shows it by the names of its file and its own:
    `links.pairs_of`.
    """
    label = f"{work.__module__.rpartition('.')[2]}.{work.__name__}"

    @wraps(work)
    def steps(repository: R, /, *args: P.args, **kwargs: P.kwargs) -> Flow[T]:
        return retrying(label, partial(work, repository, *args, **kwargs))

    return steps


def insistent(work: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """A method of one transaction that is called outside of flows, made to try again like `retrying`."""

    @wraps(work)
    def insist(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return SyncDriver().run(retrying(work.__name__, partial(work, self, *args, **kwargs)))

    return insist


def is_passing(error: Exception, *, committing: bool, has_waited: bool) -> bool:
    """Whether a transaction that failed like this may be made again.

    Args:
        committing: whether it failed while it was committed, so that it is not known what became of it.
        has_waited: whether the driver has waited for a lock that it did not get, long enough.
    """
    if not isinstance(error, DBAPIError):
        return False
    cause: Any = error.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0)
        locked = code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
        return locked and not (has_waited and code == sqlite3.SQLITE_BUSY)
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state in _UNDONE:
        return True
    if committing:
        return False
    is_lost = error.connection_invalidated or (state or "").startswith("08") or state in _RESTARTING
    return is_lost or (state is None and isinstance(error, OperationalError))
