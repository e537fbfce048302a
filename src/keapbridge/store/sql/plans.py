"""Plans and their actions."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, Row, Select, bindparam, or_, select, update

from keapbridge.model.actions import EVERY_RECORD, HELD, KINDS, Action, NumberedAction, Skip
from keapbridge.model.kept_in_store import Cursor
from keapbridge.model.plan import DECISION, SYNC, Plan
from keapbridge.model.plan_rows import says
from keapbridge.model.side import Side
from keapbridge.model.summaries import PlanSummary
from keapbridge.model.token import LARGEST
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.rows import chunks, dump, link_columns, load, moment_of, older, to_moment, to_text

__all__ = ["Begun", "Plans"]

FEW = 20  # plans that are looked at at once
QUIET = frozenset({"failed", "skipped", "unchanged"})  # outcomes of a decision that came too late
LOOKED_AT = 2_000  # actions that are looked through in one step for a text


class Begun(NamedTuple):
    """When a plan was begun, and for which synchronizations."""

    at: datetime
    objects: Sequence[str]


class Plans:
    """Plans and their actions."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def begin(self, plan_id: str, created_at: datetime, objects: Sequence[str], *, purpose: str = "sync") -> None:
        with self._core.transaction() as c:
            self._begin(c, plan_id, Begun(created_at, objects), purpose)

    def _begin(self, c: Connection, plan_id: str, begun: Begun, purpose: str = "sync") -> None:
        row = {
            "id": plan_id,
            "bridge": self._core.bridge,
            "created_at": to_text(begun.at),
            "objects": dump(begun.objects),
            "counts": "{}",
            "unchanged": "{}",
            "watermarks": "{}",
            "totals": "{}",
            "purpose": purpose,
        }
        self._core.database.append(c, t.plans, [row])

    @flow
    def add_actions(
        self, plan_id: str, first_seq: int, actions: Sequence[Action], *, begun: Begun | None = None
    ) -> None:
        """Write down actions of a plan, and before them the plan where it was `begun` and is not written yet."""
        rows = [self._core.rows.action(plan_id, seq, action) for seq, action in enumerate(actions, first_seq)]
        if not rows:
            return
        with self._core.transaction() as c:
            if begun is not None:
                self._begin(c, plan_id, begun)
            self._core.database.append(c, t.actions, rows)

    @flow
    def finish(
        self,
        plan_id: str,
        counts: Mapping[str, Mapping[str, int]],
        unchanged: Mapping[str, int],
        cursors: Mapping[str, Mapping[str, Cursor]],
        totals: Mapping[str, Mapping[str, int]],
        *,
        begun: Begun | None = None,
    ) -> Plan:
        """Nothing of a plan is missing any more; see `add_actions`."""
        values = {
            "counts": dump(counts),
            "unchanged": dump(unchanged),
            "watermarks": dump({name: {s: c.since for s, c in its.items()} for name, its in cursors.items()}),
            "newest": dump({name: {s: c.newest for s, c in its.items()} for name, its in cursors.items()}),
            "totals": dump(totals),
        }

        def query() -> Any:
            new: dict[str, Any] = {column: bindparam(f"its_{column}") for column in values}
            return update(t.plans).where(t.plans.c.id == bindparam("its_id")).values(new).returning(*t.plans.c)

        with self._core.transaction() as c:
            if begun is not None:
                self._begin(c, plan_id, begun)
            its = {f"its_{column}": value for column, value in values.items()}
            row = self._core.database.execute(c, "finish a plan", query, {**its, "its_id": plan_id}).one()
            return self._to_plan(c, row)

    @flow
    def get(self, plan_id: str) -> Plan | None:
        with self._core.reading() as c:
            return self._read(c, plan_id)

    @flow
    def newest(self, limit: int, after: tuple[datetime, str] | None = None) -> list[PlanSummary]:
        """The plans that are kept, newest first.

        Args:
            after: when the plan was made behind which the list goes on, and its id.
        """
        p = t.plans.c
        columns = (p.id, p.created_at, p.objects, p.counts, p.purpose, p.applied_at)
        query = select(*columns).where(p.bridge == self._core.bridge, *older(p.created_at, p.id, after))
        query = query.order_by(p.created_at.desc(), p.id).limit(limit)
        with self._core.reading() as c:
            return [
                PlanSummary(
                    row.id,
                    moment_of(row.created_at),
                    tuple(load(row.objects)),
                    load(row.counts),
                    row.purpose,
                    to_moment(row.applied_at),
                )
                for row in c.execute(query)
            ]

    @flow
    def watermark(self, plan_id: str, name: str, side: Side) -> datetime | None:
        """What a plan's scan of a side says that the cursor becomes; `None` where it made none."""
        query = select(t.plans.c.watermarks).where(t.plans.c.id == plan_id, t.plans.c.bridge == self._core.bridge)
        with self._core.reading() as c:
            return to_moment(load(c.execute(query).scalar() or "{}").get(name, {}).get(side.value))

    @flow
    def actions(
        self, plan_id: str, name: str, kinds: Collection[str], after: int, limit: int
    ) -> list[tuple[int, Action]]:
        """Actions of some kinds, each with its place in the plan, in that order."""
        a = t.actions.c
        wanted = sorted(kinds)

        def query() -> Any:
            is_wanted = or_(*(a.kind == bindparam(f"kind_{n}") for n in range(len(wanted))))
            its = (*named(t.actions, "plan_id", "object"), is_wanted, a.seq > bindparam("after"))
            return select(a.seq, a.body).where(*its).order_by(a.seq).limit(bindparam("limit", type_=Integer))

        values = {"plan_id": plan_id, "object": name, "after": after, "limit": limit}
        named_kinds = {f"kind_{n}": kind for n, kind in enumerate(wanted)}
        with self._core.reading() as c:
            rows = self._core.database.execute(c, f"actions of {len(wanted)} kinds", query, values | named_kinds)
            return [(row.seq, self._core.rows.to_action(row.body)) for row in rows]

    @flow
    def page(
        self, plan_id: str, names: Sequence[str], kind: str | None, matching: str, after: int, limit: int
    ) -> tuple[list[NumberedAction], int | None]:
        """The next actions of a plan, and after which place to go on; `None` at the end.

        Args:
            names: of the synchronizations.
            kind: see `kind_of`; `None` for all.
            matching: an id of theirs, or a text that they say. So many are looked through that a part may have few.
            after: the place behind which to begin; -1 for the first.
        """
        a = t.actions.c
        some = select(a.seq, a.body).where(a.plan_id == plan_id, a.seq > after).order_by(a.seq)
        with self._core.reading() as c:
            if matching:
                if known := self._with_id(c, some, names, kind, matching, limit + 1):
                    return _part(known, limit)
                rows = self._next(c, some, plan_id, names, kind, after, LOOKED_AT)
                found = [row for row in rows if says(row.action, matching)]
                if len(found) > limit or len(rows) < LOOKED_AT:
                    return _part(found, limit)
                return found, rows[-1].number
            return _part(self._next(c, some, plan_id, names, kind, after, limit + 1), limit)

    def _next(
        self,
        c: Connection,
        some: Select[Any, Any],
        plan_id: str,
        names: Sequence[str],
        kind: str | None,
        after: int,
        limit: int,
    ) -> list[NumberedAction]:
        """Of several synchronizations all as they stand in the plan, and one kind of one as they stand in the index.

        Else each kind by its place there: of a hundred thousand of another kind none is looked at.
        """
        a = t.actions.c
        wanted = list(itertools.product(names, KINDS if kind is None else (kind,)))
        if len(wanted) == 1:
            [(name, only)] = wanted
            return self._numbered(c, some.where(a.object == name, a.kind == only).limit(limit))
        if kind is None and len(names) > 1:
            return self._numbered(c, some.where(a.object.in_(names)).limit(limit))
        places: list[int] = []
        for name, each in wanted:
            its = (a.plan_id == plan_id, a.object == name, a.kind == each, a.seq > after)
            places += c.execute(select(a.seq).where(*its).order_by(a.seq).limit(limit)).scalars()
        return [
            action
            for chunk in chunks(sorted(places)[:limit])
            for action in self._numbered(c, some.where(a.seq.in_(chunk)))
        ]

    def _numbered(self, c: Connection, query: Select[Any, Any]) -> list[NumberedAction]:
        return [NumberedAction(row.seq, self._core.rows.to_action(row.body)) for row in c.execute(query)]

    def _with_id(
        self,
        c: Connection,
        some: Select[Any, Any],
        names: Sequence[str],
        kind: str | None,
        id: str,
        limit: int,
    ) -> list[NumberedAction]:
        a = t.actions.c
        some = some.where(a.object.in_(names))
        if kind is not None:
            some = some.where(a.kind == kind)
        each = (self._numbered(c, some.where(its_id == id).limit(limit)) for its_id in (a.customcrm_id, a.keap_id))
        found = {action.number: action for its in each for action in its}
        return [found[number] for number in sorted(found)]

    @flow
    def actions_of(self, plan_id: str, name: str, side: Side, ids: Collection[str]) -> list[Action]:
        """The actions of a plan that are about these records of a side."""
        a = t.actions.c
        its_id = a[link_columns(side).id.name]
        query = select(a.body).where(a.plan_id == plan_id, a.object == name, self._core.database.among(its_id, "ids"))
        with self._core.reading() as c:
            return [self._core.rows.to_action(body) for body in c.execute(query, {"ids": sorted(ids)}).scalars()]

    @flow
    def last_of(self, names: Collection[str]) -> dict[str, str]:
        """The newest plan that is finished and was made of what both systems hold, for each synchronization."""
        p = t.plans.c
        query = (
            select(p.id, p.objects)
            .where(p.bridge == self._core.bridge, p.purpose == SYNC, p.totals != "{}")
            .order_by(p.created_at.desc(), p.id)
        )
        found: dict[str, str] = {}
        with self._core.reading() as c:
            for row in c.execute(query).yield_per(FEW):
                found = {name: row.id for name in load(row.objects) if name in names} | found
                if len(found) == len(names):
                    break
        return found

    @flow
    def decisions(self, name: str, ids: Mapping[Side, str], since: datetime) -> list[tuple[str, str | None]]:
        """Runs that did something a person had decided of a pair, newest first: their ids, and who it was."""
        p, r, a = t.plans.c, t.runs.c, t.actions.c
        about = or_(*(a[link_columns(side).id.name] == id for side, id in ids.items()))
        query = (
            select(r.id, r.counts, r.decided_by)
            .join(t.plans, p.id == r.plan_id)
            .join(t.actions, a.plan_id == p.id)
            .where(r.bridge == self._core.bridge, p.purpose == DECISION, r.started_at >= to_text(since))
            .where(a.object == name, about)
            .order_by(r.started_at.desc(), r.id)
        )
        with self._core.reading() as c:
            rows = {row.id: row for row in c.execute(query)}.values()
        done = [row for row in rows if any(its.keys() - QUIET for its in load(row.counts or "{}").values())]
        return [(row.id, self._core.rows.open_text(row.decided_by)) for row in done]

    @flow
    def actions_at(self, plan_id: str, seqs: Collection[int]) -> dict[int, Action]:
        """Some actions of a plan, by their place in it."""
        a = t.actions.c
        found: dict[int, Action] = {}
        with self._core.reading() as c:
            for chunk in chunks(sorted(seq for seq in seqs if abs(seq) <= LARGEST)):
                query = select(a.seq, a.body).where(a.plan_id == plan_id, a.seq.in_(chunk))
                found.update((row.seq, self._core.rows.to_action(row.body)) for row in c.execute(query))
        return found

    @flow
    def links_to_make(self, plan_id: str, name: str, after: str, limit: int) -> list[tuple[int, Action]]:
        """Pairs that a plan links and need no write, in the order of their Keap ids, each with its place in the plan.

        Records that were made one after the other lie side by side in the store.
        """
        a = t.actions.c
        query = (
            select(a.seq, a.body)
            .where(a.plan_id == plan_id, a.object == name, a.kind == "link", a.keap_id > after)
            .order_by(a.keap_id)
            .limit(limit)
        )
        with self._core.reading() as c:
            return [(row.seq, self._core.rows.to_action(row.body)) for row in c.execute(query)]

    @flow
    def promised(self, name: str, source: Side, ids: Collection[str]) -> set[str]:
        """Those of the records of a side that a run was to give a counterpart which has not come to its end."""
        a, r = t.actions.c, t.runs.c
        its_id = a[link_columns(source).id.name]
        cut_off = select(r.plan_id).where(r.bridge == self._core.bridge, or_(r.complete.is_(None), r.complete != 1))
        query = select(its_id).where(
            a.plan_id.in_(cut_off), a.object == name, a.kind == "create", self._core.database.among(its_id, "ids")
        )
        with self._core.reading() as c:
            return set(c.execute(query, {"ids": sorted(ids)}).scalars())

    def _read(self, c: Connection, plan_id: str) -> Plan | None:
        its = {"id": plan_id, "bridge": self._core.bridge}
        row = self._core.database.execute(
            c, "a plan", lambda: select(t.plans).where(*named(t.plans, "id", "bridge")), its
        ).first()
        return None if row is None else self._to_plan(c, row)

    def _to_plan(self, c: Connection, row: Row[Any]) -> Plan:
        plan_id, counts = row.id, load(row.counts)
        held = any(HELD in its for its in counts.values())
        findings = self._findings(c, plan_id) if held else ()
        return Plan(
            plan_id,
            moment_of(row.created_at),
            tuple(load(row.objects)),
            counts,
            load(row.unchanged),
            load(row.totals),
            row.purpose,
            lambda: self._all_actions(plan_id),
            findings,
            (),
            lambda number: self._some_actions(plan_id, tuple(load(row.objects)), number),
        )

    def _findings(self, c: Connection, plan_id: str) -> tuple[Skip, ...]:
        """The fields that are held for all records."""
        a = t.actions.c
        every = or_(a.customcrm_id == EVERY_RECORD, a.keap_id == EVERY_RECORD)
        query = select(a.body).where(a.plan_id == plan_id, a.kind == "skip", every).order_by(a.seq)
        found = map(self._core.rows.to_action, c.execute(query).scalars())
        return tuple(action for action in found if isinstance(action, Skip) and action.field is not None)

    def _some_actions(self, plan_id: str, names: Sequence[str], number: int) -> list[tuple[int, Action]]:
        """The first actions of each kind of each synchronization."""
        a = t.actions.c
        found: list[tuple[int, Action]] = []
        with self._core.reading() as c:
            for name, kind in itertools.product(names, KINDS):
                its = (a.plan_id == plan_id, a.object == name, a.kind == kind)
                query = select(a.seq, a.body).where(*its).order_by(a.seq).limit(number)
                found += [(row.seq, self._core.rows.to_action(row.body)) for row in c.execute(query)]
        return sorted(found, key=lambda row: row[0])

    def _all_actions(self, plan_id: str) -> Iterator[tuple[int, Action]]:
        query = select(t.actions.c.seq, t.actions.c.body).where(t.actions.c.plan_id == plan_id)
        return ((row.seq, self._core.rows.to_action(row.body)) for row in self._core.paged(query, t.actions.c.seq, -1))


def _part(found: list[NumberedAction], limit: int) -> tuple[list[NumberedAction], int | None]:
    """The first of them, and after which place the list goes on."""
    return found[:limit], found[limit - 1].number if len(found) > limit else None
