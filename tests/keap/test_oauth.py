"""Signing in with OAuth: one refresh at a time, durable before it is used; what is dead says so."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from callers import start_callers
from tiers import variants

import keapbridge as kb
from keapbridge.keap.oauth import OAuthTokens, TokenStore
from keapbridge.testing import Fault, KeapEmulator

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOKENS = OAuthTokens.lasting("access-1", "refresh-1", timedelta(hours=24), NOON)


@attrs.define
class MemoryTokenStore:
    """A host's own store, as small as it can be; it notes what it was asked for."""

    tokens: OAuthTokens | None = None
    holder: str | None = None
    saved: list[OAuthTokens] = attrs.field(factory=list)
    broken: bool = False
    guard: threading.Lock = attrs.field(factory=threading.Lock)
    taken: threading.Event = attrs.field(factory=threading.Event)

    def load(self) -> OAuthTokens | None:
        return self.tokens

    def save(self, tokens: OAuthTokens) -> None:
        if self.broken:
            raise OSError("the disk is full")
        self.saved.append(tokens)
        self.tokens = tokens

    def lock(self, holder: str, now: datetime) -> bool:
        with self.guard:
            if self.holder is None:
                self.holder = holder
                self.taken.set()
            return self.holder == holder

    def unlock(self, holder: str) -> None:
        if self.holder == holder:
            self.holder = None


@pytest.fixture
def tokens(keap_server: KeapEmulator) -> MemoryTokenStore:
    return MemoryTokenStore(_granted(keap_server))


def _granted(server: KeapEmulator) -> OAuthTokens:
    grant = server.oauth.grant()
    lifetime = timedelta(seconds=server.oauth.expires_in)
    return OAuthTokens.lasting(grant.access_token, grant.refresh_token, lifetime, grant.expires_at - lifetime)


def _oauth(server: KeapEmulator, store: TokenStore, **changes: Any) -> kb.KeapOAuth:
    options: dict[str, Any] = {
        "client_id": server.oauth.client_id,
        "client_secret": server.oauth.client_secret,
        "tokens": store,
        "token_url": server.oauth.token_url,
        "authorize_url": server.oauth.authorize_url,
        "redirect_uri": "https://crm.example.org/keap",
    }
    return kb.KeapOAuth(**options | changes)


def _client(server: KeapEmulator, oauth: kb.KeapOAuth) -> kb.KeapClient:
    return kb.KeapClient(auth=oauth, base_url=server.base_url, retry=kb.RetryPolicy(attempts=3, base=0.001))


@pytest.fixture
def oauth(keap_server: KeapEmulator, tokens: MemoryTokenStore) -> kb.KeapOAuth:
    return _oauth(keap_server, tokens)


@pytest.fixture
def keap(keap_server: KeapEmulator, oauth: kb.KeapOAuth) -> Iterator[kb.KeapClient]:
    with _client(keap_server, oauth) as client:
        yield client


# --- signing in -----------------------------------------------------------------------------------------------------


def test_a_person_is_sent_to_keap_and_the_code_that_comes_back_becomes_tokens(keap_server: KeapEmulator) -> None:
    store = MemoryTokenStore()
    oauth = _oauth(keap_server, store)
    answer = httpx.get(oauth.authorization_url(state="unguessable"), verify=False)
    back = httpx.URL(answer.headers["location"])
    assert (back.host, back.params["state"]) == ("crm.example.org", "unguessable")
    with _client(keap_server, oauth) as keap:
        keap.authorize(back.params["code"])
        assert keap.contacts.get_many([]) == ()
        assert list(keap.contacts.list()) == []
        with pytest.raises(kb.StatusError):
            keap.authorize(back.params["code"])  # a second time
    assert store.saved == [store.tokens]
    assert keap_server.oauth.refreshes == 0


