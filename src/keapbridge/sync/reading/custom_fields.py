"""Custom fields of Keap in a run: which one each name of the mapping means is asked once and remembered in the store.

Keap's model is read again when a name is not known yet, in a run that reads everything, when Keap's records have
changed, and after Keap has refused to write custom fields. A run without news asks nothing.
"""

from __future__ import annotations

from keapbridge._io.effects import Flow
from keapbridge.mapping.custom import resolve
from keapbridge.model.side import Side
from keapbridge.sync.known_fields import forget, known_fields, remember
from keapbridge.sync.lease import prolong
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import HasCustomFields

__all__ = ["forget_fields", "learn_fields", "make_fields"]


def learn_fields(sync: Synchronization, *, refresh: bool) -> Flow[bool]:
    """Find the custom fields of a mapping in Keap's model; whether a name means another field than before.

    Args:
        refresh: also when all of them are known.

    Raises:
        MappingError: when one is not there, and is not to be made.
    """
    mapper = sync.mapper
    known = yield from known_fields(sync.store, mapper)
    if not refresh and all(name in known and known[name].id for name in mapper.custom_fields):
        return False
    if not mapper.custom_fields:
        return False
    model = yield from _keap(sync).model()
    found = {name: resolve(name, model) for name in mapper.custom_fields}
    if found != known:
        yield from remember(sync.store, mapper, found)
    before = {name: (field.id, field.type) for name, field in known.items() if field.id}
    return any(before[name] != (found[name].id, found[name].type) for name in before)


def make_fields(sync: Synchronization) -> Flow[None]:
    """Make the custom fields that a mapping asks for and Keap does not have."""
    mapper = sync.mapper
    known = yield from known_fields(sync.store, mapper)
    if all(name in known and known[name].id for name in mapper.custom_fields):
        return
    keap = _keap(sync)
    model = yield from keap.model()
    found = {name: resolve(name, model) for name in mapper.custom_fields}
    for name, field in found.items():
        if not field.id:
            yield from prolong(sync.store)  # a runner that slept too long must not make a second one
            found[name] = yield from keap.create_custom_field(name)
    if found != known:
        yield from remember(sync.store, mapper, found)


def forget_fields(sync: Synchronization) -> Flow[None]:
    """After a refused write: the fields may have changed."""
    if sync.mapper.custom_fields:
        yield from forget(sync.store, sync.mapper)


def _keap(sync: Synchronization) -> HasCustomFields:
    system = sync.systems[Side.KEAP]
    assert isinstance(system, HasCustomFields)  # a mapping with custom fields is made for a system that has them
    return system
