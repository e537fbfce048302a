"""The listener that writes to the standard `logging`; every session has one."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from keapbridge.events.values import (
    Call,
    Conflict,
    Event,
    Field,
    Page,
    PhaseEnded,
    Progress,
    Record,
    Retry,
    RunBegun,
    RunEnded,
    Wait,
)
from keapbridge.events.waits import LONG, Waits, told
from keapbridge.model.side import Side

__all__ = ["Log", "log", "log_call"]

MOST = 5  # reasons in the line of a run


def log(logger: logging.Logger | None = None) -> Log:
    """What happens, as lines of the standard `logging`. It is on by default; handlers and levels are up to the host.

    | logger | level | says |
    |---|---|---|
    | `keapbridge.run` | `INFO` | a line a run: its counts, and why some did not go through; long waits |
    | | `WARNING` | a run that an error ended |
    | | `DEBUG` | that a run begins; parts of it; pages; shorter waits |
    | `keapbridge.calls` | `DEBUG` | every call and every repetition |
    | `keapbridge.records` | `WARNING` | every record that failed |
    | | `INFO` | held fields and conflicts |
    | | `DEBUG` | every record that was written, linked or skipped |
    | `keapbridge.store` | `INFO` | a schema that was brought up to date; backups; new keys; what is done again |
    | | `DEBUG` | that a store is opened; that what is old is forgotten |

    Args:
        logger: the parent of these loggers, in place of `keapbridge`.
    """
    return Log(logger or logging.getLogger("keapbridge"))


class Log:
    """Writes events to loggers; see `log`."""

    def __init__(self, parent: logging.Logger) -> None:
        self._run, self._calls, self._records = (parent.getChild(name) for name in ("run", "calls", "records"))
        self._waits = Waits()

    def wants(self, event: Event) -> bool:
        """Whether anybody would see it."""
        found = self._place(event)
        return found is not None and found[0].isEnabledFor(found[1])

    def __call__(self, event: Event) -> None:
        found = self._place(event)
        if found is not None:
            logger, level = found
            if isinstance(event, Wait) and not self._waits.is_news(event):
                level = logging.DEBUG  # many calls wait side by side
            logger.log(level, "%s", _line(event))

    def _place(self, event: Event) -> tuple[logging.Logger, int] | None:
        match event:
            case Progress():
                return None
            case Call() | Retry():
                return self._calls, logging.DEBUG
            case Record(outcome="failed"):
                return self._records, logging.WARNING
            case Record():
                return self._records, logging.DEBUG
            case Field() | Conflict():
                return self._records, logging.INFO
            case RunEnded():
                return self._run, logging.INFO if event.error is None else logging.WARNING
            case Wait():
                return self._run, logging.INFO if event.seconds > LONG else logging.DEBUG
            case _:
                return self._run, logging.DEBUG


_CALLS = logging.getLogger("keapbridge.calls")


def log_call(event: Event) -> None:
    """What is told by a client that works outside of a session: calls, repetitions and waits, at `DEBUG`."""
    if _CALLS.isEnabledFor(logging.DEBUG):
        _CALLS.debug("%s", _line(event))


def _line(event: Event) -> str:
    run = f"run {event.run}: " if event.run else ""
    return run + _words(event)


def _words(event: Event) -> str:
    match event:
        case RunBegun():
            return f"{event.doing} of {', '.join(event.objects)} begins (session {event.session})"
        case RunEnded():
            return _ended(event)
        case PhaseEnded():
            return f"{event.object}: {event.doing} took {event.seconds:.2f} s" + (
                f", ended by {event.error}" if event.error else ""
            )
        case Page():
            return f"{event.object}: a page of {event.side.title}, {event.records} records, {event.unchanged} unchanged"
        case Call():
            again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
            outcome = event.status if event.status is not None else event.error
            return f"{event.method} {event.route} {outcome} in {event.seconds:.3f} s{again}"
        case Retry():
            return f"{event.method} {event.route} is sent again after {event.why} (attempt {event.attempt})"
        case Wait():
            until = f", {told(event)}" if event.seconds > LONG else f": {event.why}"
            return f"waits {event.seconds:.1f} s{until}"
        case Record():
            where = f" in {event.side.title}" if event.side and event.outcome not in {"failed", "skipped"} else ""
            return f"{_who(event)} {event.outcome}{where}{_fields(event.fields)}{_why(event.reason)}"
        case Field():
            return f"{_who(event)} held{_fields(event.fields)}{_why(event.reason)}"
        case Conflict():
            return f"{_who(event)} conflict{_fields(event.fields)}{_why(event.reason)}"
        case _:
            return f"{getattr(event, 'object', '')}: {getattr(event, 'doing', '')} begins"


def _ended(event: RunEnded) -> str:
    what = f"{event.doing} of {', '.join(event.objects)} (session {event.session})"
    if event.error is not None:
        outcome = f"was ended by {event.error} after {event.seconds:.1f} s{_why(event.why)}"
    else:
        outcome = f"{'done' if event.complete else 'stopped'} in {event.seconds:.1f} s"
    counts = "; ".join(f"{name}: {_numbers(found)}" for name, found in event.counts.items() if any(found.values()))
    told = f"{what} {outcome}" + (f"; {counts}" if counts else "")
    reasons = sorted(event.reasons.items(), key=lambda item: -item[1])
    parts = [f"{outcome} {number} × {reason}" for (outcome, reason), number in reasons[:MOST]]
    if len(reasons) > MOST:
        parts.append(f"and {len(reasons) - MOST} more reasons")
    return told + (f"; {'; '.join(parts)}" if parts else "")


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{heading} {number}" for heading, number in sorted(counts.items()) if number)


def _who(event: Record | Field | Conflict) -> str:
    ids = ((Side.CUSTOMCRM, event.customcrm_id), (Side.KEAP, event.keap_id))
    return f"{event.object}: " + " ↔ ".join(f"{side.title} {id}" for side, id in ids if id is not None)


def _fields(fields: tuple[str, ...]) -> str:
    return f" ({', '.join(fields)})" if fields else ""


def _why(reason: str) -> str:
    return f": {reason}" if reason else ""
