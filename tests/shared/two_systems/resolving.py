"""Conflicts that somebody decides."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from stopping import CountingDriver, KilledError

import keapbridge as kb
from two_systems.cuts import Cuts
from two_systems.drivers import value_of
from two_systems.pools import AFTER_THE_TERM, CUSTOMCRM, KEAP, POOLS, number, objects, policy_without_brakes


class Resolving(Cuts):
    """Decisions, in time, too late, or cut off."""

    @rule(
        object=objects,
        n=number,
        m=number,
        decision=st.sampled_from((CUSTOMCRM, KEAP, "value", "value")),
        asynchronous=st.booleans(),
        whole=st.booleans(),
        moved=st.sampled_from(("no", "no", "no", "synced", "edited", "unlinked")),
        dies=st.sampled_from((None, None, "dies", "dies before", "somewhere")),
        at=st.integers(0, 30),
    )
    def resolve(
        self,
        object: str,
        n: int,
        m: int,
        decision: Any,
        asynchronous: bool,
        whole: bool,
        moved: str,
        dies: str | None,
        at: int,
    ) -> None:
        """A field is edited on both sides, or a record here and deleted there, and somebody decides."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        parked = policy_without_brakes(conflicts="manual", deletions="delete")
        self._a_pair(object, n)
        self._happens("edit both", object, CUSTOMCRM, n, m)
        if whole:
            self._delete_one_of_a_pair(object, n, side := KEAP if n % 2 else CUSTOMCRM)
            for other in self.table(object, side.other):
                self._type_in(object, side.other, other, "Description" if object != "contacts" else "City", "Turku")
        self.watched(lambda: self.session(policy=parked).sync(full=True), policy=parked, may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(asynchronous=asynchronous, policy=parked)
        found = value_of(session.conflicts())
        whole_first = sorted(found, key=lambda conflict: (conflict.field != "*") is whole)
        if not found:
            return
        found = whole_first
        conflict = found[0 if whole else n % len(found)]
        if moved != "no":
            self._moves_on(conflict, moved, n, m)
            if moved != "edited":
                self.watched(lambda: self.session(policy=parked).sync(), policy=parked, may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
        self.blurred |= {(conflict.object, side, id) for side, id in self._ids(conflict).items()}
        if decision == "value":
            decision = self._word(conflict, decision, n, m)
        expected = [kb.StalePlanError, kb.UnfitError]
        if dies is not None:
            somewhere = CountingDriver(self.clock, stop_at=at, stop_after=whole)
            driver = somewhere if dies == "somewhere" else self._cut_off(dies, 0)
            self._die_while_resolving(conflict, decision, driver, parked)
            return
        result = self.watched(lambda: session.resolve(conflict, decision), may_fail=expected, deletes="resolve")
        if isinstance(result, kb.Report) and result.ok and conflict.field != "*":
            left = [(c.object, c.customcrm_id, c.field) for c in value_of(self.session().conflicts())]
            again = (conflict.object, conflict.customcrm_id, conflict.field)
            assert again not in left or conflict.object == "companies", f"{again} was resolved and waits again"

    @rule(
        n=number,
        m=number,
        decision=st.sampled_from((CUSTOMCRM, KEAP, "value", "each its own")),
        by_token=st.booleans(),
        asynchronous=st.booleans(),
        moved=st.sampled_from(("no", "no", "edited", "unlinked")),
        whole=st.booleans(),
        at=st.sampled_from((None, None, *range(0, 60, 4))),
    )
    def resolve_many(
        self, n: int, m: int, decision: Any, by_token: bool, asynchronous: bool, moved: str, whole: bool, at: int | None
    ) -> None:
        """Several fields and records wait, and somebody decides all of them in one run."""
        self.clock.pass_by(AFTER_THE_TERM)
        parked = policy_without_brakes(conflicts="manual", deletions="delete")
        for k, object in enumerate(self.objects):
            self._a_pair(object, n)
            for field in (m, m + 1):
                self._happens("edit both", object, CUSTOMCRM, n + k, field)
            if whole:
                self._delete_one_of_a_pair(object, n, KEAP)
                for id in self.table(object, CUSTOMCRM):
                    self._type_in(object, CUSTOMCRM, id, "Description" if object != "contacts" else "City", "Turku")
        self.watched(lambda: self.session(policy=parked).sync(full=True), policy=parked, may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        driver = None if at is None else CountingDriver(self.clock, stop_at=at, stop_after=whole)
        found = list(value_of(self.session(policy=parked).conflicts()))
        if found and moved != "no":
            self._moves_on(found[n % len(found)], moved, n, m)
        session = self.session(driver, asynchronous=asynchronous, policy=parked)
        self.blurred |= {(c.object, side, id) for c in found for side, id in self._ids(c).items()}
        words = {self._name(c): self._word(c, decision, n, m) for c in found}
        won = [(c, side) for c in found if isinstance(side := words[self._name(c)], kb.Side) and c.field != "*"]
        before = [self._shown(c, side) for c, side in won]
        given = [conflict.token for conflict in found] if by_token else found
        report = self.watched(
            lambda: session.resolve_many(given, lambda c: words[self._name(c)], by="Kim"),
            may_fail=[KilledError],
            deletes="resolve",
        )
        assert [self._shown(c, side) for c, side in won] == before, "what was decided for was overwritten"
        self.clock.pass_by(AFTER_THE_TERM)
        if isinstance(report, kb.Report):
            told = {(line.object, line.customcrm_id) for line in report.lines}
            for c in value_of(self.session(policy=parked).conflicts()):
                is_decided = words.get(self._name(c)) is not None and c.object != "companies"
                assert not is_decided or (c.object, c.customcrm_id) in told, f"{c} was decided, and waits again"

    @rule(object=objects, n=number, by_token=st.booleans(), at=st.sampled_from((None, *range(0, 40, 3))))
    def decide_twice(self, object: str, n: int, by_token: bool, at: int | None) -> None:
        """Two people decide the same; or the first is cut off, and what was decided is taken back."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        parked = policy_without_brakes(conflicts="manual")
        pair = self._a_pair(object, n)
        self.watched(lambda: self.session(policy=parked).sync(full=True), policy=parked, may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        field = self._free_field(object)
        for k, (side, id) in enumerate(pair.items()):
            if id in self.table(object, side):
                self._type_in(object, side, id, field, ("Bergen", "Turku")[k])
        self.watched(lambda: self.session(policy=parked).sync(), policy=parked, may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        found = [c for c in value_of(self.session(policy=parked).conflicts()) if (c.object, c.field) == (object, field)]
        if not found:
            return
        conflict = found[0]
        self.blurred |= {(object, side, id) for side, id in self._ids(conflict).items()}
        driver = None if at is None else CountingDriver(self.clock, stop_at=at, stop_after=n % 2 == 0)
        ends = [KilledError, kb.StalePlanError, kb.UnfitError]
        first = self.watched(
            lambda: self.session(driver, policy=parked).resolve(conflict, KEAP, by="Kim"), may_fail=ends
        )
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(policy=parked)
        if isinstance(first, kb.Report) and first.ok:
            given = conflict.token if by_token else conflict
            second = self.watched(lambda: session.resolve(given, CUSTOMCRM), may_fail=ends)
            is_companies = object == "companies"  # whose writes are awaited
            assert is_companies or isinstance(second, kb.StalePlanError), f"{conflict} was decided twice"
            told = self.watched(lambda: session.resolve_many([given], CUSTOMCRM), may_fail=ends)
            assert is_companies or not (isinstance(told, kb.Report) and told.count("updated"))
        elif isinstance(first, KilledError):
            self.anything_goes = True
            for run in [*value_of(session.runs(limit=1))]:
                self.watched(lambda r=run: session.undo(r.run_id), may_fail=[*ends, kb.UncertainError], deletes="undo")
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(
        n=number,
        says=st.sampled_from(("same", "different")),
        by_token=st.booleans(),
        asynchronous=st.booleans(),
        gone=st.integers(0, 3),
        taken_back=st.booleans(),
        whole=st.booleans(),
        at=st.sampled_from((None, None, *range(0, 40, 4))),
    )
    def say_who_is_the_same(
        self,
        n: int,
        says: str,
        by_token: bool,
        asynchronous: bool,
        gone: int,
        taken_back: bool,
        whole: bool,
        at: int | None,
    ) -> None:
        """Of some records nobody knows whether they are the same: somebody says so, or that they are not."""
        self.clock.pass_by(AFTER_THE_TERM)
        if n % 2:
            for side in (CUSTOMCRM, KEAP, KEAP if n % 3 else CUSTOMCRM):
                self._add("contacts" if "contacts" in self.objects else self.objects[0], side, n)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        driver = None if at is None else CountingDriver(self.clock, stop_at=at, stop_after=whole)
        waiting = list(value_of(self.session().pairs_in_doubt()))
        if not waiting:
            return
        pair = waiting[n % len(waiting)]
        names = {(pair.object, pair.side, pair.id), (pair.object, pair.other_side, pair.other_id)}
        self.blurred |= names
        here = ((pair.other_side, pair.other_id), (pair.side, pair.id))
        for side, id in here[: {0: 1, 1: 2}.get(gone, 0)]:
            if id in self.table(pair.object, side):
                self.table(pair.object, side).delete(id)
        session = self.session(driver, asynchronous=asynchronous)
        before = len(self.crm.writes), len(self.keap.writes)
        ends = [KilledError, kb.StalePlanError, kb.UnfitError]
        given = pair.token if by_token else pair
        report = self.watched(lambda: getattr(session, says)(given, by="Kim"), may_fail=ends)
        assert says == "same" or (len(self.crm.writes), len(self.keap.writes)) == before, "told apart by a write"
        self.clock.pass_by(AFTER_THE_TERM)
        again = self.session()
        if not isinstance(report, kb.Report) or report.failures:
            return
        assert pair not in again.pairs_in_doubt()
        assert isinstance(self.watched(lambda: again.different(pair), may_fail=ends), kb.StalePlanError)
        if taken_back:
            self.anything_goes = True
            self.watched(lambda: again.undo(report), may_fail=ends, deletes="undo")
            assert says == "same" or pair in again.pairs_in_doubt(), "nobody says any more that they are two"
        elif says == "different":
            self.watched(lambda: again.sync(full=True), may_fail=[kb.ApiError])
            assert not any(
                {(object, CUSTOMCRM, ours), (object, KEAP, theirs)} == names for object, ours, theirs in self.links()
            ), f"{names} were told apart, and are linked"

    def _name(self, conflict: Any) -> tuple[str, str, str]:
        return conflict.object, conflict.customcrm_id, conflict.field

    def _ids(self, conflict: Any) -> dict[kb.Side, str]:
        return {CUSTOMCRM: conflict.customcrm_id, KEAP: conflict.keap_id}

    def _word(self, conflict: Any, decision: Any, n: int, m: int) -> Any:
        """What somebody decides who decides them all."""
        if decision == "value":
            pool = POOLS[conflict.object].get(conflict.field, ("?",))
            return kb.Value(pool[n % len(pool)] if m % 4 else "no value of this field")
        return (CUSTOMCRM, KEAP, None)[(n + len(conflict.field)) % 3] if decision == "each its own" else decision

    def _shown(self, conflict: Any, side: Any) -> Any:
        """What a record holds in the field of a conflict; `None` if it is gone."""
        id = self._ids(conflict)[side]
        there = id in self.table(conflict.object, side)
        return self.read(conflict.object, side, id)[conflict.field] if there else None

    def _moves_on(self, conflict: Any, moved: str, n: int, m: int) -> None:
        """Somebody goes on with a record whose conflict is about to be decided."""
        if moved == "synced":
            self._happens("edit both", conflict.object, CUSTOMCRM, n + 1, m)
        elif moved == "edited" and conflict.keap_id in self.table(conflict.object, KEAP):
            pool = POOLS[conflict.object].get(conflict.field, (None,))
            other = next((v for v in pool if v not in {conflict.keap, conflict.customcrm, None}), None)
            if other is not None:
                self._type_in(conflict.object, KEAP, conflict.keap_id, conflict.field, other)
        elif moved == "unlinked":
            for side, id in self._ids(conflict).items():
                if id in self.table(conflict.object, side):
                    self.table(conflict.object, side).delete(id)

    def _die_while_resolving(self, conflict: Any, decision: Any, driver: CountingDriver, parked: kb.Policy) -> None:
        """The process dies while a decision is written: the side that was decided for loses nothing."""
        ends = [KilledError, kb.StalePlanError, kb.UnfitError]
        winner = decision if isinstance(decision, kb.Side) and conflict.field != "*" else None
        id = conflict.customcrm_id if winner is CUSTOMCRM else conflict.keap_id
        wins = winner is not None and id in self.table(conflict.object, winner)
        before = self.read(conflict.object, winner, id) if winner is not None and wins else {}
        self.watched(
            lambda: self.session(driver, policy=parked).resolve(conflict, decision), may_fail=ends, deletes="resolve"
        )
        self._all_is_well()
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session(policy=parked).sync(full=True), policy=parked, may_fail=[kb.ApiError])
        if winner is not None and wins and id in self.table(conflict.object, winner):
            now = self.read(conflict.object, winner, id)
            assert now[conflict.field] == before[conflict.field], f"{conflict.field} of the winner was overwritten"
