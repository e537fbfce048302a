"""Runs: what was applied, and the lines of its report."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import Connection, Row, Table, bindparam, delete, func, select, update

from keapbridge._flow.effects import Flow
from keapbridge.model.report import Line, Report
from keapbridge.model.summaries import RunSummary, UnderWay
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.lease import clock_of
from keapbridge.store.sql.rows import LOOKED_FOR, chunks, dump, load, moment_of, older, to_moment, to_text

__all__ = ["FORGOTTEN", "Runs"]

LOGGER = logging.getLogger("keapbridge.store")
PRUNED = "pruned"  # the fact that tells up to when everything is forgotten
EVERY = timedelta(hours=1)
MANY = 200  # plans and runs that are forgotten in one step,
ROWS = 2_000  # with so many of their rows,
STEPS = 50  # and so many steps at the end of a run
LOOKED_AT = 2_000  # lines that are looked through in one step
FORGOTTEN = ""  # in place of the plan of a run that is being forgotten
BELIEVED = timedelta(days=31)  # that nobody ran a session; when it is longer, what is old is forgotten a run later


class Runs:
    """Runs: what was applied, and the lines of its report."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def begin(
        self,
        plan_id: str,
        run_id: str,
        started_at: datetime,
        by: str | None = None,
        *,
        telling: Collection[str] = (),
    ) -> list[Line] | None:
        """Mark a plan as applied and begin the run; `None` when the plan was applied before.

        Args:
            by: the person who wants it.
            telling: the synchronizations of which it tells, too, what was settled without a run.

        Returns:
            The lines of that, which are part of its report from now on.
        """

        def claim() -> Any:
            p = t.plans.c
            its = (p.id == bindparam("its_id"), p.bridge == bindparam("its_bridge"), p.applied_at.is_(None))
            return update(t.plans).where(*its).values(applied_at=bindparam("moment"))

        run = {
            "id": run_id,
            "bridge": self._core.bridge,
            "plan_id": plan_id,
            "started_at": to_text(started_at),
            "decided_by": self._core.rows.close_text(by),
        }
        with self._core.transaction() as c:
            its = {"its_id": plan_id, "its_bridge": self._core.bridge, "moment": to_text(started_at)}
            if self._core.database.execute(c, "claim a plan", claim, its).rowcount != 1:
                return None
            self._core.database.append(c, t.runs, [run])
            return self._claim_lines(c, run_id, telling) if telling else []

    @flow
    def add_lines(self, run_id: str, lines: Sequence[Line]) -> None:
        with self._core.transaction() as c:
            self._core.database.append(c, t.lines, [self._core.rows.line(run_id, line) for line in lines])

    @flow
    def tell_next(self, lines: Sequence[Line]) -> None:
        """Keep lines of what was done without a run for the report of the next one."""
        with self._core.transaction() as c:
            rows = [self._core.rows.line(self._core.next_run, line) for line in lines]
            self._core.database.append(c, t.lines, rows)

    def _claim_lines(self, c: Connection, run_id: str, objects: Collection[str]) -> list[Line]:
        def query() -> Any:
            return select(t.lines.c.seq, t.lines.c.body).where(*named(t.lines, "run_id")).order_by(t.lines.c.seq)

        rows = self._core.database.execute(c, "lines of a run", query, {"run_id": self._core.next_run}).all()
        waiting = {row.seq: self._core.rows.to_line(row.body) for row in rows}
        claimed = {seq: line for seq, line in waiting.items() if line.object in objects}
        for chunk in chunks(list(claimed)):  # before most runs there are none
            c.execute(update(t.lines).where(t.lines.c.seq.in_(chunk)).values(run_id=run_id))
        return list(claimed.values())

    @flow
    def finish(
        self,
        run_id: str,
        ended_at: datetime,
        counts: Mapping[str, Mapping[str, int]],
        *,
        complete: bool,
        but: Collection[str] = (),
        why: str = "",
    ) -> Report:
        """End the run; if it is complete, its plan's watermarks become the cursors in the same transaction.

        Args:
            but: the synchronizations whose cursors stay where they are.
            why: what ended it before its time.
        """
        told = self._core.rows.close_text(why or None)
        values = {"ended_at": to_text(ended_at), "counts": dump(counts), "complete": int(complete), "why": told}

        def ending() -> Any:
            new: dict[str, Any] = {column: bindparam(f"its_{column}") for column in values}
            return update(t.runs).where(t.runs.c.id == bindparam("its_id")).values(new)

        with self._core.transaction() as c:
            its = {f"its_{column}": value for column, value in values.items()}
            self._core.database.execute(c, "finish a run", ending, {**its, "its_id": run_id})
            row = self._core.database.execute(c, "a run and its plan", _with_plan, {"its_id": run_id}).one()
            newest = load(row.newest) if row.newest else {}
            cursors = [
                {
                    "bridge": self._core.bridge,
                    "object": name,
                    "side": side,
                    "watermark": watermark,
                    "newest": dump(newest.get(name, {}).get(side, {})),
                }
                for name, sides in load(row.watermarks).items()
                for side, watermark in sides.items()
                if name not in but
            ]
            if complete:
                self._core.database.upsert(c, t.cursors, cursors)
        if complete:
            self._core.known.cursors |= {
                (row["object"], row["side"]): (row["watermark"], row["newest"]) for row in cursors
            }
        started_at = moment_of(row.started_at)
        return Report(
            run_id,
            row.id,
            started_at,
            ended_at,
            tuple(load(row.objects)),
            counts,
            lambda: self._all_lines(run_id),
            complete,
            self._core.rows.open_text(row.decided_by),
            why=why,
        )

    @flow
    def newest(self, limit: int, after: tuple[datetime, str] | None = None) -> list[RunSummary]:
        """The runs that are kept, newest first.

        Args:
            after: when the run began behind which the list goes on, and its id.
        """
        r = t.runs.c
        query = self._kept().where(*older(r.started_at, r.id, after)).order_by(r.started_at.desc(), r.id).limit(limit)
        with self._core.reading() as c:
            return [self._summary(row) for row in c.execute(query)]

    @flow
    def page(
        self, run_id: str, object: str | None, outcome: str | None, after: int, limit: int
    ) -> tuple[list[Line], int | None]:
        """The next lines of a run, and after which to go on; `None` at the end.

        Args:
            after: the number of the line behind which to begin; 0 for the first.
        """
        k = t.lines.c
        query = select(k.seq, k.body).where(k.run_id == run_id, k.seq > after).order_by(k.seq).limit(LOOKED_AT)
        with self._core.reading() as c:
            mine = select(t.runs.c.id).where(t.runs.c.id == run_id, t.runs.c.bridge == self._core.bridge)
            if c.execute(mine).first() is None:
                return [], None
            rows = c.execute(query.where(k.outcome == outcome)).all() if outcome in LOOKED_FOR else []
            rows = rows or c.execute(query).all()  # those of earlier versions are not found by their outcome
            found: list[Line] = []
            last = after
            for row in rows:
                line = self._core.rows.to_line(row.body)
                if object in {None, line.object} and outcome in {None, line.outcome}:
                    if len(found) == limit:
                        return found, last
                    found.append(line)
                last = row.seq
        return found, last if len(rows) == LOOKED_AT else None

    @flow
    def under_way(self) -> UnderWay | None:
        """What the holder of the lease is doing; `None` when nobody has it."""
        k, r, a = t.leases.c, t.runs.c, t.actions.c
        lease = select(k.holder, k.expires_at).where(k.bridge == self._core.bridge)
        newest = self._kept().order_by(r.started_at.desc(), r.id).limit(1)
        with self._core.reading() as c:
            held = c.execute(lease).first()
            if held is None or held.holder is None or moment_of(held.expires_at) <= clock_of(self._core.database)(c):
                return None
            found = UnderWay(held.holder, moment_of(held.expires_at))
            run = c.execute(newest).first()
            if run is None or run.ended_at is not None:
                return found
            done = c.execute(select(func.count()).where(t.lines.c.run_id == run.id)).scalar_one()
            last = c.execute(select(func.max(a.seq)).where(a.plan_id == run.plan_id)).scalar_one()
            total = 0 if last is None else last + 1
        started = moment_of(run.started_at)
        return attrs.evolve(found, run_id=run.id, plan_id=run.plan_id, started_at=started, done=done, total=total)

    @flow
    def report(self, run_id: str) -> Report | None:
        """The report of a run that is kept; what one that was cut off has done is counted by its lines."""
        with self._core.reading() as c:
            row = c.execute(self._kept().where(t.runs.c.id == run_id)).first()
        if row is None:
            return None
        kept = self._summary(row)
        counts = kept.counts if row.counts is not None else _counted(self._all_lines(run_id))
        by = self._core.rows.open_text(row.decided_by)
        lines = lambda: self._all_lines(run_id)  # noqa: E731 - as it is read in one place
        ids = (run_id, kept.plan_id, kept.started_at, kept.ended_at)
        return Report(*ids, kept.objects or tuple(counts), counts, lines, kept.complete, by, why=kept.why)

    def _summary(self, row: Row[Any]) -> RunSummary:
        return RunSummary(
            row.id,
            row.plan_id,
            moment_of(row.started_at),
            to_moment(row.ended_at),
            tuple(load(row.objects)) if row.objects else (),
            load(row.counts) if row.counts else {},
            row.purpose or "",
            row.ended_at is not None if row.complete is None else bool(row.complete),
            self._core.rows.open_text(row.decided_by),
            self._core.rows.open_text(row.why) or "",
        )

    def _kept(self) -> Any:
        r, p = t.runs.c, t.plans.c
        columns: tuple[Any, ...] = (
            r.id,
            r.plan_id,
            r.started_at,
            r.ended_at,
            r.counts,
            r.complete,
            r.decided_by,
            r.why,
            p.objects,
            p.purpose,
        )
        joined = t.runs.outerjoin(t.plans, p.id == r.plan_id)
        return select(*columns).select_from(joined).where(r.bridge == self._core.bridge)

    def prune(self, moment: datetime, retention: timedelta) -> Flow[None]:
        """Forget plans, reports, journal entries and works that are older at this moment; not all at once, if many.

        The cursors know the clocks of the systems, too: a moment long after all of them is that of a wrong clock.
        """
        for _ in range(STEPS):
            if not (yield from self.prune_step(moment, retention)):
                return

    def prune_step(self, moment: datetime, retention: timedelta) -> Flow[bool]:
        """Forget some of them, so few that nobody waits for long; whether there may be more.

        They are looked for once an hour, if they are kept for days: without an index of its own for it, that takes
        longer the more there are.
        """
        before = yield from self._old_before(moment, retention)
        return False if before is None else (yield from self._forget_before(before))

    @flow
    def _old_before(self, moment: datetime, retention: timedelta) -> datetime | None:
        """Before which moment all is to be forgotten; `None` while it is not looked for."""

        def query() -> Any:
            k, f = t.cursors.c, t.facts.c
            noted = select(f.value).where(f.bridge == bindparam("bridge"), f.name == bindparam("name"))
            least = select(func.min(k.watermark)).where(*named(t.cursors, "bridge")).group_by(k.object).subquery()
            return select(noted.scalar_subquery(), select(func.max(least.c[0])).scalar_subquery())

        its = {"bridge": self._core.bridge, "name": PRUNED}
        with self._core.reading() as c:
            [(noted, least)] = self._core.database.execute(c, "up to when is forgotten", query, its).tuples()
        before = min(moment, (to_moment(least) or moment) + BELIEVED) - retention
        last = to_moment(self._core.rows.open_text(noted))
        is_early = last is not None and last <= before < last + min(EVERY, retention / 24)
        return None if is_early else before

    @flow
    def _forget_before(self, before: datetime) -> bool:
        p, r = t.plans.c, t.runs.c
        with self._core.transaction() as c:
            old_plans = select(p.id).where(p.bridge == self._core.bridge, p.created_at < to_text(before)).limit(MANY)
            old_runs = select(r.id).where(r.bridge == self._core.bridge, r.started_at < to_text(before)).limit(MANY)
            left = ROWS
            plans, runs = list(c.execute(old_plans).scalars()), list(c.execute(old_runs).scalars())
            # One by one: for a list of plans that it does not know, a database may read all actions of all plans.
            for id in plans:
                # What is half forgotten is neither applied nor undone.
                c.execute(update(t.plans).where(p.id == id, p.applied_at.is_(None)).values(applied_at=to_text(before)))
                left -= _forget(c, t.actions, t.actions.c.plan_id == id, left)
                if left <= 0:
                    return True
                c.execute(delete(t.plans).where(p.id == id))
            for id in runs:
                c.execute(update(t.runs).where(r.id == id).values(plan_id=FORGOTTEN))
                for table in (t.lines, t.journal):
                    left -= _forget(c, table, table.c.run_id == id, left)
                    if left <= 0:
                        return True
                c.execute(delete(t.runs).where(r.id == id))
            if MANY in (len(plans), len(runs)):
                return True
            w = t.works.c
            c.execute(delete(t.works).where(w.bridge == self._core.bridge, w.began_at < to_text(before)))
            self._core.database.upsert(c, t.facts, [self._core.rows.fact(PRUNED, str(to_text(before)))])
        LOGGER.debug("what is older than %s is forgotten", to_text(before))
        return False

    def _all_lines(self, run_id: str) -> Iterator[Line]:
        query = select(t.lines.c.seq, t.lines.c.body).where(t.lines.c.run_id == run_id)
        return (self._core.rows.to_line(row.body) for row in self._core.paged(query, t.lines.c.seq, 0))


def _with_plan() -> Any:
    """A run with what its end needs of its plan."""
    r, p = t.runs.c, t.plans.c
    columns = (r.started_at, r.decided_by, p.id, p.objects, p.watermarks, p.newest)
    return select(*columns).join(t.plans, p.id == r.plan_id).where(r.id == bindparam("its_id"))


def _counted(lines: Iterable[Line]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for line in lines:
        its = counts.setdefault(line.object, {})
        its[line.heading] = its.get(line.heading, 0) + 1
    return counts


def _forget(c: Connection, table: Table, which: Any, limit: int) -> int:
    """Delete rows, at most so many; how many it were."""
    some = select(table.c.seq).where(which).limit(limit)
    return int(c.execute(delete(table).where(which, table.c.seq.in_(some))).rowcount)
