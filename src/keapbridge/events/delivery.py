"""From a run to its listeners: each has a mailbox, and a thread that empties it.

So a slow listener holds up nobody: neither the run nor the other listeners. The thread ends with the run, or when there
was nothing to deliver for a moment, and begins anew with the next event.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from contextvars import Context, copy_context

from keapbridge.events.values import Event, Listener, PhaseBegun, PhaseEnded, RunBegun, RunEnded

__all__ = ["Delivery"]

LOGGER = logging.getLogger("keapbridge.run")
LIMIT = 10_000  # events that may wait for one listener; then it misses some
LINGER = 1.0  # seconds that a thread waits for more
PATIENCE = 5.0  # seconds that the end of a run waits for its listeners
FRAME = (RunBegun, RunEnded, PhaseBegun, PhaseEnded)  # few, and what all others are parts of: never missed


class Delivery:
    """Tells listeners what happens. Telling takes microseconds, and no exception of a listener comes back."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._boxes = tuple(_Mailbox(listener) for listener in listeners)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Who is told."""
        return tuple(box.listener for box in self._boxes)

    def __call__(self, event: Event) -> None:
        for box in self._boxes:
            box.put(event)

    def drain(self, patience: float = PATIENCE) -> None:
        """Wait until everything that was told is delivered; what a listener is too slow for comes later."""
        for box in self._boxes:
            box.drain(patience)


class _Mailbox:
    """What waits for one listener.

    An interrupt that a listener raises (`KeyboardInterrupt`, `SystemExit`) is meant for the run: it is raised there,
    when the next event is told.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._wants = getattr(listener, "wants", None)  # ours only: spares what nobody would see
        self._waiting: deque[tuple[Event, Context]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._idle = True
        self._is_over = False
        self._failed = False
        self._missed = 0
        self._interrupt: BaseException | None = None

    def put(self, event: Event) -> None:
        if self._wants is not None and not self._wants(event):
            return
        with self._changed:
            self._raise_interrupt()
            if len(self._waiting) >= LIMIT and not isinstance(event, FRAME):
                self._missed += 1
                return
            self._waiting.append((event, copy_context()))
            if self._thread is None or not self._thread.is_alive():
                self._idle = self._is_over = False
                self._thread = threading.Thread(target=self._serve, name="keapbridge_events", daemon=True)
                self._thread.start()
            elif self._idle:
                self._idle = False
                self._changed.notify_all()

    def drain(self, patience: float) -> None:
        with self._changed:
            thread = self._thread
            if thread is threading.current_thread():
                return  # a listener that begins a run of its own
            self._is_over = True
            self._changed.notify_all()
            in_time = self._changed.wait_for(lambda: self._idle, patience)
            waiting, missed, self._missed = len(self._waiting), self._missed, 0
        if in_time and thread is not None:
            thread.join(patience)
        with self._changed:
            self._raise_interrupt()
        if not in_time:
            LOGGER.warning("the listener %s is slow: it still has %d events to come", _name(self.listener), waiting)
        if missed:
            LOGGER.warning("the listener %s was too slow: it has missed %d events", _name(self.listener), missed)

    def _raise_interrupt(self) -> None:
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None:
            raise interrupt

    def _serve(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._idle = True
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._waiting or self._is_over, LINGER)
                    if not self._waiting:
                        self._thread = None
                        return
                event, context = self._waiting.popleft()
            self._deliver(event, context)

    def _deliver(self, event: Event, context: Context) -> None:
        try:
            context.run(self.listener, event)
        except (Exception, GeneratorExit):  # the latter would make a flow believe that it is abandoned
            if not self._failed:  # once: it would fail for every event
                self._failed = True
                LOGGER.exception(
                    "the listener %s failed at %s; the run goes on, and further failures of it are not logged",
                    _name(self.listener),
                    type(event).__name__,
                )
        except BaseException as interrupt:  # noqa: BLE001 - raised where the run is
            self._interrupt = interrupt


def _name(listener: object) -> str:
    kind = type(listener)
    name = getattr(listener, "__qualname__", kind.__qualname__)
    return f"{getattr(listener, '__module__', kind.__module__)}.{name}"
