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
        for side, id in ((CUSTOMCRM, conflict.customcrm_id), (KEAP, conflict.keap_id)):
            self.blurred.add((conflict.object, side, id))
        if decision == "value":
            pool = POOLS[conflict.object].get(conflict.field, ("?",))
            decision = kb.Value(pool[n % len(pool)] if m % 4 else "no value of this field")
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
            for side, id in ((CUSTOMCRM, conflict.customcrm_id), (KEAP, conflict.keap_id)):
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
