"""What a host asks a session for, and says to it: plans and approvals, decisions, undoing, checks, other systems."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from stopping import CountingDriver, KilledError
from two_systems.drivers import Interrupted
from two_systems.pools import AFTER_THE_TERM, policy_without_brakes

import keapbridge as kb
from wired.checks import EXPECTED
from wired.people import People, events, kinds, moments, number, sides
from wired.places import LivelyKeap, own_of
from wired.world import CONTACTS, CUSTOMCRM, KEAP, KINDS, OTHERS, POOLS

STALE = (*EXPECTED, kb.StalePlanError, kb.UnfitError)


class Hosts(People):
    """Hosts, who are careful or not."""

    @rule(
        events=events,
        later=events,
        full=st.booleans(),
        every=st.integers(1, 4),
        minutes=st.sampled_from((0, 2, 90)),
        edited=st.booleans(),
    )
    def approve_a_part(self, events: Any, later: Any, full: bool, every: int, minutes: int, edited: bool) -> None:
        """A person ticks some actions of a plan; what is not approved is not done."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session()
        plan = self.watched(lambda: session.plan(full=full), may_fail=EXPECTED)
        if not isinstance(plan, kb.Plan):
            return
        actions = list(plan.actions)
        assert len(plan.to_dicts()) == len(actions)
        numbers = [n for n in range(len(actions)) if n % every]
        self._all_happen(later)
        self.pass_by(minutes=minutes)
        before = self.writes()
        error = self.watched(lambda: session.apply(plan, only=[len(actions)]), may_fail=(ValueError,))
        assert isinstance(error, ValueError)
        if edited:
            self._edit_the_rows(session, plan)
        assert self.writes() == before, "something was written that nobody approved"
        report = self.watched(lambda: session.apply(plan.id if minutes else plan, only=numbers), may_fail=STALE)
        if isinstance(report, kb.Report) and not numbers:
            assert self.writes() == before, "something was written that nobody approved"
        again = self.watched(lambda: session.apply(plan, only=numbers), may_fail=STALE)
        assert not isinstance(report, kb.Report) or isinstance(again, kb.StalePlanError)

    def _edit_the_rows(self, session: kb.SyncSession, plan: kb.Plan) -> None:
        from keapbridge.tables.approvals import Approvals

        if not plan.is_empty:
            wrong = Approvals(plan.id, {0: {"what": "something else"}})
            assert isinstance(self.watched(lambda: session.apply(plan, only=wrong), may_fail=(ValueError,)), ValueError)
        other = Approvals("another", {})
        error = self.watched(lambda: session.apply(plan, only=other), may_fail=(kb.StalePlanError,))
        assert isinstance(error, kb.StalePlanError)

    @rule(kind=kinds, side=sides, n=number, how=st.sampled_from(("same", "alike", "near", "two")), accept=st.booleans())
    def somebody_is_quicker(self, kind: str, side: kb.Side, n: int, how: str, accept: bool) -> None:
        """Between a plan and its application the same records are made on the other side, too."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(full=n % 2 == 0), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        here, there = self._alike(kind, how)
        self.add(kind, side, **here)
        self.add(kind, side, **self._alike(kind, "new")[0])
        session = self.session()
        plan = self.watched(lambda: session.plan(full=n % 3 == 0), may_fail=EXPECTED)
        self.pass_by(minutes=2 + 60 * (n % 2))
        self.add(kind, side.other, **there)
        if how == "two":
            self.add(kind, side.other, **there)
            self.twice = True
        if isinstance(plan, kb.Plan):
            accepted = ["near-misses"] if accept and kind == CONTACTS else []
            self.twice = self.twice or how in {"near", "alike"}
            self.watched(lambda: session.apply(plan, accept=accepted), may_fail=STALE)

    def _alike(self, kind: str, how: str) -> tuple[dict[str, Any], dict[str, Any]]:
        new = self.numbers
        if kind != CONTACTS:
            one = {"Name": f"Thing {new}", "Sku": f"T{new}"}
            return one, one if how == "same" else {"Name": one["Name"]}
        one = {
            "FirstName": "Zoe",
            "LastName": f"Zimmer {new}",
            "Email": f"z{new}@example.org",
            "Phone": f"+4722{400000 + new}",
        }
        match how:
            case "same" | "two":
                return one, one
            case "alike":
                return {**one, "Email": None}, {**one, "Phone": None}
            case _:
                return {**one, "Email": None}, {
                    **one,
                    "LastName": "Other",
                    "FirstName": "Kai",
                    "Email": f"k{new}@example.org",
                }

    @rule(side=sides, how=st.sampled_from(("near", "alike", "same")), linked=st.booleans(), accept=st.booleans())
    def somebody_like_another(self, side: kb.Side, how: str, linked: bool, accept: bool) -> None:
        """Who may be one that is known already is not made until a person says so."""
        self.clock.pass_by(AFTER_THE_TERM)
        here, there = self._alike(CONTACTS, how)
        self.twice = True
        self.add(CONTACTS, side, **here)
        if linked:
            self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
            self.clock.pass_by(AFTER_THE_TERM)
        self.add(CONTACTS, side.other, **there)
        accepted = ["near-misses", "first-creates"] if accept else []
        self.watched(lambda: self.session().sync(accept=accepted, by="Kim"), may_fail=EXPECTED)

    @rule(
        kind=kinds,
        n=number,
        decision=st.sampled_from(("customcrm", "keap", "value", "same", "different", "bad")),
        whole=st.booleans(),
        moved=st.sampled_from(("no", "no", "edited", "deleted")),
        at=st.sampled_from((None, None, *range(0, 30, 3))),
    )
    def resolve(self, kind: str, n: int, decision: str, whole: bool, moved: str, at: int | None) -> None:
        """A field is edited on both sides, or a record here and deleted there, and somebody decides."""
        self.clock.pass_by(AFTER_THE_TERM)
        parked = policy_without_brakes(conflicts="manual", deletions="delete", archive={})
        field = OTHERS[kind]
        pool = [value for value in POOLS[kind][field] if value]
        for pair in self.pairs(kind)[n:][:2]:
            for k, (side, id) in enumerate(pair.items()):
                self.type((kind, side, id), **{field: f"{pool[(n + k) % len(pool)]} {self.numbers + k}"})
            if whole:
                self.drop((kind, KEAP if n % 2 else CUSTOMCRM, pair[KEAP if n % 2 else CUSTOMCRM]))
        self.policy = parked
        self.watched(lambda: self.session().sync(full=whole), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(CountingDriver(self.clock, stop_at=at, stop_after=whole) if at else None)
        waiting = self.watched(lambda: list(session.conflicts()), may_fail=(KilledError,))
        if not isinstance(waiting, list) or not waiting:
            return
        found = sorted(waiting, key=lambda c: ((c.about == "") is (decision in {"same", "different"}), c.field != "*"))
        self._decide(session, found[0], decision, moved, n)

    def _decide(self, session: kb.SyncSession, conflict: Any, decision: str, moved: str, n: int) -> None:
        ids = {CUSTOMCRM: conflict.customcrm_id, KEAP: conflict.keap_id}
        for side, id in ids.items():
            self.blurred.add((conflict.object, side, id))
            if moved == "edited" and side is KEAP:
                self.type((conflict.object, side, id), **{OTHERS[conflict.object]: f"Moved {n}"})
            if moved == "deleted" and side is KEAP:
                self.drop((conflict.object, side, id))
        self.twice = self.twice or decision == "different" or conflict.field == "*"
        given: dict[str, Any] = {"decision": decision, "by": "Kim"}
        if decision in {"value", "bad"}:
            given = {"value": f"Decided {n}" if decision == "value" else object()}
        self.watched(
            lambda: session.resolve(conflict, **given), may_fail=(*STALE, KilledError, TypeError), deletes="resolve"
        )

    @rule(
        n=number,
        back=st.integers(0, 4),
        later=st.booleans(),
        meanwhile=events,
        at=st.sampled_from((None, None, *range(0, 40, 3))),
    )
    def undo(self, n: int, back: int, later: bool, meanwhile: Any, at: int | None) -> None:
        """A run is taken back, whole or cut off, and perhaps again."""
        self.clock.pass_by(AFTER_THE_TERM)
        if n % 2:
            for k, kind in enumerate(KINDS):
                self._happens("edit", kind, CUSTOMCRM if n % 3 else KEAP, n + k, n)
                self._happens("delete", kind, KEAP if n % 3 else CUSTOMCRM, n + k, n)
            self.policy = policy_without_brakes(deletions="delete", archive={})
            self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
            self.clock.pass_by(AFTER_THE_TERM)
            back = 0
        run = self.runs[-1 - back] if len(self.runs) > back else "no-such-run"
        self._all_happen(meanwhile)
        self._all_is_blurred()
        self.anything_goes = True
        session = self.session(CountingDriver(self.clock, stop_at=at, stop_after=later) if at is not None else None)

        def work() -> Any:
            if not later:
                return session.undo(run, by="Kim")
            plan = session.plan_undo(run)
            assert all(map(str, plan.actions))
            return session.apply(plan.id if n % 2 else plan)

        failing = (*STALE, KilledError, kb.UncertainError)
        self.watched(work, may_fail=failing, deletes="undo")
        if n % 3 == 0:
            self.clock.pass_by(AFTER_THE_TERM)
            again = self.session()
            self.watched(lambda: again.undo(run), may_fail=failing, deletes="undo")
        self.clock.pass_by(AFTER_THE_TERM)

    def _all_is_blurred(self) -> None:
        """What was taken back is told, and differs for good, or flows anew."""
        self.twice = True
        self.blurred |= {(kind, side, id) for kind in KINDS for side in kb.Side for id in self.rows(kind, side)}

    @rule(n=number, taken_back=st.booleans(), at=st.sampled_from((None, None, *range(0, 60, 4))))
    def swap_addresses(self, n: int, taken_back: bool, at: int | None) -> None:
        """People swap what the CRM has once each."""
        self.clock.pass_by(AFTER_THE_TERM)
        made = self.numbers
        for k in range(3):
            self.add(CONTACTS, CUSTOMCRM, FirstName="Swap", LastName=f"S{made + k}", Email=f"s{made + k}@example.org")
        self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        those = [
            p
            for p in self.pairs(CONTACTS)
            if str(self.row((CONTACTS, KEAP, p[KEAP])).get("LastName", "")).upper()
            in {f"S{made + k}" for k in range(3)}
        ]
        addresses = [self.row((CONTACTS, KEAP, p[KEAP])).get("Email") for p in those]
        many = 2 + n % 2
        for k, pair in enumerate(those[:many]):
            self.type((CONTACTS, KEAP, pair[KEAP]), Email=addresses[(k + 1) % min(many, len(addresses))])
        report = self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        if taken_back and isinstance(report, kb.Report):
            self._all_is_blurred()
            self.anything_goes = True
            session = self.session(CountingDriver(self.clock, stop_at=at) if at is not None else None)
            self.watched(
                lambda: session.undo(report.run_id), may_fail=(*STALE, KilledError, kb.UncertainError), deletes="undo"
            )
            self.clock.pass_by(AFTER_THE_TERM)

    @rule(kind=kinds, side=sides, n=number, trouble=st.booleans())
    def look_back(self, kind: str, side: kb.Side, n: int, trouble: bool) -> None:
        """Questions, which write nothing."""
        self.clock.pass_by(AFTER_THE_TERM)
        if trouble:
            self.ways[KEAP].fault = lambda request: 403 if kind in request.url.path else None
        session = self.session()
        before = self.writes()
        which: dict[str, Any] = {side.value: self.pick(kind, side, n) or "nobody"}
        self.watched(session.check, may_fail=EXPECTED)
        for ask in (
            lambda: str(session.explain(kind, **which)),
            lambda: session.history(kind, **which),
            session.audit,
            session.failures,
            lambda: session.saved_plan(session.plans()[0].id) if session.plans() else None,
            lambda: session.report(session.runs()[0].run_id) if session.runs() else None,
            lambda: session.saved_plan("no-such-plan"),
            lambda: session.report("no-such-run"),
        ):
            self.watched(ask, may_fail=(*STALE, kb.LinkStoreError))
        self.all_is_well()
        assert self.writes() == before, "a question wrote something"
        if kind == CONTACTS:
            wrong = self.mappers[CONTACTS].with_lenses(kb.text("Nick", keap=kb.custom_field("No such field")))
            bad = self.watched(lambda: self.session(contacts=wrong), may_fail=(kb.MappingError,))
            if isinstance(bad, kb.MappingError):
                return  # a database has no such column either
            assert not self.watched(bad.check, may_fail=EXPECTED).ok
            assert isinstance(self.watched(bad.sync, may_fail=(kb.MappingError, *EXPECTED)), Exception)

    @rule(kind=kinds, side=sides, n=number)
    def forget(self, kind: str, side: kb.Side, n: int) -> None:
        """A person is forgotten by the store, and found anew."""
        self.clock.pass_by(AFTER_THE_TERM)
        id = self.pick(kind, side, n)
        if id is not None:
            self._all_is_blurred()
            told = self.watched(lambda: self.session().forget(kind, **{side.value: id}), may_fail=(kb.UncertainError,))
            if isinstance(told, kb.UncertainError):
                return  # somebody over whom it was written may still be shown like that
            self.forgotten |= {(kind, CUSTOMCRM, ours) for ours in told.customcrm}
            self.forgotten |= {(kind, KEAP, theirs) for theirs in told.keap}
            if n % 2:
                self.watched(lambda: self.session().sync(), may_fail=EXPECTED)

    @rule(n=number, keep=st.booleans())
    def move_the_crm(self, n: int, keep: bool) -> None:
        """The CRM has another address, or is another one; so may Keap."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.identity = f"acme-{n % 2}" if n % 3 else None
        session = self.session()
        self.watched(session.check, may_fail=EXPECTED)
        moved = self.watched(session.sync, may_fail=EXPECTED)
        if isinstance(moved, kb.OtherSystemError) or n % 4 == 3:
            self._all_is_blurred()
            self.clock.pass_by(AFTER_THE_TERM)
            bound = self.watched(lambda: self.session().rebind(keep_links=keep), may_fail=EXPECTED)
            if isinstance(bound, Exception):
                self.watched(lambda: self.session().rebind())

    @rule(n=number)
    def meet_another_keap(self, n: int) -> None:
        """The credentials are those of another application: nothing is written."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        mine, way, own = self.keap, self.ways[KEAP], self.own
        other = LivelyKeap(self.clock, kb.Habits.assumed(), tenant="em2")
        for k in range(n % 3):
            other.add(CONTACTS, {"FirstName": "Ada", "Email": f"other{k}@example.org"})
        try:
            self.keap, self.own = other, {}
            self.ways[KEAP] = type(way)(other, other.emulator.app, self.loop)
            before = self.writes()
            session = self.session()
            self.watched(session.check, may_fail=EXPECTED)
            error = self.watched(session.sync, may_fail=EXPECTED)
            assert isinstance(error, kb.OtherSystemError)
            refused = self.watched(lambda: session.rebind(keep_links=True), may_fail=EXPECTED)
            assert self.writes()[:4] == before[:4], "something was written to another application"
        finally:
            self.shut()
            other.close()
            self.keap, self.ways[KEAP], self.own = mine, way, own
        if not isinstance(refused, Exception):  # the store is that of the other one now
            self.session().rebind(keep_links=True)
        self.clock.pass_by(AFTER_THE_TERM)

    @precondition(lambda self: self.mapping == "named")
    @rule(n=number, how=st.sampled_from(("anew", "renamed", "deleted", "plan")))
    def change_a_custom_field(self, n: int, how: str) -> None:
        """A custom field is another one from now on, has another label, or is gone for a while."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        table = self.keap._table(CONTACTS)
        found = [id for id, field in table.custom_fields.items() if field["label"] == "Shoe size"]
        if not found:
            return
        if (id := self.pick(CONTACTS, CUSTOMCRM, n)) is not None:
            self.crm.edit(CONTACTS, id, {"Shoes": str(40 + n)})
        session = self.session()
        plan = self.watched(session.plan, may_fail=EXPECTED) if how == "plan" else None
        if how == "renamed":
            table.custom_fields[found[0]]["label"] = "Size of shoes"
        else:
            table.delete_custom_field(found[0])
            if how == "anew":
                table.add_custom_field("Shoe size", "TEXT")
        if isinstance(plan, kb.Plan):
            self.watched(lambda: session.apply(plan), may_fail=STALE)
        self.watched(lambda: self.session().sync(full=n % 2 == 0), may_fail=(kb.MappingError, *EXPECTED))
        if how in {"deleted", "plan"}:
            table.add_custom_field("Shoe size", "TEXT")
        self.clock.pass_by(AFTER_THE_TERM)

    @precondition(lambda self: self.mapping == "named")
    @rule(n=number, full=st.booleans())
    def lose_a_custom_field(self, n: int, full: bool) -> None:
        """A custom field that nobody lets be made is deleted: what it held stays in the CRM, and the rest flows."""
        self.clock.pass_by(AFTER_THE_TERM)
        table = self.keap._table(CONTACTS)
        name, label = self.pick(CONTACTS, CUSTOMCRM, n), f"Hat {self.numbers}"
        self.numbers += 1
        made = table.add_custom_field(label, "TEXT")
        lens = kb.text("Shoes", keap=kb.custom_field(label))
        mapper = self.mappers[CONTACTS].with_lenses(lens)
        if name is None:
            return
        self.crm.edit(CONTACTS, name, {"Shoes": "41"})
        for k in range(3):
            self.watched(lambda: self.session(contacts=mapper).sync(full=full), may_fail=EXPECTED)
            self.clock.pass_by(AFTER_THE_TERM)
            if k == 0:
                table.delete_custom_field(made)
        assert own_of(self.crm, CONTACTS, name, "Shoes") == "41", "a field was deleted in Keap, and the CRM lost it"
        self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(n=number)
    def change_the_keys(self, n: int) -> None:
        """The store is encrypted, or gets another key; who has none is told so."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.numbers += 1
        new, other = (urlsafe_b64encode(sha256(word.encode()).digest()) for word in (f"key {self.numbers}", "another"))
        if not self.keys:
            self.shut()
            kb.rekey(self.engine, [new])
        else:
            self.session(encryption_keys=[new, *self.keys]).rekey()
        self.keys = [new]
        for wrong in ((), [other]):
            error = self.watched(lambda w=wrong: self.session(encryption_keys=w), may_fail=(kb.LinkStoreError,))
            assert isinstance(error, kb.LinkStoreError)
        self.watched(lambda: self.session().sync(full=n % 2 == 0), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(at=moments, under_way=st.booleans())
    def leave(self, at: int, under_way: bool) -> None:
        """A session is closed, also while it is at work, and says so."""
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(Interrupted(self.clock, at=at, then=lambda _: session.close(), before=lambda _: True))
        if under_way:
            self.watched(lambda: session.sync(full=True), may_fail=EXPECTED)
        session.close()
        assert isinstance(self.watched(session.sync, may_fail=(kb.SyncError,)), kb.SyncError)
        self.clock.pass_by(AFTER_THE_TERM)
