"""A mapper fitted to a Customcrm: without what that cannot hold, with what that tells and cannot do without."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.side import Side
from keapbridge.sync.clients import AdapterSystem, CustomcrmSystem
from keapbridge.sync.systems import System

__all__ = ["narrowed", "told"]


def narrowed(mapper: Mapper, system: System) -> Mapper:
    """The mapping without what this Customcrm cannot hold."""
    held = system.properties
    lacking = system.lacking if isinstance(system, CustomcrmSystem) else frozenset()
    if held is None and not lacking:
        return mapper
    mapper = _demanding(mapper, system.needs if isinstance(system, AdapterSystem) else ())
    missing = {lens.name for lens in mapper.lenses if not lens.customcrm.properties.isdisjoint(lacking)}
    if held is not None:
        missing |= {lens.name for lens in mapper.lenses if not lens.customcrm.properties <= held}
    # A region means something in its country only; a phone number can do without.
    missing |= {lens.name for lens in mapper.lenses if lens.follows in missing}
    freed = [attrs.evolve(lens, scope=None) for lens in mapper.lenses if lens.scope in missing]
    homeless = tuple(lens for lens in mapper.lenses if lens.name in missing)
    narrowed = mapper.with_lenses(*freed).without(*missing) if missing else mapper
    keys = {name for key in mapper.keys for name in key.fields}
    return attrs.evolve(narrowed, homeless=homeless, homeless_keys=frozenset(keys & missing))


def told(mapper: Mapper, system: System, context: Context) -> Mapper:
    """The mapping with what this Customcrm tells of what its properties take, and of how they are written."""
    if not isinstance(system, AdapterSystem):
        return mapper
    capacities, examples = system.flows.capacities, system.flows.examples
    mapper = mapper.within(capacities) if capacities else mapper
    return mapper.learning(examples, context) if examples else mapper


def _demanding(mapper: Mapper, needs: Collection[str]) -> Mapper:
    """The mapping with what this Customcrm cannot make a record without."""
    if not needs:
        return mapper
    held = {name for lens in mapper.lenses for name in lens.customcrm.properties}
    lenses = tuple(
        attrs.evolve(lens, required=lens.required | {Side.CUSTOMCRM})
        if lens.customcrm.properties & set(needs)
        else lens
        for lens in mapper.lenses
    )
    return attrs.evolve(mapper, lenses=lenses, needed={Side.CUSTOMCRM: tuple(sorted(set(needs) - held))})
