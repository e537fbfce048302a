"""What scans see of records: what differs from what is linked, and what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import attrs
import msgspec
from sqlalchemy import (
    Connection,
    Text,
    bindparam,
    delete,
    except_,
    exists,
    literal,
    or_,
    select,
    true,
    update,
)

from keapbridge._flow.effects import Flow
from keapbridge.decide.identity import Signs, Who, is_made_after, who_is_it
from keapbridge.decide.restored import is_no_newer
from keapbridge.model.kept_in_store import FORGOTTEN, NUMBER_OF_FORGOTTEN, Staged, mark
from keapbridge.model.records import UNKNOWN_LIFE, Life, Observation, Snapshot
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.engines import LONG_LOG
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.indexing import has_more
from keapbridge.store.sql.pairs import observed
from keapbridge.store.sql.rows import AS_IT_IS, chunks, link_columns, to_moment, to_stamp

__all__ = ["Staging", "open_in"]

UNSEEN = ""  # in place of a plan: no scan has seen it since the one began that is read in parts
NO_SIGNS: Signs = MappingProxyType({})
LIVING = "life:"  # what a mark begins with that is not of a text


def _mark_of(life: Life, known: str | None) -> str | None:
    """A mark for a record that comes without its text, so that it is learnt when its life is another one.

    Args:
        known: the mark that its link has; one of a text stays.
    """
    if life == UNKNOWN_LIFE or not (known in {None, AS_IT_IS} or str(known).startswith(LIVING)):
        return None
    return LIVING + hashlib.blake2b(f"{life.born} {life.changed}".encode(), digest_size=16).hexdigest()


class Open(NamedTuple):
    """Whether anything is staged for a synchronization, is missing, or has failed."""

    staged: bool
    missing: bool
    failed: bool


def open_in(core: Core, c: Connection, names: Collection[str]) -> dict[str, Open]:
    """What is open of these synchronizations."""
    if not names:
        return {}

    def query() -> Any:
        each = core.database.each("names").subquery().c[0]
        tables = (t.observed, t.missing, t.failures)
        return select(each, *(exists().where(*named(table, "bridge"), table.c.object == each) for table in tables))

    values = {"bridge": core.bridge, "names": sorted(names)}
    rows = core.database.execute(c, "what is open", query, values).tuples()
    return {name: Open(*map(bool, found)) for name, *found in rows}


class _Linked(NamedTuple):
    """What a link knows of a record; when that was changed is text."""

    digest: str | None
    mark: str | None
    changed: str | None


class Staging:
    """What scans see of records: what differs from what is linked, and what is missing."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def is_anything_open(self, name: str) -> Flow[tuple[bool, bool]]:
        """Whether anything is staged, and whether anything is missing: what there is to plan."""
        if not (yield from self._may_be_open(name)):
            return False, False
        found = yield from self._open_of(name)
        return found.staged, found.missing

    def _may_be_open(self, name: str) -> Flow[bool]:
        """Whether anything may be: what was so when the lease was taken may be done by now."""
        known = self._core.known
        if self._core.lease is None:
            return True
        if name not in known.open:
            known.planned.add(name)
            found = yield from self._open_of(name)
            # Or the other side has staged something meanwhile.
            known.open.setdefault(name, found.staged or found.missing)
        return known.open[name]

    @flow
    def _open_of(self, name: str) -> Open:
        with self._core.reading() as c:
            return open_in(self._core, c, [name])[name]

    def recognise(self, name: str, side: Side, fingerprints: Mapping[str, str], *, complete: bool) -> Flow[set[str]]:
        """Those of the records, by id, that come in the text that their link knows, and so need not be read.

        A `complete` scan also notes that it saw them.
        """
        if not fingerprints:
            return set()
        if complete or (yield from self._may_be_open(name)):
            return (yield from self._recognise(name, side, fingerprints, complete=complete))
        return (yield from self._same(name, side, fingerprints))

    @flow
    def _same(self, name: str, side: Side, fingerprints: Mapping[str, str]) -> set[str]:
        with self._core.reading() as c:
            return set(self._in_their_text(c, name, side, fingerprints))

    @flow
    def _recognise(self, name: str, side: Side, fingerprints: Mapping[str, str], *, complete: bool) -> set[str]:
        with self._core.transaction() as c:
            same = self._in_their_text(c, name, side, fingerprints)
            self._core.delete(c, t.observed, name, side, same)
            self._note_seen(c, name, side, same, complete=complete)
        return set(same)

    def _in_their_text(self, c: Connection, name: str, side: Side, fingerprints: Mapping[str, str]) -> list[str]:
        """Those that come in their text."""

        def query() -> Any:
            columns = link_columns(side)
            its = (*named(t.links, "bridge", "object"), self._core.database.among(columns.id, "ids"))
            return select(columns.id, columns.digest, columns.mark).where(*its)

        values = self._core.values(name, side, fingerprints)
        known = self._core.database.execute(c, f"marks known in {side.value}", query, values).tuples()
        return [id for id, digest, its in known if digest and its == mark(fingerprints[id], digest)]

    @flow
    def stage(
        self, name: str, side: Side, staged: Sequence[Staged], *, complete: bool, signs: Signs = NO_SIGNS
    ) -> tuple[int, list[str]]:
        """Keep what differs from what is linked. A `complete` scan also notes what it saw.

        Args:
            signs: what tells whether a record that comes under the id of one that lost its partner is another one.

        Returns:
            How many did not differ, and those that do, came anew and are no newer than they were.
        """
        unchanged: list[str] = []
        learnt: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        unlinked: dict[str, Observation] = {}
        older: list[str] = []
        with self._core.transaction() as c:
            known = self._known(c, name, side, [s.observation.id for s in staged])
            for item in staged:
                id, life = item.observation.id, item.observation.life
                its = known.get(id)
                if its is not None and its.digest == item.digest:
                    unchanged.append(id)
                    new = item.observation.mark or _mark_of(life, its.mark)
                    if new is not None and new != its.mark:
                        row = {"its_id": id, "its_mark": new, "its_born": life.born}
                        learnt.append({**row, "its_changed": to_stamp(life.changed)})
                    continue
                if its is not None and is_no_newer(to_moment(its.changed), life.changed):
                    older.append(id)
                rows.append(self._core.rows.observed(name, item.observation, linked=its is not None))
                if its is None:
                    unlinked[id] = item.observation
            instead = self._look_at_tombstones(c, name, side, unlinked, signs)
            rows = [row for row in rows if row["id"] not in instead]
            rows += [self._core.rows.observed(name, o, linked=False) for o in instead.values() if o is not None]
            self._core.delete(c, t.observed, name, side, unchanged)
            self._learn_marks(c, name, side, learnt)
            staged_before = self._compare_with_staged(c, name, side, rows)
            self._note_seen(c, name, side, list(known), complete=complete)
            self._core.upsert_observed(c, rows)
        return len(unchanged), [id for id in older if not staged_before.get(id)]

    @flow
    def note_gone_back(self, name: str, side: Side, ids: Collection[str]) -> None:
        """Note that records have gone back: whatever is done to them, it is so until somebody decides."""
        with self._core.transaction() as c:
            for chunk in chunks(sorted(ids)):
                which = [*self._core.of(t.observed, name, side), t.observed.c.id.in_(chunk)]
                c.execute(update(t.observed).where(*which).values(went_back=True))

    @flow
    def begin_scan(self, name: str, side: Side) -> None:
        """Forget what the last complete scan saw. At first contact everything comes at once."""
        with self._core.transaction() as c:
            if not has_more(self._core, c, 0):
                self._core.database.log(c, LONG_LOG)
            self._forget_seen(c, name, side)

    @flow
    def leave_scan(self, name: str, side: Side, plan_id: str) -> None:
        """A complete scan is ended before its time, and another one goes on with it: note what it has not seen."""
        o = t.observed.c
        not_seen = or_(o.seen_in != plan_id, o.seen_in.is_(None))  # by no list: it was read by its id
        unseen = (*self._core.of(t.observed, name, side), o.linked.is_(False), not_seen)
        with self._core.transaction() as c:
            c.execute(update(t.observed).where(*unseen).values(seen_in=UNSEEN))

    @flow
    def end_scan(self, name: str, side: Side, *, moved: bool = False) -> None:
        """Note the linked records that a complete scan did not see; none where the list moved meanwhile."""
        id_column = link_columns(side).id
        m, names = t.missing.c, ("bridge", "object", "side")

        def seen() -> Any:
            return self._core.database.each_in(t.seen.c.ids).where(*named(t.seen))

        def seen_again() -> Any:
            missing = t.missing.alias()  # mostly there is none, and what was seen is not looked through
            any_missing = select(missing.c.id).where(*named(missing)).exists()
            return delete(t.missing).where(*named(t.missing), m.id.in_(seen().where(any_missing)))

        def unseen() -> Any:
            # A difference of sets, which takes no statistics: PostgreSQL may not know how large these have become.
            ids = except_(select(id_column.label("id")).where(*named(t.links, "bridge", "object")), seen()).subquery()
            place = (bindparam(name, type_=Text) for name in names)
            rows = select(*place, ids.c.id, literal(False)).where(true())  # or SQLite reads ON as a join's
            new = self._core.database.insert(t.missing).from_select([*names, "id", "proven"], rows)
            return new.on_conflict_do_nothing()

        execute, values = self._core.database.execute, self._core.values(name, side)
        with self._core.transaction() as c:
            execute(c, "seen again", seen_again, values)
            if not moved:
                self._core.known.open[name] = True
                execute(c, f"unseen in {side.value}", unseen, values)
            self._forget_seen(c, name, side)

    @flow
    def forget_unlinked(
        self, name: str, side: Side, *, ids: Collection[str] = (), except_seen_in: str = "", unseen: bool = False
    ) -> None:
        """Forget unlinked records: these, and those that a complete scan did not see.

        Args:
            except_seen_in: all that the scan of that plan did not see.
            unseen: all that a scan in parts did not see (`leave_scan`).
        """
        o = t.observed.c
        with self._core.transaction() as c:
            for chunk in chunks(sorted(ids)):
                its = (*self._core.of(t.observed, name, side), o.linked.is_(False), o.id.in_(chunk))
                self._forget(c, name, side, list(c.execute(select(o.id).where(*its)).scalars()))
            if except_seen_in or unseen:
                self._forget(c, name, side, self._not_seen(c, name, side, except_seen_in, unseen=unseen))

    @flow
    def observations(self, name: str, side: Side, ids: Collection[str]) -> dict[str, Observation]:
        with self._core.reading() as c:
            return observed(self._core, c, name, side, sorted(ids))

    def _forget_seen(self, c: Connection, name: str, side: Side) -> None:
        its = self._core.values(name, side)
        self._core.database.execute(c, "forget seen", lambda: delete(t.seen).where(*named(t.seen)), its)

    def _not_seen(self, c: Connection, name: str, side: Side, plan_id: str, *, unseen: bool) -> list[str]:
        """The unlinked records that the scan of a plan did not see, or one in parts."""

        def query() -> Any:
            o = t.observed.c
            by_another = or_(o.seen_in != bindparam("plan_id"), o.seen_in.is_(None))  # by no list: read by its id
            not_seen = o.seen_in == UNSEEN if unseen else by_another
            return select(o.id).where(*named(t.observed), o.linked.is_(False), not_seen)

        which = "not seen in parts" if unseen else "not seen"
        values = {**self._core.values(name, side), "plan_id": plan_id}
        return list(self._core.database.execute(c, which, query, values).scalars())

    def _look_at_tombstones(
        self, c: Connection, name: str, side: Side, seen: Mapping[str, Observation], signs: Signs
    ) -> dict[str, Observation | None]:
        """Drop those of records whose ids others have now, and learn what the rest are known by.

        Returns:
            By id, what is kept of some records instead of what was seen: of those that are forgotten, nothing.
        """
        if not seen:
            return {}

        def query() -> Any:
            return select(t.tombstones).where(*named(t.tombstones), self._core.database.among(t.tombstones.c.id, "ids"))

        instead: dict[str, Observation | None] = {}
        others: list[str] = []
        learnt: list[dict[str, Any]] = []
        for row in self._core.database.execute(c, "tombstones", query, self._core.values(name, side, seen)):
            reason, known, shown = self._core.rows.open_text(row.reason) or "", Life(row.born), seen[row.id]
            base = {} if row.known is None else self._core.rows.open(row.known)
            values = {field: shown.snapshot.values.get(field) for fields in signs.values() for field in fields}
            life = shown.life.over(known)
            if reason == FORGOTTEN:
                is_other = row.born is not None and is_made_after(shown.life, to_moment(row.born))
                told = Observation(side, row.id, Snapshot({}), problem=NUMBER_OF_FORGOTTEN, seen_in=shown.seen_in)
                instead[row.id] = told if is_other else None
            elif who_is_it(signs, known, base, shown.life, values, {}) is not Who.SAME:
                others.append(row.id)
            elif shown.problem is None and (life.born, values) != (
                known.born,
                {name: base.get(name) for name in values},
            ):
                left = attrs.evolve(shown, snapshot=Snapshot(values), life=life)
                learnt.append(self._core.rows.tombstone(name, left, reason, apart=row.apart))
        self._core.delete(c, t.tombstones, name, side, others)
        self._core.database.upsert(c, t.tombstones, learnt)
        return instead

    def _learn_marks(self, c: Connection, name: str, side: Side, marks: Sequence[Mapping[str, Any]]) -> None:

        def query(_: tuple[str, ...]) -> Any:
            columns = link_columns(side)
            its = (t.links.c.bridge == bindparam("its_bridge"), t.links.c.object == bindparam("its_object"))
            new = {columns.mark: "its_mark", columns.born: "its_born", columns.changed: "its_changed"}
            here = update(t.links).where(*its, columns.id == bindparam("its_id"))
            return here.values({column: bindparam(name) for column, name in new.items()})

        place = {"its_bridge": self._core.bridge, "its_object": name}
        self._core.database.write_many(c, f"marks of {side.value}", query, [{**place, **its} for its in marks])

    def _note_seen(self, c: Connection, name: str, side: Side, ids: Sequence[str], *, complete: bool) -> None:
        """Linked records are there: what a complete scan is told, and what was taken for missing is not."""
        if not ids:
            return
        self._core.delete(c, t.missing, name, side, ids)
        if complete:
            page = {**self._core.values(name, side), "ids": msgspec.json.encode(ids).decode()}
            self._core.database.append(c, t.seen, [page])

    def _compare_with_staged(
        self, c: Connection, name: str, side: Side, rows: Sequence[dict[str, Any]]
    ) -> dict[str, bool]:
        """What was edited since it was staged is tried again if it had failed; what was not keeps the time of its edit.

        A record's own time stamp also moves when this library writes another field of it.

        Returns:
            Of those that were staged, whether they were not edited.
        """
        new = {row["id"]: row for row in rows}
        found: dict[str, bool] = {}

        def query() -> Any:
            return select(t.observed).where(*named(t.observed), self._core.database.among(t.observed.c.id, "ids"))

        values = self._core.values(name, side, new)
        for old in self._core.database.execute(c, "staged", query, values) if new else ():
            row = new[old.id]
            row["went_back"] = bool(old.went_back)
            held, shown = ((old.snapshot, old.unreadable), (row["snapshot"], row["unreadable"]))
            found[old.id] = all(
                self._core.rows.open(a) == self._core.rows.open(b) for a, b in zip(held, shown, strict=True)
            )
            if found[old.id] and old.updated_at is not None:
                row["updated_at"] = old.updated_at
        self._core.delete(c, t.failures, name, side, [id for id, is_same in found.items() if not is_same])
        return found

    def _forget(self, c: Connection, name: str, side: Side, unlinked: Sequence[str]) -> None:
        self._core.delete(c, t.observed, name, side, unlinked)

    def _known(self, c: Connection, name: str, side: Side, ids: Sequence[str]) -> dict[str, _Linked]:
        """What the links of records know of them, by id."""

        def query() -> Any:
            columns = link_columns(side)
            its = (*named(t.links, "bridge", "object"), self._core.database.among(columns.id, "ids"))
            return select(columns.id, columns.digest, columns.mark, columns.changed).where(*its)

        rows = self._core.database.execute(c, f"known in {side.value}", query, self._core.values(name, side, ids))
        return {id: _Linked(*rest) for id, *rest in rows.tuples()}
