"""Values into records: what is written to a system, and what changes along with it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import attrs

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.place import with_whole_regions
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Canonical, Values
from keapbridge.model.side import Side

__all__ = ["new_record", "put_values", "same_texts", "written_along"]


def new_record(mapper: Mapper, side: Side, values: Mapping[str, Canonical], context: Context) -> Any:
    """A new record for a side from canonical values that fit it."""
    record = mapper.customcrm_type() if side is Side.CUSTOMCRM else mapper.keap_type()
    for lens in mapper.homeless:
        value = values.get(lens.fallback or "")
        if side is Side.KEAP and side in lens.required and value is not None:
            record = lens.put(side, record, lens.fit(side, value, context), context)
    return put_values(mapper, side, record, values, context)[0]


def put_values(
    mapper: Mapper, side: Side, record: Any, values: Mapping[str, Canonical], context: Context
) -> tuple[Any, dict[str, Any]]:
    """The record with these values, and the attributes that must be written for it."""
    roots: set[str] = set()
    before = record
    for lens in mapper.lenses:
        if lens.name in values:
            # What means the same already stays as Customcrm has written it.
            if side is Side.KEAP or _value(mapper, lens, side, record, context) != values[lens.name]:
                scope = _scope(mapper, lens, side, record, context)
                record = lens.put(side, record, values[lens.name], context, scope)
            roots.update(mapper.roots[side][lens.name])
    for lens in mapper.by_scope:
        if lens.scope in values and lens.name not in values and lens.flows_to(side):
            meant = _value(mapper, lens, side, before, context)
            if meant not in (UNSET, None) and _value(mapper, lens, side, record, context) != meant:
                # The text would mean another value in its new surroundings.
                record = lens.put(side, record, meant, context, _scope(mapper, lens, side, record, context))
                roots.update(mapper.roots[side][lens.name])
    if side is Side.KEAP:
        record = with_whole_regions(record, before, roots, context.default_region)
    changes = {name: getattr(record, name) for name in sorted(roots - {"extra"})}
    if "extra" in roots:
        own = {
            attribute
            for lens in mapper.lenses
            if lens.name in values and lens.place(side).in_extra
            for attribute in lens.place(side).attributes
        }
        changes["extra"] = {name: record.extra.get(name) for name in sorted(own)}
    return record, changes


def _scope(mapper: Mapper, lens: Lens, side: Side, record: Any, context: Context) -> Canonical:
    """What a record holds in the field that another one depends on; `None` where that is not understood."""
    found = _value(mapper, mapper[lens.scope], side, record, context) if lens.scope else None
    known: Canonical = None if found is UNSET else found
    return known


def _value(mapper: Mapper, lens: Lens, side: Side, record: Any, context: Context) -> Any:
    """What a record says in a field that is read by another one; `UNSET` where it is not understood."""
    try:
        scope = mapper[lens.scope].get(side, record, None, context) if lens.scope else None
        return lens.get(side, record, None if scope is UNSET else scope, context)
    except UnfitError:
        return UNSET


def written_along(
    mapper: Mapper, side: Side, before: Any, after: Any, values: Collection[str], context: Context
) -> dict[str, tuple[Canonical, Canonical]]:
    """Fields that a write changes without having been asked to, with what they hold before and after it.

    Args:
        values: the fields that it was asked to write.
    """
    touched = {f.name for f in attrs.fields(type(before)) if getattr(before, f.name) is not getattr(after, f.name)}
    near: set[str] = set()
    for lens in mapper.lenses:  # scopes come before what is read by them
        if lens.scope in near or touched.intersection(mapper.roots[side][lens.name]):
            near.add(lens.name)
    if near <= set(values):
        return {}
    old, unreadable = mapper.read(side, before, context)
    new, _ = mapper.read(side, after, context)
    # What was not shown held nothing. What was not understood, as a phone number without its country, held something:
    # that it is understood now is no write, and it still has to reach the other side. That it is gone is one.
    others = near.intersection(new).difference(values)
    gone = {name for name in others if name in unreadable and new[name] is None}
    written = {name for name in others if name not in unreadable and old.get(name) != new[name]} | gone
    return {name: (old.get(name), new[name]) for name in new if name in written}


def same_texts(mapper: Mapper, side: Side, base: Values, now: Values, context: Context) -> dict[str, Canonical]:
    """Fields that are read as another value only because the field or Keap's list that they are read by has changed.

    Returns:
        Each with the value that it was known to have.
    """
    found: dict[str, Canonical] = {}
    for lens in (*mapper.by_scope, *mapper.by_entries):
        name, scope = lens.name, lens.scope or ""
        if name not in base or name not in now or base[name] == now[name] or base[name] is None:
            continue
        is_moved = base.get(scope) != now.get(scope) or lens.kind.entries is not None
        if is_moved and lens.kind.is_same_text((now[name], now.get(scope)), (base[name], base.get(scope)), context):
            found[name] = base[name]
    return found
