"""What goes wrong at an emulator: faults that a test plans one by one, and faults that a seed draws for every request.

Nothing here knows either system's protocol: the words of a 429 or a 500, and the kinds of faults that only one system
has, are given by the emulator. The recorder asks once per request and plays what it is told.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any, Literal, get_args

import attrs

__all__ = ["FAULT_KINDS", "Fault", "FaultKind", "Faults", "Play", "Special"]

Scope = MutableMapping[str, Any]

FaultKind = Literal[
    "429",
    "500",
    "502",
    "503",
    "504",
    "html",
    "truncated",
    "cut_before",
    "cut_after",
    "latency",
    "expired_token",
    "stale",
]
"""What [`Faults.randomly`][keapbridge.testing.Faults.randomly] can do to a request."""

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_SPECIAL: frozenset[FaultKind] = frozenset({"expired_token", "stale"})
_IN_BURSTS: frozenset[FaultKind] = frozenset({"429", "500", "502", "503", "504", "html"})
# An error of these may hide that the request took effect; an outage and a throttle come before anything happens.
_PERHAPS_AFTER: frozenset[FaultKind] = frozenset({"500", "502", "504"})
_OUTAGE = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>We will be back soon</h1></body></html>"


@attrs.frozen
class Fault:
    """An answer that replaces the real one.

    `when="before"`: the request never reaches the application; `when="after"`: it takes effect, but the client
    sees this instead. `cut=True` sends the headers and half of the body, then breaks the connection (with
    `status=0`: nothing is sent before it breaks).
    """

    status: int = 500
    body: bytes = b""
    content_type: str = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()
    when: str = "before"
    cut: bool = False
    delay: float = 0.0


@attrs.frozen
class Special:
    """A kind of fault that only one system knows; it changes what the application answers by itself.

    Attributes:
        applies: Whether it can happen to this request, now.
        play: Makes it happen, before the application sees the request.
        begin: Called when faults of this kind may be drawn from now on.
        end: Called when no longer.
    """

    applies: Callable[[Scope], bool]
    play: Callable[[Scope, random.Random], None]
    begin: Callable[[], None] = lambda: None
    end: Callable[[], None] = lambda: None


@attrs.frozen
class Play:
    """What happens to one request; `kind` is that of a drawn fault.

    `halved` cuts the body of the real answer and leaves it well-formed HTTP.
    """

    fault: Fault | None = None
    kind: FaultKind | None = None
    delay: float = 0.0
    halved: bool = False

    @property
    def needs_body(self) -> bool:
        """Whether there must be a body to take something away from."""
        return self.kind == "truncated"


@attrs.define
class _Chance:
    """The faults drawn from a seed."""

    rate: float
    random: random.Random
    kinds: tuple[FaultKind, ...]
    path: str
    burst: int
    latency: float
    repeated: FaultKind | None = None
    repeats: int = 0


class Faults:
    """What goes wrong: planned faults, of which the first whose condition fits a request is used up by it, and beside
    them faults drawn from a seed.
    """

    def __init__(
        self, answers: Mapping[FaultKind, Fault] | None = None, specials: Mapping[FaultKind, Special] | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._planned: list[list[Any]] = []
        self._answers = answers or {}
        self._specials = specials or {}
        self._chance: _Chance | None = None
        self._played: Counter[FaultKind] = Counter()

    def add(
        self, fault: Fault, *, method: str | None = None, path: str | None = None, skip: int = 0, times: int = 1
    ) -> None:
        """Answer with `fault` the next `times` requests with this method and this text in their path,
        after letting `skip` of them through.
        """
        with self._lock:
            self._planned.append([fault, method, path, skip, times])

    def randomly(
        self,
        rate: float = 0.1,
        *,
        seed: int | str = 1,
        kinds: Collection[FaultKind] | None = None,
        path: str = "",
        burst: int = 3,
        latency: float = 0.05,
    ) -> None:
        """From now on, decide for each request by chance whether and how it goes wrong; planned faults go first.

        The same seed and the same order of requests give the same faults. Calling it again begins anew.

        | kind | what happens |
        |---|---|
        | `429`, `500`, `502`, `503`, `504` | that answer, often several times in a row; the request may have taken \
effect before a 500, 502 or 504 |
        | `html` | the page of an outage, with status 503 or, worse, 200; several times in a row |
        | `truncated` | half of the real answer, either as if it were all or shorter than its `Content-Length` |
        | `cut_before` | the connection breaks, and nothing happened |
        | `cut_after` | the connection breaks, and the request took effect |
        | `latency` | the real answer, late |
        | `expired_token` | the OAuth access token of the request expires before it is looked at (Keap) |
        | `stale` | a read shows the records as they were before the last one to three writes; a write is hidden \
