"""Scenes of openings: what systems show and leave out, and what they empty along with a write."""

from __future__ import annotations

from typing import Any

import httpx
from two_systems.pools import AFTER_THE_TERM, policy_without_brakes

import keapbridge as kb
from wired.accidents import FIELD, PROPERTIES, without
from wired.checks import EXPECTED
from wired.world import CONTACTS, CUSTOMCRM, KEAP

hidden = without(PROPERTIES[CUSTOMCRM])


def look_often(game: Any, often: int, *, full: bool) -> None:
    """So many runs."""
    for _ in range(often):
        game.watched(lambda: game.session().sync(full=full), may_fail=EXPECTED)
        game.clock.pass_by(AFTER_THE_TERM)


def cooks(game: Any, many: int) -> list[dict[kb.Side, str]]:
    """So many new people, who hold the same in both systems; nobody else plays with them yet."""
    game.clock.pass_by(AFTER_THE_TERM)
    pairs: list[dict[kb.Side, str]] = game._pairs_with("Cook", many)
    assert pairs
    return pairs


def empty_along(game: Any, how: str) -> None:
    """A CRM that takes a part of a record for all of it: what people had there stays in Keap.

    Args:
        how: its answers leave out what is `"empty"`, or what is not `"sent"`; or the record is `"gone"` right after.
    """
    pairs = cooks(game, 3)
    way = game.ways[CUSTOMCRM]
    for pair in pairs:
        game.type((CONTACTS, KEAP, pair[KEAP]), FirstName="Ola")

    def answered(request: httpx.Request, answer: Any) -> Any:
        if how == "empty":
            return _filled(answer)
        if request.method == "PATCH" and how == "gone":
            game.drop((CONTACTS, CUSTOMCRM, request.url.path.rpartition("/")[2]))
        return answer if request.method == "GET" else hidden(answer)

    way.answered = answered
    if how != "sent":
        way.taken = lambda body: {FIELD: None, **body}
    game.watched(lambda: game.session().sync(), deletes="meanwhile")
    way.taken = way.answered = None
    lost = [pair for pair in pairs if not game._holds(pair, KEAP, "Cook")]
    assert not lost, f"Customcrm emptied {FIELD} along with a write, and {len(lost)} lost it in Keap"
    game.clock.pass_by(AFTER_THE_TERM)


def _filled(answer: Any) -> Any:
    """An answer without what is empty."""
    match answer:
        case list():
            return [_filled(item) for item in answer]
        case dict():
            return {name: _filled(value) for name, value in answer.items() if value is not None}
        case _:
            return answer


def leave_out_by_id(game: Any, side: kb.Side) -> None:
    """What lists show, reads by id leave out: nobody loses it, and it comes back."""
    pairs = cooks(game, 4)

    def answered(request: httpx.Request, answer: Any) -> Any:
        is_list = request.method == "GET" and not _by_id(request)
        return answer if is_list else hidden(answer)

    game.ways[side].answered = answered
    for turn in range(2):
        for pair in pairs:
            game.type((CONTACTS, side.other, pair[side.other]), FirstName=("Ola", "Kari")[turn])
        game.watched(lambda t=turn: game.session().sync(full=t == 1), may_fail=EXPECTED)
        game.clock.pass_by(AFTER_THE_TERM)
    for each in kb.Side:
        lost = [pair for pair in pairs if not game._holds(pair, each, "Cook")]
        assert not lost, f"reads by id of {side.title} leave {FIELD} out, and {len(lost)} lost it in {each.title}"
    game.watched(lambda: game.session().sync(full=True), may_fail=EXPECTED)
    game.clock.pass_by(AFTER_THE_TERM)
    game.ways[side].answered = None
    for full in (False, True):
        game.watched(lambda f=full: game.session().sync(full=f), may_fail=EXPECTED)
        game.clock.pass_by(AFTER_THE_TERM)


def _by_id(request: httpx.Request, *, alone: bool = False) -> bool:
    """Whether some records are asked for by their ids; or one alone."""
    above, _, last = request.url.path.rpartition("/")
    if above.rpartition("/")[2] in {CONTACTS, "people"}:
        return not last.startswith("model")
    return not alone and any(
        name in {"id", "ids"} or "ids==" in value for name, value in request.url.params.multi_items()
    )


