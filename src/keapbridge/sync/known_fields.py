"""Which custom field of Keap each name of a mapping means, as far as the store remembers it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import msgspec

from keapbridge._flow.effects import Flow
from keapbridge._json.codec import Codec
from keapbridge.errors import MappingError
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping.custom import NamedField, resolve
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.finding import Finding
from keapbridge.model.meant import is_meant
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.rows import load

__all__ = ["Fields", "Had", "forget", "had_fields", "known_fields", "no_such_field", "remember"]

Fields = Mapping[NamedField, CustomField]


@attrs.frozen
class Had:
    """A custom field that Keap has had at any time: its id, and whether it was there when Keap was asked last."""

    id: str
    is_there: bool


_CODEC: Codec[CustomField] = Codec(CustomField)


def no_such_field(place: str, name: NamedField, error: MappingError, model: Model) -> Finding:
    """What is said of a custom field that Keap does not have."""
    meant = is_meant(name.label, [field.label for field in model.fields]) if name.label else ""
    return Finding("error", place, f"{error}{meant}", "make it in Keap, or correct the mapping")


def known_fields(store: LinkStore, mapper: Mapper) -> Flow[Fields]:
    """What is remembered of the custom fields of a mapping."""
    if not mapper.custom_fields:
        return {}
    text = yield from store.facts.get(_fact(mapper.name))
    told = load(text) if text else {}
    found = {name: _CODEC.load(told[name.path]) for name in mapper.custom_fields if name.path in told}
    # What is yet to be made is known from the mapping, and never was there.
    new = {name for name in mapper.custom_fields if name.create} - found.keys()
    if new:
        new -= (yield from had_fields(store, mapper)).keys()
    return {name: resolve(name, Model()) for name in new} | found


def had_fields(store: LinkStore, mapper: Mapper) -> Flow[Mapping[NamedField, Had]]:
    """The fields that Keap has had at any time."""
    text = yield from store.facts.get(_fact_of_all(mapper.name))
    told = load(text) if text else {}
    return {name: Had(*told[name.path]) for name in mapper.custom_fields if name.path in told}


def remember(store: LinkStore, mapper: Mapper, found: Fields) -> Flow[None]:
    """Remember those of the fields that Keap has."""
    had = dict((yield from had_fields(store, mapper)))
    for name in mapper.custom_fields:
        if name in found and found[name].id:
            had[name] = Had(found[name].id, True)
        elif name in had:
            had[name] = attrs.evolve(had[name], is_there=False)
    text = yield from store.facts.get(_fact_of_all(mapper.name))
    # Those that are not mapped at the moment, too: the label of one that comes back may be another field's by then.
    kept = (load(text) if text else {}) | {name.path: [each.id, each.is_there] for name, each in had.items()}
    yield from store.facts.set(_fact_of_all(mapper.name), msgspec.json.encode(kept).decode())
    there = {name.path: _CODEC.dump(field) for name, field in found.items() if field.id}
    yield from store.facts.set(_fact(mapper.name), msgspec.json.encode(there).decode())


def forget(store: LinkStore, mapper: Mapper) -> Flow[None]:
    """Forget all of them, but not that Keap has had them."""
    yield from store.facts.set(_fact(mapper.name), "{}")


def _fact(name: str) -> str:
    return f"{name}_custom_fields"


def _fact_of_all(name: str) -> str:
    return f"{name}_custom_fields_known_by_id"
