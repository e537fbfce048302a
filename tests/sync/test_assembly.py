"""What a host gives becomes a bridge: a mapping is narrowed to what there is, and what cannot work is named."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

import pytest
from toys import MAKERS, TOYS, World

import keapbridge as kb
from keapbridge.events.live import Live
from keapbridge.sync.assembly import Part, assemble, open_bridge
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.clients import AdapterSystem, KeapSystem
from keapbridge.sync.options import Settings


class Crm:
    """A Customcrm that has some objects with some properties; nobody asks it for any here."""

    capabilities = kb.AdapterCapabilities()

    def __init__(self, objects: Collection[str], properties: Collection[str] | None = None) -> None:
        self.objects = tuple(objects)
        self._properties = properties

    def properties(self, _: str) -> Collection[str] | None:
        return self._properties

    def list_changes(self, *_: Any) -> Any:
        raise AssertionError

    get_many = create = update = delete = list_changes


def opened(crm: Any, keap: Any, **options: Any) -> Bridge:
    bridge = open_bridge(crm, keap, "sqlite://", options, asynchronous=False)  # type: ignore[arg-type]
    bridge.store.close()
    return bridge


def test_a_customcrm_takes_part_as_far_as_it_goes_and_in_the_order_of_references(unasked: kb.KeapClient) -> None:
    assert list(opened(Crm(["contacts", "customers"]), unasked).synchronizations) == ["companies", "contacts"]
    bridge = opened(Crm(["contacts", "products", "customers"]), unasked)
    assert list(bridge.synchronizations) == ["companies", "products", "contacts"]
    contacts = bridge["contacts"]
    assert isinstance(contacts.systems[kb.Side.CUSTOMCRM], AdapterSystem)
    assert isinstance(contacts.systems[kb.Side.KEAP], KeapSystem)
    assert contacts.traits.merges_in_keap
    assert not bridge["companies"].traits.merges_in_keap


def test_what_the_host_itself_has_mapped_must_have_a_place(unasked: kb.KeapClient) -> None:
    mapper = kb.mapping.contacts.with_lenses(kb.text("ShoeSize", keap=kb.custom_field("Shoe size")))
    with pytest.raises(kb.MappingError, match="contacts: Customcrm has nowhere to keep ShoeSize"):
        opened(Crm(["contacts"], ["FirstName", "LastName", "Email"]), unasked, contacts=mapper)


def test_a_mapping_is_given_by_its_own_name(unasked: kb.KeapClient) -> None:
    with pytest.raises(ValueError, match=r"give it as products=…"):
        opened(Crm(["contacts"]), unasked, contacts=kb.mapping.products)


def test_options_become_settings_and_without_any_the_defaults_hold(unasked: kb.KeapClient) -> None:
    told: list[Any] = []
    policy = kb.Policy(conflicts="keap")
    chosen = opened(
        Crm(["contacts"]),
        unasked,
        policy=policy,
        default_region="GB",
        retention=None,
        progress=lambda *a: told.append(a),
    ).settings
    assert (chosen.policy, chosen.default_region, chosen.retention) == (policy, "GB", None)
    chosen.watch.progress("contacts", "writing", 1, 2)
    chosen.watch.tell.drain()
    assert told == [("contacts", "writing", 1, 2)]
    assert opened(Crm(["contacts"]), unasked, policy=None, progress=False).settings == Settings()


def test_progress_can_be_shown_live(unasked: kb.KeapClient) -> None:
    [_, shown] = opened(Crm(["contacts"]), unasked, progress=True).settings.watch.tell.listeners
    assert isinstance(shown, Live)


def test_the_listeners_of_a_session_are_its_own_beside_the_log(unasked: kb.KeapClient) -> None:
    def one(event: kb.events.Event) -> None: ...

    async def not_this(event: kb.events.Event) -> None: ...

    def listeners(**options: Any) -> list[Any]:
        return list(opened(Crm(["contacts"]), unasked, **options).settings.watch.tell.listeners)

    log = kb.events.log(logging.getLogger("host"))
    assert [type(listener).__name__ for listener in listeners()] == ["Log"]
    assert listeners(on_event=one)[1:] == [one]
    assert listeners(on_event=[one, log]) == [one, log], "a log of the host's takes the place of the default one"
    for wrong in (not_this, [one, "log"]):
        with pytest.raises(TypeError, match="on_event takes functions that are not async"):
            listeners(on_event=wrong)


def test_parts_are_bound_in_the_order_in_which_they_are_given(toys: World) -> None:
    parts = [Part(TOYS, toys.toys, toys.gadgets), Part(MAKERS, toys.crm_makers, toys.keap_makers)]
    settings = Settings()
    bridge = assemble(parts, toys.store, settings)
    assert list(bridge.synchronizations) == ["toys", "makers"]
    assert all(sync.store is toys.store and sync.settings is settings for sync in bridge.synchronizations.values())
    with pytest.raises(ValueError, match="two synchronizations of the name 'makers'"):
        assemble([*parts, parts[1]], toys.store, settings)
