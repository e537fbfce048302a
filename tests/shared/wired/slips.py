"""What a host gets wrong: each is an error before anything is done, or a warning, and never a write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis.stateful import rule
from two_systems.pools import AFTER_THE_TERM

import keapbridge as kb
from wired.accidents import Accidents
from wired.checks import EXPECTED
from wired.world import CONTACTS, PRODUCTS

Slip = Callable[[kb.mapping.Mapper], dict[str, Any]]

OPTIONS: tuple[dict[str, Any], ...] = (
    {"default_region": "NORWAY"},
    {"default_region": "XX"},
    {"currency": "dollars"},
    {"encryption_keys": "key"},
    {"encryption_keys": 5},
    {"progress": 5},
    {"on_event": "print"},
    {"on_event": [5]},
    {"nmae": "default"},
    {"policy": kb.Policy(conflicts={"Emial": "keap"})},
    {"policy": kb.Policy(deletions={"keap": "archive"}, archive={"keap": {"people": {"contact_type": "x"}}})},
    {"policy": kb.Policy(deletions={"keap": "archive"}, archive={"keap": {CONTACTS: {"contact_tpye": "x"}}})},
)
# What is wrong with a mapping, or odd about it.
MAPPINGS: tuple[Slip, ...] = (
    lambda m: {CONTACTS: m.with_lenses(kb.text("Nick", keap="nickname", fallback="FristName"))},
    lambda m: {CONTACTS: m.with_lenses(kb.reference("Boss", "people", keap="company.id"))},
    lambda m: {CONTACTS: m.where(customcrm={"JobTitel": "Boss"})},
    lambda m: {CONTACTS: m.where(customcrm={"Wholly": ("new", None)})},
    lambda m: {CONTACTS: m.where(customcrm={"City": ("Oslo", None)})},
    lambda m: {CONTACTS: m.without("Email")},
    lambda m: {CONTACTS: m.without("Email", "Phone", "LastName")},
    lambda m: {CONTACTS: m.without("Email", "Phone", "FirstName", "LastName")},
    lambda m: {CONTACTS: m.matched_by(kb.mapping.MatchKey(("Phone",)))},
    lambda m: {CONTACTS: m.matched_by(kb.mapping.MatchKey(("Phone",))).without("Phone")},
    lambda m: {CONTACTS: m.with_lenses(kb.text("Nowhere at all", keap="nickname"))},
    lambda _: {CONTACTS: kb.mapping.companies},
    lambda _: {PRODUCTS: kb.mapping.products.without("Name")},
    lambda _: {PRODUCTS: kb.mapping.products.without("Price")},
)
# An edit that waits meanwhile, on the side that counts for nothing, is settled as a difference.
ONE_WAY: tuple[Slip, ...] = (
    lambda m: {CONTACTS: m.one_way("to_keap")},
    lambda m: {CONTACTS: m.one_way("to_customcrm")},
)


class Slips(Accidents):
    """Sessions that should not have been opened like that."""

    @rule()
    def slip(self) -> None:
        """Whatever a host gets wrong: nothing is written by looking at it."""
        self.clock.pass_by(AFTER_THE_TERM)
        before = self.writes()
        for wrong in OPTIONS:
            error = self.watched(lambda w=wrong: self.session(**w), may_fail=(ValueError, TypeError, kb.MappingError))
            assert isinstance(error, Exception), f"{wrong} was taken"
        self._take_one_for_the_other()
        for given in (*MAPPINGS, *(() if self.something_waits() else ONE_WAY)):
            self.watched(lambda g=given: self._open(g), may_fail=(ValueError, TypeError, kb.MappingError, *EXPECTED))
        session = self.session()
        for ask in (
            lambda: session.sync(deadline=timedelta(0)),
            lambda: session.plans(limit=0),
            lambda: session.explain(CONTACTS),
            lambda: session.sync(accept="all"),
            lambda: session.sync(accept=["contacts.Nope"]),
            lambda: session.resolve("x", "keap"),
            lambda: session.apply(5),
            lambda: session.apply("x", only="all"),
        ):
            error = self.watched(ask, may_fail=(ValueError, TypeError, LookupError, kb.StalePlanError))
            assert isinstance(error, Exception)
        assert self.writes() == before, "a slip wrote something"

    def _open(self, given: Slip) -> None:
        usual = kb.mapping.contacts if self.numbers % 2 else self.mappers[CONTACTS]
        session = self.session(**given(usual))
        session.check()
        session.plan(full=True)
        self.clock.pass_by(AFTER_THE_TERM)

    def _take_one_for_the_other(self) -> None:
        """Clients of the wrong kind, or on the wrong side."""
        self.session()
        _, ours, theirs = self.clients
        for wrong in (
            {"customcrm": theirs},
            {"keap": ours},
            {"keap": None},
            {"customcrm": None},
            {"customcrm": "https://crm.example.org"},
        ):
            systems: dict[str, Any] = {"customcrm": ours, "keap": theirs, **wrong}
            error = self.watched(
                lambda s=systems: kb.SyncSession(store=self.engine, **s), may_fail=(TypeError, ValueError, kb.SyncError)
            )
            assert isinstance(error, Exception), f"{wrong} was taken"
