"""What the store keeps beside links: what was observed, what is about to be done, what was done, what failed. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from keapbridge.model.names import Name, as_name
from keapbridge.model.raw import RawChange
from keapbridge.model.records import Canonical, Link, Observation, Pair
from keapbridge.model.report import Line
from keapbridge.model.side import Side

__all__ = [
    "FORGOTTEN",
    "NUMBER_OF_FORGOTTEN",
    "Belongs",
    "Commit",
    "Cursor",
    "Failure",
    "Forgotten",
    "Intent",
    "JournalEntry",
    "Missing",
    "Overwrite",
    "RecordKey",
    "Removal",
    "Staged",
    "ended_fact",
    "moved_fact",
]

FORGOTTEN = "forgotten: nothing is made of it, and nothing of it is kept"
NUMBER_OF_FORGOTTEN = "has the number of somebody who is forgotten, and was made since; retry it and sync(full=True)"


def moved_fact(name: str) -> str:
    """The name of the fact that changes when a link of these records ends or moves.

    What refers to them means another record then, or none.
    """
    return f"{name}_moved"


def ended_fact(name: str, side: Side, customcrm_id: str) -> str:
    """The name of the fact that tells until when an id of Customcrm's meant another record of a side than it may now.

    In Keap that is when its link ended, in Customcrm when its record was gone: the number may be given to another one.
    """
    return f"ended:{hashlib.blake2b(f'{name}:{side.value}:{customcrm_id}'.encode(), digest_size=16).hexdigest()}"


@attrs.frozen
class Belongs:
    """The two systems whose records are linked, as far as they are known.

    Attributes:
        keap: the name of the Keap application, as its answers tell it.
        customcrm: what names the Customcrm; see `keapbridge.customcrm.address`.
    """

    keap: str | None = None
    customcrm: str | None = None


@attrs.frozen
class RecordKey:
    """A record's match key at one rank, with what tells it from others of the same key.

    Attributes:
        apart, stronger: see `Candidate`.
        slot: 0 for the only key of its rank; where there are several, they are counted from 1, the main one first.
        spelt: how it is spelt, where that is not as the key itself.
    """

    rank: int
    key: str = attrs.field(repr=False)
    apart: tuple[str | None, ...] = attrs.field(repr=False)
    stronger: tuple[str | None, ...] = attrs.field(repr=False)
    slot: int = 0
    spelt: str | None = attrs.field(default=None, repr=False)


def mark(fingerprint: str, digest: str) -> str:
    """That a record comes in the text of this fingerprint, from which the snapshot of this digest was read.

    Half of the digest tells whether it is still the same; there are two marks in each link.
    """
    return fingerprint + digest[:16]


@attrs.frozen
class Staged:
    """An observation on its way into the store."""

    observation: Observation
    digest: str


@attrs.frozen
class Cursor:
    """From where the next list of changes of a side begins.

    Attributes:
        since: the moment.
        newest: the records that were changed last, each with its time stamp, as far as lists have shown them.
    """

    since: datetime
    newest: Mapping[str, datetime] = attrs.field(factory=dict)


@attrs.frozen
class Intent:
    """Written before a create whose answer could be lost: enough to find out later what became of it.

    Attributes:
        id: also the idempotency key.
        values: the canonical values of the new record.
        over: the record that it was written over instead, which is to get back what it held.
        over_at: the time stamp that it has since; `None` where it shows none.
        before: field → what that one held, where that is not what its link says.
    """

    id: str
    object: Name = attrs.field(converter=as_name)
    side: Side
    source_id: str
    values: Mapping[str, Canonical] = attrs.field(repr=False)
    created_at: datetime
    over: str | None = None
    over_at: datetime | None = None
    before: Mapping[str, Canonical] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class JournalEntry:
    """A write that was done: the fields it changed, as they were before and as the system stored them.

    Attributes:
        kind: `create`, `update`, `delete`, `archive`, `link`, or `put back` for what was written over by mistake.
        partner_id: the linked record on the other side.
        raw: the same in the notation of its system, which undoing goes by; `None` where that is not known.
        by: who decided it, where somebody said so.
        sources: the records of the other side whose values are in `before`: they had been written over this one.
    """

    object: Name = attrs.field(converter=as_name)
    side: Side
    record_id: str
    kind: str
    before: Mapping[str, Canonical] = attrs.field(repr=False)
    after: Mapping[str, Canonical] = attrs.field(repr=False)
    written_at: datetime
    partner_id: str = ""
    raw: tuple[RawChange, ...] | None = attrs.field(default=None, repr=False)
    by: str | None = None
    sources: tuple[str, ...] = ()


@attrs.frozen
class Overwrite:
    """A value that was lost in a write, to be counted for a day: who empties a field, or gives many the same value?"""

    side: Side
    record_id: str
    field: str
    before: Canonical = attrs.field(repr=False)
    after: Canonical = attrs.field(repr=False)
    written_at: datetime


@attrs.frozen
class Commit:
    """What is remembered, in one transaction, when a pair has been written.

    Attributes:
        digests: of what both sides hold now; `None` while something about the pair is open. A side that is left out was
            not seen, and keeps the digest it has.
        staged: what is still to be decided about the pair; empty when it is settled.
        keys: the match keys of records that have become part of a link.
        intent_id: the intent that this settles: neither record may be linked yet.
        put_back: the intents of what was written over one of the records, and is put back now.
        replaces: the Keap record that this link had before, if it moves to another.
        marks: of the texts that both sides were read from, where they are known.
        overwrites: what was lost in the write.
    """

    object: Name = attrs.field(converter=as_name)
    link: Link
    digests: Mapping[Side, str | None]
    staged: tuple[Observation, ...] = ()
    keys: Mapping[Side, tuple[RecordKey, ...]] = attrs.field(factory=dict)
    journal: tuple[JournalEntry, ...] = ()
    lines: tuple[Line, ...] = ()
    intent_id: str | None = None
    replaces: str | None = None
    marks: Mapping[Side, str | None] = attrs.field(factory=dict)
    overwrites: tuple[Overwrite, ...] = ()
    put_back: tuple[str, ...] = ()


@attrs.frozen
class Removal:
    """A link that ends, in one transaction.

    Attributes:
        survivor: the record that is left, to be kept in view.
        reason: why it is given no new counterpart; empty if it may be given one.
        apart: whether it must not be matched with another record either.
        taker: another record, which has the id of the one that is gone; it may be matched, or given a counterpart.
        parted: records of the link that are both left, each to be kept apart for that reason.
    """

    object: Name = attrs.field(converter=as_name)
    link: Link
    survivor: Observation | None = None
    reason: str = ""
    apart: bool = False
    journal: tuple[JournalEntry, ...] = ()
    lines: tuple[Line, ...] = ()
    taker: Observation | None = None
    parted: tuple[Observation, ...] = ()

    @property
    def ended(self) -> tuple[str, ...]:
        """The facts that tell when this was; see `ended_fact`."""
        left = {seen.side for seen in (self.survivor, *self.parted) if seen is not None}
        sides = [side for side in Side if side is Side.KEAP or side not in left]
        return tuple(ended_fact(self.object, side, self.link.customcrm_id) for side in sides)


@attrs.frozen
class Missing:
    """A linked record that was not shown, or is called deleted; `proven` once a look-up has answered 404."""

    side: Side
    pair: Pair
    proven: bool

    @property
    def id(self) -> str:
        return self.pair.link.id(self.side)


@attrs.frozen
class Failure:
    """A record that failed: why, how often, and when it is tried again (`None`: not by itself)."""

    object: Name = attrs.field(converter=as_name)
    side: Side
    id: str
    reason: str
    tries: int
    next_try_at: datetime | None

    def waits(self, moment: datetime) -> bool:
        """Whether it is not to be tried yet. Nothing waits longer than a day: a clock was wrong when that was noted."""
        return self.next_try_at is None or timedelta(0) < self.next_try_at - moment < timedelta(days=1)


@attrs.frozen
class Forgotten:
    """What was erased of a person.

    Attributes:
        customcrm: the ids of their records in Customcrm, which stay as bare ids, so that nothing is made of them anew.
        keap: the same for Keap.
        erased: how many rows of what kind: `links` (with what both sides held), `staged`, `match keys`, `failures`,
            `deliveries` of webhooks, `journal`, `intents`, `actions` of plans, `lines` of reports.
        cleaned: whether the file holds no remains; a PostgreSQL drops them when it vacuums.
    """

    object: Name = attrs.field(converter=as_name)
    customcrm: tuple[str, ...]
    keap: tuple[str, ...]
    erased: Mapping[str, int]
    cleaned: bool

    def __str__(self) -> str:
        told = ", ".join(f"{number} {what}" for what, number in self.erased.items() if number)
        whom = f"Customcrm {'; '.join(self.customcrm)} ↔ Keap {'; '.join(self.keap)}"
        return f"{self.object} {whom}: {told or 'nothing was known'}"
