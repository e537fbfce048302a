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
from keapbridge.model.report import Line
from keapbridge.store import schema
from keapbridge.store.sql import open_store
from keapbridge.store.works import SqlWorks
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRETS = (b"Zebulon", b"zebulon", b"Quagmire", b"Xylograph", b"4155550123", b"Unfit")
# Where values of people may be, or what a system has said of them.
HOLDS = {
    "links": "customcrm_base keap_base awaited decided aside",
    "observed": "snapshot unreadable aliases problem",
    "match_keys": "key spelt apart stronger",
    "tombstones": "reason known",
    "failures": "reason",
    "actions": "body",
    "runs": "why",
    "lines": "body",
    "intents": "draft before",
    "journal": "before after raw",
    "overwrites": "before after",
    "works": "error",
}
# Bare ids, names of fields, digests of whole records, moments, numbers, and what is of nobody who is kept in step.
HOLDS_NOT = {
    "links": "customcrm_id keap_id customcrm_digest keap_digest customcrm_mark keap_mark "
    "customcrm_born keap_born customcrm_changed keap_changed",
    "observed": "side id linked absent updated_at version mark seen_in born changed went_back",
    "match_keys": "customcrm_id side rank slot",
    "seen_pages": "seq side ids",
    "missing": "side id proven",
    "tombstones": "side id apart born",
    "told_apart": "side id other_side other_id run_id told_at decided_by",
    "failures": "side id tries next_try_at",
    "leases": "holder expires_at keap customcrm",
    "cursors": "side watermark newest",
    "facts": "name value",
    "plans": "id created_at objects counts unchanged watermarks newest totals purpose applied_at",
    "actions": "plan_id seq kind customcrm_id keap_id",
    "runs": "id plan_id started_at ended_at counts complete decided_by",
    "lines": "seq run_id outcome",
    "intents": "id side source_id created_at over over_at",
    "journal": "seq run_id side record_id partner_id kind written_at sources",
    "overwrites": "side field record_id written_at",
    "tokens": "name body holder locked_until",
    "paces": "key entry",
    "inbox": "seq side id event mark received_at due_at state tries",
    "messages": "id signed_at received_at",
    "works": "about what decided_by began_at ended_at page",
    "tenants": "settings every full_every weight paused token added_at sync_at sync_job hooks_at hooks_job watch_at "
    "watch_job full_at began_at ended_at complete_at outcome why in_row quota_left conflicts",
}


def remains(folder: Path) -> set[bytes]:
    texts = [file.read_bytes() for file in folder.iterdir()]
    return {secret for secret in SECRETS if any(secret in text for text in texts)}


def test_every_column_is_thought_of() -> None:
    known = {name: {*HOLDS.get(name, "").split(), *its.split()} for name, its in HOLDS_NOT.items()}
    tables = {name.removeprefix("keapbridge_"): table for name, table in schema.metadata.tables.items()}
    assert known == {name: set(table.columns.keys()) - {"bridge", "object"} for name, table in tables.items()}


KINDS = pytest.mark.parametrize(
    "kind",
    [
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.thorough, pytest.mark.xdist_group("postgresql")]),
    ],
)


@KINDS
@pytest.mark.parametrize("column", [f"{name}.{each}" for name, its in HOLDS.items() for each in its.split()])
def test_whatever_a_column_holds_of_a_person_is_erased(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, column: str
) -> None:
    url = f"sqlite:///{tmp_path / 'b.db'}" if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    store = open_store(url, "default")
    driver = SyncDriver()
    name, of = column.split(".")
    table = schema.metadata.tables[f"keapbridge_{name}"]
    driver.run(store.plans.begin("p", NOON, ["contacts"]))
    driver.run(store.runs.begin("p", "r", NOON))
    line = Line("contacts", "failed", kb.Side.KEAP, None, "12", (), "Zebulon")
    row = {
        **{each.name: "" if isinstance(each.type, sa.String) else 1 for each in table.columns if not each.nullable},
        "bridge": "default",
        "object": "contacts",
        "side": "keap",
        "other_side": "keap",
        "run_id": "r",
        **dict.fromkeys(("id", "record_id", "keap_id"), "12"),
        **({"id": "r2"} if name == "runs" else {"side": "customcrm", "source_id": "12"} if name == "intents" else {}),
        "plan_id": "p",
        "linked": False,
        of: store.rows.line("r", line)["body"] if name == "lines" else "Zebulon",
    }
    with store.database.transaction() as c:
        c.execute(table.insert(), {key: value for key, value in row.items() if key in table.columns})
        if name == "match_keys":  # of a link
            base = {"customcrm_base": "{}", "keap_base": "{}"}
            its = {key: value for key, value in row.items() if key in schema.links.columns}
            c.execute(schema.links.insert(), {**its, **base, "keap_id": "12"})
        if name == "journal":  # another's, over whom this one had been written
            other = {**row, "record_id": "40", "sources": '["7", "12"]', "side": "customcrm", "seq": 2}
            nothing = {"before": "{}", "after": "{}", "written_at": NOON.isoformat(), "raw": "[]"}
            its = {**other, **nothing, "before": '{"FirstName":"Zebulon"}'}
            c.execute(table.insert(), {key: value for key, value in its.items() if key in table.columns})
    assert rows_about(url, set())
    driver.run(store.forgetting.erase("contacts", kb.Side.KEAP, "12", datetime.now(UTC)))
    driver.run(store.forgetting.clean())
    assert rows_about(url, set()) == {}
    store.close()
    assert kind == "postgresql" or remains(tmp_path) == set()


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
@KINDS
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

    store = open_store(f"sqlite:///{tmp_path / 'b.db'}", "default")
    inbox = SqlInbox(store)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    events = ((1, "contact.edit"), (2, "contact.edit"), (2, "contact.redact"))
    inbox.put([Arrival("contacts", kb.Side.KEAP, str(id), event, "m") for id, event in events], moment, moment)
    assert {due.id: due.forget for due in inbox.due("contacts", moment, 10)} == {"1": False, "2": True}
    SyncDriver().run(store.forgetting.erase("contacts", kb.Side.KEAP, "2", datetime.now(UTC)))
    assert [due.id for due in inbox.due("contacts", moment, 10)] == ["1"]
    store.close()
