"""A person who must be forgotten: no byte of them is left in the file, and nobody makes them anew."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tiers import variants

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.store import schema
from keapbridge.store.sql import forgetting
from keapbridge.store.works import SqlWorks
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRETS = (b"Zebulon", b"zebulon", b"Quagmire", b"Xylograph", b"4155550123", b"Unfit")
SPECIAL = {"links", "journal", "overwrites", "intents", "actions", "lines", "tombstones", "told_apart", "works", "runs"}
OF_NOBODY = {"leases", "cursors", "facts", "plans", "tokens", "paces", "messages", "tenants"}


def remains(folder: Path) -> set[bytes]:
    texts = [file.read_bytes() for file in folder.iterdir()]
    return {secret for secret in SECRETS if any(secret in text for text in texts)}


def test_every_table_is_thought_of() -> None:
    erased = {table.name for tables in forgetting.BY_RECORD.values() for table in tables}
    known = {f"keapbridge_{name}" for name in SPECIAL | OF_NOBODY} | erased
    assert set(schema.metadata.tables) == known


@pytest.mark.parametrize("side", variants(kb.Side, quick=[kb.Side.KEAP]))
def test_no_byte_of_a_person_is_left_and_nobody_makes_them_anew(tmp_path: Path, side: kb.Side) -> None:
    with (
        CustomcrmEmulator() as crm_server,
        KeapEmulator() as keap_server,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{tmp_path / 'bridge.db'}") as session,
    ):
        ours = crm_server.state.contacts.add(
            {"FirstName": "Zebulon", "LastName": "Quagmire", "Email": "zebulon@example.org", "Phone": "+14155550123"}
        )
        crm_server.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
        session.sync()
        theirs = next(id for id, r in keap_server.state.contacts.items() if r["given_name"] == "Zebulon")
        crm_server.state.contacts.edit(ours, JobTitle="Xylograph", BirthDate=None, Country="Unfit")
        session.contacts.plan()
        session.sync()
        session.contacts.plan(full=True)
        bound = session._engine.bridge.store
        works = SqlWorks(bound)
        works.begin("p1", "A plan is applied", "anna", NOON)
        works.end("p1", NOON, error="Zebulon was refused")
        works.begin("p2", "A plan is applied", "anna", NOON)
        plan, run = session.plan(), "of an error"
        SyncDriver().run(bound.runs.begin(plan.id, run, NOON))
        SyncDriver().run(bound.runs.finish(run, NOON, {}, complete=False, why="500: Quagmire"))
        assert remains(tmp_path)
        one: Any = {"keap": theirs} if side is kb.Side.KEAP else {"customcrm": ours}
        found = session.forget("contacts", **one)
        assert (found.customcrm, found.keap, found.cleaned) == ((ours,), (theirs,), True)
        assert [work.about for work in works.newest(9)] == ["p2"]
        assert found.erased["links"] == 1
        assert found.erased["journal"] >= 2
        assert found.erased["lines"] >= 1
        assert remains(tmp_path) == set()
        before = len(keap_server.state.contacts), len(crm_server.state.contacts)
        crm_server.state.contacts.edit(ours, JobTitle="Xylograph of all")
        for full in (False, True):
            session.sync(full=full)
        assert (len(keap_server.state.contacts), len(crm_server.state.contacts)) == before
        assert keap_server.state.contacts[theirs]["job_title"] == "Xylograph"
        assert remains(tmp_path) == set()
        assert [link.customcrm_id for link in session.contacts.links()] != [ours]
        again = session.forget("contacts", **one)
        assert not any(again.erased.values())


def rows_about(url: str, ids: set[str]) -> dict[str, list[str]]:
    """By table, what is kept of these records, and of any secret, as text."""
    engine = sa.create_engine(url)
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for table in schema.metadata.sorted_tables:
            for row in connection.execute(sa.select(table)).mappings():
                text = repr(dict(row))
                columns = {row.get(name) for name in ("id", "record_id", "partner_id", "source_id", *NAMED)}
                if ids & columns or any(secret.decode() in text for secret in SECRETS):
                    found.setdefault(table.name.removeprefix("keapbridge_"), []).append(text)
    engine.dispose()
    return found


NAMED = ("customcrm_id", "keap_id")
KEY = base64.urlsafe_b64encode(bytes(range(32)))


@pytest.mark.thorough
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))])
def test_a_person_is_forgotten_in_any_store(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, key: bytes | None
) -> None:
    if key is not None:
        pytest.importorskip("cryptography")
    url = f"sqlite:///{tmp_path / 'b.db'}" if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    with (
        CustomcrmEmulator() as crm_server,
        KeapEmulator() as keap_server,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.SyncSession(customcrm=crm, keap=keap, store=url, encryption_keys=[key] if key else []) as session,
    ):
        ours = crm_server.state.contacts.add({"FirstName": "Zebulon", "Email": "zebulon@example.org"})
        other = crm_server.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
        session.sync()
        theirs = next(id for id, r in keap_server.state.contacts.items() if r["given_name"] == "Zebulon")
        crm_server.state.contacts.edit(ours, JobTitle="Xylograph", Country="Unfit")
        session.sync()
        plan = session.contacts.plan(full=True)
        known = rows_about(url, {ours, theirs})
        assert {"links", "journal", "actions", "match_keys"} <= known.keys()
        if key is not None:
            assert not any("Zebulon" in text for texts in known.values() for text in texts)
        found = session.forget("contacts", keap=theirs)
        assert (found.erased["links"], found.erased["journal"] >= 2, found.erased["lines"] >= 1) == (1, True, True)
        assert found.cleaned == (kind == "sqlite")
        assert rows_about(url, {ours, theirs}).keys() == {"tombstones"}
        crm_server.state.contacts.edit(ours, JobTitle="Xylograph of all")
        session.apply(plan)
        for full in (False, True):
            assert session.sync(full=full).ok
        assert rows_about(url, {ours, theirs}).keys() == {"tombstones"}
        assert keap_server.state.contacts[theirs]["job_title"] == "Xylograph"
        assert [link.customcrm_id for link in session.contacts.links()] == [other]


TEXTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "companies": ("customers", "website", {"Name": "Zebulon Quagmire", "Website": "https://a.example/Xylograph"}),
    "products": ("products", "description", {"Name": "Zebulon", "Sku": "Quagmire", "Price": "5", "Currency": "USD"}),
    "contacts": (
        "contacts",
        "job_title",
        {"FirstName": "Zebulon", "Email": "zebulon@example.org", "JobTitle": "Clerk"},
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", TEXTS)
def test_a_record_in_conflict_is_forgotten_by_an_asynchronous_session_too(tmp_path: Path, name: str) -> None:
    table, attribute, values = TEXTS[name]

    async def story() -> None:
        with CustomcrmEmulator() as crm_server, KeapEmulator() as keap_server:
            async with (
                kb.AsyncCustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
                kb.AsyncKeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
                kb.AsyncSyncSession(
                    customcrm=crm,
                    keap=keap,
                    store=f"sqlite:///{tmp_path / 'bridge.db'}",
                    currency="USD",
                    policy=kb.Policy(conflicts="manual"),
                ) as session,
            ):
                ours = getattr(crm_server.state, table).add(values)
                await session.sync()
                [theirs] = getattr(keap_server.state, name)
                texts = [f"https://{side}.example/Xylograph" for side in ("ours", "theirs")]
                field = {"companies": "Website", "products": "Description", "contacts": "JobTitle"}[name]
                getattr(crm_server.state, table).edit(ours, **{field: texts[0]})
                getattr(keap_server.state, name).edit(theirs, **{attribute: texts[1]})
                await session.sync()
                assert len(await session.conflicts()) == 1
                plan = await getattr(session, name).plan(full=True)
                assert remains(tmp_path)
                await session.forget(name, keap=theirs)
                await session.backup(tmp_path / "copy.db")
                assert remains(tmp_path) == set()
                assert await session.conflicts() == []
                await session.apply(plan)
                await session.sync()
                assert remains(tmp_path) == set()
                assert (len(getattr(crm_server.state, table)), len(getattr(keap_server.state, name))) == (1, 1)

    asyncio.run(story())


def test_a_person_is_named_by_one_id(sessions: Any) -> None:
    with sessions() as session, pytest.raises(TypeError, match="keap=… or by customcrm=…"):
        session.forget("contacts")


def test_keap_s_word_for_it_is_told_with_what_is_due(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from keapbridge.store.inbox import Arrival, SqlInbox
    from keapbridge.store.sql import open_store

    store = open_store(f"sqlite:///{tmp_path / 'b.db'}", "default")
    inbox = SqlInbox(store)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    events = ((1, "contact.edit"), (2, "contact.edit"), (2, "contact.redact"))
    inbox.put([Arrival("contacts", kb.Side.KEAP, str(id), event, "m") for id, event in events], moment, moment)
    assert {due.id: due.forget for due in inbox.due("contacts", moment, 10)} == {"1": False, "2": True}
    SyncDriver().run(store.forgetting.erase("contacts", kb.Side.KEAP, "2"))
    assert [due.id for due in inbox.due("contacts", moment, 10)] == ["1"]
    store.close()
