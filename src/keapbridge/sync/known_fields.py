"""Which custom field of Keap each name of a mapping means, as far as the store remembers it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from keapbridge._io.effects import Flow
from keapbridge._json.codec import Codec
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping.custom import NamedField, resolve
from keapbridge.mapping.mapper import Mapper
from keapbridge.store.sql import LinkStore

__all__ = ["Fields", "forget", "known_fields", "remember"]

Fields = Mapping[NamedField, CustomField]

_CODEC: Codec[CustomField] = Codec(CustomField)


def known_fields(store: LinkStore, mapper: Mapper) -> Flow[Fields]:
    """What is remembered of the custom fields of a mapping."""
    if not mapper.custom_fields:
        return {}
    text = yield from store.facts.get(_fact(mapper.name))
    told = msgspec.json.decode(text) if text else {}
    found = {name: _CODEC.load(told[name.path]) for name in mapper.custom_fields if name.path in told}
    # What is yet to be made is known from the mapping.
    return {name: resolve(name, Model()) for name in mapper.custom_fields if name.create} | found


def remember(store: LinkStore, mapper: Mapper, found: Fields) -> Flow[None]:
    """Remember those of the fields that Keap has."""
    there = {name.path: _CODEC.dump(field) for name, field in found.items() if field.id}
    yield from store.facts.set(_fact(mapper.name), msgspec.json.encode(there).decode())


def forget(store: LinkStore, mapper: Mapper) -> Flow[None]:
    """Forget all of them."""
    yield from store.facts.set(_fact(mapper.name), "{}")


def _fact(name: str) -> str:
    return f"{name}_custom_fields"
