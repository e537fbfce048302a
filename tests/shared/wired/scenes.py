"""Scenes of openings: what happens meanwhile, before anything is known, too late, or to a host of odd ways."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from typing import Any

import attrs
import httpx
from stopping import CountingDriver, KilledError
from two_systems.drivers import Interrupted
from two_systems.pools import AFTER_THE_TERM, policy_without_brakes

import keapbridge as kb
from keapbridge.events import log
from wired.accidents import FIELD
from wired.checks import EXPECTED
from wired.hosts import STALE
from wired.places import CRMS
from wired.shown import cooks, hidden, look_often
from wired.world import CONTACTS, CUSTOMCRM, HOST, KEAP, POISON, PRODUCTS


def make_meanwhile(game: Any, side: kb.Side, *, lost: bool, minutes: int) -> None:
    """A plan is old when it is applied, and takes long: who was made by others meanwhile is not made again."""
    game.clock.pass_by(AFTER_THE_TERM)
    first = game.numbers
    people = [
        {"FirstName": "Zoe", "LastName": f"Zimmer {first + k}", "Email": f"z{first + k}@example.org"} for k in range(10)
    ]
    for values in people:
        game.add(CONTACTS, side, **values)
    session = game.session()
    plan = game.watched(session.plan)
    game.pass_by(minutes=minutes)
    for values in people[::3]:
        game.add(CONTACTS, side.other, **values)
    # Each of these times, two minutes pass, and somebody else is made meanwhile.
    late = people[1::3]
    left = iter(late)

    def later(effect: Any) -> None:
        game.pass_by(minutes=2)
        if (values := next(left, None)) is not None:
            game.add(CONTACTS, side.other, **values)
            driver.next = len(driver.log) + 12

    driver = Interrupted(game.clock, at=20, then=later)
    session = game.session(driver)
    made = 0

    def fault(request: httpx.Request) -> str | None:
        nonlocal made
        made += request.method == "POST" and CONTACTS in request.url.path
        return "lost" if lost and made == 1 and request.method == "POST" else None

    if side.other in game.ways:
        game.ways[side.other].fault = fault
    game.watched(lambda: session.apply(plan.id), may_fail=STALE)
    game.all_is_well()
    game.pass_by(days=1)
    look_often(game, 2, full=True)
    for each in kb.Side:
        there = Counter(row.get("LastName") for row in game.rows(CONTACTS, each).values())
        # Whom somebody adds in the very minute in which they are made, there are two of.
        twice = [values for values in people if there[values["LastName"]] != 1 and values not in late]
        assert not twice, f"{each.title} has {there}"


def make_late(game: Any, *, ids: bool) -> None:
    """The clock of the CRM, which was ahead, is mended between a plan and its work; or some records are looked at late.

    Args:
        ids: records are synced by their ids, which takes minutes.
    """
    game.clock.pass_by(AFTER_THE_TERM)
    number = game.numbers
    if ids:
        [id] = [game.add(CONTACTS, KEAP, FirstName="Zoe", LastName=f"Zimmer {number}", Email=f"z{number}@example.org")]
        driver = Interrupted(game.clock, at=6, then=lambda _: game.pass_by(minutes=3))
        session = game.session(driver)
        game.watched(lambda: session.contacts.sync_ids(keap=[id]), may_fail=EXPECTED)
    else:
        game.ahead = timedelta(days=3)
        game.add(CONTACTS, CUSTOMCRM, FirstName="Kai", Email=f"kai{number}@example.org")
        game.add(CONTACTS, KEAP, FirstName="Zoe", LastName=f"Zimmer {number}", Email=f"z{number}@example.org")
        session = game.session()
        game.watched(session.check)
        plan = game.watched(session.plan)
        game.ahead = timedelta(0)
        game.pass_by(minutes=2)
        game.watched(lambda: session.apply(plan), may_fail=STALE)
    game.clock.pass_by(AFTER_THE_TERM)


def ask_before_anything(game: Any) -> None:
    """Questions about a store in which nothing is yet: each has an answer, and nothing is written."""
    before = game.writes()
    session = game.session()
    assert session.last_full_scan() is None
    assert not session.pairs_in_doubt()
    for ask in (
        lambda: session.undo("no-such-run"),
        lambda: session.plan_undo("no-such-run"),
        lambda: session.apply("no-such-plan"),
    ):
        assert isinstance(game.watched(ask, may_fail=(kb.StalePlanError,)), kb.StalePlanError)
    game.watched(session.check, may_fail=EXPECTED)
    game.watched(lambda: session.rebind(keep_links=True), may_fail=EXPECTED)
    game.watched(lambda: game.session(currency="USD", retention=None).plan(), may_fail=EXPECTED)
    assert game.writes() == before, "a question wrote something"


def lose_what_was_made(game: Any, side: kb.Side) -> None:
    """The answers to creates are lost: what was made is found, and not made again."""
    game.clock.pass_by(AFTER_THE_TERM)
    first = game.numbers
    for k in range(3):
        game.add(CONTACTS, side.other, FirstName="Zoe", LastName=f"Z{first + k}", Email=f"z{first + k}@example.org")
    game.ways[side].fault = lambda request: "lost" if request.method == "POST" else None
    game.watched(lambda: game.session().sync(), may_fail=EXPECTED)
    game.ways[side].fault = None
    game.pass_by(days=1)
    which = {
        side.other.value: [id for id, row in game.rows(CONTACTS, side.other).items() if row.get("FirstName") == "Zoe"]
    }
    game.watched(lambda: game.session().contacts.sync_ids(**which), may_fail=EXPECTED)
    game.pass_by(days=1)
    look_often(game, 1, full=True)
    made = Counter(row.get("LastName") for row in game.rows(CONTACTS, side).values())
    assert all(made[f"Z{first + k}"] == 1 for k in range(3)), f"{side.title} has {made}"


def move_to_another_country(game: Any) -> None:
    """A number of a country is read by the country that it was written under, whatever becomes of that."""
    game.clock.pass_by(AFTER_THE_TERM)
    first = game.numbers
    for k, side in enumerate((CUSTOMCRM, KEAP)):
        game.add(
            CONTACTS,
            side,
            FirstName="Kari",
            LastName=f"K{first + k}",
            Email=f"k{first + k}@example.org",
            Phone=f"22 33 44 {55 + k}",
            Country="NO",
            City="Oslo",
        )
    for _ in range(2):
        game.watched(lambda: game.session().sync())
        game.clock.pass_by(AFTER_THE_TERM)
    those = [
        pair
        for pair in game.pairs(CONTACTS)
        if str(game.row((CONTACTS, CUSTOMCRM, pair[CUSTOMCRM])).get("LastName")).startswith("K")
    ]
    assert len(those) == 2
    for pair, side in zip(those, kb.Side, strict=True):
        game.type((CONTACTS, side, pair[side]), Country="SE")
    for _ in range(2):
        game.watched(lambda: game.session().sync())
        game.clock.pass_by(AFTER_THE_TERM)
    for pair in those:
        for side, id in pair.items():
            row = game.row((CONTACTS, side, id))
            assert re.sub(r"\D", "", row["Phone"]).startswith("47"), f"{row} was Norwegian, and moved to Sweden"


def begin_in_trouble(game: Any) -> None:
    """The very first question to an API is not answered: a run that has asked nothing before finds that out."""
    game.clock.pass_by(AFTER_THE_TERM)
    for fault in (500, 401, 403):
        asked = 0

        def cut(request: httpx.Request, fault: int = fault) -> int | None:
            nonlocal asked
            asked += 1
            return fault if asked < 12 else None

        game.ways[CUSTOMCRM].fault = cut
        game.watched(lambda: game.session().sync(), may_fail=EXPECTED)
        game.ways[CUSTOMCRM].fault = None
        game.clock.pass_by(AFTER_THE_TERM)


def take_tags_back(game: Any) -> None:
    """A run that tagged people is taken back, while Keap refuses that of some."""
    game.clock.pass_by(AFTER_THE_TERM)
    for refused in (True, False):
        pairs = game.pairs(CONTACTS)[:2]
        tag = f"Tag {game.numbers}"
        game.numbers += 1
        for pair in pairs:
            game._tag(CUSTOMCRM, pair[CUSTOMCRM], {tag, "Old"})
        look_often(game, 1, full=False)
        run = game.runs[-1]
        for fault in (422, 401):
            game._tag(CUSTOMCRM, pairs[0][CUSTOMCRM], {tag, f"{tag} {fault}"})
            game.type((CONTACTS, CUSTOMCRM, pairs[0][CUSTOMCRM]), JobTitle=f"Number {game.numbers + fault}")
            game.ways[KEAP].fault = lambda request, f=fault: f if "/contacts:" in request.url.path else None
            game.ways[KEAP].answered = lambda request, a: hidden(a) if request.method == "PATCH" else a
            look_often(game, 1, full=False)
            game.ways[KEAP].fault = game.ways[KEAP].answered = None
        assert all(tag in game._tags(KEAP, pair[KEAP]) for pair in pairs)

        failures = {"results": dict.fromkeys((pair[KEAP] for pair in pairs), "FAILURE")}

        def answered(request: httpx.Request, answer: Any, failures: Any = failures) -> Any:
            return failures if "/contacts:" in request.url.path else answer

        game._all_is_blurred()
        game.anything_goes = True
        game.ways[KEAP].answered = answered if refused else None
        game.watched(lambda r=run: game.session().undo(r), may_fail=(*STALE, kb.UncertainError), deletes="undo")
        game.ways[KEAP].answered = None
        game.clock.pass_by(AFTER_THE_TERM)
        assert refused or not any(tag in game._tags(KEAP, pair[KEAP]) for pair in pairs)


def meet_another_crm(game: Any) -> None:
    """The credentials are those of another CRM, with other people: nothing is written."""
    game.clock.pass_by(AFTER_THE_TERM)
    game._pairs_with("Cook", 22)
    game.watched(lambda: game.session().rebind(keep_links=True))
    game.identity = "acme"
    look_often(game, 1, full=True)
    mine, own = game.crm, game.own
    way = game.ways.get(CUSTOMCRM)
    other = CRMS[game.kind](game.clock)
    for k in range(3):
        other.add(CONTACTS, {"FirstName": "Kim", "LastName": f"Other {k}", "Email": f"other{k}@example.org"})
    try:
        game.crm, game.own, game.identity = other, {}, "another"
        if way is not None:
            game.ways[CUSTOMCRM] = type(way)(other, other.app, game.loop)
        before = game.writes()
        session = game.session()
        game.watched(session.check, may_fail=EXPECTED)
        assert isinstance(game.watched(session.sync, may_fail=EXPECTED), kb.OtherSystemError)
        refused = game.watched(lambda: session.rebind(keep_links=True), may_fail=EXPECTED)
        assert isinstance(refused, Exception)
        assert game.writes()[:4] == before[:4], "something was written to another CRM"
    finally:
        game.shut()
        other.close()
        game.crm, game.own, game.identity = mine, own, "acme"
        if way is not None:
            game.ways[CUSTOMCRM] = way
    game.clock.pass_by(AFTER_THE_TERM)


class _Dying(CountingDriver):
    """The process dies right after somebody was made in a database."""

    def _counted(self, effect: Any) -> Any:
        result = super()._counted(effect)
        if self.log[-1] == "a new contact":
            self._die()
        return result


def die_after_a_create(game: Any) -> None:
    """A process dies before it has learnt of whom it made: that one is found, and not made again."""
    game.clock.pass_by(AFTER_THE_TERM)
    for _ in range(2):
        name = f"Z{game.numbers}"
        game.add(CONTACTS, KEAP, FirstName="Zoe", LastName=name, Email=f"{name}@example.org")
        died = game.watched(lambda: game.session(_Dying(game.clock)).sync(), may_fail=(KilledError,))
        assert isinstance(died, KilledError)
        game.pass_by(days=1)
        look_often(game, 1, full=False)
        made = [row for row in game.rows(CONTACTS, CUSTOMCRM).values() if row.get("LastName") == name]
        assert len(made) == 1, f"{made} were made of one"


def need_something(game: Any, *, made: int, title: str | None) -> None:
    """A database wants what nobody has; what can be made is made, and the rest is told.

    Args:
        made: how many of eight people are made.
        title: what those hold whose title is another in Keap; `None` for that of Keap.
    """
    game.clock.pass_by(AFTER_THE_TERM)
    first = game.numbers
    for k in range(8):
        values = {"FirstName": "Zoe", "LastName": f"Zimmer {'x' * k}", "Email": f"z{first + k}@example.org"}
        game.add(CONTACTS, KEAP, **values, JobTitle=("Cook", None)[k % 2])
    before = len(game.rows(CONTACTS, CUSTOMCRM))
    look_often(game, 2, full=True)
    assert len(game.rows(CONTACTS, CUSTOMCRM)) == before + made
    pairs = game.pairs(CONTACTS)
    for pair in pairs:
        game.type((CONTACTS, KEAP, pair[KEAP]), JobTitle="Nurse", FirstName="Ola")
    look_often(game, 2, full=False)
    for pair in pairs:
        row = game.row((CONTACTS, CUSTOMCRM, pair[CUSTOMCRM]))
        assert row["FirstName"] == "Ola", "what cannot be written holds its field alone"
        assert row["JobTitle"].startswith(title or "Nurse")


def leave_the_filter(game: Any) -> None:
    """Somebody is deleted in Keap whose counterpart takes no part any more, or is edited at the last moment."""
    pairs = cooks(game, 4)
    game.policy = policy_without_brakes(deletions="delete", archive={})
    game.type((CONTACTS, CUSTOMCRM, pairs[0][CUSTOMCRM]), JobTitle="Nobody")
    for pair in pairs:
        game.drop((CONTACTS, KEAP, pair[KEAP]))
    session = game.session()
    plan = game.watched(session.plan)
    game.ways[CUSTOMCRM].fault = lambda _: 422
    game.watched(lambda p=plan: session.apply(p), may_fail=STALE)
    game.ways[CUSTOMCRM].fault = None
    assert {pair[CUSTOMCRM] for pair in pairs} <= game.rows(CONTACTS, CUSTOMCRM).keys()
    game.clock.pass_by(AFTER_THE_TERM)
    plan = game.watched(session.plan)
    game.type((CONTACTS, CUSTOMCRM, pairs[1][CUSTOMCRM]), JobTitle="Nobody")
    game.type((CONTACTS, CUSTOMCRM, pairs[2][CUSTOMCRM]), JobTitle="Nurse")
    game.watched(lambda: session.apply(plan), may_fail=STALE)
    there = game.rows(CONTACTS, CUSTOMCRM)
    assert [pair[CUSTOMCRM] in there for pair in pairs] == [True, True, True, False]
    game._all_is_blurred()
    game.clock.pass_by(AFTER_THE_TERM)


def decide_too_late(game: Any) -> None:
    """What a person decides of, has moved on meanwhile: they are told so."""
    game.clock.pass_by(AFTER_THE_TERM)
    parked = policy_without_brakes(conflicts="manual", deletions="delete", archive={})
    game.policy = parked

    def waiting(*, whole: bool = False) -> Any:
        pairs = game._pairs_with("Cook", 2)
        game._blur(*pairs)
        for pair in pairs:
            game.type((CONTACTS, CUSTOMCRM, pair[CUSTOMCRM]), JobTitle="Nurse", FirstName="Kim")
            if whole:
                game.drop((CONTACTS, KEAP, pair[KEAP]))
            else:
                game.type((CONTACTS, KEAP, pair[KEAP]), JobTitle="Smith", FirstName="Lou")
        look_often(game, 1, full=True)
        session = game.session()
        mine = {pair[CUSTOMCRM] for pair in pairs}
        found = [each for each in session.conflicts() if each.customcrm_id in mine]
        assert found
        return session, pairs, found

    def late(session: Any, conflict: Any) -> None:
        error = game.watched(lambda: session.resolve(conflict, "keap"), may_fail=STALE, deletes="resolve")
        assert isinstance(error, Exception), f"{conflict} was decided"

    session, pairs, found = waiting()
    game.type((CONTACTS, KEAP, pairs[0][KEAP]), JobTitle="Baker")
    late(session, next(each for each in found if each.field == FIELD and each.keap_id == pairs[0][KEAP]))
    session, pairs, found = waiting()
    game.type((CONTACTS, KEAP, pairs[0][KEAP]), JobTitle="Baker")
    conflict = next(each for each in found if each.field == FIELD and each.keap_id == pairs[0][KEAP])
    late(session, attrs.evolve(conflict, listed_at=None))
    session, pairs, found = waiting()
    told = game.watched(lambda: game.session().forget(CONTACTS, keap=pairs[0][KEAP]))
    game.forgotten |= {(CONTACTS, CUSTOMCRM, id) for id in told.customcrm} | {(CONTACTS, KEAP, id) for id in told.keap}
    late(game.session(), next(each for each in found if each.keap_id == pairs[0][KEAP]))
    session, pairs, found = waiting()
    for side, id in pairs[0].items():
        game.drop((CONTACTS, side, id))
    look_often(game, 2, full=True)
    assert (CONTACTS, pairs[0][CUSTOMCRM], pairs[0][KEAP]) not in game.links(), "nobody is left"
    late(game.session(), next(each for each in found if each.keap_id == pairs[0][KEAP]))
    _, _, found = waiting(whole=True)
    _list_in_parts(game)
    for each in found:
        game.watched(lambda c=each: game.session().resolve(c, "customcrm"), may_fail=STALE, deletes="resolve")
    game.twice = True
    game.clock.pass_by(AFTER_THE_TERM)


def _list_in_parts(game: Any) -> None:
    """What waits is listed in parts, each as long as it may be at most."""
    product = game.pairs(PRODUCTS)[0]
    game.type((PRODUCTS, CUSTOMCRM, product[CUSTOMCRM]), ShortDescription="Long")
    game.drop((PRODUCTS, KEAP, product[KEAP]))
    game._all_is_blurred()
    look_often(game, 1, full=True)
    session = game.session()
    every = list(session.conflicts())
    for limit in range(1, len(every) + 1):
        some = list(session.conflicts(limit=limit))
        assert some == every[: len(some)], f"{some} are the first of {every}"
        most = max(limit, *Counter((each.object, each.customcrm_id) for each in some).values())
        assert len(some) <= most, f"{len(some)} of a part of {limit}"


def try_again(game: Any) -> None:
    """Calls fail for a while, and a person says which are tried again at once; who waits is told."""
    pairs = cooks(game, 2)
    for pair in pairs:
        game.type((CONTACTS, CUSTOMCRM, pair[CUSTOMCRM]), JobTitle="Nurse")
    number = game.numbers
    for side, title in ((CUSTOMCRM, "Baker"), (KEAP, "Cook")):
        game.add(CONTACTS, side, FirstName="Kai", LastName=f"Q{number}", Email=f"q{number}@example.org", JobTitle=title)
    for way in game.ways.values():
        way.fault = lambda request: 422 if request.method in {"PATCH", "PUT"} else None
    look_often(game, 2, full=False)
    look_often(game, 1, full=True)
    for side in kb.Side:
        game.ways[side].fault = lambda request: 500 if request.method == "GET" else None
        for each in kb.Side:
            ids = [pair[each] for pair in pairs]
            game.watched(lambda i=ids, e=each: game.session().contacts.sync_ids(**{e.value: i}), may_fail=EXPECTED)
            game.clock.pass_by(AFTER_THE_TERM)
        game.ways[side].fault = None
    session = game.session()
    failed = [each.id for each in session.failures() if each.side is CUSTOMCRM]
    assert session.contacts.retry(customcrm=failed, by="Kim") == len(failed) > 0
    first = iter(("soon",))
    game.ways[KEAP].fault = lambda _: next(first, None)
    game.type((CONTACTS, KEAP, pairs[0][KEAP]), FirstName="Ola")
    told: list[Any] = []
    game.watched(
        lambda: game.session(progress=lambda *step: told.append(step), on_event=[log()], retention=None).sync(),
        may_fail=EXPECTED,
    )
    assert any("waiting" in str(step) for step in told), told
    game.clock.pass_by(AFTER_THE_TERM)


def change_the_lists(game: Any) -> None:
    """An entry of a list is made by somebody else meanwhile, or goes and comes again."""
    game.clock.pass_by(AFTER_THE_TERM)
    state = game.keap.emulator.state
    pair = game.pairs(CONTACTS)[0]
    for source in ("Fair", "Radio"):
        game.crm.edit(CONTACTS, pair[CUSTOMCRM], {"LeadSource": source})
        session = game.session()
        plan = game.watched(session.plan)
        state.lead_sources.add({"name": source})
        game.watched(lambda s=session, p=plan: s.apply(p), may_fail=STALE)
        game.clock.pass_by(AFTER_THE_TERM)
    look_often(game, 1, full=True)
    old = next(id for id, entry in state.lead_sources.items() if entry["name"] == "Radio")
    state.lead_sources.delete(old)
    state.lead_sources.add({"name": "Radio"})
    look_often(game, 2, full=True)
    game.crm.edit(CONTACTS, pair[CUSTOMCRM], {"LeadSource": "Fair"})
    known = game.mappers[CONTACTS].with_lenses(kb.lead_source("LeadSource")).without("Tags")
    game.watched(lambda: game.session(contacts=known).sync(), may_fail=EXPECTED)
    game.clock.pass_by(AFTER_THE_TERM)
    look_often(game, 1, full=True)


def name_no_field(game: Any) -> None:
    """Companies are to have a custom field that Keap does not have: the run says so, and writes nothing."""
    game.clock.pass_by(AFTER_THE_TERM)
    companies = kb.mapping.companies.with_lenses(kb.text("Fax1", keap=kb.custom_field("No such field")))
    before = game.writes()
    error = game.watched(lambda: game.session(companies=companies).sync(), may_fail=(kb.MappingError, *EXPECTED))
    assert isinstance(error, kb.MappingError)
    assert game.writes() == before, "something was written by a mapping that cannot be"
    game.clock.pass_by(AFTER_THE_TERM)


def stamp_ahead(game: Any) -> None:
    """Records are changed later than the clock tells, and hold what nobody maps; a check says so."""
    id = game.pick(CONTACTS, CUSTOMCRM, 0)
    game.crm.edit(CONTACTS, id, {"City": "Tempe", "More": {"deep": "x", "flat": ""}})
    game.crm.edit(CONTACTS, id, {"City": "Oslo"}, stamp=game.clock() + timedelta(hours=5))
    game.watched(lambda: game.session().check(), may_fail=EXPECTED)
    game.blurred.add((CONTACTS, CUSTOMCRM, id))
    game.clock.pass_by(timedelta(hours=8))


def restore_contacts(game: Any) -> None:
    """A side goes back while contacts alone are synced, which stops; who is edited then is in doubt no more."""
    for many in (11, 2):
        pairs = cooks(game, many)
        backup = game.crm.backup()
        for pair in pairs:
            game.type((CONTACTS, KEAP, pair[KEAP]), JobTitle="Nurse")
        for _ in range(2):
            look_often(game, 1, full=False)
            game.pass_by(days=1)
        game.crm.restore(backup)
        game._all_is_blurred()
        stopped = game.watched(lambda: game.session().contacts.sync(full=True), may_fail=EXPECTED)
        assert isinstance(stopped, kb.BrakeError) == (many == 11)
        look_often(game, 1, full=True)
        found = [each for each in game.session().conflicts() if each.about == "restored"]
        for each in found[:1]:
            game.type((CONTACTS, CUSTOMCRM, each.customcrm_id), JobTitle="Baker", FirstName="Siv")
            look_often(game, 1, full=False)
            game.watched(lambda c=each: game.session().resolve(c, "keap"), may_fail=STALE, deletes="resolve")
        game.watched(lambda: game.session().sync(full=True, accept={"restored": "keap"}), may_fail=EXPECTED)
        game._resolve_all("keap")
        assert all(game._holds(pair, KEAP, "Nurse") for pair in pairs[1:])


def begin_with_another_mapping(game: Any) -> None:
    """A long list is left, and the next run reads it by another mapping: it begins anew."""
    game._all_happen([("add", CONTACTS, side, n, n) for n in range(5) for side in kb.Side])
    for k in range(12):
        game.clock.pass_by(AFTER_THE_TERM)
        game.stop(events=[], how=CONTACTS, n=0, at=6 + 2 * k, by_deadline=False)
        other = game.mappers[CONTACTS].without(("Website", "City")[k % 2])
        game.watched(lambda m=other: game.session(contacts=m).sync(full=True), may_fail=EXPECTED)
    game._all_is_blurred()
    game.clock.pass_by(AFTER_THE_TERM)


def raise_what_means_another(game: Any, error: type[Exception], *, every: int) -> None:
    """A host's function raises what would mean something else, were it of a system; and for so many that it is told.

    Args:
        every: for every such person it raises.
    """
    game.clock.pass_by(AFTER_THE_TERM)
    for k in range(10):
        number = game.numbers
        title = POISON if k % every == 0 else "Cook"
        side = CUSTOMCRM if k % 4 < 3 else KEAP
        game.add(CONTACTS, side, FirstName="Kai", LastName=f"Q{number}", Email=f"q{number}@example.org", JobTitle=title)
    HOST.fails, HOST.error = True, error
    for full in (True, False):
        game.watched(lambda f=full: game.session().sync(full=f), may_fail=(error, *EXPECTED))
        game.clock.pass_by(AFTER_THE_TERM)
    HOST.fails, HOST.error = False, LookupError
    look_often(game, 1, full=True)


def list_no_tags(game: Any) -> None:
    """Keap lists its tags to those who read, and not any more when some are to be made: that kind alone stops."""
    for part in (False, True):
        game.clock.pass_by(AFTER_THE_TERM)
        game._tag(CUSTOMCRM, game.pairs(CONTACTS)[0][CUSTOMCRM], {f"Tag {game.numbers}"})
        game.numbers += 1
        asked = 0

        def refused(request: httpx.Request) -> int | None:
            nonlocal asked
            asked += request.method == "GET" and request.url.path.endswith("/tags")
            return 403 if asked > 1 and request.url.path.endswith("/tags") else None

        game.ways[KEAP].fault = refused
        game.watched(lambda p=part: (game.session().contacts if p else game.session()).sync(), may_fail=EXPECTED)
        game.ways[KEAP].fault = None
        look_often(game, 1, full=True)


def refuse_a_record(game: Any) -> None:
    """Keap fails whenever it is to show one contact: the others are read, and that one is not taken for gone."""
    pairs = cooks(game, 4)
    way = game.ways[KEAP]
    spoiled = pairs[1][KEAP]

    def fault(request: httpx.Request) -> int | None:
        if request.method != "GET" or CONTACTS not in request.url.path:
            return None
        shown = json.loads(way._way.handle_request(request).read() or b"{}")
        items = shown.get(CONTACTS, [shown]) if isinstance(shown, dict) else []
        return 500 if any(str(item.get("id")) == spoiled for item in items) else None

    way.fault = fault
    game.type((CONTACTS, KEAP, pairs[0][KEAP]), JobTitle="Nurse")
    for full in (True, False):
        look_often(game, 1, full=full)
    way.fault = None
    look_often(game, 1, full=True)
    assert all(pair[CUSTOMCRM] in game.rows(CONTACTS, CUSTOMCRM) for pair in pairs)
    assert (CONTACTS, pairs[1][CUSTOMCRM], spoiled) in game.links()


def appear_while_it_is_uncertain(game: Any) -> None:
    """It is not known whether somebody was made, and somebody like them is added by hand: both wait until it is."""
    game.clock.pass_by(AFTER_THE_TERM)
    number = game.numbers
    name = {"FirstName": "Zoe", "LastName": f"Zimmer {number}", "Email": f"z{number}@example.org"}
    game.add(CONTACTS, CUSTOMCRM, **name, JobTitle="Cook")
    before = set(game.rows(CONTACTS, KEAP))
    game.ways[KEAP].fault = lambda request: "lost" if request.method == "POST" else None
    look_often(game, 1, full=False)
    game.ways[KEAP].fault = None
    for id in set(game.rows(CONTACTS, KEAP)) - before:
        game.drop((CONTACTS, KEAP, id))
    game.add(CONTACTS, KEAP, **name, JobTitle="Nurse")
    writes = game.writes()
    look_often(game, 1, full=True)
    assert game.writes() == writes, "something was written, though nobody knows yet who is who"
    game.pass_by(days=1)
    look_often(game, 1, full=True)
    assert len(set(game.rows(CONTACTS, KEAP)) - before) == 1


def write_an_address_of_another(game: Any) -> None:
    """Somebody gets the address of another in Keap, of whom an address cannot be read: nobody is opted in by that."""
    pairs = cooks(game, 2)
    number = game.numbers
    address = f"zz{number}@example.org"
    other = game.add(CONTACTS, KEAP, FirstName="Kai", LastName=f"Q{number}", Email=address)
    items = [{"email": address, "field": "EMAIL1"}, {"email": 5, "field": "EMAIL2"}]
    game.keap._table(CONTACTS).corrupt(other, email_addresses=items)
    game.type((CONTACTS, CUSTOMCRM, pairs[0][CUSTOMCRM]), Email=address)
    game._all_is_blurred()
    look_often(game, 2, full=False)
    game.drop((CONTACTS, KEAP, other))
    game.clock.pass_by(AFTER_THE_TERM)
