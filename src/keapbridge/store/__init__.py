"""The link store: links with their bases, what was observed and is not settled, plans, intents, the journal.

`LinkStore` is what the engine asks of it; `sql.SqlLinkStore` implements it for SQLite and PostgreSQL. Every method is
one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import attrs

from keapbridge.decide.match import Candidate
from keapbridge.model.plan import Action, Plan
from keapbridge.model.records import Canonical, Link, Observation, Pair
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side

__all__ = [
    "Commit",
    "Failure",
    "Intent",
    "JournalEntry",
    "Key",
    "LinkStore",
    "Missing",
    "Removal",
    "Staged",
    "moved_fact",
]


def moved_fact(object: str) -> str:
    """The name of the fact that changes when a link of these records ends or moves.

    What refers to them means another record then, or none.
    """
    return f"{object}_moved"


@attrs.frozen
class Key:
    """A record's match key at one rank, with what tells it from others of the same key."""

    rank: int
    key: str = attrs.field(repr=False)
    apart: tuple[str | None, ...] = attrs.field(repr=False)
    stronger: tuple[str | None, ...] = attrs.field(repr=False)


@attrs.frozen
class Staged:
    """An observation on its way into the store."""

    observation: Observation
    digest: str
    keys: tuple[Key, ...]


@attrs.frozen
class Intent:
    """Written before a create whose answer could be lost: enough to find out later what became of it.

    Attributes:
        id: also the idempotency key.
        draft: the canonical values of the new record.
    """

    id: str
    object: str
    side: Side
    source_id: str
    draft: Mapping[str, Canonical] = attrs.field(repr=False)
    created_at: datetime


@attrs.frozen
class JournalEntry:
    """A write that was done: the fields it changed, as they were before and as the system stored them.

    Attributes:
        kind: `create`, `update`, `delete`, `archive` or `link`.
        partner_id: the linked record on the other side.
    """

    object: str
    side: Side
    record_id: str
    kind: str
    before: Mapping[str, Canonical] = attrs.field(repr=False)
    after: Mapping[str, Canonical] = attrs.field(repr=False)
    written_at: datetime
    partner_id: str = ""


@attrs.frozen
class Commit:
    """What is remembered, in one transaction, when a pair has been written.

    Attributes:
        digests: of what both sides hold now; `None` while something about the pair is open. A side that is left out was
            not seen, and keeps the digest it has.
        staged: what is still to be decided about the pair; empty when it is settled.
        keys: the match keys of records that have become part of a link.
        intent_id: the intent that this settles.
        replaces: the Keap record that this link had before, if it moves to another.
        marks: of the texts that both sides were read from, where they are known.
    """

    object: str
    link: Link
    digests: Mapping[Side, str | None]
    staged: tuple[Observation, ...] = ()
    keys: Mapping[Side, tuple[Key, ...]] = attrs.field(factory=dict)
    journal: tuple[JournalEntry, ...] = ()
    lines: tuple[Line, ...] = ()
    intent_id: str | None = None
    replaces: str | None = None
    marks: Mapping[Side, str | None] = attrs.field(factory=dict)


@attrs.frozen
class Removal:
    """A link that ends, in one transaction.

    Attributes:
        survivor: the record that is left, to be kept in view.
        reason: why it is given no new counterpart; empty if it may be given one.
        apart: whether it must not be matched with another record either.
    """

    object: str
    link: Link
    survivor: Observation | None = None
    survivor_keys: tuple[Key, ...] = ()
    reason: str = ""
    apart: bool = False
    journal: tuple[JournalEntry, ...] = ()
    lines: tuple[Line, ...] = ()


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

    object: str
    side: Side
    id: str
    reason: str
    tries: int
    next_try_at: datetime | None


