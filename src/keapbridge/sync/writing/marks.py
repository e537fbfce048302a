"""Marking Keap's contacts with tags: by calls of their own, one for each tag and many contacts.

Each can be repeated without harm, so no intent is needed. What their contacts hold then is read back, as after any
write that is answered by nothing: a tag may set an automation going that changes others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.errors import ApiError, UnfitError
from keapbridge.mapping.kinds import marks_of
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.change import Change
from keapbridge.model.side import Side
from keapbridge.sync.guard import stops_everything
from keapbridge.sync.systems import Marks
from keapbridge.sync.writing.one_pair import left_the_filter, remember_write
from keapbridge.sync.writing.pair_state import PairState, Sent
from keapbridge.sync.writing.run import RunPart

__all__ = ["write_marks"]


@attrs.frozen
class _Wanted:
    """What a contact is to be marked with.

    Attributes:
        place: of its pair, among those that are written.
        added, removed: ids of tags.
    """

    place: int
    id: str
    change: Change
    added: Sequence[str]
    removed: Sequence[str]


def write_marks(part: RunPart, states: Sequence[PairState]) -> Flow[list[PairState]]:
    """The pairs once their contacts are marked; where that fails, it is left to be tried for each by itself."""
    current = list(states)
    system = part.sync.systems[Side.KEAP]
    wanted = [found for n, state in enumerate(states) if (found := _wanted(part.sync.mapper, n, state)) is not None]
    if not wanted:
        return current
    assert isinstance(system, Marks)  # a mapping with such fields is made for a system that has them
    groups: dict[tuple[str, bool], list[str]] = {}
    for each in wanted:
        for tags, on in ((each.removed, False), (each.added, True)):
            for tag in tags:
                groups.setdefault((tag, on), []).append(each.id)
    failed: set[str] = set()
    for (tag, on), ids in groups.items():
        try:
            failed |= set((yield from system.mark(tag, ids, on=on)))
        except ApiError as error:
            if stops_everything(error):
                raise
            failed |= set(ids)
    for each in wanted:
        if each.id not in failed:
            current[each.place] = yield from _remember(part, current[each.place], each)
    return current


def _wanted(mapper: Mapper, place: int, state: PairState) -> _Wanted | None:
    record = state.records.get(Side.KEAP)
    if record is None or state.gone is not None or left_the_filter(state.pair) is not None:
        return None
    for change in state.outcome.changes:
        if change.side is Side.KEAP and mapper[change.field].kind.is_marked:
            held = record.tag_ids or ()
            try:
                added, removed = marks_of(change.before, change.after, held, state.context)
            except UnfitError:
                return None  # it is told where it is written by itself
            return _Wanted(place, state.pair.link.keap_id, change, added, removed)
    return None


def _remember(part: RunPart, state: PairState, done: _Wanted) -> Flow[PairState]:
    before: Any = state.records[Side.KEAP]
    ids = (*(id for id in before.tag_ids or () if id not in done.removed), *done.added)
    write = Sent(attrs.evolve(before, tag_ids=ids), {"tag_ids": ids}, type(before)(id=before.id), whole=False)
    return (yield from remember_write(part, state, Side.KEAP, [done.change], write))
