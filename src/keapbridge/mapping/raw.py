"""What a write changes in a record, place by place in its system's notation, and putting that back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import attrs

from keapbridge.keap.slots import find_item, remove_item, slot_attribute, slot_of
from keapbridge.mapping.place import ITEMS, SLOTTED, is_empty_item
from keapbridge.model.maybe import UNSET
from keapbridge.model.raw import Path, RawChange, to_plain

__all__ = ["CUSTOM", "EXTRA", "put_back", "raw_changes", "raw_values"]

EXTRA = "extra"
CUSTOM = "custom_fields"
_NEVER_WRITTEN = frozenset(
    {"date", "email_opt_status", "formatted_amount", "is_opt_in", "number_e164", "opt_in_reason"}
)
_ARRAY_ITEMS = tuple(ITEMS[root] for root in SLOTTED)


# --- taking apart -----------------------------------------------------------------------------------------------


def raw_values(record: Any, written: Mapping[str, Any]) -> dict[Path, Any]:
    """All that a record shows in what is written, place by place.

    Args:
        written: attribute → value, as a system is given it; of `extra` the names that are written.
    """
    found: dict[Path, Any] = {}
    for root in written:
        value = getattr(record, root)
        if root == EXTRA:
            found.update(((EXTRA, name), value[name]) for name in written[EXTRA] if name in value)
        elif root in SLOTTED and type(value) is tuple and _are_told_apart(value):
            found.update(((root, slot_of(item), *path), part) for item in value for path, part in _parts(item))
        elif type(value) is ITEMS.get(root):
            found.update(((root, *path), part) for path, part in _parts(value))
        elif value is not UNSET:
            found[root,] = value
    return found


def _are_told_apart(items: tuple[Any, ...]) -> bool:
    slots = [slot_of(item) if isinstance(item, _ARRAY_ITEMS) else None for item in items]
    return all(isinstance(slot, str) for slot in slots) and len(set(slots)) == len(slots)


def _parts(item: Any) -> Iterator[tuple[Path, Any]]:
    for field in attrs.fields(type(item)):
        value = getattr(item, field.name)
        is_shown = value if field.name == EXTRA else value is not UNSET
        if is_shown and field.name not in _NEVER_WRITTEN:
            yield (field.name,), value


def raw_changes(before: Any, sent: Any, written: Mapping[str, Any], shown: Any) -> tuple[RawChange, ...] | None:
    """What a write changes; `None` where that is nothing which can be kept.

    Args:
        before: the record as it was read.
        sent: the same with the new values.
        written: what was written of it.
        shown: the record as the system answered it; what it does not show is as it was sent.
    """
    old, new = raw_values(before, written), raw_values(sent, written)
    answered = raw_values(shown, written)
    roots = {path[0] for path in answered if path[0] != EXTRA}
    changes: list[RawChange] = []
    for path in sorted(old.keys() | new.keys()):
        was, becomes = old.get(path, UNSET), new.get(path, UNSET)
        stored = answered.get(path, UNSET if path[0] in roots else becomes)
        if not _is_same(was, becomes):
            changes.append(RawChange(path, was, stored))
    return tuple(changes) if all(map(_can_be_kept, changes)) else None


def _is_same(a: Any, b: Any) -> bool:
    """Whether two values are the same in every letter: `1`, `1.0` and `True` are not."""
    return a is b or (type(a) is type(b) and repr(a) == repr(b))


def _can_be_kept(change: RawChange) -> bool:
    try:
        for value in (change.before, change.after):
            to_plain(value)
    except TypeError:
        return False
    return True


# --- putting back -----------------------------------------------------------------------------------------------


def put_back(record: Any, changes: Iterable[RawChange]) -> tuple[Any, dict[str, Any]]:
    """The record as it was before these changes, and what must be written for that; all else in it stays."""
    written: dict[str, Any] = {}
    for root, group in groupby(sorted(changes, key=lambda change: change.path), lambda change: change.path[0]):
        its = list(group)
        if root == EXTRA:
            written[EXTRA] = {change.path[1]: _or_empty(change.before) for change in its}
            record = attrs.evolve(record, extra={**record.extra, **written[EXTRA]})
        else:
            written[root] = _whole(root, getattr(record, root), its)
            record = attrs.evolve(record, **{root: written[root]})
    return record, written


def _or_empty(value: Any) -> Any:
    return None if value is UNSET else value


def _whole(root: str, present: Any, changes: Sequence[RawChange]) -> Any:
    """A property, of which the whole was another one, or parts were."""
    whole = next((change.before for change in changes if len(change.path) == 1), UNSET)
    parts = [change for change in changes if len(change.path) > 1]
    if not parts:
        return _or_empty(whole)
    if root in SLOTTED:
        return _array(root, present if type(present) is tuple else (), parts)
    holder = _with_parts(present if type(present) is ITEMS[root] else ITEMS[root](), parts)
    return _or_empty(whole) if is_empty_item(holder) else holder


def _array(root: str, items: tuple[Any, ...], changes: Sequence[RawChange]) -> tuple[Any, ...]:
    key = slot_attribute(root)
    for slot, group in groupby(changes, lambda change: change.path[1]):
        its = list(group)
        present = find_item(items, slot)
        item = _with_parts(present or ITEMS[root](**{key: slot}), its)
        # What tells the slot was not there: the item was made by the write. A custom field is always there.
        was_made = any(change.path[2] == key and change.before is UNSET for change in its)
        if root == CUSTOM:
            item = attrs.evolve(item, id=slot, content=_content(item.content, present))
        elif was_made:
            item = attrs.evolve(item, **{key: slot})
        if was_made and is_empty_item(item):
            items = remove_item(items, slot)
        elif present is not None:
            items = tuple(item if old is present else old for old in items)
        else:
            items = _inserted(items, item)
    return items


def _content(content: Any, present: Any) -> Any:
    """The content of a custom field; one that is emptied must be said to be empty."""
    if content is not UNSET and content is not None:
        return content
    return [] if present is not None and isinstance(present.content, (list, tuple)) else ""


def _inserted(items: tuple[Any, ...], item: Any) -> tuple[Any, ...]:
    """The items with another one, in its turn where they are in order."""
    turn = next((n for n, other in enumerate(items) if _turn(other) > _turn(item)), len(items))
    return (*items[:turn], item, *items[turn:])


def _turn(item: Any) -> tuple[int, str]:
    slot = slot_of(item)
    return (len(slot), slot) if isinstance(slot, str) and slot.isdecimal() else (0, str(slot))


def _with_parts(item: Any, changes: Iterable[RawChange]) -> Any:
    return attrs.evolve(item, **{change.path[-1]: _part(change) for change in changes})


def _part(change: RawChange) -> Any:
    return {} if change.path[-1] == EXTRA and change.before is UNSET else change.before
