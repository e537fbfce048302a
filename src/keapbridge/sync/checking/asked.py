"""What only the systems can tell of what a host has declared: custom fields, properties that records show.

Everything here reads only, and a page at most.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.customcrm.records import wire_name
from keapbridge.errors import MappingError
from keapbridge.keap.fields import CustomField
from keapbridge.mapping.custom import NamedField, resolve
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.place import customcrm_place
from keapbridge.model.checked import usable_moment
from keapbridge.model.finding import Finding
from keapbridge.model.maybe import UNSET
from keapbridge.model.meant import is_meant, is_spelling_of, slip_of
from keapbridge.model.side import Side
from keapbridge.sync.clients import CustomcrmSystem
from keapbridge.sync.known_fields import had_fields, no_such_field, remember
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.systems import HasCustomFields

__all__ = [
    "asks_for_custom_fields",
    "asks_for_records",
    "custom_fields",
    "first_page",
    "misspelt",
    "shown",
    "stamped",
    "takes_times_for_utc",
    "undated",
    "zoneless",
]

A_CLOCK = timedelta(minutes=20)  # how far the clocks of two machines may be apart
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d|GMT|UTC)$", re.IGNORECASE)
DEPTH = 3  # of objects in records whose parts are looked at


def asks_for_custom_fields(sync: Synchronization) -> Flow[bool]:
    """Whether a mapping names custom fields that Keap has not been seen to have."""
    if not sync.mapper.custom_fields:
        return False
    had = yield from had_fields(sync.store, sync.mapper)
    return any(name not in had for name in sync.mapper.custom_fields)


def custom_fields(sync: Synchronization, *, again: bool = False) -> Flow[list[Finding]]:
    """Whether Keap has the custom fields of a mapping. What is found so is remembered, as a run does.

    Args:
        again: also of those that Keap was found to have before.
    """
    mapper, keap = sync.mapper, sync.systems[Side.KEAP]
    had = yield from had_fields(sync.store, mapper)
    wanted = [name for name in mapper.custom_fields if again or name not in had]
    if not wanted or not isinstance(keap, HasCustomFields):
        return []
    model = yield from keap.model()
    found: dict[NamedField, CustomField] = {}
    findings: list[Finding] = []
    for lens in mapper.lenses:
        name = lens.keap.custom
        if name is None or name not in wanted:
            continue
        by_id = attrs.evolve(name, label=None, id=had[name].id) if name in had else name
        try:
            found[name] = resolve(by_id, model)
        except MappingError as error:
            findings.append(no_such_field(f"{sync.name}.{lens.name}", name, error, model))
    if not findings and not had:
        yield from remember(sync.store, mapper, found)
    return findings


# --- properties of Customcrm ------------------------------------------------------------------------------------


def asks_for_records(sync: Synchronization) -> bool:
    """Whether only records can tell if the properties of Customcrm are there: names that the host has given."""
    system = sync.systems[Side.CUSTOMCRM]
    if system.properties is not None:
        return False  # it has told them
    own = any(lens.customcrm.in_extra for lens in sync.mapper.lenses) or takes_times_for_utc(sync)
    return own or bool(_own_conditions(sync)) or (isinstance(system, CustomcrmSystem) and bool(system.declared))


def shown(sync: Synchronization, page: Page[Any]) -> Iterator[Finding]:
    """What no record of a page shows, although it is mapped; an error where they show what must be meant instead.

    Args:
        page: records of Customcrm.
    """
    records = page.items
    if not records:
        yield from _never_seen(sync)
        return
    system = sync.systems[Side.CUSTOMCRM]
    declared = _declared(system)
    mapped = _own_names(sync)
    conditions = _own_conditions(sync)
    others = _others(sync, page)
    seen = f"none of {len(records)} records shows" if len(records) > 1 else "the one record does not show"
    for lens in sync.mapper.lenses:
        if any(lens.customcrm.shows(record) for record in records):
            continue
        paths = _paths(system, lens.customcrm.properties)
        slip = _slip(paths, others)
        what = f"{seen} {', '.join(sorted(paths))}"
        place = f"{sync.name}.{lens.name}"
        if slip is not None:
            sure = _is_sure(sync, lens, paths, slip)
            advice = f"they show {slip!r}, which is not mapped{'' if sure else '; held until one shows it'}"
            yield Finding("error" if sure else "warning", place, f"{what}; is {slip!r} meant?", advice)
        elif lens.customcrm.in_extra or lens.customcrm.properties & declared:
            advice = "right where it is empty everywhere; else correct the name"
            yield Finding("warning", place, f"{what}{_near(paths, others)}", advice)
    for name in conditions:
        if not any(name in record.extra for record in records):
            known = others | mapped | {wire_name(f.name) for f in attrs.fields(sync.mapper.customcrm_type)} - {"Extra"}
            slip = slip_of(name, known)
            what = f"{seen} {name!r}, which the filter wants{is_meant(name, known)}"
            place = f"{sync.name}.where(customcrm=)"
            yield Finding("error" if slip else "warning", place, what, "what does not show it takes no part")


def misspelt(sync: Synchronization, page: Page[Any]) -> Iterator[tuple[str, str]]:
    """The fields that no record of a page shows, where another name may be meant, each with why it is held."""
    system, others = sync.systems[Side.CUSTOMCRM], _others(sync, page)
    for lens in sync.mapper.lenses if page.items else ():
        if not any(lens.customcrm.shows(record) for record in page.items):
            paths = _paths(system, lens.customcrm.properties)
            slip = _slip(paths, others)
            if slip is not None and not _is_sure(sync, lens, paths, slip):
                what = f"no record of Customcrm shows {', '.join(sorted(paths))}, and they show {slip!r}, which is not"
                yield lens.name, f"{what} mapped: nothing is written or cleared, until one shows it, or both are mapped"


def _own_names(sync: Synchronization) -> set[str]:
    return {name for lens in sync.mapper.lenses if lens.customcrm.in_extra for name in lens.customcrm.properties}


def _others(sync: Synchronization, page: Page[Any]) -> set[str]:
    """What the records of a page show, and nothing asks for."""
    shown = {name for record in page.items for name in _names(record.extra)}
    return shown - _own_names(sync) - set(_own_conditions(sync))


def _slip(paths: Collection[str], others: Collection[str]) -> str | None:
    return next(filter(None, (slip_of(path, others) for path in sorted(paths))), None)


def _is_sure(sync: Synchronization, lens: Lens, paths: Collection[str], slip: str) -> bool:
    """Whether a slip is none that could be a name of its own, or would do too much harm."""
    vital = {name for key in sync.mapper.keys[:1] for name in key.fields}
    return bool(lens.required) or lens.name in vital or any(is_spelling_of(path, slip) for path in paths)


def undated(sync: Synchronization, page: Page[Any]) -> Iterator[Finding]:
    """Whether conflicts are to go to the newest edit, and no record of Customcrm tells when it was changed."""
    told = [usable_moment(getattr(record, "updated_at", None)) for record in page.items]
    policy = sync.settings.policy
    waits = any((lens.policy or policy.conflict_rule(lens.name)) == "newest" for lens in sync.mapper.lenses)
    if waits and told and not any(told):
        what = "no record tells when it was changed, so 'newest' decides no conflict: each waits for a person"
        advice = "name a rule that needs no times: Policy(conflicts='customcrm'), 'keap', or a function"
        yield Finding("info", f"{sync.name}.UpdatedAt", what, advice)


def stamped(sync: Synchronization, page: Page[Any]) -> Iterator[Finding]:
    """Whether records of Customcrm were changed later than its clock tells: then their times are of another zone."""
    told = (usable_moment(getattr(record, "updated_at", None)) for record in page.items)
    ahead = [moment - page.served_at for moment in told if moment is not None and page.served_at is not None]
    most = max(ahead, default=timedelta())
    if most > A_CLOCK:
        number = sum(each > A_CLOCK for each in ahead)
        what = f"UpdatedAt of {number} of {len(page.items)} records is up to {round(most / timedelta(hours=1), 1)} h"
        advice = (
            "declare the zone of times that tell none (time_zone=), or set the clocks; until then 'newest' decides no "
            "conflict, and each waits for a person"
        )
        yield Finding("warning", f"{sync.name}.UpdatedAt", f"{what} later than the clock of the answer", advice)


def takes_times_for_utc(sync: Synchronization) -> bool:
    """Whether times of Customcrm that tell no zone would be taken for UTC, for none is declared."""
    system = sync.systems[Side.CUSTOMCRM]
    return isinstance(system, CustomcrmSystem) and system.flows.takes_times_for_utc


def first_page(sync: Synchronization, side: Side) -> Flow[tuple[Page[Any], tuple[Any, ...]]]:
    """The first page of a system's list, and when its records were changed, as it writes it where that is asked for."""
    system = sync.systems[side]
    if isinstance(system, CustomcrmSystem) and takes_times_for_utc(sync):
        return (yield from system.flows.first_page())
    return (yield from system.list(None)), ()