def test_before_anybody_has_authorized_the_error_says_where(keap_server: KeapEmulator) -> None:
    with (
        _client(keap_server, _oauth(keap_server, MemoryTokenStore())) as keap,
        pytest.raises(kb.AuthError, match="nobody has authorized") as caught,
    ):
        keap.contacts.get("1")
    url = caught.value.authorize_url
    assert url is not None
    assert url.startswith(keap_server.oauth.authorize_url)
    assert url in str(caught.value)
    assert len(keap_server.requests) == 0


def test_only_a_client_with_oauth_can_be_authorized() -> None:
    with kb.KeapClient(auth=kb.KeapApiKey("k")) as keap, pytest.raises(TypeError, match="KeapOAuth"):
        keap.authorize("code")


# --- renewing -------------------------------------------------------------------------------------------------------


def test_a_valid_token_is_used_as_it_is(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    list(keap.contacts.list())
    list(keap.companies.list())
    assert keap_server.oauth.refreshes == 0


def test_a_token_that_is_about_to_end_is_renewed_before_the_call(
    keap: kb.KeapClient, keap_server: KeapEmulator, tokens: MemoryTokenStore
) -> None:
    assert tokens.tokens is not None
    tokens.tokens = attrs.evolve(tokens.tokens, renew_at=NOON)
    list(keap.contacts.list())
    assert keap_server.oauth.refreshes == 1
    assert [r.status for r in keap_server.requests] == [200, 200]
    assert tokens.holder is None


def test_a_token_that_is_refused_is_renewed_once_and_the_call_repeated(
    keap: kb.KeapClient, keap_server: KeapEmulator
) -> None:
    keap_server.oauth.expire()
    made = keap.contacts.create(kb.keap.Contact(given_name="Ada", email_addresses=[_address("ada@example.org")]))
    assert keap_server.oauth.refreshes == 1
    assert list(keap_server.state.contacts) == [made.id]
    assert [r.status for r in keap_server.requests] == [401, 200, 201]


def test_a_system_that_refuses_every_token_is_not_asked_for_ever(
    keap: kb.KeapClient, keap_server: KeapEmulator
) -> None:
    keap_server.faults.add(Fault(status=401), path="/v2/", times=100)
    with pytest.raises(kb.AuthError):
        keap.contacts.get("1")
    assert keap_server.oauth.refreshes == 1  # who refuses a new token refuses the next one, too


def test_many_threads_renew_once(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    keap_server.oauth.expire()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: list(keap.contacts.list()), range(24)))
    assert (keap_server.oauth.refreshes, keap_server.oauth.reuses) == (1, 0)


def test_many_tasks_renew_once(keap_server: KeapEmulator, oauth: kb.KeapOAuth) -> None:
    keap_server.oauth.expire()

    async def scenario() -> None:
        async with kb.AsyncKeapClient(auth=oauth, base_url=keap_server.base_url) as keap:

            async def ask() -> None:
                async for _ in keap.contacts.list():
                    pass

            await asyncio.gather(*(ask() for _ in range(24)))

    asyncio.run(scenario())
    assert (keap_server.oauth.refreshes, keap_server.oauth.reuses) == (1, 0)


def test_a_task_that_is_cancelled_while_it_renews_loses_no_token(
    keap_server: KeapEmulator, oauth: kb.KeapOAuth, tokens: MemoryTokenStore
) -> None:
    keap_server.oauth.expire()

    async def scenario() -> None:
        async with kb.AsyncKeapClient(auth=oauth, base_url=keap_server.base_url) as keap:
            call = asyncio.create_task(keap.contacts.get_many(["1"]))
            await asyncio.to_thread(tokens.taken.wait, 30)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(scenario())
    assert keap_server.oauth.refreshes == 1
    assert tokens.holder is None
    assert len(tokens.saved) == 1
    with _client(keap_server, oauth) as keap:
        assert list(keap.contacts.list()) == []
    assert (keap_server.oauth.refreshes, keap_server.oauth.reuses) == (1, 0)


def test_what_somebody_else_renewed_is_used(
    keap: kb.KeapClient, keap_server: KeapEmulator, tokens: MemoryTokenStore
) -> None:
    list(keap.contacts.list())
    keap_server.oauth.expire()
    tokens.tokens = _granted(keap_server)
    list(keap.contacts.list())
    assert keap_server.oauth.refreshes == 0


