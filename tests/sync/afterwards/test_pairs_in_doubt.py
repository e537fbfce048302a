"""A person says whether two records are the same; it is done in both systems, remembered, and can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World

MANUAL = kb.Policy(conflicts="manual")


def _in_doubt(world: World, number: int = 1) -> None:
    """One e-mail address and two quite different names, so many times."""
    for n in range(number):
        email = f"shared{n}@example.org"
        world.crm.state.contacts.add({"FirstName": f"Ada{n}", "LastName": "Berg", "Email": email})
        theirs = {"given_name": f"Zoe{n}", "family_name": "Kim", "job_title": "Chair"}
        world.keap.state.contacts.add({**theirs, "email_addresses": [{"email": email, "field": "EMAIL1"}]})
    assert world.sync(policy=MANUAL).count("skipped") == 2 * number
    world.forget_requests()


def _names(world: World) -> tuple[set[str], set[str]]:
    ours, theirs = world.crm.state.contacts.values(), world.keap.state.contacts.values()
    return {c["FirstName"] for c in ours}, {c["given_name"] for c in theirs}


def test_a_pair_is_shown_once_with_what_both_hold(world: World) -> None:
    _in_doubt(world)
    with world.sessions(policy=MANUAL) as session:
        [pair] = session.pairs_in_doubt()
        assert (pair.side, pair.other_side, pair.is_across, pair.linked_to) == ("customcrm", "keap", True, None)
        assert (pair.values["FirstName"], pair.other_values["FirstName"]) == ("Ada0", "Zoe0")
        assert "same Email" in pair.reason
        assert session.contacts.pairs_in_doubt() == [pair]
        assert session.companies.pairs_in_doubt() == []
        assert [each.pairs_in_doubt for each in session.waiting()] == [0, 0, 1]
    assert world.keap.requests.writes == world.crm.requests.writes == []


def test_the_same_are_linked_and_what_differs_waits_for_a_decision(world: World) -> None:
    _in_doubt(world)
    with world.sessions(policy=MANUAL) as session:
        [pair] = session.pairs_in_doubt()
        report = session.same(pair, by="anna")
        assert (report.by, report.count("linked"), report.count("conflict")) == ("anna", 1, 2)
        assert _names(world) == ({"Ada0"}, {"Zoe0"}), "nothing is overwritten that nobody decided"
        assert [c["JobTitle"] for c in world.crm.state.contacts.values()] == ["Chair"], "what one side lacks flows"
        assert {conflict.field for conflict in session.conflicts()} == {"FirstName", "LastName"}
        assert session.pairs_in_doubt() == []
        assert {entry.by for entry in session.history("contacts", keap="1")} <= {"anna"}
        assert session.runs(limit=1)[0].by == "anna"
    assert world.counts()["contacts"] == (1, 1)

    with world.sessions(policy=MANUAL) as session:
        session.undo(report.run_id)
        assert list(session.contacts.links()) == []
    assert [c.get("JobTitle") for c in world.crm.state.contacts.values()] == [None]


def test_the_same_are_merged_by_the_policy(world: World) -> None:
    _in_doubt(world)
    with world.sessions(policy=kb.Policy(conflicts="keap")) as session:
        session.same(session.pairs_in_doubt()[0].token)
    assert _names(world) == ({"Zoe0"}, {"Zoe0"})
    world.assert_quiet(policy=MANUAL)


def test_who_is_told_apart_gets_a_counterpart_and_is_never_asked_about_again(world: World) -> None:
    _in_doubt(world)
    with world.sessions(policy=MANUAL) as session:
        report = session.different(session.pairs_in_doubt()[0].token, by="anna")
        assert [str(line) for line in report.lines] == ["contacts: Customcrm A1 told apart: it is not Keap 1"]
        assert session.pairs_in_doubt() == []
        [told] = session.told_apart()
        assert (told.id, told.other_id, told.by, told.run_id) == ("A1", "1", "anna", report.run_id)
        assert world.writes == []
    assert world.sync(policy=MANUAL).count("created") == 2
    assert _names(world) == ({"Ada0", "Zoe0"}, {"Ada0", "Zoe0"})
    assert world.sync(full=True, policy=MANUAL).count("skipped") == 0
    world.assert_quiet(policy=MANUAL)


def test_what_was_told_apart_is_in_doubt_again_once_that_is_undone(world: World) -> None:
    _in_doubt(world)
    with world.sessions(policy=MANUAL) as session:
        report = session.different(session.pairs_in_doubt()[0])
        assert [str(action) for action in session.plan_undo(report).actions] == [
            "take back that contacts Customcrm A1 is not Keap 1"
        ]
        assert session.undo(report, by="eve").count("in doubt again") == 1
        assert session.told_apart() == []
        assert len(session.pairs_in_doubt()) == 1
        assert session.undo(report).count("in doubt again") == 0
    assert world.sync(policy=MANUAL).count("skipped") == 2
    assert world.counts()["contacts"] == (1, 1)


def test_two_of_one_system_can_be_told_apart_and_not_linked(world: World) -> None:
    for _ in range(2):
        world.crm.state.contacts.add({"FirstName": "Bob", "LastName": "Holm", "Email": "bob@example.org"})
    world.sync()
    with world.sessions() as session:
        [pair] = session.pairs_in_doubt()
        assert not pair.is_across
        with pytest.raises(kb.UnfitError, match="both in Customcrm: merge them there"):
            session.same(pair)
        session.different(pair)
    assert world.sync().count("created in Keap") == 2
    world.assert_quiet()


def test_one_that_may_be_a_linked_one_is_shown_with_its_link(world: World) -> None:
    person = {"FirstName": "Bob", "LastName": "Holm", "Email": "bob@example.org"}
    world.crm.state.contacts.add(person)
    world.sync()
    world.crm.state.contacts.add(person)
    world.sync()
    with world.sessions() as session:
        pairs = session.pairs_in_doubt()
        assert [(p.other_side.value, p.other_id, p.linked_to) for p in pairs] == [
            ("customcrm", "A1", "1"),
            ("keap", "1", "A1"),
        ]
        with pytest.raises(kb.UnfitError, match="Keap 1 is linked to Customcrm A1"):
            session.same(pairs[1])
        session.different(pairs[0])
        assert session.pairs_in_doubt() == [], "who is not Bob is not Bob's counterpart either"
    assert world.sync().count("created in Keap") == 1
    world.assert_quiet()


def test_who_comes_second_is_told_what_the_first_did(world: World) -> None:
    _in_doubt(world, 2)
    with world.sessions(policy=MANUAL) as session, world.sessions(policy=MANUAL) as another:
        linked, apart = session.pairs_in_doubt()
        session.same(linked, by="anna")
        session.different(apart, by="anna")
        for late in (another.same, another.different):
            with pytest.raises(kb.StalePlanError, match="are linked already") as told:
                late(linked, by="bob")
            assert (told.value.by, [entry.kind for entry in told.value.meanwhile]) == ("anna", ["link"])
            with pytest.raises(kb.StalePlanError, match="told apart already") as told:
                late(apart, by="bob")
            assert told.value.by == "anna"
    assert world.counts()["contacts"] == (2, 2)


def test_pages_have_each_pair_once(world: World) -> None:
    _in_doubt(world, 5)
    with world.sessions(policy=MANUAL) as session:
        every = session.pairs_in_doubt()
        found, after = [], None
        while True:
            page = session.pairs_in_doubt(after=after, limit=2)
            found += page
            after = page.next
            if after is None:
                break
            assert len(page) == 2
        assert found == every
        assert len(every) == 5
        waiting = session.waiting(most=3)[2]
        assert (waiting.pairs_in_doubt, waiting.more) == (3, {"pairs_in_doubt"})


@pytest.mark.parametrize("token", ["", "x", "é", "W10", "WzFd", kb.UNSET])
def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    with world.sessions() as session:
        for call in (session.same, session.different, session.resolve):
            with pytest.raises((ValueError, TypeError)):
                call(token, *(["keap"] if call == session.resolve else []))
        for asked in (session.conflicts, session.pairs_in_doubt, session.told_apart, session.failures, session.runs):
            with pytest.raises((ValueError, TypeError)):
                asked(after=token)
    assert world.keap.requests.writes == []


# --- in an event loop -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _in_a_loop(world: World) -> AsyncIterator[kb.AsyncSyncSession]:
    keap, crm = world.keap, world.crm
    async with (
        kb.AsyncKeapClient(auth=kb.KeapApiKey(keap.api_key), base_url=keap.base_url, app=keap.app) as theirs,
        kb.AsyncCustomcrmClient(crm.base_url, auth=kb.BearerToken(crm.token), app=crm.app) as ours,
        kb.AsyncSyncSession(customcrm=ours, keap=theirs, store="sqlite://", policy=MANUAL, lag=timedelta(0)) as session,
    ):
        yield session


def test_pairs_are_decided_in_an_event_loop_as_well(world: World) -> None:
    async def story() -> None:
        async with _in_a_loop(world) as session:
            await session.sync()
            parts = [await session.pairs_in_doubt(limit=2)]
            while parts[-1].next is not None:
                parts.append(await session.pairs_in_doubt(after=parts[-1].next, limit=2))
            pairs = [pair for part in parts for pair in part]
            assert [pair.id for pair in pairs] == [pair.id for pair in await session.pairs_in_doubt()]
            assert len(pairs) == 3
            assert [each.pairs_in_doubt for each in await session.waiting()] == [0, 0, 3]

            report = await session.same(pairs[0], by="anna")
            assert (report.by, report.count("linked")) == ("anna", 1)
            linked = {(link.customcrm_id, link.keap_id) for link in session.contacts.links()}
            assert linked == {(pairs[0].id, pairs[0].other_id)}
            with pytest.raises(kb.StalePlanError) as late:
                await session.same(pairs[0].token, by="bob")
            assert late.value.by == "anna"

            apart = await session.different(pairs[1].token, by="bob")
            [told] = await session.told_apart()
            assert (told.by, told.run_id) == ("bob", apart.run_id)
            assert await session.contacts.pairs_in_doubt() == [pairs[2]]
            await session.undo(apart.run_id)
            assert await session.told_apart() == []
            assert len(await session.pairs_in_doubt()) == 2

            conflicts = await session.conflicts()
            assert {conflict.field for conflict in conflicts} == {"FirstName", "LastName"}
            decided = await session.resolve_many([c.token for c in conflicts], "keap", by="eve")
            assert (decided.count("decided"), decided.by) == (2, "eve")
            assert await session.conflicts() == []
            assert {entry.by for entry in (await session.history("contacts", customcrm=pairs[0].id))[:1]} == {"eve"}
            assert await session.last_full_scan() is not None

    for n in range(3):
        email = f"shared{n}@example.org"
        world.crm.state.contacts.add({"FirstName": f"Ada{n}", "LastName": "Berg", "Email": email})
        theirs = {"given_name": f"Zoe{n}", "family_name": "Kim"}
        world.keap.state.contacts.add({**theirs, "email_addresses": [{"email": email, "field": "EMAIL1"}]})
    asyncio.run(story())
    assert _names(world) == ({"Zoe0", "Ada1", "Ada2"}, {"Zoe0", "Zoe1", "Zoe2"})
