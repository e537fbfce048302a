"""The listener that makes spans and metrics of OpenTelemetry (the `otel` extra)."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from keapbridge._version import __version__
from keapbridge.events.values import Call, Event, PhaseBegun, PhaseEnded, Record, Retry, RunBegun, RunEnded, Wait

if TYPE_CHECKING:
    from keapbridge.events.values import Listener

__all__ = ["opentelemetry"]

MEASURED = (RunBegun, RunEnded, PhaseBegun, PhaseEnded, Call, Retry, Wait, Record)
OPEN = 1_000  # runs that may be under way at once; what is older was abandoned


def opentelemetry() -> Listener:
    """Spans for runs, phases and calls, and metrics, by the host's global providers of OpenTelemetry.

    A run's span has the host's current span as its parent, a phase that of its run, a call that of the phase around it.

    | metric | unit | |
    |---|---|---|
    | `keapbridge.run.duration` | s | by `keapbridge.doing` and `error.type` |
    | `keapbridge.call.duration` | s | by `http.request.method`, `http.route`, `http.response.status_code` |
    | `keapbridge.call.retries` | | repetitions, by `http.request.method` and `http.route` |
    | `keapbridge.wait` | s | how long was waited |
    | `keapbridge.records` | | by `keapbridge.object` and `keapbridge.outcome`, unchanged ones not among them |

    In a fleet all of them have `keapbridge.tenant`, too.

    Raises:
        ImportError: without `opentelemetry-api`.
    """
    try:
        from opentelemetry import metrics, trace
    except ImportError as error:
        raise ImportError("spans and metrics need OpenTelemetry: pip install 'keapbridge[otel]'") from error
    return _Telemetry(trace, metrics)


class _Telemetry:
    """Makes spans of events; may listen to any number of sessions."""

    def __init__(self, trace: Any, metrics: Any) -> None:
        self._trace = trace
        self._tracer = trace.get_tracer("keapbridge", __version__)
        meter = metrics.get_meter("keapbridge", __version__)
        self._run_seconds = meter.create_histogram("keapbridge.run.duration", "s", "how long runs took")
        self._call_seconds = meter.create_histogram("keapbridge.call.duration", "s", "how long calls took")
        self._retries = meter.create_counter("keapbridge.call.retries", "1", "calls that were sent again")
        self._waits = meter.create_counter("keapbridge.wait", "s", "seconds that were waited")
        self._records = meter.create_counter("keapbridge.records", "1", "what became of records")
        self._runs: OrderedDict[str, Any] = OrderedDict()
        self._phases: dict[tuple[str, str, str], Any] = {}

    def wants(self, event: Event) -> bool:
        """Whether something is made of it."""
        return isinstance(event, MEASURED)

    def __call__(self, event: Event) -> None:
        match event:
            case RunBegun():
                self._begin(event)
            case RunEnded():
                self._end(event)
            case PhaseBegun():
                self._phases[event.run, event.object, event.doing] = self._tracer.start_span(
                    f"keapbridge {event.doing} {event.object}",
                    context=self._around(event.run),
                    attributes={"keapbridge.object": event.object, **_tenant(event)},
                    start_time=_ns(event.at),
                )
            case PhaseEnded():
                span = self._phases.pop((event.run, event.object, event.doing), None)
                if span is not None:
                    self._close(span, event.error, event.at)
            case Call():
                self._call(event)
            case Retry():
                where = {"http.request.method": event.method, "http.route": event.route, **_tenant(event)}
                self._retries.add(1, where)
            case Wait():
                self._waits.add(event.seconds, _tenant(event))
            case Record():
                by = {"keapbridge.object": event.object, "keapbridge.outcome": event.outcome, **_tenant(event)}
                self._records.add(1, by)
            case _:
                pass

    def _begin(self, event: RunBegun) -> None:
        attributes = {
            "keapbridge.run": event.run,
            "keapbridge.session": event.session,
            "keapbridge.objects": list(event.objects),
            **_tenant(event),
        }
        span = self._tracer.start_span(f"keapbridge {event.doing}", attributes=attributes, start_time=_ns(event.at))
        self._runs[event.run] = span
        while len(self._runs) > OPEN:
            _, abandoned = self._runs.popitem(last=False)
            abandoned.end()

    def _end(self, event: RunEnded) -> None:
        for key in [key for key in self._phases if key[0] == event.run]:
            self._close(self._phases.pop(key), event.error, event.at)
        span = self._runs.pop(event.run, None)
        if span is not None:
            for name, counts in event.counts.items():
                for heading, number in counts.items():
                    span.set_attribute(f"keapbridge.count.{name}.{heading}", number)
            span.set_attribute("keapbridge.complete", event.complete)
            self._close(span, event.error, event.at)
        by = {"keapbridge.doing": event.doing, **_tenant(event)} | ({"error.type": event.error} if event.error else {})
        self._run_seconds.record(event.seconds, by)

    def _call(self, event: Call) -> None:
        told: dict[str, Any] = {"http.request.method": event.method, "http.route": event.route, **_tenant(event)}
        if event.status is not None:
            told["http.response.status_code"] = event.status
        if event.error is not None:
            told["error.type"] = event.error
        again = {"http.request.resend_count": event.attempt - 1} if event.attempt > 1 else {}
        span = self._tracer.start_span(
            f"{event.method} {event.route}",
            context=self._around(event.run),
            kind=self._trace.SpanKind.CLIENT,
            attributes=told | again,
            start_time=_ns(event.at - timedelta(seconds=event.seconds)),
        )
        self._close(span, event.error, event.at)
        self._call_seconds.record(event.seconds, told)

    def _around(self, run: str) -> Any:
        """The context of what is in a run: its newest phase, or itself, or else what the host has."""
        inner = next((span for key, span in reversed(self._phases.items()) if key[0] == run), None)
        span = inner or self._runs.get(run)
        return None if span is None else self._trace.set_span_in_context(span)

    def _close(self, span: Any, error: str | None, at: datetime) -> None:
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(self._trace.StatusCode.ERROR, error)
        span.end(_ns(at))


def _tenant(event: Event) -> dict[str, str]:
    """Whose it is, in a fleet."""
    return {"keapbridge.tenant": event.tenant} if event.tenant else {}


def _ns(moment: datetime) -> int:
    whole = int(moment.timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000