def test_a_lost_answer_of_the_token_endpoint_before_it_took_effect_is_asked_for_again(
    keap: kb.KeapClient, keap_server: KeapEmulator
) -> None:
    keap_server.oauth.expire()
    keap_server.faults.add(Fault(status=0), path="/token")
    list(keap.contacts.list())
    assert keap_server.oauth.refreshes == 1


def test_new_tokens_that_could_not_be_saved_are_saved_by_the_next_call(
    keap: kb.KeapClient, keap_server: KeapEmulator, tokens: MemoryTokenStore
) -> None:
    keap_server.oauth.expire()
    tokens.broken = True
    with pytest.raises(OSError, match="disk"):
        list(keap.contacts.list())
    assert tokens.holder is None
    tokens.broken = False
    list(keap.contacts.list())
    assert (keap_server.oauth.refreshes, keap_server.oauth.reuses) == (1, 0)
    assert tokens.tokens == tokens.saved[-1]


# --- dead tokens ----------------------------------------------------------------------------------------------------


def test_a_dead_refresh_token_needs_a_person_and_is_asked_for_once(
    keap: kb.KeapClient, keap_server: KeapEmulator, tokens: MemoryTokenStore
) -> None:
    keap_server.oauth.revoke()
    for _ in range(3):
        with pytest.raises(kb.AuthError, match="authorize again at http") as caught:
            keap.contacts.get("1")
        assert caught.value.authorize_url is not None
    assert len(keap_server.requests.matching("POST", "/token")) == 1
    assert tokens.tokens is not None
    held = tokens.tokens
    for secret in (held.access_token.reveal(), held.refresh_token.reveal(), keap_server.oauth.client_secret):
        assert secret not in f"{caught.value} {caught.value!r}"


def test_after_a_person_has_authorized_again_the_same_client_goes_on(
    keap: kb.KeapClient, keap_server: KeapEmulator, tokens: MemoryTokenStore
) -> None:
    keap_server.oauth.revoke()
    with pytest.raises(kb.AuthError):
        keap.contacts.get("1")
    tokens.tokens = _granted(keap_server)  # by another process
    assert list(keap.contacts.list()) == []


def test_a_wrong_client_secret_is_no_dead_token(keap_server: KeapEmulator, tokens: MemoryTokenStore) -> None:
    keap_server.oauth.expire()
    with (
        _client(keap_server, _oauth(keap_server, tokens, client_secret="wrong")) as keap,
        pytest.raises(kb.AuthError, match="check the credentials") as caught,
    ):
        keap.contacts.get("1")
    assert caught.value.authorize_url is None
    assert tokens.holder is None


def test_nothing_shows_a_secret(oauth: kb.KeapOAuth, tokens: MemoryTokenStore, keap: kb.KeapClient) -> None:
    assert tokens.tokens is not None
    for thing in (oauth, tokens.tokens, keap, keap.contacts.flows, keap.contacts.flows.port.credentials):
        for held in (tokens.tokens.access_token, tokens.tokens.refresh_token, oauth.client_secret):
            secret = held.reveal()
            assert secret not in repr(thing)


# --- stores ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["file", "database", "encrypted file", "encrypted database"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    from cryptography.fernet import Fernet

    keys = [Fernet.generate_key()] if "encrypted" in request.param else []
    if "file" in request.param:
        return lambda: kb.FileTokenStore(tmp_path / "tokens.json", encryption_keys=keys)
    return lambda: kb.SqlTokenStore(f"sqlite:///{tmp_path / 'bridge.db'}", encryption_keys=keys)


def test_a_store_keeps_what_was_saved_last(make_store: Any) -> None:
    store = make_store()
    assert store.load() is None
    store.save(TOKENS)
    later = OAuthTokens.lasting("access-2", "refresh-2", timedelta(hours=24), NOON)
    store.save(later)
    assert make_store().load() == later
    assert "access" not in repr(store)


