"""What happens, told while it happens: frozen values for listeners, and the listeners that come along.

A listener is any function of one argument. It gets the events of its session one after the other, in the order in which
they were told, on a thread of its own: it neither holds up a run nor makes it fail. No event holds personal data or
secrets: records are named by id, fields by name, calls by their route.
"""

from keapbridge.events.logs import log
from keapbridge.events.spans import opentelemetry
from keapbridge.events.values import (
    Call,
    Conflict,
    Event,
    Field,
    Listener,
    Page,
    PhaseBegun,
    PhaseEnded,
    Progress,
    Record,
    Retry,
    RunBegun,
    RunEnded,
    Wait,
)

__all__ = [
    "Call",
    "Conflict",
    "Event",
    "Field",
    "Listener",
    "Page",
    "PhaseBegun",
    "PhaseEnded",
    "Progress",
    "Record",
    "Retry",
    "RunBegun",
    "RunEnded",
    "Wait",
    "log",
    "opentelemetry",
]
