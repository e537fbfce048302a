"""A bulkhead round what is done for one record and for one field: what fails there stays there, and is told.

Whatever may fail is done for many at once, as before; only when that fails is it done for halves of them, until the
culprit is alone. So a run without trouble pays nothing.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, TypeVar

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.decide.hosts import HostFunctionError
from keapbridge.errors import (
    AuthError,
    KeapbridgeError,
    LinkStoreError,
    QuotaExhaustedError,
    RateLimitedError,
    SyncError,
    UnavailableError,
)
from keapbridge.model.actions import EVERY_RECORD
from keapbridge.model.change import Held
from keapbridge.model.side import Side

__all__ = ["EVERY_RECORD", "REFUSED", "STOPPED", "Guard", "is_failure", "is_foreseen", "reason_of", "stops_everything"]

T = TypeVar("T")
R = TypeVar("R")

LOGGER = logging.getLogger("keapbridge.records")
TRACEBACKS = 5  # of one kind, in one run
IN_A_ROW = 100  # errors that nobody has foreseen, before a run ends
SAME_FIELD = 50  # records in a row whose field fails, before it is held for all of them
UNFORESEEN = "unforeseen "  # what the reasons of such errors begin with
STOPPED = "could not go on: "
REFUSED = "could not be shown: "  # by a system, in a list of which the rest could


# --- what an error means ----------------------------------------------------------------------------------------


def stops_everything(error: Exception) -> bool:
    """Whether it makes no sense to go on with the other records."""
    if isinstance(error, AuthError):
        return error.status == 401
    if isinstance(error, LinkStoreError):
        return not error.refused
    if isinstance(error, RateLimitedError) and error.retry_at is not None:
        return True  # every other record would be told to wait as long
    return isinstance(error, (QuotaExhaustedError, UnavailableError, SyncError))


def is_foreseen(error: Exception) -> bool:
    """Whether somebody said no: a system, a kind. All else is a mistake, of the host's or of ours."""
    return isinstance(error, KeapbridgeError) and not isinstance(error, LinkStoreError)


def reason_of(error: BaseException) -> str:
    """Why it failed, for a person. Of an error that nobody has foreseen only its type and place: its text may show
    what is known of people.
    """
    if isinstance(error, KeapbridgeError):
        return str(error)
    if isinstance(error, HostFunctionError) and error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno}, {frames[-1].name})" if frames else ""
    return f"{UNFORESEEN}{type(error).__name__}{where}"


def is_failure(reason: str) -> bool:
    """Whether a reason tells of an error that nobody has foreseen, of a synchronization that could not go on, or of a
    record that a system failed to show.
    """
    return reason.startswith((UNFORESEEN, STOPPED, REFUSED))


def _wordless(error: BaseException, seen: frozenset[int] = frozenset()) -> BaseException:
    """An error of the same name and with the same traceback that says nothing, for a log."""
    kind = type(error)
    bare: BaseException = type(kind.__name__, (Exception,), {"__module__": kind.__module__})()
    bare.__traceback__ = error.__traceback__
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and id(cause) not in seen:
        bare.__cause__ = _wordless(cause, seen | {id(error)})
    return bare


# --- going on ---------------------------------------------------------------------------------------------------


