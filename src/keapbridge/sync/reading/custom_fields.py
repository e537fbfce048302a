"""Custom fields of Keap in a run: which one each name of the mapping means is asked once and remembered in the store.

Keap's model is read again when a name is not known yet, in a run that reads everything, when Keap's records have
changed, and after Keap has refused to write custom fields. A run without news asks nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from keapbridge._io.effects import Flow
from keapbridge.errors import MappingError
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping.custom import NamedField, resolve
from keapbridge.model.side import Side
from keapbridge.sync.known_fields import forget, had_fields, known_fields, remember
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import HasCustomFields

__all__ = ["forget_fields", "learn_fields", "make_fields"]


def learn_fields(sync: Synchronization, *, refresh: bool) -> Flow[bool]:
    """Find the custom fields of a mapping in Keap's model; whether a name means another field than before, or none.

    One that Keap has had and does not have any more holds its field; the others flow.

    Args:
        refresh: also when all of them are known.

    Raises:
        MappingError: when one has never been there, and is not to be made.
    """
    mapper = sync.mapper
    known = yield from known_fields(sync.store, mapper)
    if not refresh and all(name in known and known[name].id for name in mapper.custom_fields):
        return False
    if not mapper.custom_fields:
        return False
    model = yield from _keap(sync).model()
    had = yield from had_fields(sync.store, mapper)
    found = _find(sync, model, had)
    lost_before = {name for name, is_there in had.items() if not is_there}
    if found != known or lost_before != had.keys() - found.keys():
        yield from remember(sync.store, mapper, found)
    before = {name: (field.id, field.type) for name, field in known.items() if field.id}
    now_there = {name: (field.id, field.type) for name, field in found.items() if field.id}
    return any(before[name] != now_there.get(name) for name in before) or not lost_before.isdisjoint(now_there)


def _find(sync: Synchronization, model: Model, had: Collection[NamedField]) -> dict[NamedField, CustomField]:
    """The fields that are meant; those that Keap does not have any more are held."""
    found: dict[NamedField, CustomField] = {}
    for lens in sync.mapper.lenses:
        name = lens.keap.custom
        if name is None:
            continue
        try:
            found[name] = resolve(name, model)
        except MappingError as error:
            if name not in had:
                raise  # a slip of the host's, which never worked
            sync.guard.hold(sync.name, lens.name, Side.KEAP, str(error))
    return found


def make_fields(sync: Synchronization) -> Flow[None]:
    """Make the custom fields that a mapping asks for and Keap does not have."""
    mapper = sync.mapper
    known = yield from known_fields(sync.store, mapper)
    if all(name in known and known[name].id for name in mapper.custom_fields):
        return
    keap = _keap(sync)
    model = yield from keap.model()
    found = _find(sync, model, (yield from had_fields(sync.store, mapper)))
    for name, field in found.items():
        if not field.id:
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
