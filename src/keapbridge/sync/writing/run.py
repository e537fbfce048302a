"""A run under way: what it counts, reports and commits; shared by all that writes."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

import attrs

from keapbridge._flow.effects import Flow, Halt, gather, now
from keapbridge.errors import ApiError
from keapbridge.model.accepted import Accepted
from keapbridge.model.actions import Action, Adopt, Skip
from keapbridge.model.kept_in_store import Commit, Failure, JournalEntry, Removal
from keapbridge.model.plan import Plan
from keapbridge.model.records import Link
from keapbridge.model.report import TROUBLE, Line, Report
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore
from keapbridge.sync.stopping import is_stop
from keapbridge.sync.synchronization import Synchronization
from keapbridge.sync.watching import Watch
from keapbridge.sync.writing.approved import Approved, chosen_of
from keapbridge.sync.writing.put_off import Refusals

__all__ = ["BATCH", "WRITERS", "Run", "ending", "flowing", "one_sided"]

K = TypeVar("K")
T = TypeVar("T")
Numbered: TypeAlias = list[tuple[int, Action]]
"""Actions, each with its place in the plan."""

NOT_APPROVED = "not approved"

BATCH = 200
LINKS = 10_000  # pairs that are linked in one transaction, where nothing is to be written
WRITERS = 12  # a few more than there are connections, so that none of those waits for what is done between two calls
AHEAD = 80  # how many flows are still to begin when the next batch is prepared
BATCHES = 25  # whose flows run in one go; what they return is remembered as long
MAX_TRIES = 8
FIRST_PAUSE = timedelta(minutes=5)


@attrs.define
class Run:
    """A run under way: what it counts, over all its synchronizations.

    Attributes:
        accepted: what a person accepts for this run.
        is_fresh: whether the plan was made by the same call, so that nobody has looked at it since.
        approved: the actions that are done; `None` for all.
        by: who wants it.
        deciding: of fields that a person has decided what the lines have told so far: by synchronization and
            Customcrm's id, field → outcome, empty as long as there is none.
    """

    store: LinkStore
    plan: Plan
    run_id: str
    watch: Watch = attrs.field(factory=Watch)
    accepted: Accepted = attrs.field(factory=Accepted)
    is_fresh: bool = False
    approved: Approved | None = None
    by: str | None = None
    deciding: dict[tuple[str, str | None], dict[str, str]] = attrs.field(factory=dict)
    counts: dict[str, Counter[str]] = attrs.field(factory=dict)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False, eq=False)

    def part(self, sync: Synchronization) -> RunPart:
        """The part of one synchronization."""
        return RunPart(attrs.evolve(sync, restored=self.accepted.restored or sync.restored), self)

    def count(self, lines: Collection[Line]) -> None:
        """Count what happened, and tell it."""
        self.watch.lines(lines)
        with self._lock:
            for line in lines:
                self.counts.setdefault(line.object, Counter())[line.heading] += 1
                for field, before in self.deciding.get((line.object, line.customcrm_id), {}).items():
                    if before not in TROUBLE and (not line.fields or field in line.fields):
                        self.deciding[line.object, line.customcrm_id][field] = line.outcome

    def report(self, *lines: Line) -> Flow[None]:
        if lines:
            yield from self.store.runs.add_lines(self.run_id, lines)
        self.count(lines)  # what the store has not kept is in no report

    def finish(self, *, complete: bool, but: Collection[str] = (), why: str = "") -> Flow[Report]:
        """End the run. Only when it is `complete` the cursors move: else the next one must see again what is left.

        Args:
            but: the synchronizations that could not go on.
            why: what ends it before its time.
        """
        ended = yield from now()
        counts = {name: dict(counter) for name, counter in self.counts.items()}
        return (yield from self.store.runs.finish(self.run_id, ended, counts, complete=complete, but=but, why=why))

    def to_its_end(self, flow: Flow[Collection[str]]) -> Flow[Report]:
        """Do what the run is to do, and end it, whatever happens. What was done stays done.

        The flow answers the synchronizations that could not go on. A run that is stopped ends with its report, and so
        does one that an `ApiError` ends: the error has it.
        """
        try:
            stopped = yield from flow
        except ApiError as error:
            error.report = yield from self.finish(complete=False, why=str(error))
            raise
        except Halt as halt:
            if not is_stop(halt):
                raise
            return (yield from self.finish(complete=False, why=str(halt.error)))
        except BaseException as interrupt:
            if not isinstance(interrupt, (Exception, GeneratorExit)):
                yield from self.finish(complete=False)
            raise
        return (yield from self.finish(complete=True, but=stopped))


@attrs.define
class RunPart:
    """What a run does for one synchronization.

    Attributes:
        refused: what is tried again when all else is written.
    """

    sync: Synchronization
    run: Run
    refused: Refusals = attrs.field(factory=Refusals, init=False)
    _done: int = attrs.field(default=0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False, eq=False)

    @property
    def plan(self) -> Plan:
        """What is to be done."""
        return self.run.plan

    @property
    def unchanged(self) -> int:
        """How many linked pairs the plan found in order."""
        return self.plan.unchanged.get(self.sync.name, 0)

    @property
    def is_empty(self) -> bool:
        """Whether the plan has nothing for it: no action of any kind."""
        name = self.sync.name
        return self.plan.totals.get(name, {}).get("actions") == 0 and not self.plan.counts.get(name)

    def report(self, *lines: Line) -> Flow[None]:
        return self.run.report(*lines)

    def commit(self, *commits: Commit) -> Flow[None]:
        yield from self.sync.store.links.commit(self.run.run_id, *commits)
        for commit in commits:
            self.run.count(commit.lines)

    def remove(self, *removals: Removal) -> Flow[None]:
        yield from self.sync.store.links.remove(self.run.run_id, (yield from now()), *removals)
        for removal in removals:
            self.run.count(removal.lines)

    def rebase(self, link: Link, journal: tuple[JournalEntry, ...], lines: tuple[Line, ...]) -> Flow[None]:
        """Remember other bases for a pair, whose records are compared anew as soon as they are seen again."""
        yield from self.commit(Commit(self.sync.name, link, dict.fromkeys(Side), journal=journal, lines=lines))

    def fail(self, line: Line, *, again: bool = True) -> Flow[None]:
        """Report a failure, and note when its record is tried again.

        Args:
            again: whether it is before the record is edited.
        """
        yield from self.report(line)
        yield from self.note(line, again=again)

    def failed(self, error: Exception, line: Line) -> Flow[Line]:
        """Report what failed of an error, where that is one record's; answers the line with the reason.

        Raises:
            Exception: the error itself, when it makes no sense to go on with the others.
        """
        about = f"{line.object} {line.customcrm_id or ''} ↔ {line.keap_id or ''}"
        told = attrs.evolve(line, reason=self.sync.guard.failed(error, about))
        yield from self.fail(told)
        return told

    def note(self, line: Line, *, again: bool = True) -> Flow[None]:
        """Note when the record of a failure is tried again."""
        moment = yield from now()
        failures = self.sync.store.failures
        for side, id in ((Side.CUSTOMCRM, line.customcrm_id), (Side.KEAP, line.keap_id)):
            if id is not None:
                before = yield from failures.of(line.object, side, [id])
                tries = before[id].tries + 1 if id in before else 1
                due = next_try(tries, moment) if again else None
                failure = Failure(line.object, side, id, line.reason, tries, due)
                yield from failures.note(failure)

    def is_accepted(self, skip: Skip) -> bool:
        """Whether a person accepts what a brake holds."""
        return skip.accept is not None and (skip.object, skip.field) in self.run.accepted.fields

    def batches(self, kinds: Collection[str]) -> Iterator[Flow[list[Action]]]:
        """The plan's actions of some kinds that are to be done, in its order."""
        return map(self._chosen, self._numbered(kinds))

    def ahead(self, kinds: Collection[str]) -> Iterator[Flow[list[Action]]]:
        """The same, looked at before it is their turn: nothing is told or counted by that."""
        return map(self._looked_at, self._numbered(kinds))

    def told(self, kinds: Collection[str]) -> Iterator[Flow[list[Action]]]:
        """The plan's actions of some kinds, whoever approves them."""
        return map(_bare, self._numbered(kinds))

    def links_to_make(self) -> Iterator[Flow[list[Action]]]:
        """Those of the plan's pairs to be linked that need no write."""
        plans, plan_id, name = self.sync.store.plans, self.plan.id, self.sync.name
        if self.is_empty:
            return iter(())
        pages = _paged(lambda after: plans.links_to_make(plan_id, name, after, LINKS), "", _keap_id, LINKS)
        return map(self._chosen, pages)

    def _numbered(self, kinds: Collection[str]) -> Iterator[Flow[Numbered]]:
        plans, plan_id, name = self.sync.store.plans, self.plan.id, self.sync.name
        if self.is_empty:
            return iter(())
        return _paged(lambda after: plans.actions(plan_id, name, kinds, after, BATCH), -1, _place, BATCH)

    def _chosen(self, page: Flow[Numbered]) -> Flow[list[Action]]:
        """What of a page is done, and a line for each that is approved and waits for another."""
        if self.run.approved is None:
            return (yield from _bare(page))
        rows = yield from page
        done, waiting, left = chosen_of(rows, self.sync, self.run.approved)
        yield from self.report(*waiting)
        self.run.counts.setdefault(self.sync.name, Counter())[NOT_APPROVED] += left
        self.progressed(len(rows) - len(done))
        return done

    def _looked_at(self, page: Flow[Numbered]) -> Flow[list[Action]]:
        if self.run.approved is None:
            return (yield from _bare(page))
        return chosen_of((yield from page), self.sync, self.run.approved)[0]

    def progressed(self, number: int) -> None:
        """So many actions more are done; none, as by the last batch, is no progress."""
        if number < 1:
            return
        name = self.sync.name
        with self._lock:
            self._done += number
            total = self.plan.totals.get(name, {}).get("actions", 0)
            self.run.watch.progress(name, "writing", self._done, max(total, self._done))


