"""What a run knows of properties that are not shown: who shows them, and what was found out about the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import attrs

from keapbridge.decide.absent_fields import SAMPLE, Verdict, as_meant
from keapbridge.model.change import Held
from keapbridge.model.records import Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

__all__ = ["Absences"]

STILL_OPEN = "is not shown, and it is not certain that it is empty"


def _per_side() -> dict[Side, Any]:
    return {side: set() for side in Side}


@attrs.define
class Absences:
    """What is known in one run of one synchronization.

    Attributes:
        shown: by side, the fields that some record of the run shows, with a value or empty.
        verdicts: by side and field, what it means that a record does not show it.
        known: whether it was looked up what had vanished before.
        unlisted: by side, the fields that lists leave out and reads by id show.
        never_listed: by side, the fields that no list has ever shown, nor is it known that reads by id show them.
        probed: the sides of which a record of the run was read by itself to find that out.
        shown_by_id: by side, those of them that some read by id of the run shows.
        behind: the sides of which some linked records have not been read by id since that was known.
        untold: by side, those of them of which nobody was told.
        learnt: by side, those of them that the run has found out.
        sample: by side, a few records of the run.
        only_listed: by side, the fields that lists show and reads by id leave out.
        asked_by_id: the sides and fields of which that was looked for in the run.
        records: by synchronization, side and id: whether a record that was asked for is shown; see `reading.orphans`.
    """

    shown: dict[Side, set[str]] = attrs.field(factory=_per_side)
    verdicts: dict[tuple[Side, str], Verdict] = attrs.field(factory=dict)
    known: bool = False
    unlisted: dict[Side, set[str]] = attrs.field(factory=_per_side)
    never_listed: dict[Side, set[str]] = attrs.field(factory=_per_side)
    probed: set[Side] = attrs.field(factory=set)
    shown_by_id: dict[Side, set[str]] = attrs.field(factory=_per_side)
    behind: set[Side] = attrs.field(factory=set)
    untold: dict[Side, set[str]] = attrs.field(factory=_per_side)
    learnt: dict[Side, set[str]] = attrs.field(factory=_per_side)
    sample: dict[Side, list[str]] = attrs.field(factory=lambda: {side: [] for side in Side})
    only_listed: dict[Side, set[str]] = attrs.field(factory=_per_side)
    asked_by_id: set[tuple[Side, str]] = attrs.field(factory=set)
    records: dict[tuple[str, Side, str], bool] = attrs.field(factory=dict)
    _looks: dict[tuple[Side, str], int] = attrs.field(factory=dict)

    def begin(self) -> None:
        """A run begins, and knows nothing of those before it."""
        self.shown = _per_side()
        self.verdicts.clear()
        self.known = False
        self.unlisted, self.shown_by_id, self.untold = _per_side(), _per_side(), _per_side()
        self.learnt, self.only_listed, self.never_listed = _per_side(), _per_side(), _per_side()
        self.asked_by_id.clear()
        self.behind.clear()
        self.probed.clear()
        self.sample = {side: [] for side in Side}
        self.records.clear()
        self._looks.clear()

    def note(self, side: Side, snapshots: Iterable[Snapshot]) -> None:
        """These were shown by records of the run."""
        shown = self.shown[side]
        for snapshot in snapshots:
            if not snapshot.values.keys() <= shown:
                shown.update(field for field in snapshot.values if field not in snapshot.absent)
            shown.update(snapshot.unreadable)

    def vanished(self, side: Side) -> list[str]:
        """The fields that nothing shows any more on a side."""
        return sorted(f for (s, f), found in self.verdicts.items() if s is side and found is Verdict.VANISHED)

    def has_vanished(self, side: Side, field: str) -> bool:
        return self.verdicts.get((side, field)) is Verdict.VANISHED

    @property
    def are_left_out(self) -> bool:
        """Whether lists leave out anything, or may."""
        return any(self.unlisted.values()) or any(self.never_listed.values())

    @property
    def doubtful(self) -> dict[Side, set[str]]:
        """Per side, the fields that need not be empty where a record of which nothing is known does not show them."""
        return {side: {f for s, f in self.verdicts if s is side} | self.unlisted[side] for side in Side}

    def questions(self, pairs: Iterable[Pair]) -> dict[Side, dict[str, list[str]]]:
        """By side and field, the records that do not show it, and were known to hold a value; not yet looked at."""
        found: dict[Side, dict[str, list[str]]] = {}
        for pair in pairs:
            for side in Side:
                seen = pair.seen[side]
                if seen is None or not seen.snapshot.absent:
                    continue
                base = pair.link.base(side)
                for field in seen.snapshot.absent:
                    if base.get(field) is not None and (side, field) not in self.verdicts:
                        found.setdefault(side, {}).setdefault(field, []).append(seen.id)
        return found

    def questions_by_id(self, side: Side, pairs: Iterable[tuple[Pair, Pair]]) -> dict[str, list[str]]:
        """By field, the records that do not show it when they are read by id, although lists have shown a value.

        Args:
            pairs: as lists have shown them, and as they were read by id.
        """
        found: dict[str, list[str]] = {}
        for listed, pair in pairs:
            seen, before, base = pair.seen[side], listed.seen[side], pair.link.base(side)
            if seen is None:
                continue
            left_out = frozenset() if before is None else before.snapshot.absent
            for field in seen.snapshot.absent - left_out - self.unlisted[side]:
                if base.get(field) is not None and not self.has_vanished(side, field):
                    found.setdefault(field, []).append(seen.id)
        return {field: ids for field, ids in found.items() if (side, field) not in self.asked_by_id}

    def as_meant(self, pair: Pair) -> tuple[Pair, tuple[Held, ...]]:
        """A pair as it is merged, and the fields that cannot be, because nobody has looked whether they are empty."""
        held: list[Held] = []
        for side in Side:
            seen = pair.seen[side]
            if seen is None or not (seen.snapshot.absent or self.verdicts):
                continue
            mine = {field: found for (s, field), found in self.verdicts.items() if s is side}
            meant, still_open = as_meant(seen, pair.link.base(side), mine)
            pair = pair if meant is seen else pair.seeing(meant)
            held += [Held(field, side, STILL_OPEN) for field in still_open]
        return pair, tuple(held)

    def as_known(self, pair: Pair, link: Link) -> tuple[Link, Pair]:
        """A link and its pair without what was only taken for empty: lists leave it out."""
        for side in Side:
            seen, base = pair.seen[side], link.base(side)
            doubtful = self.learnt[side] if seen is None else self.unlisted[side] & seen.snapshot.absent
            if not doubtful:
                continue
            known = {f: value for f, value in base.items() if f not in doubtful or value is not None}
            link = link.with_base(side, known)
            if seen is not None:
                values = {f: v for f, v in seen.snapshot.values.items() if f not in doubtful}
                pair = pair.seeing(attrs.evolve(seen, snapshot=attrs.evolve(seen.snapshot, values=values)))
        return link, pair

    def to_be_read_singly(self, side: Side, seen: Observation, fields: Collection[str]) -> bool:
        """Whether a record is to be read alone before these fields of it are written over.

        A list may leave out what a single read shows. As long as no list has shown a field, some records are read
        alone; when they do not show it either, the rest is taken at its word. What is known to be unlisted is read by
        id anyway.
        """
        known = self.shown[side] | self.unlisted[side]
        asked = [f for f in fields if f in seen.snapshot.absent and f not in known]
        due = [f for f in asked if self._looks.get((side, f), 0) < SAMPLE]
        for field in due:
            self._looks[side, field] = self._looks.get((side, field), 0) + 1
        return bool(due)