def zoneless(sync: Synchronization, written: Sequence[Any]) -> Iterator[Finding]:
    """Whether times tell no zone. Those of a zone behind UTC look like any of the past: nobody else can tell."""
    naive = [each for each in written if isinstance(each, str) and each and not _ZONE.search(each)]
    if naive:
        what = f"UpdatedAt of {len(naive)} of {len(written)} records tells no zone, and is taken for UTC"
        advice = (
            "declare which it is, time_zone='UTC' or 'America/New_York': until then 'newest' decides no conflict, and "
            "each waits for a person"
        )
        yield Finding("warning", f"{sync.name}.UpdatedAt", what, advice)


def _never_seen(sync: Synchronization) -> Iterator[Finding]:
    """What a filter wants and only records could tell, while there are none yet."""
    declared = _declared(sync.systems[Side.CUSTOMCRM])
    for name in _own_conditions(sync):
        if name not in declared:
            what = (
                f"the filter wants {name!r}, which {sync.name} do not have by themselves; no record is there to show it"
            )
            yield Finding("warning", f"{sync.name}.where(customcrm=)", what, "what does not show it takes no part")


def _declared(system: Any) -> frozenset[str]:
    """The properties that were declared by name."""
    return system.declared if isinstance(system, CustomcrmSystem) else frozenset()


def _near(paths: Collection[str], others: Collection[str]) -> str:
    return next(filter(None, (is_meant(path, others) for path in sorted(paths))), "")


def _own_conditions(sync: Synchronization) -> Sequence[str]:
    """The host's own properties in a condition that is data."""
    mapper = sync.mapper
    mapped = {lens.name for lens in mapper.lenses} | {lens.customcrm.path for lens in mapper.lenses}
    names = (name for name in mapper.taking_part.names(Side.CUSTOMCRM) if name not in mapped)
    return [name for name in names if customcrm_place(mapper.customcrm_type, name).in_extra]


def _paths(system: Any, properties: Collection[str]) -> set[str]:
    """How the answers of a system call some properties."""
    return {system.path_of(name) for name in properties} if isinstance(system, CustomcrmSystem) else set(properties)


def _names(shown: Mapping[str, Any], above: str = "", depth: int = DEPTH) -> Iterator[str]:
    """The names in an object that hold something, with those in its objects, joined by dots."""
    for name, value in shown.items():
        if isinstance(value, Mapping) and depth:
            yield from _names(value, f"{above}{name}.", depth - 1)
        elif value is not UNSET and value is not None and value != "":
            yield f"{above}{name}"
