"""What the kinds make of the rows that were read: how many hold something, and what will be held, and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from keapbridge.customcrm.adapted import tidy
from keapbridge.customcrm.adapter import ENDPOINTS
from keapbridge.inspecting.mappings import MAPPERS
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.finding import Finding
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS
from keapbridge.model.side import Side

__all__ = ["Field", "Profile", "findings_of", "profile_of"]


@attrs.frozen(kw_only=True)
class Field:
    """One field of the records that were read.

    Attributes:
        name: of the field.
        filled: how many records have a value there.
        held: how many have one that would not flow.
        reasons: why, each with how many.
        cut: how many are longer than Keap holds.
    """

    name: str
    filled: int
    held: int = 0
    reasons: Mapping[str, int] = attrs.field(factory=dict)
    cut: int = 0


@attrs.frozen(kw_only=True)
class Profile:
    """What was read of one kind of record.

    Attributes:
        object: `contacts`, `customers` or `products`.
        records: how many were looked at.
        fields: each field that is mapped.
        unreachable: how many cannot be made in Keap, for they lack what it needs.
        shared: how many share what they would be matched by (an e-mail address) with another one.
        malformed: how many could not be read at all.
    """

    object: str
    records: int
    fields: tuple[Field, ...] = ()
    unreachable: int = 0
    shared: int = 0
    malformed: int = 0


def profile_of(
    object: str, items: Sequence[Mapping[str, Any]], context: Context, mapper: Mapper | None = None
) -> Profile:
    """What the kinds of the default mapping make of records.

    Args:
        items: records as the database shows them.
        context: with the region of phone numbers that have no prefix.
        mapper: the mapping, where it is not the default one.
    """
    mapper = mapper or MAPPERS[object]
    codec = ENDPOINTS[object].codec.by_fields(root="")
    records, malformed = codec.load_many([tidy(item) for item in items])
    filled: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    keys: Counter[Any] = Counter()
    unreachable = 0
    shown: set[str] = set()
    for record in records:
        values, unreadable = mapper.read(Side.CUSTOMCRM, record, context)
        for name, value in values.items():
            shown.add(name)
            filled[name] += value is not None
            limit = mapper[name].limits.get(Side.KEAP)
            cut[name] += limit is not None and isinstance(value, str) and len(value) > limit
        for name, reason in unreadable.items():
            lens = mapper[name]
            if lens.follows is not None and lens.follows not in values and lens.follows not in unreadable:
                continue  # without what it means something by it takes no part
            shown.add(name)
            filled[name] += 1
            reasons.setdefault(name, Counter())[reason] += 1
        unreachable += _lacks(mapper, values)
        strongest = mapper.matching.keys_of(values, {})[:1]
        keys.update(strongest)
    fields = [
        Field(
            name=lens.name,
            filled=filled[lens.name],
            held=sum(reasons.get(lens.name, {}).values()),
            reasons=dict(reasons.get(lens.name, {})),
            cut=cut[lens.name],
        )
        for lens in mapper.lenses
        if lens.name in shown
    ]
    shared = sum(count for count in keys.values() if count > 1)
    return Profile(
        object=object,
        records=len(items),
        fields=tuple(fields),
        unreachable=unreachable,
        shared=shared,
        malformed=len(malformed),
    )


def _lacks(mapper: Mapper, values: Mapping[str, Any]) -> bool:
    """Whether Keap has no room for a record: it lacks all of what one must have some of, or what is required."""
    some = mapper.needs_any.get(Side.KEAP, ())
    required = (lens for lens in mapper.lenses if Side.KEAP in lens.required)
    lacks = any(values.get(lens.name) is None and values.get(lens.fallback or "") is None for lens in required)
    return lacks or bool(some and all(values.get(name) is None for name in some))


_SINGULAR = {CONTACTS: "contact", CUSTOMERS: "company", PRODUCTS: "product"}
_PLURAL = {CONTACTS: "contacts", CUSTOMERS: "companies", PRODUCTS: "products"}


def findings_of(profile: Profile) -> Iterator[Finding]:
    """What is to be known of the data before a first run."""
    total, object = profile.records, profile.object
    for field in profile.fields:
        for reason, count in sorted(field.reasons.items(), key=lambda each: -each[1]):
            what = f"{count} of {field.filled} will be held: {reason}"
            yield Finding("warning", f"{object}.{field.name}", what, _advice(field.name, reason))
        if field.cut:
            what = f"{field.cut} of {field.filled} are longer than Keap holds"
            yield Finding("info", f"{object}.{field.name}", what, "they are cut in Keap, and stay whole here")
    if profile.unreachable:
        lacking = f"{profile.unreachable} of {total} {_PLURAL[object]}"
        what = f"{lacking} lack what Keap needs, and are made there once they have it"
        yield Finding("warning", object, what, f"Keap needs {_needs(object)}")
    if profile.shared:
        what = f"{profile.shared} of {total} share what they are matched by ({_matched_by(object)}) with another one"
        yield Finding("warning", object, what, "at first contact they are reported, and linked with none")
    if profile.malformed:
        yield Finding("warning", object, f"{profile.malformed} of {total} rows cannot be read as a {_SINGULAR[object]}")


def _needs(object: str) -> str:
    mapper = MAPPERS[object]
    some = mapper.needs_any.get(Side.KEAP, ())
    required = [lens.name for lens in mapper.lenses if Side.KEAP in lens.required and lens.fallback is None]
    return f"one of {', '.join(some)}" if some else " and ".join(required)


def _matched_by(object: str) -> str:
    return " and ".join(MAPPERS[object].keys[0].fields)


def _advice(field: str, reason: str) -> str:
    if "default region" in reason:
        return 'default_region="US" of the session is for numbers without a prefix'
    if "known country" in reason:
        return "the country is held until it is one that is known"
    return "the rest of the record flows"
