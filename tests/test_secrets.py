"""Nothing secret and nothing personal shows: in no log line, `repr`, message, report or cassette."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from tiers import variants

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

KEY, TOKEN = "KeapAK-planted0123456789", "planted-crm-token-987654"
PEOPLE = ("Plantedella", "Plantovich", "planted.person@example.org", "other.planted@example.com")
PHONES = ("6025550143", "602-555-0143", "602) 555-0143", "2125550188")
ECHO = json.dumps({"message": f"{PEOPLE[2]} of +1 {PHONES[0]} is not right ({KEY} {TOKEN})"}).encode()


@pytest.fixture
def keap_server() -> Iterator[KeapEmulator]:
    with KeapEmulator(api_key=KEY) as server:
        yield server


@pytest.fixture
def crm_server() -> Iterator[CustomcrmEmulator]:
    with CustomcrmEmulator(token=TOKEN) as server:
        yield server


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What a host sees that logs all there is to log."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "keapbridge", "sqlalchemy", "alembic", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def _assert_clean(text: str, *more: str) -> None:
    shown = [secret for secret in (KEY, TOKEN, *PEOPLE, *PHONES, *more) if secret.lower() in text.lower()]
    assert not shown, f"{shown} in {text[:2000]}"


def _people(keap_server: KeapEmulator, crm_server: CustomcrmEmulator) -> tuple[str, str]:
    theirs = keap_server.state.contacts.add(
        {
            "given_name": PEOPLE[0],
            "family_name": PEOPLE[1],
            "email_addresses": [{"email": PEOPLE[2], "field": "EMAIL1"}],
            "phone_numbers": [{"number": f"+1 {PHONES[0]}", "field": "PHONE1"}],
        }
    )
    ours = crm_server.state.contacts.add({"FirstName": PEOPLE[0], "Email": PEOPLE[3], "Phone": f"+1 {PHONES[3]}"})
    return str(ours), str(theirs)


FAULTS = [
    Fault(status=400, body=ECHO, content_type="application/json"),
    Fault(status=422, body=ECHO, content_type="application/json"),
    Fault(status=500, body=ECHO, content_type="application/json"),
    Fault(status=403, body=ECHO, content_type="application/json"),
    Fault(status=200, body=b'{"id": "1", "given_name": {"a": "Plantedella"}}', content_type="application/json"),
    Fault(status=0, when="after"),
    Fault(status=200, body=f"<html>{PEOPLE[2]}</html>".encode(), content_type="text/html"),
]


@pytest.mark.parametrize(
    "fault",
    variants([None, *FAULTS], quick=[FAULTS[4]]),
    ids=lambda f: "no fault" if f is None else f"{f.status} {f.when}",
)
def test_a_sync_shows_nothing(
    fault: Fault | None,
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    keap: kb.KeapClient,
    crm: kb.CustomcrmClient,
    store: str,
    everything: pytest.LogCaptureFixture,
) -> None:
    ours, _ = _people(keap_server, crm_server)
    with kb.SyncSession(customcrm=crm, keap=keap, store=store) as session:
        if fault is not None:
            for server in (keap_server, crm_server):
                server.faults.add(fault, method="POST", times=10)
        plan = session.plan()
        report = session.apply(plan)
        said = [str(plan), str(report), *(f"{line} {line!r}" for line in report.lines)]
        for server in (keap_server, crm_server):
            server.faults.clear()
        crm_server.state.contacts.edit(ours, FirstName="Plantedella", LastName="Plantovich")
        report = session.sync(full=True)  # a lost create is looked up by its e-mail address
        said += [str(report), repr(session), repr(keap), repr(crm), repr(keap.contacts.flows), repr(session.contacts)]
    _assert_clean("\n".join(said))
    _assert_clean(everything.text)
    if fault is None:
        assert "HTTP Request: GET" in everything.text  # there was something to see


@pytest.mark.parametrize("fault", FAULTS[:5], ids=lambda f: str(f.status))
def test_an_error_of_a_client_shows_nothing(
    fault: Fault, keap_server: KeapEmulator, keap: kb.KeapClient, everything: pytest.LogCaptureFixture
) -> None:
    keap_server.faults.add(fault, times=10)
    with pytest.raises(kb.ApiError) as caught:
        list(keap.contacts.list(filters=[("email", PEOPLE[2]), ("given_name", PEOPLE[0])]))
    _assert_clean("".join(traceback.format_exception_only(caught.value)) + repr(caught.value))
    _assert_clean(everything.text)


def test_oauth_shows_nothing(keap_server: KeapEmulator, tmp_path: Path, everything: pytest.LogCaptureFixture) -> None:
    grant = keap_server.oauth.grant()
    tokens = kb.FileTokenStore(tmp_path / "tokens.json")
    tokens.save(
        kb.keap.OAuthTokens.lasting(grant.access_token, grant.refresh_token, timedelta(days=1), grant.expires_at)
    )
    keap_server.oauth.client_secret = "planted-client-secret-42"
    secrets = [grant.access_token, grant.refresh_token, keap_server.oauth.client_secret]
    oauth = kb.KeapOAuth(
        client_id=keap_server.oauth.client_id,
        client_secret=keap_server.oauth.client_secret,
        tokens=tokens,
        token_url=keap_server.oauth.token_url,
    )
    said: list[Any] = []
    with kb.KeapClient(auth=oauth, base_url=keap_server.base_url) as keap:
        keap_server.oauth.expire()
        list(keap.contacts.list())
        renewed = tokens.load()
        assert renewed is not None
        secrets += [renewed.access_token.reveal(), renewed.refresh_token.reveal()]
        keap_server.oauth.revoke()
        with pytest.raises(kb.AuthError) as caught:
            list(keap.contacts.list())
        said = [oauth, tokens, renewed, keap, caught.value, str(caught.value)]
    _assert_clean("\n".join(map(repr, said)), *secrets)
    _assert_clean(everything.text, *secrets)


@pytest.mark.parametrize("flaw", ["\n", "é", "\r\nX-Other: 1"])
@pytest.mark.parametrize(
    "make", [kb.KeapApiKey, kb.BearerToken, lambda key: kb.ApiKey(key, header="X-Key")], ids=["Keap", "bearer", "key"]
)
def test_a_secret_that_no_header_can_carry_is_refused_and_not_shown(make: Any, flaw: str) -> None:
    with pytest.raises(ValueError, match="no header can carry") as caught:
        make(KEY + flaw)
    _assert_clean("".join(traceback.format_exception(caught.value)) + repr(caught.value))


def test_a_header_of_a_host_that_cannot_be_sent_shows_nothing(keap_server: KeapEmulator) -> None:
    class Own:
        def headers(self) -> dict[str, str]:
            return {"X-Keap-API-Key": f"{KEY}\n"}

    with (
        kb.KeapClient(auth=Own(), base_url=keap_server.base_url, retry=kb.RetryPolicy(attempts=1)) as keap,
        pytest.raises(kb.TransportError) as caught,
    ):
        keap.contacts.get("1")
    _assert_clean("".join(traceback.format_exception(caught.value)))


def test_no_representation_shows_how_to_reach_a_person(
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    keap: kb.KeapClient,
    crm: kb.CustomcrmClient,
    store: str,
) -> None:
    ours, theirs = _people(keap_server, crm_server)
    reachable = [*PEOPLE[2:], *PHONES]
    with kb.SyncSession(customcrm=crm, keap=keap, store=store) as session:
        plan = session.plan()
        things: list[Any] = [plan, *plan.actions, *keap.contacts.list(), *crm.contacts.list()]
        report = session.apply(plan)
        crm_server.state.contacts.edit(ours, Email=PEOPLE[2].replace("planted", "planted2"), Phone=f"+1 {PHONES[0]}")
        plan = session.plan()
        things += [*plan.actions, report, *report.lines, *session.contacts.links(), *session.conflicts()]
        things += [session.explain("contacts", customcrm=ours), session.explain("contacts", keap=theirs)]
    assert len(things) > 10
    shown = [repr(thing) for thing in things if any(secret in repr(thing) for secret in reachable)]
    assert shown == []


def test_a_broken_store_shows_nothing(
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    keap: kb.KeapClient,
    crm: kb.CustomcrmClient,
    tmp_path: Path,
    everything: pytest.LogCaptureFixture,
) -> None:
    import sqlite3

    _people(keap_server, crm_server)
    path = tmp_path / "bridge.db"
    with kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{path}") as session:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE keapbridge_observed")
        connection.close()
        with pytest.raises(kb.LinkStoreError) as caught:
            session.sync()
    _assert_clean("".join(traceback.format_exception(caught.value)))
    _assert_clean(everything.text)


def test_an_encrypted_store_holds_nothing_of_anybody_whatever_was_done(
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    keap: kb.KeapClient,
    crm: kb.CustomcrmClient,
    tmp_path: Path,
    everything: pytest.LogCaptureFixture,
) -> None:
    store, keys = f"sqlite:///{tmp_path / 'bridge.db'}", [Fernet.generate_key()]
    ours, theirs = _people(keap_server, crm_server)
    twin = {"given_name": "Planted Twin", "email_addresses": [{"email": "twin.planted@example.com", "field": "EMAIL1"}]}
    keap_server.state.contacts.add_many([twin, twin])
    keap_server.state.contacts.add({"phone_numbers": [{"number": "12 planted", "field": "PHONE1"}], "job_title": "J"})
    keap_server.faults.add(FAULTS[0], method="POST", times=1)
    policy = kb.Policy(conflicts="manual", deletions="delete")
    with kb.SyncSession(
        customcrm=crm, keap=keap, store=store, encryption_keys=keys, lag=timedelta(0), policy=policy
    ) as session:
        report = session.sync(by=PEOPLE[2])
        assert {line.outcome for line in report.lines} >= {"created", "failed", "held", "skipped"}
        session.contacts.retry(customcrm=[ours])
        session.sync()
        crm_server.state.contacts.edit(ours, JobTitle="Planted contest")
        keap_server.state.contacts.edit(str(max(map(int, keap_server.state.contacts))), job_title="Planted answer")
        session.sync()
        [conflict] = session.conflicts()
        session.resolve(conflict, value="Planted decision", by=PEOPLE[2])
        keap_server.state.contacts.delete(theirs)
        session.undo(session.sync(full=True).run_id, by=PEOPLE[2])
        session.plan(full=True)
        token = kb.webhooks.asgi_app(session).keap_path.rpartition("/")[2]
        tokens = kb.keap.OAuthTokens.lasting("PLANTED-A", "PLANTED-R", timedelta(days=1), datetime.now(UTC))
        kb.SqlTokenStore(store, encryption_keys=keys).save(tokens)
        held = "".join(path.read_bytes().decode("latin-1") for path in tmp_path.glob("bridge.db*"))
    _assert_clean(held, "planted", "1 602", token)  # long words: shorter ones are in ciphertexts by luck
    _assert_clean(everything.text, "planted", token)


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "cassettes").rglob("*.yaml")), ids=lambda p: p.stem)
def test_no_cassette_holds_a_key(path: Path) -> None:
    text = path.read_text("utf-8").lower()
    assert "keapak-" not in text
    assert "bearer " not in text
