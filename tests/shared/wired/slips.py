"""What a host gets wrong: each is an error before anything is done, or a warning, and never a write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
from histories.systems import DeclaredCrm
from hypothesis.stateful import precondition, rule
from two_systems.pools import AFTER_THE_TERM

import keapbridge as kb
from wired.accidents import Accidents
from wired.checks import EXPECTED
from wired.places import OWN
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
    lambda m: {CONTACTS: m.only("FirstName", "LastName").matched_by(kb.mapping.MatchKey(("FirstName", "LastName")))},
    lambda m: {CONTACTS: m.where(customcrm={OWN: "Mine 1"})},
    lambda m: {CONTACTS: m.where(customcrm={"Onw": "Mine 1"})},
    lambda m: {CONTACTS: m.with_lenses(kb.text("Nick", keap=kb.custom_field("No such field")))},
    lambda m: {CONTACTS: m.with_lenses(kb.text("JobTitel", keap="spouse_name"))},
    lambda _: {CONTACTS: kb.mapping.companies},
    lambda _: {PRODUCTS: kb.mapping.products.without("Name")},
    lambda _: {PRODUCTS: kb.mapping.products.without("Price")},
)
# An edit that waits meanwhile, on the side that counts for nothing, is settled as a difference.
ONE_WAY: tuple[Slip, ...] = (
    lambda m: {CONTACTS: m.one_way("to_keap")},
    lambda m: {CONTACTS: m.one_way("to_customcrm")},
)


# What is wrong with what a host says of an API.
SCHEMAS: tuple[Callable[[Any], Any], ...] = (
    lambda schema: attrs.evolve(schema, delete=None),
    lambda schema: attrs.evolve(schema, time_zone=kb.UNSET),
    lambda schema: _with_properties(schema, JobTitle="jobTitel"),
    lambda schema: _with_properties(schema, JobTitle=None),
    lambda schema: _with_properties(schema, Shoes="shoes", Websit="websit"),
)


def _with_properties(schema: Any, **properties: str | None) -> Any:
    known = schema.contacts.properties or {}
    return attrs.evolve(schema, contacts=attrs.evolve(schema.contacts, properties={**known, **properties}))


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

    @precondition(lambda self: isinstance(self.crm, DeclaredCrm))
    @rule()
    def slip_in_the_schema(self) -> None:
        """What is declared of an API is not so: nothing is written by looking at it."""
        self.clock.pass_by(AFTER_THE_TERM)
        before = self.writes()
        server = self.crm.server
        deleting = attrs.evolve(self.policy, deletions="delete")
        for wrong in SCHEMAS:
            self.watched(
                lambda w=wrong: self._look_at(
                    self.session(
                        ours=kb.CustomcrmClient(server.base_url, auth=kb.BearerToken("t0k"), schema=w(server.schema)),
                        policy=deleting,
                    )
                ),
                may_fail=(ValueError, kb.MappingError, *EXPECTED),
            )
        assert self.writes() == before, "a slip wrote something"

    def _open(self, given: Slip) -> None:
        usual = kb.mapping.contacts if self.numbers % 2 else self.mappers[CONTACTS]
        self._look_at(self.session(**given(usual)))

    def _look_at(self, session: kb.SyncSession) -> None:
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
