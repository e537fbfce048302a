"""Notes of the writes of an undoing, written down before they are sent: what comes next looks what became of them.

A batch of writes is noted at once. Those of which it is known what became of them are left out of the next note.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import attrs
import msgspec

from keapbridge._flow.effects import Flow, elapsed, new_id
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.rows import broken
from keapbridge.sync.writing.run import Run

__all__ = ["Attempt", "Attempts", "note", "noted"]

UNDOING = "undoing"  # the fact that tells of the writes under way


class Attempt(NamedTuple):
    """A write under way: the action at `seq` of a plan, with the key of its create."""

    plan_id: str
    seq: int
    run_id: str
    key: str
    at: datetime


@attrs.define
class Attempts:
    """The writes under way of a run that takes another one back, by their place in its plan.

    Attributes:
        since: when they were about to be noted, by the clock that nobody sets.
    """

    run: Run
    noted: dict[int, Attempt] = attrs.field(factory=dict)
    since: dict[int, float] = attrs.field(factory=dict)
    _begun: set[int] = attrs.field(factory=set)
    _changed: bool = False

    def note(self, seqs: Sequence[int]) -> Flow[None]:
        """Write down that these actions are about to be written."""
        since, moment = (yield from elapsed()), (yield from self.run.store.lease.time())
        for seq in seqs:
            key = yield from new_id()
            self.since[seq] = since
            self.noted[seq] = Attempt(self.run.plan.id, seq, self.run.run_id, key, moment)
        if seqs:
            yield from self._write()

    def begin(self, seq: int) -> Attempt:
        """An action is written now."""
        self._begun.add(seq)
        return self.noted[seq]

    def renew(self, seq: int, moment: datetime) -> Flow[None]:
        """An action was not written yet, and is about to be."""
        self.noted[seq] = self.noted[seq]._replace(at=moment)
        yield from self._write()

    def end(self, seq: int) -> None:
        """What became of an action is known."""
        if self.noted.pop(seq, None) is not None:
            self._changed = True
        self.since.pop(seq, None)

    def close(self) -> Flow[None]:
        """No more is written: what had not begun was not written."""
        for seq in self.noted.keys() - self._begun:
            self.end(seq)
        if self._changed:
            yield from self._write()

    def _write(self) -> Flow[None]:
        self._changed = False
        yield from self.run.store.facts.keep(UNDOING, lambda: _text(list(self.noted.values())))


def _text(attempts: Collection[Attempt]) -> str:
    return msgspec.json.encode(attempts).decode()


def note(store: LinkStore, attempts: Sequence[Attempt]) -> Flow[None]:
    """Write down which writes are still to be explained."""
    yield from store.facts.set(UNDOING, _text(attempts), durable=True)


def noted(store: LinkStore) -> Flow[list[Attempt]]:
    """The writes of which it is not known what became of them."""
    text = yield from store.facts.get(UNDOING)
    try:
        return msgspec.json.decode(text, type=list[Attempt]) if text else []
    except msgspec.DecodeError:
        raise broken("what was being undone") from None
