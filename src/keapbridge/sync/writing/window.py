"""How late a create is sent: not long after its intent was written, which so tells when it can have been made.

What waits longer (for its turn, for a system that refuses calls for a while) is written down anew before it is sent,
and looked for before that, if it was sent before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from keapbridge._flow.effects import Await, Blocking, Effect, Flow, Halt, Send, elapsed, within
from keapbridge.errors import TransportError
from keapbridge.model.kept_in_store import Intent
from keapbridge.sync.planning.lost_creates import find_made, sent_within
from keapbridge.sync.synchronization import Synchronization

__all__ = ["MOST_TURNS", "FoundError", "Window"]

MOST_TURNS = 5  # each waits longer than a create may; where none ever comes in time, the next run tries again


class _LateError(Exception):
    """The window is closed."""


class FoundError(TransportError):
    """What was about to be sent once more seems to be there."""

    def __init__(self) -> None:
        super().__init__("not sent once more, as there is a record that could be it", sent=True)


@attrs.define
class Window:
    """A create on its way, and the gate that its calls pass.

    Attributes:
        begun: when its intent was about to be written, by the clock that nobody sets.
        renew: writes it down anew, as of a moment.
        sent: whether it may have reached the system.
    """

    sync: Synchronization
    intent: Intent
    begun: float
    renew: Callable[[datetime], Flow[None]]
    sent: bool = False

    @property
    def _place(self) -> tuple[str, str]:
        return ("the counterpart of", f"{self.intent.side.other.title} {self.intent.source_id}")

    @property
    def _can_wait(self) -> bool:
        """Whether it may be sent at any time: the same key makes no second record."""
        return self.sync.systems[self.intent.side].creates_once

    def admit(self, effect: Effect) -> Flow[None] | None:
        """Let the create pass while its intent is new."""
        return self._in_time() if _writes(effect) else None

    def _in_time(self) -> Flow[None]:
        if not self._can_wait:
            spent = (yield from elapsed()) - self.begun
            if not 0 <= spent <= sent_within(self.sync.settings).total_seconds():
                raise _LateError
        self.sent = True

    def send(self, record: Any) -> Flow[Any]:
        """Make the record.

        Raises:
            FoundError: when it seems to be there already.
            TransportError: when its turn always came too late.
        """
        yield from self.sync.assured()
        system = self.sync.systems[self.intent.side]
        for _ in range(MOST_TURNS):
            try:
                return (yield from within(system.create(record, self.intent.id), gate=self, place=self._place))
            except Halt as halt:
                self.sent = self.sent and not halt.unsent
                raise
            except _LateError:
                if self.sent and (yield from find_made(self.sync, self.intent)):
                    raise FoundError from None
                yield from self._begin_anew()
        raise TransportError(f"its turn came too late, {MOST_TURNS} times; the next run tries again", sent=self.sent)

    def _begin_anew(self) -> Flow[None]:
        self.begun = yield from elapsed()
        moment = yield from self.sync.store.lease.time()
        self.intent = attrs.evolve(self.intent, created_at=moment)
        yield from self.renew(moment)


def _writes(effect: Effect) -> bool:
    match effect:
        case Send():
            return effect.call.method != "GET"
        case Blocking():
            return effect.outward
        case _:
            return isinstance(effect, Await)
