"""Closing what is in use: nobody enters any more, and who leaves last shuts the door."""

from __future__ import annotations

import threading

from keapbridge._flow.effects import Halt
from keapbridge.errors import StoppedError

__all__ = ["Door"]


class Door:
    """Who is inside: calls on their way."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._inside = 0
        self._shut = False
        self._lock = threading.RLock()  # a signal handler may close what its own thread uses

    def enter(self) -> None:
        """Begin a call.

        Raises:
            Halt: when it was shut; a run that it belongs to ends.
        """
        with self._lock:
            if self._shut:
                closed = StoppedError(f"the client of {self._where} was closed: nothing more is sent")
                raise Halt(closed, unsent=True)
            self._inside += 1

    def leave(self) -> bool:
        """End a call; answers whether everything is to be closed now."""
        with self._lock:
            self._inside -= 1
            return self._shut and not self._inside

    def shut(self) -> bool:
        """Let nobody enter any more; answers whether everything is to be closed now."""
        with self._lock:
            self._shut = True
            return not self._inside