def leave_out_of_lists(game: Any, side: kb.Side) -> None:
    """Lists leave out what single reads show, at first; then nothing shows it; then only single reads do again."""
    game.clock.pass_by(AFTER_THE_TERM)
    first = game.numbers
    for k in range(5):
        values = {"FirstName": "Per", "LastName": f"P{first + k}", "Email": f"p{first + k}@example.org"}
        game.add(CONTACTS, side, **values, JobTitle="Cook")
    way = game.ways[side]
    way.answered = _cut_from_lists
    for faults in (9 * [401], [422]):
        left = iter(faults)
        way.fault = lambda request, its=left: (
            next(its, None) if request.method == "GET" and _by_id(request, alone=True) else None
        )
        look_often(game, 1, full=True)
    way.fault = None
    look_often(game, 2, full=True)
    pairs = [pair for pair in game.pairs(CONTACTS) if _is_named(game, pair, "P")]
    assert len(pairs) == 5
    for pair in pairs:
        game.type((CONTACTS, side, pair[side]), FirstName="Ola")
    way.answered, way.shown = None, hidden
    game.add(
        CONTACTS, side.other, FirstName="Kai", LastName=f"Q{first}", Email=f"q{first}@example.org", JobTitle="Cook"
    )
    look_often(game, 2, full=True)
    way.answered, way.shown = _cut_from_lists, None
    look_often(game, 2, full=False)
    way.answered = None
    look_often(game, 2, full=True)
    lost = [pair for pair in pairs for each in kb.Side if not game._holds(pair, each, "Cook")]
    assert not lost, f"lists of {side.title} leave {FIELD} out, and {lost} lost it"


def _cut_from_lists(request: httpx.Request, answer: Any) -> Any:
    """What lists show that leave something out, also those of some ids."""
    return hidden(answer) if request.method == "GET" and not _by_id(request, alone=True) else answer


def leave_out_of_lists_later(game: Any, side: kb.Side) -> None:
    """Lists begin to leave out what reads by id show: whoever was known to hold nothing is read by id once."""
    game.clock.pass_by(AFTER_THE_TERM)
    for _ in range(7):
        number = game.numbers
        game.add(CONTACTS, side, FirstName="Kai", LastName=f"R{number}", Email=f"r{number}@example.org")
    pairs = game._pairs_with("Cook", 4)
    assert pairs

    def answered(request: httpx.Request, answer: Any) -> Any:
        return hidden(answer) if request.method == "GET" and not _by_id(request) else answer

    game.ways[side].answered = answered
    for pair in pairs:
        game.type((CONTACTS, side, pair[side]), FirstName="Ola")
    for full in (True, True, False, False):
        look_often(game, 1, full=full)
    game.ways[side].answered = None
    look_often(game, 2, full=True)
    lost = [pair for pair in pairs for each in kb.Side if not game._holds(pair, each, "Cook")]
    assert not lost, f"lists of {side.title} leave {FIELD} out, and {lost} lost it"


def _is_named(game: Any, pair: dict[kb.Side, str], letter: str) -> bool:
    name = str(game.row((CONTACTS, CUSTOMCRM, pair[CUSTOMCRM])).get("LastName"))
    return name.startswith(letter) and name[1:].isdigit()


def show_now_and_then(game: Any, side: kb.Side) -> None:
    """A list leaves out of some records what it shows of others: nobody loses it."""
    pairs = cooks(game, 4)
    some = {pair[side] for pair in pairs[:2]}
    reads = 0

    def cut(answer: Any) -> Any:
        match answer:
            case list():
                return [cut(item) for item in answer]
            case dict() if str(answer.get("id", answer.get("Id"))) in some:
                return hidden(answer)
            case dict():
                return {name: cut(value) for name, value in answer.items()}
            case _:
                return answer

    def answered(request: httpx.Request, answer: Any) -> Any:
        nonlocal reads
        if request.method != "GET" or not _by_id(request):
            return cut(answer)
        reads += 1
        if reads == 1:
            game.drop((CONTACTS, side, pairs[1][side]))
        return answer

    for pair in pairs:
        game.type((CONTACTS, side, pair[side]), FirstName="Ola")
    game.ways[side].answered = answered
    for _ in range(2):
        game.watched(lambda: game.session().sync(full=True), may_fail=EXPECTED, deletes="meanwhile")
        game.clock.pass_by(AFTER_THE_TERM)
    game.ways[side].answered = None
    lost = [pair for pair in (pairs[0], *pairs[2:]) for each in kb.Side if not game._holds(pair, each, "Cook")]
    assert not lost, f"lists of {side.title} leave {FIELD} out of some, and {lost} lost it"