def _bare(page: Flow[Numbered]) -> Flow[list[Action]]:
    return [action for _, action in (yield from page)]


def _place(row: tuple[int, Action]) -> int:
    return row[0]


def _keap_id(row: tuple[int, Action]) -> str:
    assert isinstance(row[1], Adopt)  # as all that only link
    return row[1].keap_id


def _paged(
    read: Callable[[K], Flow[Numbered]], first: K, key: Callable[[tuple[int, Action]], K], size: int
) -> Iterator[Flow[Numbered]]:
    """Actions batch by batch, each read after the last one of the batch before it; the last batch may be empty."""
    after = first
    ended = False

    def next_batch() -> Flow[Numbered]:
        nonlocal after, ended
        rows = yield from read(after)
        ended = len(rows) < size
        after = key(rows[-1]) if rows else after
        return rows

    while not ended:
        yield next_batch()


def flowing(batches: Iterator[Flow[T]], prepare: Callable[[T], Flow[Sequence[Flow[Any]]]]) -> Flow[None]:
    """Run the flows of all batches side by side. Each batch is prepared shortly before the one before it has run out.

    So no connection waits while one is prepared, and what is read for it is not read long before it is needed.

    Args:
        prepare: makes the flows of a batch.
    """
    ready: list[Sequence[Flow[Any]]] = []  # one batch at most

    def prepare_next() -> Flow[None]:
        batch = next(batches, None)
        if batch is not None:
            ready.append((yield from prepare((yield from batch))))

    def flows() -> Iterator[Flow[Any]]:
        for _ in range(BATCHES):
            if not ready:
                return  # the next one is not prepared in time
            batch = ready.pop()
            first = max(0, len(batch) - AHEAD)
            yield from batch[:first]
            yield prepare_next()
            yield from batch[first:]

    yield from prepare_next()
    while ready:
        yield from gather(flows(), WRITERS)


def ending(flows: Sequence[Flow[T]], end: Callable[[Sequence[T]], Flow[None]]) -> list[Flow[None]]:
    """The flows, of which the one that ends last also runs what is to come after all of them."""
    results: list[T] = []
    ended = itertools.count(1)

    def one(flow: Flow[T]) -> Flow[None]:
        results.append((yield from flow))
        if next(ended) == len(flows):
            yield from end(results)

    return [one(flow) for flow in flows] or [end(results)]


def next_try(tries: int, moment: datetime) -> datetime | None:
    """When a record that failed so often is tried again: at once, then later and later, in the end not by itself."""
    if tries >= MAX_TRIES:
        return None
    return moment if tries == 1 else moment + FIRST_PAUSE * 2 ** (tries - 2)


def one_sided(name: str, outcome: str, side: Side, id: str, reason: str) -> Line:
    ours, theirs = (id, None) if side is Side.CUSTOMCRM else (None, id)
    return Line(name, outcome, side, ours, theirs, (), reason)
