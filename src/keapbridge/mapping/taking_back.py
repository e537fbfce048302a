"""Records as they were before a write, in their own notation: what undoing asks of a mapper. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from keapbridge.mapping import raw
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.place import with_whole_regions
from keapbridge.mapping.writing import new_record
from keapbridge.model.maybe import UNSET
from keapbridge.model.raw import Path, RawChange
from keapbridge.model.records import Values
from keapbridge.model.side import Side

__all__ = ["made_anew", "raw_of", "raw_paths", "taken_back"]


def taken_back(
    mapper: Mapper, side: Side, record: Any, changes: Sequence[RawChange], fields: Collection[str], context: Context
) -> tuple[Any, dict[str, Any]]:
    """The record in which these fields hold what they held before some changes, and what must be written for it.

    What was changed along with them (the type of a phone number that went, the spelling of one whose country became
    another) is put back, too, unless it is another by now. Fields that the changes do not tell of are as they are.
    """
    mine = raw_paths(mapper, side, fields, context)
    rest = [lens for lens in mapper.lenses if lens.name not in fields]
    along = raw_paths(mapper, side, [lens.name for lens in rest if lens.scope in fields], context)
    others = raw_paths(mapper, side, [lens.name for lens in rest], context) - along
    near = {path[:-1] for path in mine} | {path[:1] for path in mine}
    held = raw.raw_values(record, {change.path[0]: {} for change in changes})
    wanted = [
        change
        for change in changes
        if change.path in mine
        or (
            (change.path in along or (change.path not in others and _is_near(change.path, near)))
            and held.get(change.path, UNSET) == change.after
        )
    ]
    return _put_back(side, record, wanted, context)


def made_anew(mapper: Mapper, side: Side, values: Values, changes: Sequence[RawChange] | None, context: Context) -> Any:
    """A new record for one that went, with what it held.

    Args:
        values: the values of the one that went.
        changes: how it went, where that is known.
    """
    record = new_record(mapper, side, values, context)
    ids = {field.id for field in context.custom_fields.values()}
    references = {root for name in mapper.references for root in mapper[name].place(side).roots}
    wanted = [
        change
        for change in changes or ()
        if change.path[0] not in references and (change.path[0] != raw.CUSTOM or change.path[1] in ids)
    ]
    return _put_back(side, record, wanted, context)[0]


def _put_back(side: Side, record: Any, changes: Sequence[RawChange], context: Context) -> tuple[Any, dict[str, Any]]:
    before = record
    record, written = raw.put_back(record, changes)
    if side is Side.KEAP and written:
        record = with_whole_regions(record, before, set(written), context.default_region)
        written = {root: value if root == raw.EXTRA else getattr(record, root) for root, value in written.items()}
    return record, written


def raw_of(mapper: Mapper, side: Side, record: Any) -> tuple[RawChange, ...] | None:
    """All that a record holds where fields are mapped, as of one that is about to go."""
    places = [lens.place(side) for lens in mapper.lenses]
    written: dict[str, Any] = {root: None for place in places for root in place.roots}
    if raw.EXTRA in written:
        written[raw.EXTRA] = dict.fromkeys(name for place in places if place.in_extra for name in place.attributes)
    return raw.raw_changes(record, type(record)(), written, type(record)())


def raw_paths(mapper: Mapper, side: Side, fields: Collection[str], context: Context) -> frozenset[Path]:
    """Where the raw values of fields are in a record."""
    return frozenset(path for name in fields for path in mapper[name].raw_paths(side, context))


def _is_near(path: Path, near: Collection[Path]) -> bool:
    """Whether something is in the same object as one of some fields, or is the whole of what they are in."""
    return (path if len(path) == 1 else path[:-1]) in near
