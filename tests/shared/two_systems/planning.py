"""Plans that are applied when the world has moved on."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import keapbridge as kb
from two_systems.drivers import value_of
from two_systems.pools import (
    AFTER_THE_TERM,
    CUSTOMCRM,
    DELETION_RULES,
    KEAP,
    NEWCOMER,
    OBJECTS,
    POOLS,
    events,
    number,
    objects,
    sides,
)
from two_systems.users import Users


class Planning(Users):
    """Plans, and what happens before they are applied."""

    @rule(events=events, full=st.booleans(), asynchronous=st.booleans(), object=st.sampled_from((None, *OBJECTS)))
    def plan_now(self, events: Any, full: bool, asynchronous: bool, object: str | None) -> None:
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        before = len(self.crm.writes), len(self.keap.writes)
        session = self.session(asynchronous=asynchronous)
        part = session if object is None else getattr(session, self.kind(object))
        plan = value_of(part.plan(full=full))
        assert (len(self.crm.writes), len(self.keap.writes)) == before, "a plan wrote something"
        assert plan.id in f"{plan}{plan._repr_html_()}"
        described = [str(action) for action in plan.actions]
        assert all(described)
        assert plan.is_empty or described
        self.plans.append(plan.id)

    @rule(events=events, n=number, asynchronous=st.booleans(), known=st.booleans())
    def apply_later(self, events: Any, n: int, asynchronous: bool, known: bool) -> None:
        """A plan is applied when the world has moved on; once only."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        plan = self.plans.pop(n % len(self.plans)) if self.plans and known else "no-such-plan"
        session = self.session(asynchronous=asynchronous)
        result = self.watched(lambda: session.apply(plan), may_fail=[kb.StalePlanError, kb.BrakeError])
        assert isinstance(result, kb.StalePlanError) or plan != "no-such-plan"
        if isinstance(result, kb.Report):
            again = self.watched(lambda: self.session().apply(plan), may_fail=[kb.StalePlanError])
            assert isinstance(again, kb.StalePlanError), "a plan was applied twice"

    @rule(events=events, later=events, side=sides, every=st.integers(1, 4), n=number, asynchronous=st.booleans())
    def approve_a_part(self, events: Any, later: Any, side: kb.Side, every: int, n: int, asynchronous: bool) -> None:
        """A person ticks some actions of a plan: nothing else is done, and who needs somebody else waits."""
        self._all_happen(events)
        for object in self.objects:
            self._add(object, side, NEWCOMER + 4 * n)
        if {"companies", "contacts"} <= set(self.objects):
            self._join_a_company(side, -1, -1)
            self._join_a_company(side, n, -1)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(asynchronous=asynchronous)
        plan = self.watched(session.plan, may_fail=[kb.ApiError])
        numbers = [row["action"] for row in plan.to_dicts() if row["action"] % every] if every > 1 else []
        self._all_happen(later)
        self.clock.pass_by(AFTER_THE_TERM)
        before = len(self.crm.writes), len(self.keap.writes)
        report = self.watched(lambda: session.apply(plan, only=numbers), may_fail=[kb.ApiError, kb.BrakeError])
        if not numbers:
            assert (len(self.crm.writes), len(self.keap.writes)) == before, "written, and nobody approved it"
        if isinstance(report, kb.Report):
            again = self.watched(lambda: self.session().apply(plan, only=numbers), may_fail=[kb.StalePlanError])
            assert isinstance(again, kb.StalePlanError), "a plan was applied twice"

    @precondition(lambda self: {"companies", "contacts"} <= set(self.objects))
    @rule(side=sides, known=st.booleans(), old=st.booleans(), asynchronous=st.booleans())
    def approve_who_needs_somebody_else(self, side: kb.Side, known: bool, old: bool, asynchronous: bool) -> None:
        """Only contacts are approved, one of them of a new company: no company is written, and it waits for that."""
        self.clock.pass_by(AFTER_THE_TERM)
        if old:
            self._add_alike("contacts", *kb.Side)
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(AFTER_THE_TERM)
        else:
            self._add("contacts", side, NEWCOMER)
        self._add_alike("companies", *(kb.Side if known else (side,)))
        contact, company = self.pick("contacts", side, -1), self.pick("companies", side, -1)
        held = self._companies_of_partners(side, contact)
        self._join_a_company(side, -1, -1)
        session = self.session(asynchronous=asynchronous)
        plan = self.watched(session.plan, may_fail=[kb.ApiError, kb.BrakeError])
        if not isinstance(plan, kb.Plan):
            return
        rows = plan.to_dicts()
        wanted = [row["action"] for row in rows if row["synchronization"] == "contacts"]
        before = len(self.crm.writes), len(self.keap.writes)
        self.watched(lambda: session.apply(plan, only=wanted), may_fail=[kb.ApiError, kb.BrakeError])
        written = {path for _, path in (*self.crm.writes[before[0] :], *self.keap.writes[before[1] :])}
        assert not [path for path in written if "/contacts" not in path], f"nobody approved {written}"
        linking = [row for row in rows if row["synchronization"] == "companies" and row["what"] in {"create", "link"}]
        if company in {row[f"{side.value}_id"] for row in linking}:
            now = self._companies_of_partners(side, contact)
            assert now == held, f"{company} is linked to nothing, and the partner of {contact} is in {now}"
        self.clock.pass_by(AFTER_THE_TERM)

    def _companies_of_partners(self, side: kb.Side, contact: str | None) -> list[str | None]:
        """In which company somebody is whom a contact of this side is linked with."""
        linked = [dict(zip(kb.Side, ids, strict=True)) for kind, *ids in self.links() if kind == "contacts"]
        partners = [pair[side.other] for pair in linked if pair[side] == contact]
        records = [self.table("contacts", side.other)[id] for id in partners]
        if side is KEAP:
            return [record.customer_id for record in records]
        return [None if record.company is None else record.company.id for record in records]

    @rule(object=objects, side=sides, n=number, deletions=st.sampled_from(DELETION_RULES))
    def come_back(self, object: str, side: kb.Side, n: int, deletions: Any) -> None:
        """What was deleted is restored from a bin before the plan is applied that would follow the deletion."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if not (pair := self._a_pair(object, n)):
            return
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if any(id not in self.table(object, s) for s, id in pair.items()):
            return
        self.policy = self._policy(deletions=deletions)
        record = self.table(object, side)[pair[side]]
        self.table(object, side).delete(pair[side])
        plan = self.watched(lambda: self.session().plan(full=True), may_fail=[kb.ApiError])
        assert all(map(str, plan.actions))
        self.table(object, side).restore(record)
        self._touch(object, side, pair[side])
        self.blurred.add((object, side, pair[side]))
        self.watched(lambda: self.session().apply(plan), may_fail=[kb.BrakeError, kb.ApiError])
        assert all(id in self.table(object, s) for s, id in pair.items()), "deleted though it was there after all"
        if object != "contacts":  # a merge of contacts may be suspected, and planned for
            assert (object, *pair.values()) in self.links(), "unlinked though it was there after all"

    @rule(object=objects, side=sides, planned=st.booleans())
    def need_what_is_not_there(self, object: str, side: kb.Side, planned: bool) -> None:
        """A record lacks what the other system demands, from the beginning or when it comes to be made."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if planned:
            [id] = self._add_alike(object, side)
        else:
            types = {CUSTOMCRM: self.mappers[object].customcrm_type, KEAP: self.mappers[object].keap_type}
            id = self._own(object, side, types[side]())
        plan = self.watched(lambda: self.session().plan(), may_fail=[kb.ApiError])
        if planned:
            made = self.table(object, side)[id]
            names = ("name", "company_name", "email", "given_name", "first_name")
            self._edit(object, side, id, {x: None for x in names if hasattr(made, x)})
        self.clock.pass_by(2 * AFTER_THE_TERM)
        result = self.watched(lambda: self.session().apply(plan), may_fail=[kb.ApiError, kb.BrakeError])
        if isinstance(result, kb.Report):
            assert id in self.table(object, side)

    @rule(object=objects, n=number)
    def make_both_equal_before_the_plan_is_applied(self, object: str, n: int) -> None:
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if not (pair := self._a_pair(object, n)):
            return
        field = self._free_field(object)
        plan = None
        for side, id in pair.items():
            if id in self.table(object, side):
                self._type_in(object, side, id, field, POOLS[object][field][n % 2])
            plan = plan or self.session().plan()
        self.watched(lambda: self.session().apply(plan), may_fail=[kb.BrakeError])
