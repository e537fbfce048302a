"""Looking back: what a record is linked to and why, what was written to it, how far the two systems differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.kept_in_store import Failure, JournalEntry
from keapbridge.model.names import Name, as_name
from keapbridge.model.records import Canonical, Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side
from keapbridge.showing.html import Html, changed, display, fold, listing, note, table
from keapbridge.sync.planning.linked import merge_pairs
from keapbridge.sync.synchronization import Synchronization

__all__ = ["Explanation", "explain", "history"]

WRITES = 50  # that a display shows,
FIELDS = 20  # of each so many fields


@attrs.frozen
class Explanation:
    """What is known about a record and its counterpart.

    Attributes:
        link: the identity pair with both bases; `None` when the record is not linked.
        customcrm, keap: what the two systems hold now, as the mapping sees it; `None` when there is no such record.
        changes, conflicts, held: what the next sync would do with the pair.
        failures: what failed before, and when it is tried again.
        why: for a record without a link, why it has none (as far as it is known).
        history: what was written to either record, newest first.
    """

    object: Name = attrs.field(converter=as_name)
    link: Link | None
    customcrm: Snapshot | None
    keap: Snapshot | None
    changes: tuple[Change, ...] = ()
    conflicts: tuple[FieldConflict, ...] = ()
    held: tuple[Held, ...] = ()
    failures: tuple[Failure, ...] = ()
    why: str = ""
    history: tuple[JournalEntry, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if self.link is None:
            yield f"{self.object}: not linked" + (f": {self.why}" if self.why else "")
        else:
            yield f"{self.object}: Customcrm {self.link.customcrm_id} ↔ Keap {self.link.keap_id}"
            for field, ours, theirs, note in self._fields():
                yield f"  {field:<16} {ours!r:<32} {theirs!r:<32} {note}".rstrip()
        yield from (f"  failed {f.tries} times: {f.reason}" for f in self.failures)
        for entry in self.history:
            where = f"{entry.side.title} {entry.record_id}"
            fields = f": {', '.join(entry.after or entry.before)}" if entry.after or entry.before else ""
            by = "" if entry.by is None else f", by {entry.by}"
            yield f"  {entry.written_at:%Y-%m-%d %H:%M:%S} {entry.kind} {where}{fields}{by}"

    def _fields(self) -> Iterator[tuple[str, Canonical, Canonical, str]]:
        ours = {} if self.customcrm is None else self.customcrm.values
        theirs = {} if self.keap is None else self.keap.values
        notes: dict[str, str] = {c.field: f"→ {c.side.title} ({c.cause})" for c in self.changes}
        notes |= {c.field: f"conflict: {c.reason}" for c in self.conflicts}
        notes |= {h.field: f"held: {h.reason}" for h in self.held}
        for field in dict.fromkeys([*ours, *theirs]):
            known = "" if ours.get(field) == theirs.get(field) else "known difference"
            yield field, ours.get(field), theirs.get(field), notes.get(field, known)

    def _repr_html_(self) -> str:
        there = [row for row in self._fields() if any(value is not None for value in row[1:3]) or row[3]]
        fields = [(f, *(changed(a, b) if a != b else (a, b)), why or "\u00a0") for f, a, b, why in there]
        failed = [f"failed {f.tries} times: {f.reason}" for f in self.failures]
        return display(
            next(self._lines()),
            note(listing(failed)) if failed else None,
            table(("", "Customcrm", "Keap", ""), fields) if self.link is not None else None,
            fold(f"what was written: {len(self.history)} times", _time_line(self.history)) if self.history else None,
        )


def _time_line(entries: Sequence[JournalEntry]) -> Html:
    """What was written, newest first: a line for each field, on either side."""
    rows: list[tuple[Any, ...]] = []
    for entry in entries[:WRITES]:
        fields = list(dict.fromkeys([*entry.before, *entry.after]))[:FIELDS]
        for at, field in enumerate(fields or [""]):
            when = f"{entry.written_at:%Y-%m-%d %H:%M:%S}" if at == 0 else "\u00a0"
            what = f"{entry.kind} in {entry.side.title}" if at == 0 else "\u00a0"
            values = changed(entry.before.get(field), entry.after.get(field)) if field else ("\u00a0", "\u00a0")
            rows.append((when, what, field or "\u00a0", *values, (entry.by or "\u00a0") if at == 0 else "\u00a0"))
    return table(("", "", "field", "before", "after", "by"), rows)


def explain(sync: Synchronization, ids: Mapping[Side, str]) -> Flow[Explanation]:
    """Read a record and its counterpart now, and say what is known of them. Writes nothing."""
    side, id = next(iter(ids.items()))
    link = yield from find_link(sync, side, id)
    if link is None:
        kept = yield from sync.store.links.tombstones(sync.name, side, [id])
        found = yield from sync.read_one(side, id)
        seen = None if found is None else found.whole
        why = kept.get(id, "") if seen else f"{side.title} has no record {id!r}"
        ours, theirs = (seen, None) if side is Side.CUSTOMCRM else (None, seen)
        failures = yield from _failures(sync, {side: id})
        entries = yield from history(sync, {side: id})
        return Explanation(sync.name, None, _shown(ours), _shown(theirs), why=why, failures=failures, history=entries)
    both = {s: link.id(s) for s in Side}
    current: dict[Side, Observation | None] = {}
    for s in Side:
        found = yield from sync.read_one(s, both[s])
        current[s] = None if found is None else found.whole
    pair = Pair(link, current[Side.CUSTOMCRM], current[Side.KEAP])
    [(_, outcome)] = yield from merge_pairs(sync, [pair], None)
    failures = yield from _failures(sync, both)
    entries = yield from history(sync, both)
    there = all(current.values())
    return Explanation(
        sync.name,
        link,
        _shown(pair.customcrm),
        _shown(pair.keap),
        changes=outcome.changes if there else (),
        conflicts=outcome.conflicts if there else (),
        held=outcome.held if there else (),
        failures=failures,
        history=entries,
    )


def _shown(seen: Observation | None) -> Snapshot | None:
    return None if seen is None else seen.snapshot


def find_link(sync: Synchronization, side: Side, id: str) -> Flow[Link | None]:
    """The link of a record."""
    pairs = yield from sync.store.links.pairs_of(sync.name, [id], side)
    return pairs[0].link if pairs else None


def history(sync: Synchronization, ids: Mapping[Side, str]) -> Flow[tuple[JournalEntry, ...]]:
    """What was written to these records, newest first."""
    found: list[JournalEntry] = []
    for side, id in ids.items():
        found += yield from sync.store.journal.history(sync.name, side, id)
    return tuple(sorted(found, key=lambda entry: entry.written_at, reverse=True))


def _failures(sync: Synchronization, ids: Mapping[Side, str]) -> Flow[tuple[Failure, ...]]:
    found: Sequence[Failure] = ()
    for side, id in ids.items():
        failures = yield from sync.store.failures.of(sync.name, side, [id])
        found = (*found, *failures.values())
    return tuple(found)
