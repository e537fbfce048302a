"""Where in a run a flow is: which flows run it, behind which gates, and what they do. Kept by the drivers.

It is a context variable, as the host's own are: it goes along into threads and tasks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any

import attrs

from keapbridge._flow.effects import Effect, Flow, Gate, Halt

__all__ = ["Errand", "Scope", "Task", "current", "places", "trace"]

NOTE = "keapbridge: in "


@attrs.define(eq=False)
class Errand:
    """Work that one thread has another one do.

    Attributes:
        outcome: its value, or what it raised, once it is `done`.
    """

    work: Any
    done: threading.Event = attrs.field(factory=threading.Event)
    outcome: tuple[Any, BaseException | None] = (None, None)

    def perform(self) -> None:
        """Do it, here and now."""
        try:
            self.outcome = (self.work(), None)
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self.outcome = (None, error)
        finally:
            self.done.set()

    def refuse(self, error: BaseException) -> None:
        """Do not do it any more."""
        self.outcome = (None, error)
        self.done.set()


@attrs.define(eq=False)
class Task:
    """What all flows have in common that were begun by one call of a driver.

    Attributes:
        driver: whose call it was. What another driver runs meanwhile is a task of its own.
        home: the thread that made the call.
        halted: what has ended it: from then on nothing new is begun.
        abandoned: whether the thread that made the call has gone on without what is still under way.
        desk: what `home` is asked to do, while it waits for other threads; `None`: to look whether they have ended.
    """

    driver: object
    home: int = attrs.field(factory=threading.get_ident)
    halted: BaseException | None = None
    abandoned: bool = False
    desk: SimpleQueue[Errand | None] = attrs.field(factory=SimpleQueue)

    def halt(self, interrupt: BaseException) -> None:
        """End it, unless something else has."""
        self.halted = self.halted or interrupt


@attrs.frozen(eq=False)
class Scope:
    """A flow on a stack of its own, and what is around it."""

    task: Task
    flow: Flow[Any]
    parent: Scope | None = None
    gates: tuple[Gate, ...] = ()
    place: tuple[str, str] | None = None

    def admit(self, effect: Effect) -> Iterator[Flow[None]]:
        """What is to be run before an effect may be performed.

        Raises:
            Halt: when the run is over.
        """
        if self.task.halted is not None:
            raise Halt(self.task.halted)
        for gate in self.gates:
            passing = gate.admit(effect)
            if passing is not None:
                yield passing

    def annotate(self, error: BaseException) -> None:
        """Say with an error where it comes from, unless that was done further inside."""
        notes = getattr(error, "__notes__", ())
        if not any(note.startswith(NOTE) for note in notes) and (found := places(self)):
            error.add_note(NOTE + ", ".join(f"{kind} {name}" for kind, name in found))


current: ContextVar[Scope | None] = ContextVar("keapbridge_scope", default=None)


def places(scope: Scope | None) -> list[tuple[str, str]]:
    """What is being done there, from the whole to the record."""
    found: list[tuple[str, str]] = []
    while scope is not None:
        if scope.place is not None:
            found.append(scope.place)
        scope = scope.parent
    return found[::-1]


def trace(scope: Scope | None = None) -> list[str]:
    """The path of flows down to the one that is at work: `function (file:line)` of each, the outermost first."""
    scope = scope or current.get()
    found: list[str] = []
    while scope is not None:
        found[:0] = _path(scope.flow)
        scope = scope.parent
    return found


def _path(flow: Any) -> Iterator[str]:
    while flow is not None and hasattr(flow, "gi_code"):
        frame, code = flow.gi_frame, flow.gi_code
        if frame is not None:
            place = code.co_filename.replace("\\", "/").rpartition("/keapbridge/")[2]
            yield f"{code.co_qualname} ({place}:{frame.f_lineno})"
        flow = flow.gi_yieldfrom
