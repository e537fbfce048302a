"""What a session can do, as flows; whatever plans or writes holds the session's lease."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs

from keapbridge._flow.effects import Flow, Halt, new_id, now, within
from keapbridge.decide.brakes import Exceeded, exceeded
from keapbridge.decide.restored import stops
from keapbridge.errors import BrakeError, StalePlanError
from keapbridge.model.accepted import Accept, Accepted, person
from keapbridge.model.actions import KINDS, NumberedAction
from keapbridge.model.finding import Finding, Findings
from keapbridge.model.given import flag, one_id, one_of, several_ids, text
from keapbridge.model.kept_in_store import Failure, Forgotten, JournalEntry
from keapbridge.model.maybe import UNSET
from keapbridge.model.meant import is_meant
from keapbridge.model.pair_in_doubt import PairInDoubt, ToldApart
from keapbridge.model.plan import Plan
from keapbridge.model.records import Link
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side
from keapbridge.model.summaries import PlanSummary, RunSummary, UnderWay
from keapbridge.model.token import read_token, token_of
from keapbridge.model.waiting import Waiting
from keapbridge.showing.html import display, table
from keapbridge.sync.afterwards.explain import Explanation, explain, history
from keapbridge.sync.afterwards.open_conflicts import (
    FIRST,
    OpenConflict,
    as_seen,
    conflicts,
    conflicts_of,
    named_by,
)
from keapbridge.sync.afterwards.paging import AFTER, at_most, in_parts, newest_first, part, positive
from keapbridge.sync.afterwards.pairs_in_doubt import FIRST as NO_DOUBT
from keapbridge.sync.afterwards.pairs_in_doubt import different, named, pairs_in_doubt, same
from keapbridge.sync.afterwards.rebind import rebind
from keapbridge.sync.afterwards.resolve import Decision, Given, Rule, decision_of, resolve, resolve_many, rule_of
from keapbridge.sync.afterwards.undo import undo
from keapbridge.sync.afterwards.undo_plan import OTHER_RUNS, UNDO, plan_undo
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.checking.check import Checked, check, check_first
from keapbridge.sync.frame import Frame
from keapbridge.sync.planning.lost_creates import check_settled
from keapbridge.sync.planning.propose import propose
from keapbridge.sync.reading.going_on import read_whole
from keapbridge.sync.stopping import is_stop
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.writing.apply import apply
from keapbridge.sync.writing.approved import approvals_of
from keapbridge.sync.writing.run import one_sided
from keapbridge.tables.approvals import Approvals
from keapbridge.tables.tabular import Page, Rows

__all__ = ["Engine", "Ids", "shown"]

Ids = Mapping[Side, Collection[str | int]]
T = TypeVar("T")

_OTHER_PLANS = "; session.plans() lists those that are kept, session.plan() makes a new one"


@attrs.frozen
class Engine:
    """Everything a session does, for the synchronizations of a bridge. `names` without any are all of them."""

    bridge: Bridge
    checked: Checked = attrs.field(factory=Checked, repr=False)
    frame: Frame = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(lambda self: Frame(self.bridge), takes_self=True)
    )

    def check(self) -> Flow[Findings]:
        return self.frame.asking(check(self.bridge))

    def plan(
        self, names: Sequence[str] = (), *, full: bool = False, wait: float = 0.0, deadline: timedelta | None = None
    ) -> Flow[Plan]:
        those = self._those(names)
        return self.frame.run(
            "plan", those, self._once_checked(those, self._plan(those, full=flag("full", full))), wait, deadline
        )

    def apply(
        self,
        plan: Plan | str,
        *,
        only: Approvals | Collection[int] | None = None,
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Flow[Report]:
        those = self._those(())
        accepted = _accepted(those, accept)
        one_of("plan", plan, (Plan, str), "a plan or the id of one, such as apply(session.plan())")
        chosen = None if only is None else approvals_of(only, plan.id if isinstance(plan, Plan) else plan)
        doing = self._apply(plan, accepted, person(by), only=chosen)
        return self.frame.run("apply", those, self._once_checked(those, doing), wait, deadline)

    def sync(
        self,
        names: Sequence[str] = (),
        *,
        full: bool = False,
        ids: Ids | None = None,
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Flow[Report]:
        those = self._those(names)
        accepted = _accepted(those, accept)
        those_ids = None if ids is None else {side: several_ids(side.value, some) for side, some in ids.items()}
        return self.frame.run(
            "sync", those, self._sync(those, flag("full", full), those_ids, accepted, person(by)), wait, deadline
        )

    def _once_checked(self, those: Sequence[Synchronization], flow: Flow[T]) -> Flow[T]:
        yield from check_first(self.bridge, self.checked, those)
        self.checked.heed(self.bridge)
        return (yield from flow)

    def conflicts(
        self,
        names: Sequence[str] = (),
        *,
        keap: str | int | None = None,
        customcrm: str | int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Flow[Page[OpenConflict]]:
        self.frame.check_open()
        those = self._those(names)
        if keap is not None or customcrm is not None:
            [(side, id)] = _one_id(keap, customcrm).items()
            return Page((yield from self._conflicts_of(those, side, id)))
        name, *place = (None, *FIRST) if after is None else read_token(AFTER, after, (str, int, str, str))
        return (yield from in_parts(those, name, tuple(place), FIRST, conflicts, at_most(limit)))

    def _conflicts_of(self, those: Sequence[Synchronization], side: Side, id: str) -> Flow[list[OpenConflict]]:
        found: list[OpenConflict] = []
        for sync in those:
            partner = (yield from sync.store.links.partners(sync.name, side, [id])).get(id)
            if partner is not None:
                found += yield from conflicts_of(sync, {side: id, side.other: partner})
        return found

    def pairs_in_doubt(
        self, names: Sequence[str] = (), *, after: str | None = None, limit: int | None = None
    ) -> Flow[Page[PairInDoubt]]:
        self.frame.check_open()
        those = self._those(names)
        plans = yield from self.bridge.store.plans.last_of({sync.name for sync in those})
        name, *place = (None, *NO_DOUBT) if after is None else read_token(AFTER, after, (str, str, int, int))
        if name is not None and place[0]:
            plans[name] = str(place[0])  # the list goes on in the plan in which it began

        def some(sync: Synchronization, at: Any, most: int | None) -> Flow[tuple[list[PairInDoubt], Any]]:
            if sync.name not in plans:
                return [], None
            return (yield from pairs_in_doubt(sync, plans[sync.name], at, most))

        return (yield from in_parts(those, name, tuple(place), NO_DOUBT, some, at_most(limit)))

    def told_apart(
        self, names: Sequence[str] = (), *, after: str | None = None, limit: int | None = None
    ) -> Flow[Page[ToldApart]]:
        self.frame.check_open()
        wanted = [sync.name for sync in self._those(names)]
        place = () if after is None else read_token(AFTER, after, (str,) * 5)
        most = at_most(limit)
        found = yield from self.bridge.store.told_apart.page(wanted, place, None if most is None else most + 1)
        return part(found, most, lambda t: (t.object, t.side.value, t.id, t.other_side.value, t.other_id))

    def same(self, pair: PairInDoubt | str, *, by: str | None = None, wait: float = 0.0) -> Flow[Report]:
        return self._tell(same, "same", pair, by, wait)

    def different(self, pair: PairInDoubt | str, *, by: str | None = None, wait: float = 0.0) -> Flow[Report]:
        return self._tell(different, "different", pair, by, wait)

    def _tell(
        self,
        tell: Callable[[Synchronization, tuple[Side, str], tuple[Side, str], str | None], Flow[Report]],
        doing: str,
        pair: PairInDoubt | str,
        by: str | None,
        wait: float,
    ) -> Flow[Report]:
        one_of("pair", pair, (PairInDoubt, str), "one of session.pairs_in_doubt(), or its token")
        name, one, other = named(pair)
        sync = self.bridge[name]
        return self.frame.run(doing, [sync], tell(sync, one, other, person(by)), wait)

    def waiting(self, most: int) -> Flow[Rows[Waiting]]:
        self.frame.check_open()
        most = positive(most, "most")
        those = self._those(())
        failures = yield from self.bridge.store.failures.count()
        found: Rows[Waiting] = Rows()
        for sync in those:
            open_ = yield from self.conflicts((sync.name,), limit=most)
            doubts = yield from self.pairs_in_doubt((sync.name,), limit=most)
            more = {what for what, page in (("conflicts", open_), ("pairs_in_doubt", doubts)) if page.next is not None}
            numbers = (len(open_), len(doubts), failures.get(sync.name, 0))
            found.append(Waiting(sync.name, *numbers, frozenset(more)))
        return found

    def actions(
        self, plan_id: str, *, object: str | None, kind: str | None, matching: str, after: str | None, limit: int
    ) -> Flow[Page[NumberedAction]]:
        plan = yield from self.saved_plan(plan_id)
        if kind is not None and kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)}, not {kind!r}{is_meant(kind, KINDS)}")
        names = plan.objects if object is None else (self.bridge[object].name,)
        one_of("matching", matching, str, "a text that an action says, or the id of a record")
        [place] = [-1] if after is None else read_token(AFTER, after, (int,))
        page = self.bridge.store.plans.page(plan.id, names, kind, matching.strip(), place, positive(limit))
        found, last = yield from page
        return Page(found, None if last is None else token_of(last))

    def lines(
        self, run_id: str | Report, *, object: str | None, outcome: str | None, after: str | None, limit: int
    ) -> Flow[Page[Line]]:
        self.frame.check_open()
        name = None if object is None else self.bridge[object].name
        [place] = [0] if after is None else read_token(AFTER, after, (int,))
        page = self.bridge.store.runs.page(_run_id(run_id), name, outcome, place, positive(limit))
        found, last = yield from page
        return Page(found, None if last is None else token_of(last))

    def resolve(
        self,
        conflict: OpenConflict | str,
        decision: Given | None = None,
        *,
        value: Any = UNSET,
        by: str | None = None,
        wait: float = 0.0,
    ) -> Flow[Report]:
        one_of("conflict", conflict, (OpenConflict, str), "one of session.conflicts(), or its token")
        sync = self.bridge[(conflict if isinstance(conflict, OpenConflict) else named_by(conflict)).object]
        flow = self._resolve(sync, conflict, decision_of(decision, value), person(by))
        return self.frame.run("resolve", [sync], flow, wait)

    def _resolve(
        self, sync: Synchronization, conflict: OpenConflict | str, decision: Decision, by: str | None
    ) -> Flow[Report]:
        seen = (yield from as_seen(sync, conflict)) if isinstance(conflict, str) else conflict
        return (yield from resolve(sync, seen, decision, by))

    def resolve_many(
        self,
        conflicts: Iterable[OpenConflict | str],
        decision: Given | Rule | None = None,
        *,
        value: Any = UNSET,
        by: str | None = None,
        wait: float = 0.0,
        deadline: timedelta | None = None,
    ) -> Flow[Report]:
        given = tuple(conflicts)
        for each in given:
            one_of("conflicts", each, (OpenConflict, str), "those of session.conflicts(), or their tokens")
            if isinstance(each, str):
                named_by(each)
        flow = resolve_many(self.bridge, given, rule_of(decision, value), person(by))
        return self.frame.run("resolve", self._those(()), flow, wait, deadline)

    def explain(self, name: str, keap: str | int | None, customcrm: str | int | None) -> Flow[Explanation]:
        one = _one_id(keap, customcrm)
        return self.frame.asking(explain(self.bridge[name], one))

    def history(self, name: str, keap: str | int | None, customcrm: str | int | None) -> Flow[Rows[JournalEntry]]:
        self.frame.check_open()
        one = _one_id(keap, customcrm)
        return Rows((yield from history(self.bridge[name], one)))

    def plan_undo(self, run: str | Report) -> Flow[Plan]:
        return self.frame.asking(plan_undo(self.bridge, _run_id(run)))

    def undo(
        self, run: str | Report, *, wait: float = 0.0, deadline: timedelta | None = None, by: str | None = None
    ) -> Flow[Report]:
        return self.frame.run("undo", self._those(()), self._undo(_run_id(run), person(by)), wait, deadline)

    def plans(self, limit: int, after: str | None = None) -> Flow[Page[PlanSummary]]:
        self.frame.check_open()
        return newest_first(self.bridge.store.plans.newest, limit, after, lambda plan: (plan.created_at, plan.id))

    def runs(self, limit: int, after: str | None = None) -> Flow[Page[RunSummary]]:
        self.frame.check_open()
        return newest_first(self.bridge.store.runs.newest, limit, after, lambda run: (run.started_at, run.run_id))

    def saved_plan(self, plan_id: str) -> Flow[Plan]:
        self.frame.check_open()
        found = yield from self.bridge.store.plans.get(text("plan_id", plan_id, example="a1b2c3d4e5f6"))
        if found is None:
            raise StalePlanError(f"there is no plan {plan_id!r} in this session's store (any more){_OTHER_PLANS}")
        return found

    def report(self, run_id: str) -> Flow[Report]:
        self.frame.check_open()
        found = yield from self.bridge.store.runs.report(_run_id(run_id))
        if found is None:
            raise StalePlanError(f"there is no run {run_id!r} in this session's store (any more){OTHER_RUNS}")
        return found

    def brakes(self, plan: Plan) -> list[Exceeded]:
        if not isinstance(plan, Plan):
            raise TypeError("brakes: a plan, such as brakes(session.plan())")
        if plan.purpose == UNDO:
            return []
        restored = (Exceeded("restored", reason) for reason in stops(plan).values())
        return [*exceeded(plan, self.bridge.settings.policy), *restored]

    def under_way(self) -> Flow[UnderWay | None]:
        self.frame.check_open()
        return self.bridge.store.runs.under_way()

    def last_full_scan(self) -> Flow[datetime | None]:
        self.frame.check_open()
        found: list[datetime] = []
        for sync in self._those(()):
            moment = yield from read_whole(sync)
            if moment is None:
                return None
            found.append(moment)
        return min(found, default=None)

    def failures(
        self, names: Sequence[str] = (), *, after: str | None = None, limit: int | None = None
    ) -> Flow[Page[Failure]]:
        self.frame.check_open()
        wanted = [sync.name for sync in self._those(names)]
        place = () if after is None else read_token(AFTER, after, (str, str, str))
        most = at_most(limit)
        found = yield from self.bridge.store.failures.page(wanted, place, None if most is None else most + 1)
        return part(found, most, lambda failure: (failure.object, failure.side.value, failure.id))

    def retry(
        self, name: str, keap: Collection[str | int], customcrm: Collection[str | int], by: str | None = None
    ) -> Flow[int]:
        self.frame.check_open()
        sync, who = self.bridge[name], person(by)
        waited = 0
        for side, ids in (
            (Side.KEAP, several_ids("keap", keap)),
            (Side.CUSTOMCRM, several_ids("customcrm", customcrm)),
        ):
            for id in ids:
                has_waited = yield from self.bridge.store.failures.clear(sync.name, side, id)
                waited += has_waited
                if has_waited and who is not None:
                    told = one_sided(sync.name, "retried", side, id, f"as {who} said")
                    yield from self.bridge.store.runs.tell_next([told])
        return waited

    def forget(
        self, name: str, keap: str | int | None, customcrm: str | int | None, *, wait: float = 0.0
    ) -> Flow[Forgotten]:
        [(side, id)] = _one_id(keap, customcrm).items()
        sync = self.bridge[name]
        return self.frame.run("forget", [sync], self._forget(sync, side, id), wait, is_bound=False)

    def _forget(self, sync: Synchronization, side: Side, id: str) -> Flow[Forgotten]:
        forgetting = self.bridge.store.forgetting
        yield from check_settled(sync, (yield from forgetting.whom(sync.name, side, id)))
        ids, counts = yield from forgetting.erase(sync.name, side, id, (yield from now()))
        cleaned = yield from forgetting.clean()
        return Forgotten(sync.name, tuple(ids[Side.CUSTOMCRM]), tuple(ids[Side.KEAP]), counts, cleaned)

    def rebind(self, *, keep_links: bool = False, wait: float = 0.0) -> Flow[int]:
        flow = rebind(self.bridge, keep_links=flag("keep_links", keep_links))
        return self.frame.run("rebind", self._those(()), flow, wait, is_bound=False)

    def backup(self, path: str | os.PathLike[str]) -> Flow[None]:
        self.frame.check_open()
        one_of("path", path, (str, os.PathLike), "the path of a new file, such as backup('backup.db')")
        return self.bridge.store.backup(path)

    def rekey(self) -> Flow[None]:
        self.frame.check_open()
        return self.bridge.store.rekey()

    def links(self, name: str) -> Iterator[Link]:
        self.frame.check_open()
        return self.bridge.store.links.all(name)

    def stop(self) -> None:
        """End the runs that are under way. Those that begin later are not meant."""
        self.frame.stop()

    def close(self) -> None:
        """End what is under way, and close the store once it has ended; any number of times."""
        self.frame.close()

    def _those(self, names: Sequence[str]) -> list[Synchronization]:
        """The synchronizations of these names that this Customcrm takes part in."""
        return [self.bridge[name] for name in names or self.bridge.synchronizations]

    def _undo(self, run_id: str, by: str | None) -> Flow[Report]:
        plan = yield from plan_undo(self.bridge, run_id)
        return (yield from undo(self.bridge, plan, by))

    def _sync(
        self,
        synchronizations: Sequence[Synchronization],
        full: bool,
        ids: Mapping[Side, Collection[str]] | None,
        accepted: Accepted,
        by: str | None,
    ) -> Flow[Report]:
        try:
            planning = self._plan(synchronizations, full=full, ids=ids, accepted=accepted)
            plan = yield from within(self._once_checked(synchronizations, planning))
        except Halt as halt:
            if not is_stop(halt):
                raise
            return (yield from self._nothing_done([sync.name for sync in synchronizations]))
        return (yield from self._apply(plan, accepted, by, is_fresh=True))

    def _plan(
        self,
        those: Sequence[Synchronization],
        *,
        full: bool,
        ids: Mapping[Side, Collection[str]] | None = None,
        accepted: Accepted | None = None,
    ) -> Flow[Plan]:
        plan = yield from propose(those, full=full, ids=ids, accepted=accepted)
        return attrs.evolve(plan, warnings=self._warnings)

    def _nothing_done(self, names: Sequence[str]) -> Flow[Report]:
        """The report of a run that was stopped before it had a plan."""
        store = self.bridge.store
        plan_id, run_id = (yield from new_id())[:12], (yield from new_id())[:12]
        moment = yield from now()
        yield from store.plans.begin(plan_id, moment, names)
        yield from store.plans.finish(plan_id, {}, {}, {}, {})
        yield from store.runs.begin(plan_id, run_id, moment)
        return (yield from store.runs.finish(run_id, moment, {}, complete=False))

    def _apply(
        self,
        plan: Plan | str,
        accepted: Accepted,
        by: str | None,
        *,
        is_fresh: bool = False,
        only: Approvals | None = None,
    ) -> Flow[Report]:
        if isinstance(plan, str):
            found = yield from self.bridge.store.plans.get(plan)
            if found is None:
                raise StalePlanError(f"there is no plan {plan!r} in this session's store (any more){_OTHER_PLANS}")
            plan = found
        if plan.purpose == UNDO:
            if only is not None:
                raise ValueError(f"plan {plan.id} takes a run back, which is done whole: apply it without only=")
            return (yield from undo(self.bridge, plan, by))
        settings = self.bridge.settings
        if over := exceeded(plan, settings.policy, accepted):
            reasons = "; ".join(each.reason for each in over)
            names = list(dict.fromkeys(each.brake for each in over))
            raise BrakeError(
                f"nothing was written: {reasons}. If the plan is right, apply it with accept={names}, "
                "or with a wider Policy",
                plan,
            )
        held_back = {} if accepted.restored else stops(plan)
        if held_back and len(held_back) == len(plan.objects):
            raise BrakeError(f"nothing was written: {'; '.join(held_back.values())}", plan)
        report = yield from within(apply(self.bridge, plan, accepted, held_back, is_fresh=is_fresh, by=by, only=only))
        if settings.retention is not None:
            yield from self.bridge.store.runs.prune(report.started_at, settings.retention)
        return attrs.evolve(report, warnings=self._warnings)

    @property
    def _warnings(self) -> tuple[Finding, ...]:
        return () if self.checked.findings is None else self.checked.findings.warnings


def shown(engine: Engine, title: str) -> str:
    """What a session is made of, for a notebook; nothing is read for it."""
    syncs = engine.bridge.synchronizations.values()
    mapped = [(s.name, f"{s.mapper.customcrm_object} ↔ {s.mapper.keap_object}", len(s.mapper.lenses)) for s in syncs]
    state = "closed" if engine.frame.is_closed else "open"
    name = f"{title} {engine.bridge.settings.watch.session!r}"
    return display(name, table(("", "records", "fields"), mapped), aside=state)


def _accepted(synchronizations: Sequence[Synchronization], accept: Accept) -> Accepted:
    """What a host accepts for a run of these synchronizations, checked before any call."""
    return Accepted.of(accept, {sync.name: [lens.name for lens in sync.mapper.lenses] for sync in synchronizations})


def _one_id(keap: str | int | None, customcrm: str | int | None) -> dict[Side, str]:
    given = {side: id for side, id in ((Side.KEAP, keap), (Side.CUSTOMCRM, customcrm)) if id is not None}
    if len(given) != 1:
        raise TypeError("name the record by keap=… or by customcrm=…, such as keap='12' or customcrm='A7'")
    return {side: one_id(side.value, id) for side, id in given.items()}


def _run_id(run: str | Report) -> str:
    given = run.run_id if isinstance(run, Report) else run
    return text("run_id", given, example="a1b2c3d4e5f6")
