"""Lists of which a system cannot show some records: the others flow, and nothing passes for deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from crm_variants import SCHEMAS, auth_of, variant
from refusing import refusing
from tiers import named, variants

import keapbridge as kb
from keapbridge.testing import KeapEmulator

if TYPE_CHECKING:
    from conftest import World

pytestmark = pytest.mark.usefixtures("broken_answers")

ONCE = kb.RetryPolicy(attempts=1)
BOTH = pytest.mark.parametrize("side", variants(kb.Side, quick=[kb.Side.KEAP]), ids=lambda side: side.value)


def _server(world: World, side: kb.Side) -> Any:
    return world.keap if side is kb.Side.KEAP else world.crm


def _add(world: World, side: kb.Side, name: str) -> str:
    email = f"{name.lower()}@example.org"
    if side is kb.Side.CUSTOMCRM:
        id: str = world.crm.state.contacts.add({"FirstName": name, "LastName": "L", "Email": email})
        return id
    addresses = [{"email": email, "field": "EMAIL1"}]
    return str(world.keap.state.contacts.add({"given_name": name, "family_name": "L", "email_addresses": addresses}))


def _edit(world: World, side: kb.Side, id: str, title: str) -> None:
    name = "JobTitle" if side is kb.Side.CUSTOMCRM else "job_title"
    _server(world, side).state.contacts.edit(id, **{name: title})


def _titles(world: World, side: kb.Side) -> dict[str, Any]:
    given, title = ("FirstName", "JobTitle") if side is kb.Side.CUSTOMCRM else ("given_name", "job_title")
    return {r[given]: r.get(title) or None for r in _server(world, side).state.contacts.values()}


def _lists(world: World, side: kb.Side) -> int:
    return len([r for r in _server(world, side).requests.matching("GET") if r.path.endswith("/contacts")])


@BOTH
@pytest.mark.parametrize("culprits", variants([(0,), (3, 4, 8)], quick=[(3, 4, 8)]), ids=["first", "several"])
def test_the_others_are_made_and_those_that_cannot_be_shown_when_they_can(
    world: World, side: kb.Side, culprits: tuple[int, ...]
) -> None:
    names = [f"Name{n}" for n in range(9)]
    ids = [_add(world, side, name) for name in names]
    odd = [names[n] for n in culprits]
    with refusing(_server(world, side), *odd):
        report = world.sync()
        assert sorted(_titles(world, side.other)) == [name for name in names if name not in odd]
        assert {line.outcome for line in report.failures} == {"failed"}
        assert all("500" in line.reason for line in report.failures)
        assert _lists(world, side) < 150 * len(odd)
        if side is kb.Side.KEAP:
            assert sorted(line.keap_id or "" for line in report.failures) == [ids[n] for n in culprits]
        assert len(report.failures) <= len(odd)
    assert world.sync().ok
    assert sorted(_titles(world, side.other)) == names
    world.assert_quiet()


@pytest.mark.parametrize(
    ("side", "full"),
    [
        pytest.param(kb.Side.KEAP, False, id="keap, changes", marks=pytest.mark.thorough),
        pytest.param(kb.Side.CUSTOMCRM, True, id="customcrm, everything"),
    ],
)
def test_what_is_linked_and_cannot_be_shown_is_not_gone(world: World, side: kb.Side, full: bool) -> None:
    names = [f"Name{n}" for n in range(5)]
    ids = [_add(world, side, name) for name in names]
    assert world.sync().ok
    for id in ids[1:]:
        _edit(world, side, id, "Dean")
    with refusing(_server(world, side), "Name2"):
        for _ in range(2):
            report = world.sync(full=full, policy=kb.Policy(deletions="delete"))
            assert report.failures
            assert not report.count("unlinked") + report.count("deleted in Keap") + report.count("deleted in Customcrm")
        expected = {"Name0": None, "Name1": "Dean", "Name2": None, "Name3": "Dean", "Name4": "Dean"}
        assert _titles(world, side.other) == expected
    assert world.sync().ok
    assert _titles(world, side.other) == expected | {"Name2": "Dean"}
    world.assert_quiet()


@pytest.mark.thorough
def test_a_system_that_shows_nothing_at_all_is_told_of_as_before(world: World) -> None:
    side = kb.Side.KEAP
    _add(world, side, "Name0")
    with refusing(_server(world, side), "{", paths=["/contacts"]):
        report = world.sync()
    assert [line.reason for line in report.failures if "could not go on" in line.reason]
    assert _lists(world, side) < 30


@pytest.mark.parametrize(
    ("style", "most"),
    named({f"{x}-{n}": (x, n) for x, n in (("page", 12), ("offset", 7), ("cursor", 12), ("link", 7))}, ["page-12"]),
)
def test_a_declared_api_is_read_past_what_it_cannot_show(
    keap: kb.KeapClient, keap_server: KeapEmulator, store: str, style: str, most: int
) -> None:
    schema = SCHEMAS[style]
    assert schema.paging is not None
    wide = attrs.evolve(schema, paging=attrs.evolve(schema.paging, most=most))
    names = [f"Name{n}" for n in range(20)]
    with variant(style, wide) as server:
        ids = [server.add("contacts", {"FirstName": n, "Email": f"{n.lower()}@example.org"}) for n in names]
        with (
            kb.CustomcrmClient(server.base_url, auth=auth_of(style, server), schema=wide, retry=ONCE) as crm,
            kb.SyncSession(customcrm=crm, keap=keap, store=store, lag=timedelta(0)) as session,
        ):
            odd = ["Name3", "Name16", "Name17"]
            with refusing(server, *odd):
                report = session.sync()
                assert report.failures
                assert report.count("created in Keap") == 17
            assert session.sync().count("created in Keap") == 3
            server.edit("contacts", ids[19], JobTitle="Dean")
            with refusing(server, "Name4", "Name18"):
                report = session.sync(full=True)
            assert report.count("updated in Keap") == 1
            assert report.failures
            assert not report.count("unlinked")
            assert session.sync(full=True).ok
    there = {r["given_name"]: r.get("job_title") or None for r in keap_server.state.contacts.values()}
    assert there == dict.fromkeys(names) | {"Name19": "Dean"}
