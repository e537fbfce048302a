"""`python -m keapbridge demo`: the three synchronizations between two emulators, over real HTTP, with messy data.

It loads two systems that partly hold the same, shows a plan, applies it, lets users edit on both sides, syncs again,
and shows that there is nothing left to do. Whatever it says is proven against what the two systems hold and were
asked; if anything is not so, it says what, and fails. It needs no service and no account, and leaves nothing behind.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from keapbridge.customcrm import BearerToken, CustomcrmClient
from keapbridge.decide.policy import Policy
from keapbridge.demo import _claims as claims
from keapbridge.demo import _edits as edits
from keapbridge.demo._invented import Things, invent, load
from keapbridge.demo._left import leave
from keapbridge.errors import KeapbridgeError
from keapbridge.keap import KeapApiKey, KeapClient
from keapbridge.mapping import Mapper, companies, contacts, products
from keapbridge.model.actions import Action, Adopt, Create, Skip, describe
from keapbridge.model.plan import Plan
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side
from keapbridge.sync.session import SyncSession

if TYPE_CHECKING:
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator

__all__ = ["run"]

SEED = 2024
MAPPERS: Mapping[str, Mapper] = {"companies": companies, "products": products, "contacts": contacts}
CURRENCY = "USD"
_NEEDED = ("starlette", "uvicorn", "rich")
_WIDTH = 160  # characters of an example, at most
_SHOWN = 5  # of what contradicts a claim

Out = Callable[[str], object]
T = TypeVar("T")


def run(
    out: Out = print,
    *,
    seed: int = SEED,
    customers: int = 200,
    contacts: int = 1000,
    products: int = 150,
    then: Callable[[SyncSession], object] | None = None,
) -> int:
    """Show the three synchronizations.

    Args:
        out: where the lines go.
        seed: the same data for the same seed.
        customers, contacts, products: how many companies, people and products there are, in both systems together.
        then: is called with a session before all of it is gone: one that leaves conflicts to people, and after which
            something waits for them.

    Returns:
        0 when everything it said is so, 1 when something is not, 2 when it cannot run.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        out(f"The demo needs {', '.join(missing)}: pip install 'keapbridge[demo]'")
        return 2
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator

    started = time.monotonic()
    # The times of the last edits decide what is newest: without a gap between the two systems, some would be equal.
    clocks = _Clock(timedelta(hours=2)), _Clock(timedelta(hours=1))
    invented = invent(seed, customers=customers, contacts=contacts, products=products)
    with (
        _quiet_log(),
        CustomcrmEmulator(clock=clocks[0]) as crm_server,
        KeapEmulator(currency=CURRENCY, clock=clocks[1]) as keap_server,
        CustomcrmClient(crm_server.base_url, auth=BearerToken(crm_server.token)) as crm,
        KeapClient(auth=KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        tempfile.TemporaryDirectory(prefix="keapbridge-demo-") as folder,
        SyncSession(customcrm=crm, keap=keap, store=_store(folder), progress=True) as session,
    ):
        things = load(invented, crm_server, keap_server)
        for clock in clocks:
            clock.behind = timedelta(0)
        show = _Show(out, crm_server, keap_server, session, things)
        out(f"keapbridge: three synchronizations between two systems, over HTTP (seed {seed})")
        try:
            _first_sync(show)
            _second_sync(show)
            _third_plan(show)
        except KeapbridgeError as error:
            show.contradicted.append(f"it stopped: {type(error).__name__}: {error}")
        _figures(show)
        verdict = _verdict(show, time.monotonic() - started)
        if then is not None:
            asks = Policy(conflicts="manual")
            with SyncSession(customcrm=crm, keap=keap, store=_store(folder), policy=asks) as for_people:
                leave(for_people, crm_server, keap_server)
                then(for_people)
    return verdict


def _store(folder: str) -> str:
    return f"sqlite:///{Path(folder) / 'bridge.db'}"


@contextmanager
def _quiet_log() -> Iterator[None]:
    """Python prints warnings of a library that nobody has given a log; what they are about is shown here anyway."""
    logger, handler = logging.getLogger("keapbridge"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@attrs.define
class _Clock:
    """The time of a system, so much behind."""

    behind: timedelta

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


@attrs.define
class _Show:
    """The show while it runs.

    Attributes:
        things: what each record that was loaded is about.
        made: the requests of the first sync, by which records were made.
        figures: what → side → how often a method was used, and how many seconds it took.
        contradicted: the claims that are not so.
        compared: what came of comparing pairs.
    """

    out: Out
    customcrm: CustomcrmEmulator
    keap: KeapEmulator
    session: SyncSession
    things: Things
    made: claims.Asked = attrs.field(factory=dict)
    figures: list[tuple[str, float, Mapping[Side, Counter[str]]]] = attrs.field(factory=list)
    contradicted: list[str] = attrs.field(factory=list)
    compared: dict[Any, Any] = attrs.field(factory=dict)

    def heading(self, text: str) -> None:
        self.out(f"\n{text}\n{'-' * len(text)}")

    def lines(self, text: object) -> None:
        for line in str(text).splitlines():
            self.out(f"  {line}")

    def prove(self, *proven: claims.Claim) -> None:
        for claim in proven:
            self.out(f"  {'✓' if not claim.against else '✗ NOT SO:'} {claim.sentence}")
            if claim.against:
                self.contradicted.append(claim.sentence)
                more = len(claim.against) - _SHOWN
                for text in claim.against[:_SHOWN]:
                    self.out(f"      {text}")
                if more > 0:
                    self.out(f"      and {more} more")

    # --- what the systems hold and were asked -------------------------------------------------------------------

    def documents(self) -> claims.Documents:
        ours, theirs = self.customcrm.state.snapshot(), self.keap.state.snapshot()
        ours["companies"] = ours.pop("customers")
        return {
            (object, side): held[object] for object in MAPPERS for side, held in zip(Side, (ours, theirs), strict=True)
        }

    def links(self) -> claims.Links:
        return {object: list(getattr(self.session, object).links()) for object in MAPPERS}

    def asked(self, what: str, seconds: float) -> claims.Asked:
        """The requests since the last time."""
        logs = {Side.CUSTOMCRM: self.customcrm.requests, Side.KEAP: self.keap.requests}
        asked = {side: list(log) for side, log in logs.items()}
        for log in logs.values():
            log.clear()
        self.figures.append((what, seconds, {side: Counter(r.method for r in rs) for side, rs in asked.items()}))
        return asked


# --- the acts ---------------------------------------------------------------------------------------------------


def _first_sync(show: _Show) -> None:
    before = show.documents()
    show.heading("Two systems that have never met")
    show.out(f"  {'':<12}{'Customcrm':>12}{'Keap':>12}{'in both':>12}")
    for object in MAPPERS:
        ours, theirs = (set(show.things[object, side].values()) for side in Side)
        numbers = (*(len(before[object, side]) for side in Side), len(ours & theirs))
        show.out(f"  {object:<12}" + "".join(f"{number:>12,}" for number in numbers))

    show.heading("The plan: nothing is written yet")
    plan, planning = _timed(show.session.plan)
    show.lines(plan)
    show.out("\n  for example:")
    for action in _examples(plan):
        show.out(f"  - {_short(describe(action))}")
    show.out("")
    show.prove(claims.nothing_written(show.asked("first plan", planning)))

    show.heading("The first sync")
    report, applying = _timed(lambda: show.session.apply(plan))
    show.lines(report)
    _reasons(show, report)
    show.made = show.asked("first sync", applying)
    after, links, lines = show.documents(), show.links(), list(report.lines)
    show.out("")
    show.prove(
        claims.recognised(show.things, links, lines),
        claims.made_once(before, after, links, report, show.made),
        claims.accounted_for(after, links, lines),
        claims.agree(after, links, lines, show.made, MAPPERS, CURRENCY, show.compared),
        claims.unmapped_kept(before, after, MAPPERS),
        claims.consent_kept(before, after),
    )


def _second_sync(show: _Show) -> None:
    planned = edits.plan_edits(show.documents(), show.links(), MAPPERS, CURRENCY)
    show.heading("Users edit in both systems")
    edits.make(planned, show.customcrm, show.keap)
    for item in planned:
        show.out(f"  - {item.edit.told} ({item.edit.object} {item.link.customcrm_id} ↔ {item.link.keap_id})")
    before = show.documents()

    show.heading("The second sync")
    report, seconds = _timed(show.session.sync)
    show.lines(report)
    lines = list(report.lines)
    show.out("")
    for line in lines:
        if line.outcome not in _LEFT_ALONE:
            show.out(f"  - {_short(str(line))}")
    asked = show.asked("second sync", seconds)
    after, links = show.documents(), show.links()
    show.out("")
    show.prove(
        edits.reached(planned, after),
        edits.written_exactly(planned, asked),
        edits.decided(planned, lines),
        claims.unchanged(before, after, apart_from=edits.edited_records(planned)),
        claims.agree(after, links, lines, show.made, MAPPERS, CURRENCY, show.compared),
        claims.unmapped_kept(before, after, MAPPERS),
        claims.consent_kept(before, after),
    )


def _third_plan(show: _Show) -> None:
    before = show.documents()
    show.heading("The third plan, for which everything is read again")
    plan, planning = _timed(lambda: show.session.plan(full=True))
    show.lines(plan)
    report, applying = _timed(lambda: show.session.apply(plan))
    asked, after = show.asked("third sync", planning + applying), show.documents()
    written = tuple(_short(describe(action)) for action in plan.actions if not isinstance(action, Skip))
    show.out("")
    show.prove(
        claims.Claim("the plan is empty: what is left are the records and fields that are reported", written),
        claims.nothing_written(asked),
        claims.unchanged(before, after),
        claims.accounted_for(after, show.links(), report.lines),
    )


def _figures(show: _Show) -> None:
    show.heading("Requests that the systems saw")
    methods = {"GET": "read", "POST": "create", "PATCH": "update"}
    show.out(f"  {'':<14}" + "".join(f"{side.title:>24}" for side in Side))
    show.out(f"  {'':<14}" + "".join(f"{name:>8}" for name in methods.values()) * len(Side) + f"{'seconds':>10}")
    for what, seconds, by_side in show.figures:
        counts = "".join(f"{by_side[side][method]:>8,}" for side in Side for method in methods)
        show.out(f"  {what:<14}{counts}{seconds:>10.1f}")


def _verdict(show: _Show, seconds: float) -> int:
    show.out("")
    if show.contradicted:
        show.out(f"{len(show.contradicted)} of the things shown above are not so:")
        for sentence in show.contradicted:
            show.out(f"  ✗ {sentence}")
        return 1
    show.out(f"Everything marked ✓ was checked against what both systems hold and were asked. It took {seconds:.1f} s.")
    return 0


# --- how things are shown ---------------------------------------------------------------------------------------

_LEFT_ALONE = frozenset({"skipped", "held", "failed", "conflict"})


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _examples(plan: Plan) -> list[Action]:
    """The first action of each sort, and of each reason for which a record is left alone."""
    found: dict[object, Action] = {}
    for action in plan.actions:
        found.setdefault(_sort(action), action)
    return [action for sort, action in found.items() if sort is not None]


def _sort(action: Action) -> object:
    match action:
        case Create():
            return Create, action.object, action.side
        case Adopt():
            sides = frozenset(change.side for change in action.changes)
            return (Adopt, action.object) if len(sides) == len(Side) else None
        case Skip():
            return Skip, re.sub(r"\(.*", "", action.reason)
        case _:
            return type(action), action.object


def _reasons(show: _Show, report: Report) -> None:
    """What was left alone and what failed, by reason."""
    show.out("\n  left alone or failed, by reason:")
    for (object, outcome, reason), number in sorted(_counted(report.lines).items()):
        show.out(f"  {number:>6,}  {object}, {outcome}: {_short(reason)}")


def _counted(lines: Iterable[Line]) -> Counter[tuple[str, str, str]]:
    return Counter((n.object, n.outcome, _impersonal(n.reason)) for n in lines if n.outcome in _LEFT_ALONE)


def _impersonal(reason: str) -> str:
    """A reason without the records it names, so that it can be counted."""
    return re.sub(r": (Customcrm|Keap) \w+.*$| for \w+ \w+(?=:)| \(\w+ http.*$", "", reason)
