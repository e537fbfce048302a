"""The session: what a host embeds. All it does is a flow of the engine, which it drives on the calling thread."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, Unpack

from keapbridge._flow.drivers import SyncDriver
from keapbridge.decide.brakes import Exceeded
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.accepted import Accept
from keapbridge.model.actions import NumberedAction
from keapbridge.model.finding import Findings
from keapbridge.model.given import telling_methods
from keapbridge.model.kept_in_store import Failure, Forgotten, JournalEntry
from keapbridge.model.maybe import UNSET
from keapbridge.model.names import COMPANIES, CONTACTS, PRODUCTS, Name
from keapbridge.model.pair_in_doubt import PairInDoubt, ToldApart
from keapbridge.model.plan import Plan
from keapbridge.model.records import Link
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side
from keapbridge.model.summaries import PlanSummary, RunSummary, UnderWay
from keapbridge.model.waiting import Waiting
from keapbridge.store.opening import Target
from keapbridge.sync.afterwards.explain import Explanation
from keapbridge.sync.afterwards.open_conflicts import OpenConflict
from keapbridge.sync.afterwards.resolve import Given, Rule
from keapbridge.sync.assembly import open_bridge
from keapbridge.sync.engine import Engine, shown
from keapbridge.sync.options import SessionOptions
from keapbridge.tables.approvals import Approvals
from keapbridge.tables.tabular import Page, Rows

if TYPE_CHECKING:
    from keapbridge.customcrm.adapter import CustomcrmAdapter
    from keapbridge.customcrm.client import CustomcrmClient
    from keapbridge.keap.client import KeapClient

__all__ = ["ObjectSync", "SyncSession", "closing_too"]


@telling_methods
class ObjectSync:
    """One of the three synchronizations of a session."""

    def __init__(self, driver: SyncDriver, engine: Engine, name: str) -> None:
        self._driver = driver
        self._engine = engine
        self._name = name

    def plan(self, *, full: bool = False, wait: float = 0.0, deadline: timedelta | None = None) -> Plan:
        """See `SyncSession.plan`."""
        return self._driver.run(self._engine.plan((self._name,), full=full, wait=wait, deadline=deadline))

    def sync(
        self,
        *,
        full: bool = False,
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Report:
        """See `SyncSession.sync`."""
        return self._driver.run(
            self._engine.sync((self._name,), full=full, wait=wait, deadline=deadline, accept=accept, by=by)
        )

    def sync_ids(
        self,
        *,
        keap: Collection[str | int] = (),
        customcrm: Collection[str | int] = (),
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Report:
        """Sync these records only, and what earlier runs left open: what a webhook calls.

        Those that are not there any more are looked up one by one; a 404 proves that they were deleted.
        """
        ids = {Side.KEAP: keap, Side.CUSTOMCRM: customcrm}
        return self._driver.run(
            self._engine.sync((self._name,), ids=ids, wait=wait, deadline=deadline, accept=accept, by=by)
        )

    def conflicts(
        self,
        *,
        keap: str | int | None = None,
        customcrm: str | int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Page[OpenConflict]:
        """See `SyncSession.conflicts`."""
        return self._driver.run(
            self._engine.conflicts((self._name,), keap=keap, customcrm=customcrm, after=after, limit=limit)
        )

    def pairs_in_doubt(self, *, after: str | None = None, limit: int | None = None) -> Page[PairInDoubt]:
        """See `SyncSession.pairs_in_doubt`."""
        return self._driver.run(self._engine.pairs_in_doubt((self._name,), after=after, limit=limit))

    def told_apart(self, *, after: str | None = None, limit: int | None = None) -> Page[ToldApart]:
        """See `SyncSession.told_apart`."""
        return self._driver.run(self._engine.told_apart((self._name,), after=after, limit=limit))

    def failures(self, *, after: str | None = None, limit: int | None = None) -> Page[Failure]:
        """See `SyncSession.failures`."""
        return self._driver.run(self._engine.failures((self._name,), after=after, limit=limit))

    def retry(
        self, *, keap: Collection[str | int] = (), customcrm: Collection[str | int] = (), by: str | None = None
    ) -> int:
        """Let records take part again that failed or were unlinked for a deletion; answers how many had to wait.

        Args:
            by: who wants it; the report of the next run tells it.
        """
        return self._driver.run(self._engine.retry(self._name, keap, customcrm, by))

    def links(self) -> Iterator[Link]:
        """The linked pairs, with what both sides held after the last sync."""
        return self._engine.links(self._name)


@telling_methods
class SyncSession:
    """Keeps a Customcrm and Keap in sync. It works inside a running event loop, too (Jupyter).

    Args:
        customcrm: the host's CRM: a client, a `SqlCustomcrm`, or an object of the host's that is a `CustomcrmAdapter`.
        keap: Keap.
        store: where links are remembered: a SQLAlchemy URL (`"sqlite:///bridge.db"`) or the host's own engine.
        options: see `SessionOptions`.

    Raises:
        LinkStoreError: when the store cannot be opened.
    """

    def __init__(
        self,
        *,
        customcrm: CustomcrmClient | CustomcrmAdapter,
        keap: KeapClient,
        store: Target,
        **options: Unpack[SessionOptions],
    ) -> None:
        self._engine = Engine(open_bridge(customcrm, keap, store, options, asynchronous=False))
        settings = self._engine.bridge.settings
        self._driver = SyncDriver(one_thread=settings.debug, tell=settings.watch.tell)
        self._name = options.get("name", "default")
        self._closes = ExitStack()
        self.companies = ObjectSync(self._driver, self._engine, COMPANIES)
        self.products = ObjectSync(self._driver, self._engine, PRODUCTS)
        self.contacts = ObjectSync(self._driver, self._engine, CONTACTS)

    @property
    def mappers(self) -> Mapping[str, Mapper]:
        """The mappings of this session by synchronization, in their order: as far as this Customcrm takes part."""
        return {name: sync.mapper for name, sync in self._engine.bridge.synchronizations.items()}

    def check(self) -> Findings:
        """Hold what this session was given against itself and against both systems; nothing is written to either.

        Each system is asked for one page of each kind of record, and Keap for its custom fields. Errors among the
        findings are what the first `plan`, `sync` or `apply` refuses with a `MappingError`; it asks only for what
        costs little, and remembers in the store that it was right. Another Keap application or Customcrm than those of
        the store is an error among them, too, and one that has moved a note.

        Raises:
            TryLaterError: when a system does not answer, which says nothing of what it was given.
        """
        return self._driver.run(self._engine.check())

    def plan(self, *, full: bool = False, wait: float = 0.0, deadline: timedelta | None = None) -> Plan:
        """Look at both systems and say what a sync would do. Nothing is written to either of them.

        Args:
            full: read everything, not only what changed since the last run: finds deletions, too.
            wait: seconds to wait for another runner of this session.
            deadline: how long it may take.

        Raises:
            ApiError: when a system cannot be read.
            SessionBusyError: when another runner is at work.
            StoppedError: when its time was up, or somebody called `stop`.
        """
        return self._driver.run(self._engine.plan(full=full, wait=wait, deadline=deadline))

    def apply(
        self,
        plan: Plan | str,
        *,
        only: Approvals | Collection[int] | None = None,
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Report:
        """Do what a plan (or the plan of this id) says. What moved since is decided anew, never overwritten.

        Args:
            only: what a person has approved of the plan: `kb.read_approvals(path)`, or the numbers of actions as
                `plan.to_dicts()` has them. The rest is planned anew by the next run, and so is what is approved and
                refers to a record that is to be linked first and is not. Brakes count the whole plan.
            wait: seconds to wait for another runner of this session.
            deadline: how long it may take. When that is over, or `stop` was called, the report says what was done; it
                is not `complete`, and the next run goes on.
            accept: what a brake would hold, and is right: brakes and fields by the names that the brake tells
                (`["first-creates", "contacts.JobTitle"]`), and `{"restored": "customcrm"}`. For this run only.
            by: who decides that. It stands in the report, and in the history of what was written.

        Raises:
            ValueError: for a name that there is not in `accept`, an action that there is not in `only`, and for rows
                whose values were edited; before anything is done.
            StalePlanError: when the plan was applied before, or is not of this session; for approvals of another plan.
            BrakeError: when it would do more than the policy allows.
            AuthError, QuotaExhaustedError, UnavailableError: when it makes no sense to go on. What was done until then
                is in the error's `report`, the rest is planned anew by the next run. Failures of single records are in
                the report instead.
        """
        return self._driver.run(self._engine.apply(plan, only=only, wait=wait, deadline=deadline, accept=accept, by=by))

    def sync(
        self,
        *,
        full: bool = False,
        wait: float = 0.0,
        deadline: timedelta | None = None,
        accept: Accept = (),
        by: str | None = None,
    ) -> Report:
        """`apply(plan())`: companies, then products, then contacts. See `apply` for a deadline, `accept` and `by`."""
        return self._driver.run(self._engine.sync(full=full, wait=wait, deadline=deadline, accept=accept, by=by))

    def conflicts(
        self,
        *,
        keap: str | int | None = None,
        customcrm: str | int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Page[OpenConflict]:
        """What waits for a decision, as far as the systems have been read. Calls neither of them.

        Args:
            keap: the id of a record of Keap, for what is about that one alone.
            customcrm: the same of Customcrm.
            after: where a list goes on: the `next` of the part before.
            limit: how many at most, unless one pair has more: what is about it stays together. A part may have fewer,
                even none, and go on all the same: `next` is `None` at the end of the list. Without a limit it is all.
        """
        return self._driver.run(self._engine.conflicts(keap=keap, customcrm=customcrm, after=after, limit=limit))

    def pairs_in_doubt(self, *, after: str | None = None, limit: int | None = None) -> Page[PairInDoubt]:
        """Records that may be the same, which `same` and `different` decide. Calls neither system.

        It is what the last plan has found, without what was decided since. Neither record of two that are linked to
        nothing is given a counterpart meanwhile.

        Args:
            after: see `conflicts`.
            limit: see `conflicts`.
        """
        return self._driver.run(self._engine.pairs_in_doubt(after=after, limit=limit))

    def same(self, pair: PairInDoubt | str, *, by: str | None = None, wait: float = 0.0) -> Report:
        """Say that two records are the same: they are linked, and what differs is merged as at any first contact.

        So nothing is overwritten that the policy does not decide: what it leaves open is a conflict. `undo` of the
        report ends the link.

        Args:
            pair: one of `pairs_in_doubt`, or its token.
            by: who decides. It stands in the report, and in the history of what was written.
            wait: seconds to wait for another runner of this session.

        Raises:
            ValueError: for a text that is no token of a pair.
            StalePlanError: when somebody has decided it meanwhile, or one of them is not there any more.
            UnfitError: for two records of one system, and when one of them is linked to another.
        """
        return self._driver.run(self._engine.same(pair, by=by, wait=wait))

    def different(self, pair: PairInDoubt | str, *, by: str | None = None, wait: float = 0.0) -> Report:
        """Say that two records are not the same. That is remembered: they are never matched, nor asked about again.

        With nothing else in doubt the next sync gives each of them its counterpart. `undo` of the report takes it back.

        Args:
            pair: one of `pairs_in_doubt`, or its token.
            by: who decides; `told_apart` tells it, and the report.
            wait: seconds to wait for another runner of this session.

        Raises:
            ValueError: for a text that is no token of a pair.
            StalePlanError: when somebody has decided it meanwhile.
        """
        return self._driver.run(self._engine.different(pair, by=by, wait=wait))

    def told_apart(self, *, after: str | None = None, limit: int | None = None) -> Page[ToldApart]:
        """The records that somebody has told apart.

        Args:
            after: see `conflicts`.
            limit: see `conflicts`.
        """
        return self._driver.run(self._engine.told_apart(after=after, limit=limit))

    def failures(self, *, after: str | None = None, limit: int | None = None) -> Page[Failure]:
        """The records that failed and are not done yet: why, how often, and when they are tried again.

        Args:
            after: see `conflicts`.
            limit: see `conflicts`.
        """
        return self._driver.run(self._engine.failures(after=after, limit=limit))

    def waiting(self, *, most: int = 100) -> Rows[Waiting]:
        """How much waits for a person, by synchronization, without reading all of it.

        Args:
            most: how many conflicts, and pairs in doubt, are counted of each; `more` names what there is more of.
        """
        return self._driver.run(self._engine.waiting(most))

    def resolve(
        self,
        conflict: OpenConflict | str,
        decision: Given | None = None,
        *,
        value: Any = UNSET,
        by: str | None = None,
        wait: float = 0.0,
    ) -> Report:
        """Settle a conflict at once, in both systems.

        Args:
            conflict: one of `conflicts`, or its token, for a page that gives it back.
            decision: the side whose value wins: `"keap"` or `"customcrm"`. Whether a record is still the same is
                decided with `"same"` or `"different"`.
            value: in place of a side, a value that both sides shall hold, as Customcrm has it; `None` clears it.
            by: who decides. It stands in the report, and in the history of what was written.
            wait: seconds to wait for another runner of this session.

        Raises:
            ValueError, TypeError: for what is no decision, before anything is done.
            StalePlanError: when the record has moved on since the conflict was listed. Where somebody else has decided
                it meanwhile, it says who, and its `meanwhile` what was written.
            UnfitError: when the field cannot hold the value.
        """
        return self._driver.run(self._engine.resolve(conflict, decision, value=value, by=by, wait=wait))

    def resolve_many(
        self,
        conflicts: Iterable[OpenConflict | str],
        decision: Given | Rule | None = None,
        *,
        value: Any = UNSET,
        by: str | None = None,
        wait: float = 0.0,
        deadline: timedelta | None = None,
    ) -> Report:
        """Settle many conflicts in one run; each as it was when it was listed, or not at all.

        The report counts what was `decided`. Whatever was not has a line that says why: the record has moved on since,
        or cannot be given that.

        Args:
            conflicts: some of `conflicts`, or their tokens.
            decision: as `resolve` takes it; or a function of yours that is given each conflict and answers that, or
                `None` to leave it open.
            value: in place of a side, a value that both sides shall hold.
            by: who decides.
            wait: seconds to wait for another runner of this session.
            deadline: how long it may take; what is left then stays open.

        Raises:
            ValueError, TypeError: for what is no decision, before anything is done.
        """
        return self._driver.run(
            self._engine.resolve_many(conflicts, decision, value=value, by=by, wait=wait, deadline=deadline)
        )

    def audit(self, *, wait: float = 0.0, deadline: timedelta | None = None) -> Plan:
        """Read both systems completely and say how far they have drifted apart, as the plan that would mend it."""
        return self._driver.run(self._engine.plan(full=True, wait=wait, deadline=deadline))

    def explain(self, name: Name, *, keap: str | int | None = None, customcrm: str | int | None = None) -> Explanation:
        """What a record is linked to, what both sides hold and held, and what the next sync would do."""
        return self._driver.run(self._engine.explain(name, keap, customcrm))

    def history(
        self, name: Name, *, keap: str | int | None = None, customcrm: str | int | None = None
    ) -> Rows[JournalEntry]:
        """What this session has written to a record, newest first."""
        return self._driver.run(self._engine.history(name, keap, customcrm))

    def plans(self, *, limit: int = 50, after: str | None = None) -> Page[PlanSummary]:
        """The plans that the store keeps, newest first; `saved_plan` has all of one.

        Args:
            limit: how many at most.
            after: where the list goes on: the `next` of the part before.
        """
        return self._driver.run(self._engine.plans(limit, after))

    def runs(self, *, limit: int = 50, after: str | None = None) -> Page[RunSummary]:
        """The runs that the store keeps, newest first; `report` has all of one.

        Args:
            limit: how many at most.
            after: where the list goes on: the `next` of the part before.
        """
        return self._driver.run(self._engine.runs(limit, after))

    def saved_plan(self, plan_id: str) -> Plan:
        """The plan of this id, as long as the store keeps it; `apply` takes it, or the id.

        Raises:
            StalePlanError: when there is no such plan in this session's store (any more).
        """
        return self._driver.run(self._engine.saved_plan(plan_id))

    def report(self, run_id: str) -> Report:
        """The report of a run, as long as the store keeps it; also of one that was cut off, with what it had done.

        Raises:
            StalePlanError: when there is no such run in this session's store (any more).
        """
        return self._driver.run(self._engine.report(run_id))

    def brakes(self, plan: Plan) -> Rows[Exceeded]:
        """Why `apply` would refuse a plan, as a whole: brakes by the name that `accept` takes, each with its reason.

        A field that a brake holds is in `plan.findings` instead. Nothing is read or called for it.

        Raises:
            TypeError: for what is no plan.
        """
        return Rows(self._engine.brakes(plan))

    def under_way(self) -> UnderWay | None:
        """What a runner of this session is doing, in this process or another; `None` when none is at work."""
        return self._driver.run(self._engine.under_way())

    def last_full_scan(self) -> datetime | None:
        """As of when everything was read in both systems; `None` as long as that never was so.

        Only a full scan finds deletions for certain, and what lists of changes do not tell: `sync(full=True)`.
        """
        return self._driver.run(self._engine.last_full_scan())

    def actions(
        self,
        plan_id: str,
        *,
        object: Name | None = None,
        kind: str | None = None,
        matching: str = "",
        after: str | None = None,
        limit: int = 50,
    ) -> Page[NumberedAction]:
        """A part of the actions of a plan that is kept, each with the number by which `apply(only=…)` takes it.

        Args:
            object: the synchronization; `None` for all.
            kind: `"create"`, `"update"`, `"adopt"` (links that write), `"link"` (that write nothing), `"delete"`,
                `"unlink"`, `"conflict"`, `"skip"`, `"doubt"` (records that may be others) or `"tellapart"`; `None` for
                all.
            matching: the id of a record, or a text in what an action says, whatever its case.
            after: see `conflicts`.
            limit: see `conflicts`.

        Raises:
            StalePlanError: when there is no such plan in this session's store (any more).
        """
        return self._driver.run(
            self._engine.actions(plan_id, object=object, kind=kind, matching=matching, after=after, limit=limit)
        )

    def lines(
        self,
        run_id: str | Report,
        *,
        object: Name | None = None,
        outcome: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Line]:
        """A part of the lines of a report that is kept.

        Args:
            run_id: of the run, or its report.
            object: the synchronization; `None` for all.
            outcome: see `Line`; `None` for all.
            after: see `conflicts`.
            limit: see `conflicts`.
        """
        return self._driver.run(self._engine.lines(run_id, object=object, outcome=outcome, after=after, limit=limit))

    def plan_undo(self, run_id: str | Report) -> Plan:
        """What taking a run back would do; `apply` does it.

        Args:
            run_id: of the run, or its report.

        Raises:
            StalePlanError: when there is no such run in this session's store (any more).
        """
        return self._driver.run(self._engine.plan_undo(run_id))

    def undo(
        self, run_id: str | Report, *, wait: float = 0.0, deadline: timedelta | None = None, by: str | None = None
    ) -> Report:
        """Take a run back on both sides. What was edited since is left alone and reported as skipped.

        Args:
            by: who decides that; see `apply`.

        Raises:
            StalePlanError: when there is no such run in this session's store (any more).
            UncertainError: when what became of an earlier undoing cannot be told yet.
        """
        return self._driver.run(self._engine.undo(run_id, wait=wait, deadline=deadline, by=by))

    def stop(self) -> None:
        """End the runs of this session that are under way, from another thread or from a signal handler.

        Each of their workers ends at its next call: what was sent is remembered, nothing more is. The run returns its
        report, which is not `complete`; a `plan` raises `StoppedError`. A run that is called later is not concerned.
        """
        self._engine.stop()

    def forget(
        self, name: Name, *, keap: str | int | None = None, customcrm: str | int | None = None, wait: float = 0.0
    ) -> Forgotten:
        """Erase what this session's store knows of a person, in both systems' records; neither system is called.

        What both sides held, what waits, match keys, journal, plans, lines of reports, failures and deliveries go. Bare
        ids stay, so that the next run does not make the person anew; `retry` lets their records take part again. Copies
        (backups) are not touched. A store on SQLite is written anew.

        Args:
            name: the synchronization, `"contacts"`.
            keap: the id in Keap, or
            customcrm: the id in Customcrm.
            wait: seconds to wait for another runner of this session.

        Raises:
            SessionBusyError: when another runner is at work.
            UncertainError: when a new record was made of theirs, and it is not known yet what became of it, or it was
                written over another person's that has to get back first what it held, or may still be shown as it was
                then: sync at its `retry_at`, and call it again.
        """
        return self._driver.run(self._engine.forget(name, keap, customcrm, wait=wait))

    def rebind(self, *, keep_links: bool = False, wait: float = 0.0) -> int:
        """Let the store belong to the two systems of this session; neither is written to.

        Links, bases and all else that is known of the systems before are dropped: the next sync is a first contact,
        which matches what is there. Plans and earlier runs go, too, so that nothing of them is applied or taken back.

        Args:
            keep_links: keep links and bases, for systems that only have other names or addresses now. Up to 20 linked
                records of both are read first.
            wait: seconds to wait for another runner of this session.

        Returns:
            How many links were dropped.

        Raises:
            OtherSystemError: when links are to be kept, and these records do not hold what is known of them.
            SessionBusyError: when another runner is at work.
        """
        return self._driver.run(self._engine.rebind(keep_links=keep_links, wait=wait))

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a copy of the store to a new file that only its owner can read; sessions may be at work meanwhile.

        A copy of the file by other means has none of what is still in the log beside it.

        Args:
            path: where to; what is there is not overwritten.

        Raises:
            LinkStoreError: when something is there already, the copy cannot be written, or the store is on PostgreSQL,
                which has its own means.
        """
        self._driver.run(self._engine.backup(path))

    def rekey(self) -> None:
        """Encrypt with the first of the session's `encryption_keys` what is not yet; then the others can go.

        It works in batches, and goes on where it was broken off. Other sessions may be at work, if they have the same
        keys. `kb.rekey` encrypts a store that is not encrypted yet.

        Raises:
            LinkStoreError: when the session has no keys, or a row cannot be decrypted.
        """
        self._driver.run(self._engine.rekey())

    def close(self) -> None:
        """Close the store; the clients stay open. A run under way ends at its next call, and closes the store then."""
        self._engine.close()
        self._closes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SyncSession {self._name!r}>"

    def _repr_html_(self) -> str:
        return shown(self._engine, "SyncSession")


def closing_too(session: SyncSession, others: ExitStack) -> SyncSession:
    """The session, which closes what was opened for it when it is closed."""
    session._closes = others  # noqa: SLF001 - a function of this class
    return session
