"""A store is handed to other systems: without its links, or with them where they are right there, too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def session(
    stack: ExitStack, crm: CustomcrmEmulator, keap: KeapEmulator, folder: Path, **options: Any
) -> kb.SyncSession:
    return stack.enter_context(
        kb.SyncSession(
            customcrm=stack.enter_context(kb.CustomcrmClient(crm.base_url, auth=kb.BearerToken(crm.token))),
            keap=stack.enter_context(kb.KeapClient(auth=kb.KeapApiKey(keap.api_key), base_url=keap.base_url)),
            store=f"sqlite:///{folder / 'bridge.db'}",
            **options,
        )
    )


def test_it_begins_anew_with_what_is_there(stack: ExitStack, tmp_path: Path) -> None:
    crm, sandbox, real = (stack.enter_context(made()) for made in (CustomcrmEmulator, KeapEmulator, KeapEmulator))
    ada = crm.state.contacts.add({"FirstName": "Ada", "LastName": "Berg", "Email": "ada@example.org"})
    before = session(stack, crm, sandbox, tmp_path)
    report = before.sync()
    real.state.contacts.add({"given_name": "Zoe", "email_addresses": [{"email": "zoe@e.org", "field": "EMAIL1"}]})
    known = real.state.contacts.add(
        {
            "given_name": "Ada",
            "family_name": "Berg",
            "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}],
        }
    )
    now = session(stack, crm, real, tmp_path)
    seen = [len(each.requests) for each in (crm, sandbox, real)]
    assert now.rebind() == 1
    assert [len(each.requests) for each in (crm, sandbox, real)] == seen
    with pytest.raises(kb.StalePlanError):
        now.undo(report.run_id)
    assert now.sync().ok
    assert {(link.customcrm_id, link.keap_id) for link in now.contacts.links()} >= {(ada, known)}
    assert (len(crm.state.contacts), len(real.state.contacts)) == (2, 2)
    assert crm.state.contacts[ada]["FirstName"] == "Ada"
    with pytest.raises(kb.OtherSystemError):  # it is the other one's by now
        before.sync()


def test_links_are_kept_where_the_records_are_the_same(stack: ExitStack, tmp_path: Path) -> None:
    crm, keap, other = (stack.enter_context(made()) for made in (CustomcrmEmulator, KeapEmulator, KeapEmulator))
    crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    first = session(stack, crm, keap, tmp_path)
    assert first.sync().ok
    wrong = session(stack, crm, other, tmp_path)
    other.state.contacts.add({"given_name": "Zoe", "email_addresses": [{"email": "zoe@e.org", "field": "EMAIL1"}]})
    with pytest.raises(kb.OtherSystemError, match="0 of 1 linked records hold what is known of them in Keap"):
        wrong.rebind(keep_links=True)
    with pytest.raises(kb.OtherSystemError):
        wrong.sync()
    keap._meter._name = "renamed"
    with pytest.raises(kb.OtherSystemError, match="renamed"):
        first.sync()
    assert first.rebind(keep_links=True) == 0
    assert first.sync().ok
    assert (len(crm.state.contacts), len(keap.state.contacts)) == (1, 1)


def test_an_event_loop_can_do_it_too(stack: ExitStack, tmp_path: Path) -> None:
    crm, one, two = (stack.enter_context(made()) for made in (CustomcrmEmulator, KeapEmulator, KeapEmulator))
    crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    session(stack, crm, one, tmp_path).sync()

    async def do() -> int:
        async with (
            kb.AsyncCustomcrmClient(crm.base_url, auth=kb.BearerToken(crm.token)) as ours,
            kb.AsyncKeapClient(auth=kb.KeapApiKey(two.api_key), base_url=two.base_url) as theirs,
            kb.AsyncSyncSession(customcrm=ours, keap=theirs, store=f"sqlite:///{tmp_path / 'bridge.db'}") as made,
        ):
            with pytest.raises(kb.OtherSystemError):
                await made.sync()
            lost = await made.rebind()
            assert (await made.sync()).ok
            return lost

    assert asyncio.run(do()) == 1
    assert len(two.state.contacts) == 1
