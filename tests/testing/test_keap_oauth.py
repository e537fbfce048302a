"""The OAuth2 of the Keap emulator, seen through HTTP as a client sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from keapbridge.testing import KeapBehaviour, KeapEmulator

CALLBACK = "https://host.example/keap/callback?tenant=7"
INVALID_TOKEN = {
    "fault": {
        "faultstring": "Invalid Access Token",
        "detail": {"errorcode": "keymanagement.service.invalid_access_token"},
    }
}
EXPIRED_TOKEN = {
    "fault": {
        "faultstring": "Access Token expired",
        "detail": {"errorcode": "keymanagement.service.access_token_expired"},
    }
}


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60, verify=False) as client:
        yield client


@pytest.fixture
def keap() -> Iterator[KeapEmulator]:
    with KeapEmulator() as keap:
        yield keap


@pytest.fixture
def strict() -> Iterator[KeapEmulator]:
    """A Keap that ends the connection whose refresh token is used twice."""
    with KeapEmulator(behaviour=KeapBehaviour(reuse_ends_connection=True, refused_refresh="invalid_request")) as keap:
        yield keap


def consent(keap: KeapEmulator, http: httpx.Client, **changes: Any) -> httpx.Response:
    asked = {
        "client_id": keap.oauth.client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "full",
        "state": "s 1",
    }
    parameters = {name: value for name, value in (asked | changes).items() if value is not None}
    return http.get(keap.oauth.authorize_url, params=parameters)


def code_of(answer: httpx.Response) -> str:
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def exchange(keap: KeapEmulator, http: httpx.Client, code: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": keap.oauth.client_id,
        "client_secret": keap.oauth.client_secret,
        "code": code,
        "redirect_uri": CALLBACK,
    }
    return http.post(keap.oauth.token_url, data=form | changes)


def refresh(keap: KeapEmulator, http: httpx.Client, token: str, **options: Any) -> httpx.Response:
    options.setdefault("auth", (keap.oauth.client_id, keap.oauth.client_secret))
    return http.post(keap.oauth.token_url, data={"grant_type": "refresh_token", "refresh_token": token}, **options)


def ask(keap: KeapEmulator, http: httpx.Client, token: str) -> httpx.Response:
    return http.get(f"{keap.base_url}/v2/contacts", headers={"Authorization": f"Bearer {token}"})


def refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_consent_becomes_tokens_that_open_the_api(keap: KeapEmulator, http: httpx.Client) -> None:
    answer = consent(keap, http)
    target = urlsplit(answer.headers["location"])
    assert answer.status_code == 302
    assert f"{target.scheme}://{target.netloc}{target.path}" == "https://host.example/keap/callback"
    carried = parse_qs(target.query)
    assert (carried["tenant"], carried["state"], carried["scope"][0][:4]) == (["7"], ["s 1"], "full")
    tokens = exchange(keap, http, code_of(answer)).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 86_400)
    assert isinstance(tokens["expires_in"], int)
    assert ask(keap, http, tokens["access_token"]).status_code == 200
    # The old ways in stay open.
    assert ask(keap, http, keap.api_key).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "contacts"}, "invalid_scope"),
    ],
)
def test_what_the_page_refuses_it_says_to_the_host(
    keap: KeapEmulator, http: httpx.Client, changes: dict[str, Any], error: str
) -> None:
    carried = parse_qs(urlsplit(consent(keap, http, **changes).headers["location"]).query)
    assert (carried["error"], carried["state"]) == ([error], ["s 1"])
    assert "code" not in carried


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({"client_id": "another"}, "invalid_client", 401),
        ({"client_id": None}, "invalid_client", 401),
        ({"redirect_uri": "/callback"}, "invalid_request", 400),
        ({"redirect_uri": "https://host.example/#x"}, "invalid_request", 400),
        ({"redirect_uri": "https://[host"}, "invalid_request", 400),
        ({"redirect_uri": None}, "invalid_request", 400),
    ],
)
def test_strangers_are_never_redirected(
    keap: KeapEmulator, http: httpx.Client, changes: dict[str, Any], error: str, status: int
) -> None:
    answer = consent(keap, http, **changes)
    refused(answer, error, status)
    assert "location" not in answer.headers


def test_a_user_may_say_no(keap: KeapEmulator, http: httpx.Client) -> None:
    keap.oauth.consents = False
    assert "error=access_denied" in consent(keap, http, state=None).headers["location"]


def test_a_code_is_good_once_and_for_its_address_only(keap: KeapEmulator, http: httpx.Client) -> None:
    code = code_of(consent(keap, http))
    assert exchange(keap, http, code).status_code == 200
    refused(exchange(keap, http, code), "invalid_grant")
    refused(exchange(keap, http, code_of(consent(keap, http)), redirect_uri="https://host.example/"), "invalid_grant")
    refused(exchange(keap, http, code_of(consent(keap, http)), client_secret="wrong"), "invalid_client", 401)


def test_a_refresh_token_is_good_once(keap: KeapEmulator, http: httpx.Client) -> None:
    first = keap.oauth.grant()
    second = refresh(keap, http, first.refresh_token).json()
    assert second["refresh_token"] != first.refresh_token
    assert ask(keap, http, second["access_token"]).status_code == 200
    refused(refresh(keap, http, first.refresh_token), "invalid_grant")
    assert (keap.oauth.refreshes, keap.oauth.reuses) == (1, 1)
    # The connection lives on: its newest token is not harmed.
    assert refresh(keap, http, second["refresh_token"]).status_code == 200


def test_using_a_refresh_token_twice_may_end_the_connection(strict: KeapEmulator, http: httpx.Client) -> None:
    first, other = strict.oauth.grant(), strict.oauth.grant()
    second = refresh(strict, http, first.refresh_token).json()
    refused(refresh(strict, http, first.refresh_token), "invalid_request")
    assert ask(strict, http, second["access_token"]).status_code == 401
    refused(refresh(strict, http, second["refresh_token"]), "invalid_request")
    assert ask(strict, http, other.access_token).status_code == 200
    assert strict.oauth.reuses == 1, "a token that was ended is unknown, not used twice"


def test_of_many_that_refresh_at_once_one_wins(keap: KeapEmulator, http: httpx.Client) -> None:
    token = keap.oauth.grant().refresh_token
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(a.status_code for a in pool.map(lambda _: refresh(keap, http, token), range(8)))
    assert statuses == [200, *[400] * 7]
    assert (keap.oauth.refreshes, keap.oauth.reuses) == (1, 7)


def test_an_answer_that_is_lost_has_rotated_the_token_all_the_same(keap: KeapEmulator, http: httpx.Client) -> None:
    from keapbridge.testing import Fault

    keap.faults.add(Fault(status=0, when="after"), path="/token")
    token = keap.oauth.grant().refresh_token
    with pytest.raises(httpx.TransportError):
        refresh(keap, http, token)
    refused(refresh(keap, http, token), "invalid_grant")
    assert [r.status for r in keap.requests] == [0, 400]


def test_access_tokens_expire(http: httpx.Client) -> None:
    now = [datetime(2030, 1, 1, tzinfo=UTC)]
    with KeapEmulator(clock=lambda: now[0]) as keap:
        keap.oauth.expires_in = 1.5
        grant = keap.oauth.grant()
        assert grant.expires_at == now[0] + timedelta(seconds=1.5)
        assert refresh(keap, http, keap.oauth.grant().refresh_token).json()["expires_in"] == 1.5
        assert ask(keap, http, grant.access_token).status_code == 200
        now[0] = grant.expires_at
        answer = ask(keap, http, grant.access_token)
        assert (answer.status_code, answer.json()) == (401, EXPIRED_TOKEN)
        now[0] += timedelta(days=45)
        refused(refresh(keap, http, grant.refresh_token), "invalid_grant")
        assert keap.oauth.reuses == 0


def test_tokens_are_ended_by_hand(keap: KeapEmulator, http: httpx.Client) -> None:
    grant = keap.oauth.grant()
    keap.oauth.expire()
    assert ask(keap, http, grant.access_token).status_code == 401
    renewed = refresh(keap, http, grant.refresh_token).json()
    keap.oauth.revoke()
    assert ask(keap, http, renewed["access_token"]).status_code == 401
    refused(refresh(keap, http, renewed["refresh_token"]), "invalid_grant")


@pytest.mark.parametrize("how", ["none", "form", "wrong", "garbled", "bearer"])
def test_a_refresh_needs_the_client_as_basic(keap: KeapEmulator, http: httpx.Client, how: str) -> None:
    token, oauth = keap.oauth.grant().refresh_token, keap.oauth
    form = {"grant_type": "refresh_token", "refresh_token": token}
    headers = {"garbled": {"Authorization": "Basic ä".encode()}, "bearer": {"Authorization": "Bearer x"}}.get(how, {})
    if how == "form":
        form |= {"client_id": oauth.client_id, "client_secret": oauth.client_secret}
    auth = (oauth.client_id, "wrong") if how == "wrong" else None
    answer = http.post(oauth.token_url, data=form, headers=headers, auth=auth)
    refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert refresh(keap, http, token).status_code == 200, "nothing was used up"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"data": {"grant_type": "password"}}, "unsupported_grant_type"),
        ({"data": {"code": "x"}}, "invalid_request"),
        ({"json": {"grant_type": "refresh_token"}}, "invalid_request"),
        ({"content": b"grant_type=a&grant_type=b"}, "invalid_request"),
        ({"content": b"\xff\xfe"}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_other_forms_are_refused(keap: KeapEmulator, http: httpx.Client, options: dict[str, Any], error: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"} if "json" not in options else {}
    refused(http.post(keap.oauth.token_url, headers=form, **options), error)
    assert http.get(keap.oauth.token_url).status_code == 405


def test_the_record_shows_no_secret(keap: KeapEmulator, http: httpx.Client) -> None:
    code = code_of(consent(keap, http))
    tokens = exchange(keap, http, code).json()
    newer = refresh(keap, http, tokens["refresh_token"]).json()
    ask(keap, http, newer["access_token"])
    http.post(keap.oauth.token_url, params={"refresh_token": newer["refresh_token"]}, content=newer["refresh_token"])
    http.post(keap.oauth.token_url, json={"refresh_token": newer["refresh_token"], "pass": newer["access_token"]})
    secrets = {keap.oauth.client_secret, code, *(t[n] for t in (tokens, newer) for n in t if n.endswith("_token"))}
    assert len(keap.requests) == 6
    for r in keap.requests:
        shown = f"{r.query} {r.raw_query} {r.headers} {r.body!r} {r.response_body!r}"
        assert not [secret for secret in secrets if secret in shown], r.path
    assert b"grant_type=refresh_token" in keap.requests[2].body
    assert b'"token_type": "bearer"' in keap.requests[2].response_body
    grant = keap.oauth.grant()
    assert grant.access_token not in repr(grant)


def test_tokens_are_served_without_a_socket() -> None:
    keap = KeapEmulator()

    async def refreshed() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=keap.app)) as client:
            answer = await client.post(
                keap.oauth.token_url,
                data={"grant_type": "refresh_token", "refresh_token": keap.oauth.grant().refresh_token},
                auth=(keap.oauth.client_id, keap.oauth.client_secret),
            )
            token = answer.json()["access_token"]
            asked = await client.get(f"{keap.base_url}/v2/contacts", headers={"Authorization": f"Bearer {token}"})
            return [answer.status_code, asked.status_code]

    assert keap.oauth.token_url == "http://keap.invalid/token"
    assert asyncio.run(refreshed()) == [200, 200]
    keap.close()
