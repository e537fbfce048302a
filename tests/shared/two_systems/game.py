"""The machine as a whole: how a game begins and how it ends."""

from __future__ import annotations

import sys
from typing import Any

import attrs
from fakes import Habits, no_faults
from hypothesis import strategies as st
from hypothesis.stateful import initialize

import keapbridge as kb
from two_systems.breakdowns import Breakdowns
from two_systems.hosts import Hosts
from two_systems.mistakes import Mistakes
from two_systems.openings import OPENINGS
from two_systems.planning import Planning
from two_systems.pools import (
    ADAPTERS,
    CONFLICT_RULES,
    CUSTOMCRM,
    DELETION_RULES,
    FILTERS,
    KEAP,
    LARGE,
    LARGER_MAPPERS,
    OBJECTS,
    SMALL,
    WITHOUT_KEYS,
    habits,
    number,
    objects,
    set_sizes,
    sides,
)
from two_systems.rare import Rare
from two_systems.resolving import Resolving
from two_systems.second_thoughts import SecondThoughts
from two_systems.written_over import WrittenOver


class TwoSystems(SecondThoughts, Breakdowns, Mistakes, WrittenOver, Rare, Planning, Resolving, Hosts):
    """Two systems and what happens to them."""

    @initialize(
        opening=OPENINGS.drawn(),
        taking_part=st.sampled_from((("contacts",), ("companies", "contacts"), ("products",), OBJECTS)),
        currency=st.integers(0, 3),
        first=st.lists(st.tuples(st.sampled_from(("add", "add both")), objects, sides, number, number), min_size=3),
        synced=st.integers(0, 3),
        conflicts=st.sampled_from(CONFLICT_RULES),
        deletions=st.sampled_from(DELETION_RULES),
        leaves_unread=st.booleans(),
        larger=st.booleans(),
        adapter=st.sampled_from((None, None, WITHOUT_KEYS, *ADAPTERS)),
        filtered=st.integers(0, 3),
        small=st.booleans(),
        crowd=st.integers(0, 9),
        limits=st.booleans(),
        keaps=habits,
    )
    def begin(self, opening: str | None = None, **drawn: Any) -> None:
        """How most games begin, or with an opening."""
        OPENINGS.begin(opening, self._begin, self, drawn)

    def _begin(
        self,
        taking_part: tuple[str, ...],
        currency: int,
        first: Any,
        synced: int,
        conflicts: Any,
        deletions: Any,
        leaves_unread: bool = True,
        larger: bool = False,
        adapter: str | None = None,
        filtered: int = 0,
        small: bool = False,
        crowd: int = 0,
        limits: bool = False,
        keaps: Habits | None = None,
        listed: bool = False,
    ) -> None:
        """Some records, mostly synced. Mostly Keap has a product, so that its currency is known."""
        set_sizes(SMALL if small else LARGE)
        self.keap.habits = keaps or self.keap.habits
        if listed:  # lists of Keap leave out nothing
            self.keap.habits = attrs.evolve(self.keap.habits, unlisted=frozenset())
        if self.keap.habits.refuses:  # no more than the mapping knows
            self.keap.cuts = False
            self.keap.contacts.limits["job_title"] = 255
        if limits:
            self.retention, self.calls_per_minute = None, 600
        self.leaves_unread = leaves_unread
        if crowd == 9:
            taking_part = ("products",) if currency % 2 else ("contacts",)
        self.objects = taking_part  # the fewer, the more can happen to each
        self.policy = self._policy(conflicts=conflicts, deletions=deletions)
        self.adapter, self.larger = adapter, larger
        if larger:
            self.mappers = LARGER_MAPPERS
            self.keap.companies.add_field("Own")
            if synced % 2:
                self.keap.contacts.add_field("shoe SIZE")
        if filtered == 1 and crowd != 9:
            self.mappers = {name: mapper.where(**FILTERS[name]) for name, mapper in self.mappers.items()}
        held = self.session()._engine.bridge.synchronizations  # as far as the adapter can hold them
        self.mappers = {**self.mappers, **{name: sync.mapper for name, sync in held.items()}}
        if currency and "products" in taking_part:
            price = kb.keap.Money(100, "USD")
            self._own("products", KEAP, kb.keap.Product(name="First", price=price, short_description="First"))
        if crowd == 9:
            self._two_full_systems(CUSTOMCRM if synced % 2 else KEAP)
        self._all_happen(first[:8])
        if synced:
            self.watched(lambda: self.session().sync())

    def teardown(self) -> None:
        self.crm.faults = self.keap.faults = no_faults
        try:
            if sys.exc_info()[0] is None:
                self.heal()
        finally:
            set_sizes(LARGE)
            self.stores.end(self.engine)
