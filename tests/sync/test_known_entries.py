"""What a run knows of Keap's users and lead sources: asked once, told when it has changed, made one by one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import attrs

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.sync.known_entries import KnownEntries

MAPPER = kb.mapping.contacts.with_lenses(kb.owner("Owner"), kb.lead_source("Source", create=True))


@attrs.define
class Lists:
    """A Keap, as far as its lists go, and the facts of a store."""

    has: dict[str, list[tuple[str, str]]]
    calls: list[str] = attrs.field(factory=list)
    facts: dict[str, str] = attrs.field(factory=dict)

    def entries(self, of: str) -> Any:
        yield from ()
        self.calls.append(of)
        return list(self.has[of])

    def make_entry(self, of: str, name: str) -> Any:
        yield from ()
        self.calls.append(f"make {name}")
        self.has[of].append((str(len(self.calls)), name))
        return str(len(self.calls))

    def get(self, name: str) -> Any:
        yield from ()
        return self.facts.get(name)

    def set(self, name: str, value: str) -> Any:
        yield from ()
        self.facts[name] = value


def known(lists: Lists, mapper: kb.mapping.Mapper = MAPPER) -> KnownEntries:
    store: Any = SimpleNamespace(facts=lists)
    return KnownEntries(mapper, store)


def run(flow: Any) -> Any:
    return SyncDriver().run(flow)


def test_each_list_is_one_call_and_a_change_is_told() -> None:
    lists = Lists({"users": [("71", "a@x.org")], "lead_sources": []})
    entries, system = known(lists), lists
    assert run(entries.learn(system)) is False, "there was nothing before that could have meant something else"
    assert run(entries.known(system))["users"].names == {"71": "a@x.org"}
    assert lists.calls == ["lead_sources", "users"]
    assert run(known(lists).learn(system)) is False
    lists.has["users"] = [("71", "b@x.org")]
    assert run(entries.learn(system)) is True


def test_a_mapping_without_such_fields_asks_nothing() -> None:
    lists = Lists({})
    entries = known(lists, kb.mapping.contacts)
    assert (run(entries.learn(lists)), run(entries.known(lists)), lists.calls) == (False, {}, [])


def test_what_is_not_there_is_made_after_a_last_look_and_then_nothing_any_more() -> None:
    lists = Lists({"users": [], "lead_sources": [("1", "Fair")]})
    entries = known(lists)
    run(entries.learn(lists))
    lists.has["lead_sources"].append(("2", "Radio"))
    lists.calls.clear()
    run(
        entries.make(
            lists, [{"Source": "FAIR"}, {"Source": None}, {"Source": "radio"}, {"Source": "TV"}, {"Source": "tv"}]
        )
    )
    assert lists.calls == ["lead_sources", "users", "make TV"]
    assert entries.lists["lead_sources"].may_make is False
    assert run(entries.learn(lists)) is False, "what was made here is no news"
    assert entries.lists["lead_sources"].may_make is True