class LinkStore(Protocol):
    """What the engine asks of a store, for one bridge."""

    def watermark(self, object: str, side: Side) -> datetime | None: ...
    def fact(self, name: str) -> str | None: ...
    def set_fact(self, name: str, value: str, *, durable: bool = False) -> None:
        """Remember something; `durable`: it is on the disk before anything else happens."""
        ...

    def recognise(self, object: str, side: Side, fingerprints: Mapping[str, str], *, complete: bool) -> set[str]:
        """Those of the records, by id, that come in the text that their link knows, and so need not be read.

        A `complete` scan also notes that it saw them.
        """
        ...

    def stage(self, object: str, side: Side, staged: Sequence[Staged], *, complete: bool) -> int:
        """Keep what differs from what is linked; answer how many did not. A `complete` scan also notes what it saw."""
        ...

    def begin_scan(self, object: str, side: Side) -> None:
        """Forget what the last complete scan saw."""
        ...

    def end_scan(self, object: str, side: Side) -> None:
        """Note the linked records that a complete scan did not see."""
        ...

    def note_deleted(self, object: str, side: Side, ids: Collection[str]) -> None:
        """Note linked records that a change list calls deleted."""
        ...

    def missing(self, object: str, after: tuple[str, str], limit: int) -> list[Missing]:
        """Linked records that are missing, by side and id, after this one."""
        ...

    def prove_missing(self, object: str, side: Side, ids: Collection[str]) -> None: ...
    def drop_missing(self, object: str, side: Side, ids: Collection[str]) -> None: ...
    def same_key(self, object: str, side: Side, keys: Sequence[Key]) -> list[tuple[str, bool]]:
        """The records of a side that share one of these match keys, and whether they are linked."""
        ...

    def keep_apart(self, object: str, observation: Observation, reason: str) -> None:
        """Keep a record that shall be given no counterpart by itself."""
        ...

    def journal(self, run_id: str) -> list[JournalEntry] | None:
        """What a run wrote, in order; `None` when there is no such run."""
        ...

    def history(self, object: str, side: Side, id: str) -> list[JournalEntry]: ...
    def prune(self, before: datetime) -> None:
        """Forget plans, reports and journal entries older than this."""
        ...

    def remove(self, run_id: str, removal: Removal) -> None: ...
    def tombstones(self, object: str, side: Side, ids: Collection[str]) -> dict[str, str]: ...
    def count_links(self, object: str) -> int: ...

    def fail(self, failure: Failure) -> None: ...
    def failures(self, object: str, side: Side, ids: Collection[str]) -> dict[str, Failure]: ...
    def all_failures(self) -> list[Failure]: ...
    def clear_failure(self, object: str, side: Side, id: str) -> None: ...

    def acquire(self, holder: str, now: datetime, until: datetime) -> bool:
        """Take the lease of the bridge; `False` while another holder's has not expired."""
        ...

    def lease_is_due(self, now: datetime, margin: timedelta) -> bool:
        """Whether the lease ends within a margin. No look at the database."""
        ...

    def renew(self, until: datetime) -> None:
        """Prolong the lease. Raises `SessionBusyError` when it was lost; so does every write of a run from then on."""
        ...

    def release(self, holder: str) -> None: ...

    def forget_unlinked(self, object: str, side: Side, *, ids: Collection[str] = (), except_seen_in: str = "") -> None:
        """Forget unlinked records: these, and with `except_seen_in` all that the scan of that plan did not see."""
        ...

    def pairs(self, object: str, side: Side, after: str, limit: int) -> tuple[list[Pair], str | None]:
        """Linked pairs whose record on a side was observed, and after which id to go on; `None` at the end.

        For Keap without those whose other record was observed, too. Neither with those that are proven missing.
        """
        ...

    def pairs_of(self, object: str, customcrm_ids: Collection[str]) -> list[Pair]: ...
    def groups(
        self, object: str, rank: int, after: str, limit: int, plan_id: str
    ) -> list[tuple[str, list[Candidate]]]: ...
    def unlinked(self, object: str, side: Side, after: str, limit: int, plan_id: str) -> list[Observation]: ...
    def observations(self, object: str, side: Side, ids: Collection[str]) -> dict[str, Observation]: ...
    def references(
        self, object: str, *, customcrm_ids: Collection[str] = (), keap_ids: Collection[str] = (), plan_id: str | None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Links of these records, and those that a plan will make (`""` for a partner yet to be created)."""
        ...

    def settle(self, commits: Sequence[Commit]) -> None: ...
    def commit(self, run_id: str, *commits: Commit) -> None: ...

    def begin_plan(
        self, plan_id: str, created_at: datetime, objects: Sequence[str], *, purpose: str = "sync"
    ) -> None: ...
    def add_actions(self, plan_id: str, first_seq: int, actions: Sequence[Action]) -> None: ...
    def finish_plan(
        self,
        plan_id: str,
        counts: Mapping[str, Mapping[str, int]],
        unchanged: Mapping[str, int],
        watermarks: Mapping[str, Mapping[str, datetime]],
        totals: Mapping[str, Mapping[str, int]],
    ) -> Plan: ...
    def plan(self, plan_id: str) -> Plan | None: ...
    def begin_apply(self, plan_id: str, run_id: str, started_at: datetime) -> bool: ...
    def actions(
        self, plan_id: str, object: str, kinds: Collection[str], after: int, limit: int
    ) -> list[tuple[int, Action]]: ...
    def links_to_make(self, plan_id: str, object: str, after: str, limit: int) -> list[tuple[str, Action]]:
        """Pairs that a plan links and need no write, in the order of their Keap ids, each with that id.

        Records that were made one after the other lie side by side in the store.
        """
        ...

    def begin_linking(self, number: int) -> None:
        """About to link so many pairs, batch by batch: what they would scatter may be left out meanwhile."""
        ...

    def end_linking(self) -> None:
        """Make what was left out; without this call it is made when it is needed."""
        ...

    def finish_run(
        self, run_id: str, ended_at: datetime, counts: Mapping[str, Mapping[str, int]], *, complete: bool
    ) -> Report:
        """End the run; if it is complete, its plan's watermarks become the cursors in the same transaction."""
        ...

    def add_lines(self, run_id: str, lines: Iterable[Line]) -> None: ...
    def claim_lines(self, run_id: str, objects: Collection[str]) -> list[Line]:
        """Make the lines of what was settled without a run part of this one's report."""
        ...

    def intend(self, intents: Sequence[Intent]) -> None: ...
    def open_intents(self, object: str) -> list[Intent]: ...
    def drop_intent(self, intent_id: str) -> None: ...

    def links(self, object: str) -> Iterator[Link]: ...
    def close(self) -> None: ...
