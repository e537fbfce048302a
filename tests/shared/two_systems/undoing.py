"""Runs that are taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from fakes import Fault, no_faults
from hypothesis import strategies as st
from hypothesis.stateful import rule
from stopping import CountingDriver, KilledError

import keapbridge as kb
from two_systems.checks import names_of
from two_systems.cuts import Cuts
from two_systems.drivers import value_of
from two_systems.pools import (
    AFTER_THE_TERM,
    CUSTOMCRM,
    DAY,
    DELETION_RULES,
    KEAP,
    NEWCOMER,
    OBJECTS,
    POOLS,
    Name,
    number,
    objects,
    sides,
)


class Undoing(Cuts):
    """Undoing, at any moment, cut off or not."""

    @rule(n=number, asynchronous=st.booleans(), later=st.booleans(), back=st.integers(0, 3))
    def undo(self, n: int, asynchronous: bool, later: bool, back: int) -> None:
        """The last run is taken back, or one of those before."""
        self.clock.pass_by(AFTER_THE_TERM)
        if n % 2 == 0:
            back = 0
            self._all_happen([("edit", object, side, n + k, k) for k, object in enumerate(OBJECTS) for side in kb.Side])
            if n % 4:
                self._delete_one_of_a_pair(self.objects[-1], n, CUSTOMCRM)
                self.policy = self._policy(deletions="delete")
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
        run = self.runs[-1 - back] if len(self.runs) > back else "no-such-run"
        session = self.session(asynchronous=asynchronous)
        self.anything_goes = True  # known differences stay from here on

        def work() -> Any:
            if later:
                plan = value_of(session.plan_undo(run))
                assert plan.purpose == "undo"
                return session.apply(plan.id if n % 2 else plan)
            return session.undo(run)

        result = self.watched(work, may_fail=[kb.StalePlanError, kb.UncertainError], deletes="undo")
        if n == 1 and self.runs:  # and the undoing is undone
            self.watched(lambda: self.session().undo(self.runs[-1]), may_fail=[kb.UncertainError], deletes="undo")
        if later and isinstance(result, kb.Report) and n % 2:
            again = self.watched(lambda: self.session().apply(result.plan_id), may_fail=[kb.StalePlanError])
            assert isinstance(again, kb.StalePlanError), "an undoing was applied twice"
        assert isinstance(result, (kb.Report, kb.StalePlanError, kb.UncertainError))
        assert not isinstance(result, kb.StalePlanError) or run == "no-such-run"

    @rule(n=number, fault=st.sampled_from((Fault.OUTAGE, Fault.REFUSED_KEY, Fault.LOST_ANSWER)), side=sides)
    def undo_in_trouble(self, n: int, fault: Fault, side: kb.Side) -> None:
        """Nothing can be written while a run is taken back, or not even read; what became of it is looked for then."""
        self.clock.pass_by(AFTER_THE_TERM)
        if self.runs:
            self.anything_goes = True
            ends = [kb.ApiError, kb.UncertainError, kb.StalePlanError]
            for methods in (("PATCH", "POST", "DELETE"), ("GET",), ("GET", "PATCH")):
                self.system(side).faults = lambda request, these=methods: fault if request.method in these else None
                self.watched(lambda: self.session().undo(self.runs[-1]), may_fail=ends, deletes="undo")
                self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.system(side).faults = no_faults
            self.clock.pass_by(AFTER_THE_TERM)

    @rule(
        n=number,
        at=st.integers(0, 40),
        after=st.booleans(),
        soon=st.booleans(),
        deletions=st.sampled_from(DELETION_RULES),
    )
    def crash_while_undoing(self, n: int, at: int, after: bool, soon: bool, deletions: Any) -> None:
        """The process dies while a run is taken back; what comes next finds out what it had done."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.anything_goes = True
        self.policy = self._policy(deletions=deletions)
        self._happens("edit", self.objects[-1], KEAP, n, n)
        self._delete_one_of_a_pair(self.objects[-1], n, KEAP if n % 2 else CUSTOMCRM)
        self._add(self.objects[0], CUSTOMCRM if n % 3 else KEAP, NEWCOMER)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        if self.runs:
            driver = CountingDriver(self.clock, stop_at=at, stop_after=after)
            self.watched(
                lambda: self.session(driver).undo(self.runs[-1]),
                may_fail=[KilledError, kb.StalePlanError, kb.UncertainError],
                deletes="undo",
            )
            self.clock.pass_by(AFTER_THE_TERM if soon else DAY)
            again = self.session().sync if n % 2 else lambda: self.session().undo(self.runs[-1])
            self.watched(again, may_fail=[kb.StalePlanError, kb.UncertainError], deletes="policy" if n % 2 else "undo")

    @rule(
        what=st.sampled_from(("edit", "add", "delete", "link")),
        object=objects,
        side=sides,
        n=number,
        at=st.integers(0, 1),
        how=st.sampled_from(("dies", "dies", "dies before", Fault.LOST_ANSWER, Fault.OUTAGE)),
        meanwhile=st.sampled_from(("nothing", "nothing", "nothing", "edit", "delete", "unlink")),
        afterwards=st.sampled_from(("nothing", "nothing", "edit", "delete")),
        forgets=st.booleans(),
        again=st.booleans(),
    )
    def be_cut_off_while_undoing(
        self,
        what: str,
        object: str,
        side: kb.Side,
        n: int,
        at: int,
        how: Any,
        meanwhile: str,
        afterwards: str,
        forgets: bool,
        again: bool,
    ) -> None:
        """A run that did one thing is taken back, and the runner dies or sees no answers: what comes next finds out."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.anything_goes = True
        object = self.kind(object)
        pair = self._a_pair(object, n)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        if not pair:
            return
        self.policy = self._policy(deletions="delete", conflicts="manual")
        field = self._free_field(object)
        there = all(id in self.table(object, s) for s, id in pair.items())
        if what == "edit" and there:
            self._type_in(object, side, pair[side], field, POOLS[object][field][n % 2])
        elif what == "delete" and there:
            self.table(object, side).delete(pair[side])
        else:
            self._add_alike(object, *(kb.Side if what == "link" else (side,)))
        report = self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
        self.clock.pass_by(AFTER_THE_TERM)
        if not isinstance(report, kb.Report):
            return
        touched = [
            name for line in report.lines for name in names_of(line) if line.outcome not in {"skipped", "failed"}
        ]
        self._meet_with(meanwhile, touched, side)
        made_before = self._made_without_intent()
        driver = self._cut_off(how, at, named="links.remove" if what == "link" and isinstance(how, str) else None)
        ends = [KilledError, kb.StalePlanError, kb.UncertainError, kb.ApiError]
        self.watched(lambda: self.session(driver).undo(report.run_id), may_fail=ends, deletes="undo")
        self._all_is_well()
        if isinstance(how, Fault):  # nobody died, so nobody needs to wait; but what was made may not be shown yet
            self.clock.pass_by(timedelta(seconds=5))
            if forgets:
                self._forget_all_runs()
            else:
                self.watched(lambda: self.session().undo(report.run_id), may_fail=ends, deletes="undo")
        self._meet_with(afterwards, touched, side)
        self.clock.pass_by(AFTER_THE_TERM)
        held = self._held(touched, field)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        if afterwards == meanwhile == "nothing":
            assert what != "edit" or self._held(touched, field) == held, f"{field} was written again after all"
            assert what != "add" or not there or self._no_source_is_gone(report)
        if again and not forgets:
            self.clock.pass_by(AFTER_THE_TERM)
            self.watched(
                lambda: self.session().undo(report.run_id),
                may_fail=[kb.StalePlanError, kb.UncertainError],
                deletes="undo",
            )
        if what == "delete" and "edit" not in {afterwards, meanwhile} and not forgets:
            made = self._made_without_intent() - made_before
            deleted = sum(line.outcome == "deleted" for line in report.lines)
            assert len(made) <= max(deleted, 1), f"made anew more than once: {made}"

    def _forget_all_runs(self) -> None:
        self.runs.clear()
        self.plans.clear()
        self.watched(lambda: self.session(retention=timedelta(0)).sync())

    def _no_source_is_gone(self, report: kb.Report) -> bool:
        """Undoing what was made from a record leaves that record alone."""
        made = [name for line in report.lines if line.outcome == "created" for name in names_of(line)]
        return all(id in self.table(object, side) for object, side, id in made if (object, side, id) in self.own)

    def _meet_with(self, what: str, names: Collection[Name], side: kb.Side) -> None:
        """Users go on with the records that a run has touched."""
        for object, where, id in names:
            if id not in self.table(object, where):
                continue
            if what == "edit":
                field = self._free_field(object)
                pool = POOLS[object][field]
                value = self.read(object, where, id).get(field)
                self._type_in(object, where, id, field, next(v for v in pool if v != value))
            elif what in {"delete", "unlink"} and where is side:
                self.table(object, where).delete(id)
        if what == "unlink":
            self.policy = self._policy(deletions="unlink", conflicts="manual")
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
            self.policy = self._policy(deletions="delete", conflicts="manual")

    def _held(self, names: Iterable[Name], field: str) -> dict[Name, Any]:
        return {n: self.read(*n).get(field) for n in names if n[2] in self.table(n[0], n[1])}

    def _made_without_intent(self) -> set[Name]:
        """What undoings have made anew."""
        return {
            (object, side, id)
            for object in OBJECTS
            for side in kb.Side
            for key, id in self.table(object, side).creates
            if key not in self.origins and id in self.table(object, side)
        }