def write_what_is_not_shown(game: Any, side: kb.Side) -> None:
    """What is written to a side is never shown by it: that is found, and is no loop."""
    game.clock.pass_by(AFTER_THE_TERM)
    game.ways[side].shown = hidden
    first = game.numbers
    for k in range(4):
        for each in kb.Side:
            values = {"FirstName": "Per", "LastName": f"P{first + k}", "Email": f"p{first + k}@example.org"}
            game.add(CONTACTS, each, **values, **({"JobTitle": "Cook"} if each is side.other else {}))
    look_often(game, 3, full=True)
    before = len(game.ways[side].writes)
    look_often(game, 1, full=True)
    assert len(game.ways[side].writes) == before, "it is written again and again"
    game.ways[side].shown = None
    look_often(game, 2, full=True)


def drop_a_column_meanwhile(game: Any) -> None:
    """A column is dropped while a session is open, and comes back empty, to many: nobody loses what it held."""
    pairs = cooks(game, 11)
    session = game.session()
    game.watched(session.sync)
    game._blur(*game.pairs(CONTACTS))
    game.crm.run(f"DROP TRIGGER IF EXISTS {CONTACTS}_touch")
    game.crm.run(f"ALTER TABLE {CONTACTS} DROP COLUMN Website")
    for full in (False, True):
        game.watched(lambda f=full: session.sync(full=f), may_fail=(kb.KeapbridgeError, TypeError))
        game.clock.pass_by(AFTER_THE_TERM)
    game.crm.run(f"ALTER TABLE {CONTACTS} ADD COLUMN Website TEXT")
    game.crm.stamp(CONTACTS)
    look_often(game, 2, full=True)
    lost = [pair for pair in pairs if not game.row((CONTACTS, KEAP, pair[KEAP])).get("Website")]
    assert not lost, f"a column was dropped, and {len(lost)} lost it in Keap"
    for few in (False, True):
        for pair in pairs[3:] if few else ():
            for side, id in pair.items():
                game.drop((CONTACTS, side, id))
        look_often(game, 2, full=True)
        _drop_and_add(game)


def _drop_and_add(game: Any) -> None:
    """A column is dropped and added again between two runs."""
    held = dict(game.crm.run(f"SELECT id, Website FROM {CONTACTS}"))
    for pair in game.pairs(CONTACTS):
        game.type((CONTACTS, CUSTOMCRM, pair[CUSTOMCRM]), FirstName="Siv")
    look_often(game, 1, full=True)
    game.crm.run(f"DROP TRIGGER IF EXISTS {CONTACTS}_touch")
    game.crm.run(f"ALTER TABLE {CONTACTS} DROP COLUMN Website")
    game.crm.run(f"ALTER TABLE {CONTACTS} ADD COLUMN Website TEXT")
    game.crm.stamp(CONTACTS)
    game._all_is_blurred()
    before = {id: row.get("Website") for id, row in game.rows(CONTACTS, KEAP).items()}
    careful = policy_without_brakes(sweep_from=3, max_emptied_share=0.2, archive={}, deletions=game.policy.deletions)
    game.watched(lambda: game.session(policy=careful).sync(), may_fail=EXPECTED)
    lost = [id for id, row in game.rows(CONTACTS, KEAP).items() if row.get("Website") != before[id]]
    assert not lost, f"a column was dropped and added again, and {lost} lost it in Keap"
    for id, site in held.items():
        game.crm.run(f"UPDATE {CONTACTS} SET Website = ? WHERE id = ?", site, id)
    game.clock.pass_by(AFTER_THE_TERM)
    look_often(game, 1, full=True)


def show_twice(game: Any) -> None:
    """A list shows somebody twice; and a host takes all records for something, which is written where they are made."""
    game.clock.pass_by(AFTER_THE_TERM)

    def answered(request: httpx.Request, answer: Any) -> Any:
        if request.method == "GET" and isinstance(answer, dict) and answer.get(CONTACTS):
            return {**answer, CONTACTS: [*answer[CONTACTS], answer[CONTACTS][0]]}
        return answer

    game.ways[KEAP].answered = answered
    for full in (True, False, True):
        look_often(game, 1, full=full)
    game.ways[KEAP].answered = None
    members = game.mappers[CONTACTS].with_lenses(kb.constant("Kind", "Member", keap="middle_name"))
    for side in kb.Side:
        number = game.numbers
        game.add(CONTACTS, side, FirstName="Kai", LastName=f"Q{number}", Email=f"q{number}@example.org")
    game.watched(lambda: game.session(contacts=members).sync(), may_fail=EXPECTED)
    game.clock.pass_by(AFTER_THE_TERM)
