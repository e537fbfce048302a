"""Telling what happens: how the engine speaks to the listeners of its session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import attrs

from keapbridge import events
from keapbridge._flow.effects import Flow, Halt, blocking, new_id, within
from keapbridge._scrub import shown_id, shown_reason
from keapbridge.errors import KeapbridgeError
from keapbridge.events.delivery import Delivery
from keapbridge.events.values import current_run
from keapbridge.model.plan import Plan
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side

__all__ = ["Watch", "run_id"]

T = TypeVar("T")

REASONS = 100  # different ones that are counted in a run
Reasons = Counter[tuple[str, str]]


@attrs.frozen
class Watch:
    """Tells the listeners of a session what it does.

    Attributes:
        session: its name.
        tell: tells one event.
    """

    session: str = "default"
    tell: Delivery = attrs.field(factory=Delivery, repr=False)
    _reasons: dict[str, Reasons] = attrs.field(factory=dict, init=False, repr=False)

    def run(self, doing: str, objects: Sequence[str], flow: Flow[T]) -> Flow[T]:
        """A flow that is a run: it has an id, and what was told of it is delivered when it ends."""
        name = (yield from new_id())[:12]
        around = current_run.get()
        current_run.set(name)
        reasons = self._reasons[name] = Counter()
        begun = events.RunBegun(self.session, doing, tuple(objects))
        self.tell(begun)
        try:
            result = yield from flow
        except GeneratorExit:
            raise  # abandoned: there is nobody any more who could perform anything
        except BaseException as error:
            cause = error.error if isinstance(error, Halt) else error
            self.tell(_failed(begun, reasons, cause))
            yield from blocking("events.drain", self.tell.drain)
            raise
        else:
            self.tell(_ended(begun, reasons, _counts(result)))
            yield from blocking("events.drain", self.tell.drain)
            return result
        finally:
            self._reasons.pop(name, None)
            current_run.set(around)

    def phase(self, object: str, doing: str, flow: Flow[T]) -> Flow[T]:
        """A flow that is a part of a run."""
        begun = events.PhaseBegun(object, doing)
        self.tell(begun)
        try:
            result = yield from within(flow, place=(doing, object))
        except BaseException as error:
            self.tell(events.PhaseEnded(object, doing, _since(begun), type(error).__name__))
            raise
        self.tell(events.PhaseEnded(object, doing, _since(begun)))
        return result

    def page(self, object: str, side: Side, records: int, unchanged: int) -> None:
        """A page was read."""
        self.tell(events.Page(object, side, records, unchanged))

    def progress(self, object: str, doing: str, done: int, total: int | None) -> None:
        """So many are done."""
        self.tell(events.Progress(object, doing, done, total))

    def lines(self, lines: Iterable[Line]) -> None:
        """What a report says of records."""
        reasons = self._reasons.get(current_run.get())
        for line in lines:
            event = _of_line(line)
            if reasons is not None and event.reason:
                key = (line.outcome, event.reason)
                if key in reasons or len(reasons) < REASONS:
                    reasons[key] += 1
            self.tell(event)


def run_id() -> Flow[str]:
    """The id of the run under way."""
    yield from ()
    return current_run.get() or (yield from new_id())[:12]


def _of_line(line: Line) -> events.Record | events.Field | events.Conflict:
    ids = shown_id(line.customcrm_id), shown_id(line.keap_id)
    reason = shown_reason(line.reason) if line.reason else ""
    match line.outcome:
        case "held":
            return events.Field(line.object, line.fields, line.side, *ids, reason)
        case "conflict":
            return events.Conflict(line.object, line.fields, *ids, reason)
        case _:
            return events.Record(line.object, line.outcome, line.side, *ids, line.fields, reason)


def _counts(result: object) -> tuple[bool, Mapping[str, Mapping[str, int]]]:
    """Whether something was done to its end, and what it amounts to."""
    match result:
        case Report():
            return result.complete, result.counts
        case Plan():
            return True, {
                name: {**result.counts.get(name, {}), "unchanged": result.unchanged.get(name, 0)}
                for name in result.objects
            }
        case _:
            return True, {}


def _ended(
    begun: events.RunBegun, reasons: Reasons, outcome: tuple[bool, Mapping[str, Mapping[str, int]]]
) -> events.RunEnded:
    complete, counts = outcome
    return events.RunEnded(begun.session, begun.doing, begun.objects, _since(begun), complete, counts, dict(reasons))


def _failed(begun: events.RunBegun, reasons: Reasons, error: BaseException) -> events.RunEnded:
    report = getattr(error, "report", None)
    _, counts = _counts(report)
    ended = _ended(begun, reasons, (False, counts))
    why = shown_reason(str(error)) if isinstance(error, KeapbridgeError) else ""
    return attrs.evolve(ended, error=type(error).__name__, why=why)


def _since(begun: events.Event) -> float:
    return max(0.0, (events.Event().at - begun.at).total_seconds())