from no more than the five reads that follow it (Keap) |

        Without the server, a connection that breaks is an exception that leaves the application.

        Args:
            rate: The share of requests at which a fault (or a burst of them) begins, from 0 to 1.
            seed: What chance starts from.
            kinds: The kinds to choose from, each as likely; all that this emulator knows without it.
            path: Only requests with this text in their path.
            burst: How many times in a row a fault that comes in bursts is played at most.
            latency: The longest delay in seconds.

        Raises:
            ValueError: On a kind that this emulator does not know, or a number out of its range.
        """
        known = self._known()
        chosen = known if kinds is None else kinds
        # In an order of their own: what is drawn must not depend on how a set is ordered.
        wanted: list[FaultKind] = sorted(kind for kind in known if kind in chosen)
        if kinds is not None and (unknown := set(kinds) - known):
            raise ValueError(f"no such kind of fault here: {', '.join(sorted(unknown))}")
        if not 0 <= rate <= 1 or burst < 1 or latency < 0:
            raise ValueError("rate must be from 0 to 1, burst at least 1, and latency not negative")
        self._end_chance()
        for kind in wanted:
            if kind in self._specials:
                self._specials[kind].begin()
        with self._lock:
            self._played.clear()
            chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
            self._chance = _Chance(rate, chance, tuple(wanted), path, burst, latency)

    @property
    def played(self) -> dict[FaultKind, int]:
        """How many drawn faults of each kind were played since `randomly` was called."""
        with self._lock:
            return dict(self._played)

    def clear(self) -> None:
        """Drop what is planned, and leave nothing to chance any more."""
        with self._lock:
            self._planned.clear()
        self._end_chance()

    def take(self, method: str, path: str) -> Fault | None:
        """The planned fault for a request, used up by it; for the server."""
        with self._lock:
            for plan in self._planned:
                fault, wanted_method, wanted_path, skip, times = plan
                if times <= 0 or (wanted_method or method) != method or (wanted_path or "") not in path:
                    continue
                if skip > 0:
                    plan[3] -= 1
                    continue
                plan[4] -= 1
                return fault  # type: ignore[no-any-return]
        return None

    def play(self, scope: Scope) -> Play:
        """What happens to a request; for the server."""
        planned = self.take(scope["method"], scope["path"])
        if planned is not None:
            return Play(planned)
        with self._lock:
            return self._drawn(self._chance, scope) if self._chance else Play()

    def note(self, kind: FaultKind) -> None:
        """Counts a drawn fault as played; for the server."""
        with self._lock:
            self._played[kind] += 1

    def _known(self) -> set[FaultKind]:
        return (set(FAULT_KINDS) - _SPECIAL) | set(self._specials)

    def _end_chance(self) -> None:
        with self._lock:
            chance, self._chance = self._chance, None
        for kind in chance.kinds if chance else ():
            if kind in self._specials:
                self._specials[kind].end()

    def _drawn(self, chance: _Chance, scope: Scope) -> Play:
        if chance.path not in scope["path"]:
            return Play()
        if chance.repeats:
            chance.repeats -= 1
            assert chance.repeated is not None
            return self._made(chance, chance.repeated)
        if chance.random.random() >= chance.rate:
            return Play()
        kinds: list[FaultKind] = [
            k for k in chance.kinds if k not in self._specials or self._specials[k].applies(scope)
        ]
        if not kinds:
            return Play()
        kind = chance.random.choice(kinds)
        if kind in self._specials:
            self._specials[kind].play(scope, chance.random)
            return Play(kind=kind)
        if kind in _IN_BURSTS:
            chance.repeated, chance.repeats = kind, chance.random.randint(0, chance.burst - 1)
        return self._made(chance, kind)

    def _made(self, chance: _Chance, kind: FaultKind) -> Play:
        chosen = chance.random
        match kind:
            case "html":
                return Play(Fault(chosen.choice((200, 503)), _OUTAGE, "text/html; charset=utf-8"), kind)
            case "truncated" if chosen.random() < 0.5:
                return Play(kind=kind, halved=True)
            case "truncated":
                return Play(Fault(cut=True, when="after"), kind)
            case "cut_before" | "cut_after":
                return Play(Fault(status=0, when=kind.removeprefix("cut_")), kind)
            case "latency":
                return Play(kind=kind, delay=chosen.uniform(0, chance.latency))
            case _:
                answer = self._answers.get(kind) or Fault(int(kind), b"out of order")
                if kind in _PERHAPS_AFTER:
                    answer = attrs.evolve(answer, when=chosen.choice(("before", "after")))
                return Play(answer, kind)