def test_a_store_lets_one_holder_renew(make_store: Any) -> None:
    one, two = make_store(), make_store()
    assert one.lock("a", NOON)
    assert not two.lock("b", NOON)
    assert not one.lock("c", NOON)
    two.unlock("b")  # not the holder
    assert not two.lock("b", NOON)
    one.unlock("a")
    assert two.lock("b", NOON)
    two.unlock("b")


def test_the_lock_of_a_dead_process_ends(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'bridge.db'}"
    assert kb.SqlTokenStore(database).lock("dead", NOON)
    assert not kb.SqlTokenStore(database).lock("b", NOON + timedelta(minutes=4))
    assert kb.SqlTokenStore(database).lock("b", NOON + timedelta(minutes=6))
    script = "import sys, os, datetime, keapbridge as kb; s = kb.FileTokenStore(sys.argv[1])\n"
    script += "assert s.lock('dead', datetime.datetime.now(datetime.UTC)); os._exit(0)"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "tokens")], check=True, timeout=240)
    assert kb.FileTokenStore(tmp_path / "tokens").lock("b", NOON)


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_file_of_tokens_is_its_owners_alone(tmp_path: Path, encrypted: bool) -> None:
    from cryptography.fernet import Fernet

    path = tmp_path / "tokens.json"
    store = kb.FileTokenStore(path, encryption_keys=[Fernet.generate_key()] if encrypted else [])
    store.save(TOKENS)
    store.save(TOKENS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ("refresh-1" in path.read_text()) is not encrypted
    assert [p.name for p in tmp_path.iterdir()] == ["tokens.json"]


def test_a_crash_while_saving_leaves_the_old_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = kb.FileTokenStore(tmp_path / "tokens.json")
    store.save(TOKENS)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("power cut")))
    with pytest.raises(OSError, match="power cut"):
        store.save(OAuthTokens.lasting("access-2", "refresh-2", timedelta(hours=24), NOON))
    monkeypatch.undo()
    assert store.load() == TOKENS
    assert [p.name for p in tmp_path.iterdir()] == ["tokens.json"]
    store.save(TOKENS)


@pytest.mark.parametrize("content", ["", "{}", '{"access_token": "s3cret"}', "null", "[]"])
def test_a_file_that_holds_no_tokens_is_an_error_without_its_content(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(kb.KeapbridgeError, match="authorize again") as caught:
        kb.FileTokenStore(tmp_path / "tokens.json").load()
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__cause__ is None


# --- processes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", variants(["file", "database"], quick=["file"]))
@pytest.mark.parametrize(
    ("processes", "calls"),
    [
        pytest.param(2, 40, marks=pytest.mark.thorough),
        pytest.param(8, 200, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)
def test_processes_share_one_refresh_per_expiry(
    keap_server: KeapEmulator, tmp_path: Path, where: str, processes: int, calls: int
) -> None:
    keap_server.state.contacts.add({"given_name": "Ada"})
    options: dict[str, Any] = {
        "base_url": keap_server.base_url,
        "tokens": str(tmp_path / "tokens.json"),
        "client_id": keap_server.oauth.client_id,
        "client_secret": keap_server.oauth.client_secret,
        "token_url": keap_server.oauth.token_url,
        "threads": 4,
        "calls": calls,
    }
    if where == "database":
        options["database"] = f"sqlite:///{tmp_path / 'bridge.db'}"
        kb.SqlTokenStore(options["database"]).save(_granted(keap_server))
    else:
        kb.FileTokenStore(options["tokens"]).save(_granted(keap_server))
    for expiries in (1, 2):
        keap_server.oauth.expire()  # the first call of each process finds a token that is refused
        said = start_callers(processes, options)
        assert [s["outcomes"] for s in said] == [{"answered": calls}] * processes
        assert keap_server.oauth.reuses == 0
        assert keap_server.oauth.refreshes == expiries, "nobody renewed what somebody else had renewed"


def _address(email: str) -> kb.keap.EmailAddress:
    return kb.keap.EmailAddress(email, "EMAIL1")
