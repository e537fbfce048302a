"""A list of everything that is ended before its time goes on in the next run; what happened meanwhile is seen, too."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import keapbridge as kb
from keapbridge._flow.effects import Effect, Send
from keapbridge.keap.by_id import ById
from keapbridge.keap.operations import KeapResource

if TYPE_CHECKING:
    from conftest import World

PAGE = 3
RECORDS = 11
NEVER = 10_000


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KeapResource.scan.__kwdefaults__, "page_size", PAGE)
    monkeypatch.setattr(ById.after, "__defaults__", (PAGE,))


@pytest.fixture
def full(world: World, short_pages: None) -> World:
    for n in range(RECORDS):
        world.keap.state.contacts.add(
            {"given_name": f"P{n}", "email_addresses": [{"email": f"p{n}@example.org", "field": "EMAIL1"}]}
        )
        if n < 5:
            world.keap.state.companies.add({"company_name": f"C{n}"})
    return world


def is_list(effect: Effect) -> bool:
    """Whether it is a page of the list of all contacts, by ids."""
    if not isinstance(effect, Send) or not effect.call.path.endswith("/contacts") or effect.call.method != "GET":
        return False
    query = dict(effect.call.query)
    return query.get("order_by") == "id asc" and "start_update_time" not in query.get("filter", "")


def run(world: World, stops: Callable[[Effect], bool], *, full: bool = False, **options: Any) -> kb.Report:
    """A run in a session of its own that is told to stop after an effect."""
    session = world.sessions(debug=True, overlap=timedelta(0), **options)
    perform = session._driver.perform

    def watched(effect: Effect) -> Any:
        result = perform(effect)
        if stops(effect):
            session.stop()
        return result

    for part in (session, session.companies, session.products, session.contacts):
        part._driver.perform = watched  # type: ignore[method-assign]
    report = session.sync(full=full)
    session.close()
    return report


def after(pages: int) -> Callable[[Effect], bool]:
    """Stops after so many pages of the list of contacts."""
    left = pages

    def stops(effect: Effect) -> bool:
        nonlocal left
        left -= is_list(effect)
        return is_list(effect) and not left

    return stops


def listed(world: World, path: str = "/contacts") -> list[str]:
    """The ids that lists by id have shown, page after page."""
    lists = [r for r in world.keap.requests if r.method == "GET" and r.path.endswith(path)]
    by_id = [r for r in lists if r.query.get("order_by") == "id asc" and "time" not in r.query.get("filter", "")]
    return [record["id"] for r in by_id for record in json.loads(r.response_body)[path.removeprefix("/")]]


def names(world: World) -> list[tuple[str, str]]:
    return sorted((r["FirstName"], r["Email"]) for r in world.crm.state.contacts.values())


def people(*numbers: int) -> list[tuple[str, str]]:
    return sorted((f"P{n}", f"p{n}@example.org") for n in numbers)


def test_a_first_read_gets_through_in_parts_and_reads_no_page_twice(full: World) -> None:
    for n in range(3):
        report = run(full, after(1))
        assert not report.complete
        assert len(listed(full)) == PAGE * (n + 1)
        assert names(full) == []
    assert run(full, after(NEVER)).complete
    assert listed(full) == sorted(full.keap.state.contacts, key=int)
    assert listed(full, "/companies") == sorted(full.keap.state.companies, key=int)
    assert names(full) == people(*range(RECORDS))
    full.assert_quiet()


@pytest.mark.thorough
def test_what_was_read_is_not_read_again_because_writing_was_stopped(full: World) -> None:
    def stops(effect: Effect) -> bool:
        return isinstance(effect, Send) and effect.call.method == "POST" and "contact" in effect.call.path.lower()

    report = run(full, stops)
    assert not report.complete
    assert 0 < len(names(full)) < RECORDS
    assert run(full, after(NEVER)).complete
    assert sorted(listed(full), key=int) == sorted(full.keap.state.contacts, key=int)
    assert names(full) == people(*range(RECORDS))
    full.forget_requests()
    full.assert_quiet()
    assert len(listed(full)) == RECORDS, "what everything is asked for after that begins anew"


def test_what_happens_between_two_parts_is_seen(full: World) -> None:
    ids = sorted(full.keap.state.contacts, key=int)
    run(full, after(2))
    theirs = full.keap.state.contacts
    theirs.edit(ids[1], given_name="Edited")
    theirs.delete(ids[2])
    theirs.edit(ids[8], given_name="Later")
    theirs.delete(ids[9])
    new = [{"email": "new@example.org", "field": "EMAIL1"}]
    theirs.add({"given_name": "New", "email_addresses": new})
    full.crm.state.contacts.add({"FirstName": "P0", "Email": "p0@example.org", "JobTitle": "Clerk"})
    report = run(full, after(NEVER))
    assert report.complete
    wanted = [("Edited", "p1@example.org"), ("Later", "p8@example.org"), ("New", "new@example.org")]
    assert names(full) == sorted([*people(0, 3, 4, 5, 6, 7, 10), *wanted])
    assert theirs[ids[0]]["job_title"] == "Clerk"
    assert len(theirs) == RECORDS - 1
    full.assert_quiet()


@pytest.mark.thorough
def test_a_spent_quota_is_no_reason_to_begin_anew(full: World) -> None:
    left = 3

    def stops(effect: Effect) -> bool:
        nonlocal left
        left -= is_list(effect)
        if is_list(effect) and not left:
            raise kb.QuotaExhaustedError("spent")
        return False

    with pytest.raises(kb.QuotaExhaustedError):
        run(full, stops)
    assert run(full, after(NEVER)).complete
    shown = listed(full)
    twice = shown[2 * PAGE : 3 * PAGE]  # of which the run has not learnt
    assert sorted(shown) == sorted([*full.keap.state.contacts, *twice])
    assert names(full) == people(*range(RECORDS))


@pytest.mark.thorough
def test_of_linked_records_what_was_shown_by_an_earlier_part_is_not_missing(full: World) -> None:
    policy = kb.Policy(deletions="delete", max_deletes=5, max_delete_share=None)
    assert full.sync().ok
    ids = sorted(full.keap.state.contacts, key=int)
    full.forget_requests()
    run(full, after(2), full=True, policy=policy)
    full.keap.state.contacts.delete(ids[8])
    asked = len(full.keap.requests)
    report = run(full, after(NEVER), full=True, policy=policy)
    assert (report.complete, report.count("deleted")) == (True, 1)
    assert names(full) == people(*(n for n in range(RECORDS) if n != 8))
    later = full.keap.requests[asked:]
    looked_up = {r.path.rpartition("/")[2] for r in later if "/contacts/" in r.path}
    assert looked_up <= {ids[8], "model"}
    sets = {text for r in later if (text := r.query.get("filter", "")).startswith("ids==")}
    assert sets <= {f"ids=={ids[8]}"}
    full.assert_quiet(policy=policy)


@pytest.mark.thorough
@pytest.mark.parametrize("what", ["mapping", "time"])
def test_it_begins_anew_where_that_says_nothing_any_more(
    full: World, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(full, after(2))
    options: dict[str, Any] = {}
    if what == "mapping":
        options = {"contacts": kb.mapping.contacts.with_lenses(kb.text("Spouse", keap="spouse_name"))}
    else:
        monkeypatch.setattr("keapbridge.decide.so_far.LASTS", timedelta(0))
    full.forget_requests()
    assert run(full, after(NEVER), **options).complete
    assert listed(full) == sorted(full.keap.state.contacts, key=int)
    assert names(full) == people(*range(RECORDS))
