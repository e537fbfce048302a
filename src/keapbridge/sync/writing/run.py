"""A run under way: what it counts, reports and commits; shared by all that writes."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs

from keapbridge._io.effects import Flow, gather, now
from keapbridge.errors import (
    AuthError,
    QuotaExhaustedError,
    UnavailableError,
)
from keapbridge.model.kept import Commit, Failure, JournalEntry, Removal
from keapbridge.model.plan import Action, Plan
from keapbridge.model.records import Link
from keapbridge.model.report import SIDED, Line, Report
from keapbridge.model.side import Side
from keapbridge.sync.lease import keep
from keapbridge.sync.synchronization import Bridge

__all__ = ["WRITERS", "Run", "ending", "flowing", "one_sided", "stops_everything"]

K = TypeVar("K")
T = TypeVar("T")

BATCH = 200
LINKS = 1000  # pairs that are linked in one transaction, where nothing is to be written
WRITERS = 12  # a few more than there are connections, so that none of those waits for what is done between two calls
AHEAD = 80  # how many flows are still to begin when the next batch is prepared
BATCHES = 25  # whose flows run in one go; what they return is remembered as long
MAX_TRIES = 8
FIRST_PAUSE = timedelta(minutes=5)


@attrs.define
class Run:
    """A run under way."""

    bridge: Bridge
    plan: Plan
    run_id: str
    counts: dict[str, Counter[str]] = attrs.field(factory=dict)
    done: Counter[str] = attrs.field(factory=Counter)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False, eq=False)

    def count(self, lines: Iterable[Line]) -> None:
        with self._lock:
            for line in lines:
                heading = line.outcome
                if line.side is not None and line.outcome in SIDED:
                    heading = f"{line.outcome} in {line.side.title}"
                self.counts.setdefault(line.object, Counter())[heading] += 1

    def report(self, *lines: Line) -> Flow[None]:
        self.count(lines)
        yield from self.bridge.store.runs.add_lines(self.run_id, lines)

    def commit(self, *commits: Commit) -> Flow[None]:
        yield from keep(self.bridge.store)
        yield from self.bridge.store.links.commit(self.run_id, *commits)
        for commit in commits:
            self.count(commit.lines)

    def remove(self, removal: Removal) -> Flow[None]:
        yield from self.bridge.store.links.remove(self.run_id, removal)
        self.count(removal.lines)

    def rebase(self, object: str, link: Link, journal: tuple[JournalEntry, ...], lines: tuple[Line, ...]) -> Flow[None]:
        """Remember other bases for a pair, whose records are compared anew as soon as they are seen again."""
        yield from self.commit(Commit(object, link, dict.fromkeys(Side), journal=journal, lines=lines))

    def fail(self, line: Line) -> Flow[None]:
        """Report a failure, and note when its record is tried again."""
        yield from self.report(line)
        moment = yield from now()
        for side, id in ((Side.CUSTOMCRM, line.customcrm_id), (Side.KEAP, line.keap_id)):
            if id is not None:
                before = yield from self.bridge.store.failures.of(line.object, side, [id])
                tries = before[id].tries + 1 if id in before else 1
                failure = Failure(line.object, side, id, line.reason, tries, next_try(tries, moment))
                yield from self.bridge.store.failures.note(failure)

    def finish(self, *, complete: bool) -> Flow[Report]:
        """End the run. Only when it is `complete` the cursors move: else the next one must see again what is left."""
        ended = yield from now()
        counts = {object: dict(counter) for object, counter in self.counts.items()}
        store = self.bridge.store
        return (yield from store.runs.finish(self.run_id, ended, counts, complete=complete))

    def batches(self, object: str, kinds: Collection[str]) -> Iterator[Flow[list[Action]]]:
        """The plan's actions of some kinds, in its order."""

        def read(after: int) -> Flow[list[tuple[int, Action]]]:
            return self.bridge.store.plans.actions(self.plan.id, object, kinds, after, BATCH)

        return _paged(read, -1)

    def links_to_make(self, object: str) -> Iterator[Flow[list[Action]]]:
        """Those of the plan's pairs that need no write."""

        def read(after: str) -> Flow[list[tuple[str, Action]]]:
            return self.bridge.store.plans.links_to_make(self.plan.id, object, after, LINKS)

        return _paged(read, "")

    def progressed(self, object: str, number: int) -> None:
        with self._lock:
            self.done[object] += number
            done = self.done[object]
            total = self.plan.totals.get(object, {}).get("actions", 0)
            self.bridge.progress(object, "writing", done, max(total, done))


def _paged(read: Callable[[K], Flow[list[tuple[K, Action]]]], first: K) -> Iterator[Flow[list[Action]]]:
    """Actions batch by batch, each read after the last one of the batch before it; the last batch is empty."""
    after = first
    empty = False

    def next_batch() -> Flow[list[Action]]:
        nonlocal after, empty
        rows = yield from read(after)
        empty = not rows
        after = rows[-1][0] if rows else after
        return [action for _, action in rows]

    while not empty:
        yield next_batch()


def flowing(
    batches: Iterator[Flow[list[Action]]], prepare: Callable[[list[Action]], Flow[Sequence[Flow[Any]]]]
) -> Flow[None]:
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


def one_sided(object: str, outcome: str, side: Side, id: str, reason: str) -> Line:
    ours, theirs = (id, None) if side is Side.CUSTOMCRM else (None, id)
    return Line(object, outcome, side, ours, theirs, (), reason)


def stops_everything(error: Exception) -> bool:
    """Whether it makes no sense to go on with the other records."""
    if isinstance(error, AuthError):
        return error.status == 401
    return isinstance(error, (QuotaExhaustedError, UnavailableError))
