"""Custom fields of Keap in a run: which one each name of the mapping means is asked once and remembered in the store.

Keap's model is read again when a name is not known yet, in a run that reads everything, when Keap's records have
changed, and after Keap has refused to write custom fields. A run without news asks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from keapbridge._io.effects import Flow
from keapbridge._json.codec import Codec
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping.custom import NamedField, resolve
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.side import Side
from keapbridge.sync.lease import keep
from keapbridge.sync.systems import KeapRecords

if TYPE_CHECKING:
    from keapbridge.store import LinkStore
    from keapbridge.sync.synchronization import Bridge

__all__ = ["forget_fields", "known_fields", "learn_fields", "make_fields"]

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


def learn_fields(bridge: Bridge, object: str, *, refresh: bool) -> Flow[bool]:
    """Find the custom fields of a mapping in Keap's model; whether a name means another field than before.

    Args:
        refresh: also when all of them are known.

    Raises:
        MappingError: when one is not there, and is not to be made.
    """
    mapper = bridge.mappers[object]
    known = yield from known_fields(bridge.store, mapper)
    if not refresh and all(name in known and known[name].id for name in mapper.custom_fields):
        return False
    if not mapper.custom_fields:
        return False
    model = yield from _keap(bridge, object).model()
    found = {name: resolve(name, model) for name in mapper.custom_fields}
    yield from _remember(bridge, object, known, found)
    before = {name: (field.id, field.type) for name, field in known.items() if field.id}
    return any(before[name] != (found[name].id, found[name].type) for name in before)


def make_fields(bridge: Bridge, object: str) -> Flow[None]:
    """Make the custom fields that a mapping asks for and Keap does not have."""
    mapper = bridge.mappers[object]
    known = yield from known_fields(bridge.store, mapper)
    if all(name in known and known[name].id for name in mapper.custom_fields):
        return
    keap = _keap(bridge, object)
    model = yield from keap.model()
    found = {name: resolve(name, model) for name in mapper.custom_fields}
    for name, field in found.items():
        if not field.id:
            yield from keep(bridge.store)  # a runner that slept too long must not make a second one
            found[name] = yield from keap.create_custom_field(name)
    yield from _remember(bridge, object, known, found)


def forget_fields(bridge: Bridge, object: str) -> Flow[None]:
    """After a refused write: the fields may have changed."""
    if bridge.mappers[object].custom_fields:
        yield from bridge.store.facts.set(_fact(object), "{}")


def _remember(bridge: Bridge, object: str, known: Fields, found: Fields) -> Flow[None]:
    if found != known:
        there = {name.path: _CODEC.dump(field) for name, field in found.items() if field.id}
        text = msgspec.json.encode(there).decode()
        yield from bridge.store.facts.set(_fact(object), text)


def _keap(bridge: Bridge, object: str) -> KeapRecords:
    system = bridge.systems[object, Side.KEAP]
    assert isinstance(system, KeapRecords)  # only Keap has custom fields
    return system


def _fact(object: str) -> str:
    return f"{object}_custom_fields"
