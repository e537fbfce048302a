"""What a host gives becomes a bridge: clients, adapters and options → synchronizations, once they are checked.

`assemble` takes any synchronizations; the three of a session stand in `sync.blueprints`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from keapbridge.customcrm.adapted import resources
from keapbridge.customcrm.adapter import is_asynchronous
from keapbridge.customcrm.address import named
from keapbridge.customcrm.operations import CustomcrmResource
from keapbridge.events.delivery import Delivery
from keapbridge.events.live import live
from keapbridge.events.logs import Log, log
from keapbridge.events.values import Listener
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.finding import Findings
from keapbridge.model.given import kind as kind_of
from keapbridge.model.names import CUSTOMCRM_OBJECTS, ORDER
from keapbridge.model.side import Side
from keapbridge.store.opening import Target
from keapbridge.store.paces import SqlPaceBook
from keapbridge.store.sql import LinkStore, open_store
from keapbridge.sync.belonging import Belonging
from keapbridge.sync.blueprints import BLUEPRINTS
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.checking.declared import Declaration, declared, refuse
from keapbridge.sync.clients import AdapterSystem, CustomcrmSystem, KeapSystem, by_fields
from keapbridge.sync.fitting import narrowed, told
from keapbridge.sync.guard import Guard
from keapbridge.sync.listings import EndsRemembered
from keapbridge.sync.options import SessionOptions, Settings, check_options
from keapbridge.sync.progress import Steps
from keapbridge.sync.synchronization import Synchronization, Traits
from keapbridge.sync.systems import System
from keapbridge.sync.watching import Watch

__all__ = ["Part", "assemble", "open_bridge"]


@attrs.frozen
class Part:
    """One synchronization before it is bound to a store: a mapper over two systems."""

    mapper: Mapper
    customcrm: System
    keap: System
    traits: Traits = attrs.field(factory=Traits)


def assemble(
    parts: Sequence[Part],
    store: LinkStore,
    settings: Settings,
    belonging: Belonging | None = None,
    findings: Findings = Findings(),  # noqa: B008 - frozen
) -> Bridge:
    """Bind synchronizations to a store.

    Args:
        parts: in the order in which they are synced: what refers to others comes after them.
        belonging: what is known of the two systems as a whole.
        findings: what is to be known of what a host has declared.

    Raises:
        ValueError: when two have the same name.
    """
    bound: dict[str, Synchronization] = {}
    guard, belonging = Guard(), belonging or Belonging(store)
    for part in parts:
        if part.mapper.name in bound:
            raise ValueError(
                f"there are two synchronizations of the name {part.mapper.name!r}: give one of them another name"
            )
        systems = {Side.CUSTOMCRM: part.customcrm, Side.KEAP: part.keap}
        bound[part.mapper.name] = Synchronization(
            part.mapper, systems, store, settings, part.traits, guard, belonging, referred=dict(bound)
        )
    return Bridge(store, settings, bound, guard, belonging, findings)


def open_bridge(customcrm: Any, keap: Any, store: Target, options: SessionOptions, *, asynchronous: bool) -> Bridge:
    """The bridge of a session: the three synchronizations, as far as this Customcrm takes part in them.

    Raises:
        TypeError: for an option that there is not, and for clients of the other kind of session.
        MappingError: for what cannot work: names that there are not, fields that Customcrm has nowhere to keep.
        LinkStoreError: when the store cannot be opened.
    """
    check_options(options)
    _check_clients(customcrm, keap, asynchronous=asynchronous)
    mappers = _mappers(options)
    ours = _customcrm_systems(customcrm, asynchronous=asynchronous)
    name = options.get("name", "default")
    settings = _settings(options)
    context = Context(default_region=settings.default_region)
    held = {each: narrowed(mappers[each], ours[each]) for each in ORDER if each in ours}
    fitted = {each: told(mapper, ours[each], context) for each, mapper in held.items()}
    declarations = [Declaration(mappers[each], mapper, ours[each]) for each, mapper in fitted.items()]
    warned = [finding for each in ours.values() if isinstance(each, AdapterSystem) for finding in each.flows.findings]
    findings = Findings([*declared(declarations, mappers, settings.policy), *warned])
    refuse(findings)
    opened = open_store(store, name, options.get("encryption_keys", ()))
    book = SqlPaceBook(opened.database)
    belonging = Belonging(opened, _address(options, ours))
    theirs = {each: _keap_system(getattr(keap, each).flows.sharing(book, name), belonging) for each in ORDER}
    ours = {each: _remembering(system, opened, each) for each, system in ours.items()}
    parts = [
        Part(mapper, ours[each], theirs[each].reading_for(mapper), BLUEPRINTS[each].traits(theirs))
        for each, mapper in fitted.items()
    ]
    return assemble(parts, opened, settings, belonging, findings)


def _mappers(options: Mapping[str, Any]) -> dict[str, Mapper]:
    mappers: dict[str, Mapper] = {name: options.get(name, BLUEPRINTS[name].default) for name in ORDER}
    for name, mapper in mappers.items():
        if mapper.name != name:
            raise ValueError(f"{name}={mapper.name} mapper: give it as {mapper.name}=…")
    return mappers


# --- what a host gives ------------------------------------------------------------------------------------------


def _check_clients(customcrm: Any, keap: Any, *, asynchronous: bool) -> None:
    """Refuse what is no client of its side, and clients of the other kind of session."""
    a = "Async" if asynchronous else ""
    for side, given, expected in (("customcrm", customcrm, "Customcrm"), ("keap", keap, "Keap")):
        kind = type(given).__name__
        if kind.startswith("Async") is not asynchronous and kind.endswith(f"{expected}Client"):
            raise TypeError(f"this session needs {a}{expected}Client, not {kind}")
        other = {"Customcrm": "Keap", "Keap": "Customcrm"}[expected]
        if kind.endswith(f"{other}Client"):
            raise TypeError(f"{side} takes {a}{expected}Client, not {kind}: are the two sides swapped?")
    if not hasattr(getattr(getattr(keap, "contacts", None), "flows", None), "sharing"):
        raise TypeError(f"keap takes a client, such as keap=kb.{a}KeapClient(auth=…), not {kind_of(keap)}")
    if customcrm is None or isinstance(customcrm, (str, bytes)):
        raise TypeError(
            f"customcrm takes a client, a SqlCustomcrm or an adapter, such as customcrm=kb.{a}CustomcrmClient(url, "
            f"auth=…), not {kind_of(customcrm)}"
        )


def _customcrm_systems(customcrm: Any, *, asynchronous: bool) -> Mapping[str, CustomcrmSystem | AdapterSystem]:
    """What a Customcrm has, by synchronization: of a client, or of an adapter."""
    objects = CUSTOMCRM_OBJECTS.items()
    if all(hasattr(customcrm, theirs) for _, theirs in objects):
        return {name: CustomcrmSystem(by_fields(getattr(customcrm, theirs).flows)) for name, theirs in objects}
    found = resources(customcrm)
    if not asynchronous and is_asynchronous(customcrm):
        raise TypeError(f"{type(customcrm).__name__} is asynchronous: it needs an AsyncSyncSession")
    return {name: AdapterSystem(by_fields(found[theirs])) for name, theirs in objects if theirs in found}


def _remembering(
    system: CustomcrmSystem | AdapterSystem, store: LinkStore, name: str
) -> CustomcrmSystem | AdapterSystem:
    """A system that remembers how its lists end."""
    if isinstance(system, AdapterSystem) or not isinstance(system.flows, CustomcrmResource):
        return system
    flows = system.flows.remembering(EndsRemembered(store.facts, name, system.reading))
    return attrs.evolve(system, flows=flows)


def _keap_system(flows: Any, belonging: Belonging) -> KeapSystem:
    return KeapSystem(by_fields(flows.heard_by(belonging.listen)))


def _address(options: Mapping[str, Any], customcrm: Mapping[str, Any]) -> str:
    """What names the Customcrm: what the host says, or its address."""
    identity = options.get("identity")
    if identity is not None:
        return named(identity, f"identity {identity}")
    address: str = next(iter(customcrm.values())).flows.address
    return address


def _settings(options: Mapping[str, Any]) -> Settings:
    chosen = {
        key: options[key]
        for key in ("overlap", "lag", "retention", "default_region", "currency", "debug")
        if key in options
    }
    if (region := chosen.get("default_region")) is not None:
        chosen["default_region"] = region.upper()
    if policy := options.get("policy"):
        chosen["policy"] = policy
    chosen["watch"] = Watch(options.get("name", "default"), Delivery(_listeners(options)))
    return Settings(**chosen)


def _listeners(options: Mapping[str, Any]) -> list[Listener]:
    """Who is told what happens.

    Raises:
        TypeError: for what cannot be one.
    """
    given = options.get("on_event", ())
    found: list[Listener] = [given] if callable(given) else list(given)
    for listener in found:
        if not callable(listener) or inspect.iscoroutinefunction(listener):
            raise TypeError(f"on_event takes functions that are not async, not {listener!r}")
    if not any(isinstance(listener, Log) for listener in found):
        found.insert(0, log())
    if progress := options.get("progress"):
        found.append(live() if progress is True else Steps(progress))
    return found