@attrs.define
class Guard:
    """What has failed in a run so far, and what follows from it.

    Attributes:
        held: by synchronization and field: a field that is held for all records.
        braked: by synchronization, field and side: why a brake lets nothing of a field be written there.
        undated: the synchronizations whose times of Customcrm are not believed: they may be of another zone.
        answers_in_part: by synchronization and side: the answer to a write leaves out what the record holds.
    """

    held: dict[tuple[str, str], Held] = attrs.field(factory=dict)
    braked: dict[tuple[str, str, Side], str] = attrs.field(factory=dict)
    undated: set[str] = attrs.field(factory=set)
    answers_in_part: set[tuple[str, Side]] = attrs.field(factory=set)
    _in_a_row: int = attrs.field(default=0, init=False)
    _fields: Counter[tuple[str, str, str]] = attrs.field(factory=Counter, init=False)
    _logged: Counter[str] = attrs.field(factory=Counter, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False, eq=False)

    def begin(self) -> None:
        """A run begins, and knows nothing of those before it."""
        self.held.clear()
        self.braked.clear()
        self.undated.clear()
        self.answers_in_part.clear()
        self._in_a_row = 0
        self._fields.clear()
        self._logged.clear()

    def went_well(self) -> None:
        """Something was done for a record, and did not fail."""
        self._in_a_row = 0

    def failed(self, error: Exception, about: str) -> str:
        """Something failed for one record; answers the reason to tell.

        Args:
            about: names the record.

        Raises:
            Exception: the error itself, when it makes no sense to go on with the others.
            SyncError: after too many in a row that nobody has foreseen.
        """
        if stops_everything(error):
            raise error
        reason = reason_of(error)
        if is_foreseen(error):
            return reason
        self._log(error, about, reason)
        with self._lock:
            self._in_a_row += 1
            too_many = self._in_a_row >= IN_A_ROW
        if too_many:
            raise SyncError(
                f"{IN_A_ROW} records in a row failed for reasons that nobody has foreseen, the last of them {about}: "
                f"{reason}. The logger {LOGGER.name} has the tracebacks"
            ) from _wordless(error)
        return reason

    def stopped(self, error: Exception, name: str) -> str:
        """A whole synchronization could not go on; answers the reason to tell."""
        reason = reason_of(error)
        if not is_foreseen(error):
            self._log(error, name, reason)
        return f"{STOPPED}{reason}"

    def field_failed(self, error: Exception, name: str, place: str, id: str, field: str) -> str:
        """A field of a record could not be read or decided; answers the reason to tell.

        After too many in a row it is held for all records.

        Args:
            name: the synchronization.
            place: where it failed: a side, or the rules.
        """
        if stops_everything(error):
            raise error
        reason = reason_of(error)
        if is_foreseen(error):
            return reason
        self._log(error, f"{name} {place} {id}, {field}", reason)
        with self._lock:
            key = (name, place, field)
            self._fields[key] += 1
            if self._fields[key] >= SAME_FIELD:
                why = f"failed for {SAME_FIELD} records in a row in {place}, the last time with {reason}"
                self.hold(name, field, Side.KEAP if place == Side.KEAP.title else Side.CUSTOMCRM, why)
        return reason

    def hold(self, name: str, field: str, side: Side, reason: str) -> None:
        """Hold a field for all records."""
        self.held.setdefault((name, field), Held(field, side, reason, told=True))

    def release(self, name: str, field: str) -> None:
        """Hold a field no more."""
        self.held.pop((name, field), None)

    def holds(self, name: str) -> list[Held]:
        """The fields of a synchronization that are held for all records."""
        return [held for (each, _), held in self.held.items() if each == name]

    def fields_went_well(self, name: str, place: str, failed: Any) -> None:
        """A record was read or decided, but for the fields that failed."""
        if self._fields:
            with self._lock:
                for key in [k for k in self._fields if k[0] == name and k[1] == place and k[2] not in failed]:
                    del self._fields[key]

    def is_held(self, name: str, field: str) -> bool:
        """Whether a field is held for all records, which is told once."""
        return (name, field) in self.held

    def by_halves(
        self,
        items: Sequence[T],
        do: Callable[[Sequence[T]], Flow[list[R]]],
        alone: Callable[[T, Exception], Flow[list[R]]],
    ) -> Flow[list[R]]:
        """Do something for all of them; when that fails, for each half, until the culprit is alone.

        Args:
            do: must be able to be done again after it has failed.
            alone: what is done for one of them instead; told why.
        """
        if not items:
            return []
        try:
            done = yield from do(items)
        except Exception as error:
            if stops_everything(error):
                raise
            culprit = error
        else:
            self.went_well()
            return done
        if len(items) == 1:
            return (yield from alone(items[0], culprit))
        middle = len(items) // 2
        first = yield from self.by_halves(items[:middle], do, alone)
        return first + (yield from self.by_halves(items[middle:], do, alone))

    def _log(self, error: Exception, about: str, reason: str) -> None:
        with self._lock:
            self._logged[reason] += 1
            if self._logged[reason] > TRACEBACKS:
                return
        bare = _wordless(error)
        LOGGER.error("%s: %s", about, reason, exc_info=(type(bare), bare, error.__traceback__))
