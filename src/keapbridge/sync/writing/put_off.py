"""What was refused in a run and is put off: another record may still give up the value."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import attrs

from keapbridge.model.change import Change
from keapbridge.model.report import Line
from keapbridge.model.side import Side

__all__ = ["Refusals", "Refused"]

MOST = 1000  # that are put off; further ones are reported at once


@attrs.frozen
class Refused:
    """A change that a side has refused, with the line that tells it."""

    change: Change
    line: Line

    @property
    def customcrm_id(self) -> str:
        return self.line.customcrm_id or ""

    @property
    def keap_id(self) -> str:
        return self.line.keap_id or ""

    @property
    def id(self) -> str:
        """The record that was to be changed."""
        return self.customcrm_id if self.change.side is Side.CUSTOMCRM else self.keap_id


@attrs.define
class Refusals:
    """What was put off in a part of a run."""

    _found: list[Refused] = attrs.field(factory=list, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False, eq=False)

    def put_off(self, line: Line, changes: Iterable[Change]) -> bool:
        """Keep what was refused for later, if it is a single text; answers whether it is kept.

        Args:
            changes: of the pair, the refused ones among them.
        """
        mine = [change for change in changes if change.side is line.side and change.field in line.fields]
        if len(mine) != 1 or not isinstance(mine[0].after, (str, int)):
            return False
        with self._lock:
            if self._closed or len(self._found) >= MOST:
                return False
            self._found.append(Refused(mine[0], line))
        return True

    def has(self, line: Line) -> bool:
        """Whether this is put off, and not reported yet."""
        with self._lock:
            return any(each.line == line for each in self._found)

    def take(self) -> list[Refused]:
        """All of it; what is refused from now on is not put off."""
        with self._lock:
            self._closed = True
            found, self._found = self._found, []
        return found
