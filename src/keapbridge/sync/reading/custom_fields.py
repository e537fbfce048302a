"""Custom fields of Keap in a run: which one each name of the mapping means is asked once and remembered in the store.

Keap's model is read again when a name is not known yet, in a run that reads everything, when Keap's records have
changed, and after Keap has refused to write custom fields. A run without news asks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.errors import MappingError
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping.custom import NamedField, resolve
from keapbridge.model.finding import Finding, Findings
from keapbridge.model.side import Side
from keapbridge.sync.known_fields import Had, forget, had_fields, known_fields, no_such_field, remember
from keapbridge.sync.reading.anew import begin_anew
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import HasCustomFields

__all__ = ["forget_fields", "learn_fields", "make_fields"]


def learn_fields(sync: Synchronization, *, refresh: bool) -> Flow[bool]:
    """Find the custom fields of a mapping in Keap's model; whether a name means another field than before, or none.

    One that Keap has had and does not have any more holds its field; the others flow. One that was made anew begins
    anew: what Keap held in the one before says nothing of it.

    Args:
        refresh: also when all of them are known.

    Raises:
        MappingError: when some have never been there, and are not to be made; it tells all of them.
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
    there = {name: field for name, field in found.items() if field.id}
    anew = {name for name, field in there.items() if name in had and had[name] != Had(field.id, True)}
    if anew:
        fields = [lens.name for lens in mapper.lenses if lens.keap.custom in anew]
        yield from begin_anew(sync, {Side.KEAP: fields})
    if found != known or any(each.is_there is not (name in there) for name, each in had.items()):
        yield from remember(sync.store, mapper, found)
    before = {name: (field.id, field.type) for name, field in known.items() if field.id}
    now_there = {name: (field.id, field.type) for name, field in there.items()}
    return bool(anew) or any(before[name] != now_there.get(name) for name in before)


def _find(sync: Synchronization, model: Model, had: Mapping[NamedField, Had]) -> dict[NamedField, CustomField]:
    """The fields that are meant; those that Keap does not have any more are held.

    One that was found once is followed by its id: its label may have become another, and its old label another's.
    """
    found: dict[NamedField, CustomField] = {}
    slips: list[Finding] = []
    for lens in sync.mapper.lenses:
        name = lens.keap.custom
        if name is None:
            continue
        wanted = name
        if name in had:
            by_id = attrs.evolve(name, label=None, id=had[name].id)
            # What somebody has deleted is not made again by itself.
            wanted = by_id if model.find(id=by_id.id) is not None else attrs.evolve(name, create=False)
        try:
            found[name] = resolve(wanted, model)
        except MappingError as error:
            if name in had:
                sync.guard.hold(sync.name, lens.name, Side.KEAP, str(error))
            else:  # a slip of the host's, which never worked
                slips.append(no_such_field(f"{sync.name}.{lens.name}", name, error, model))
    if slips:
        raise MappingError.of(Findings(slips))
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
