"""Who may see the console, and who may decide: it is closed to everybody else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import keapbridge as kb
from keapbridge.console.app import BROWSER
from keapbridge.console.desk import Desk
from keapbridge.console.pages import SESSION
from keapbridge.console.security import LASTING, Tokens

User = kb.console.User
Browse = Callable[..., Any]
HERE = "http://console.example"


def app_of(session: kb.SyncSession, authorize: Any) -> TestClient:
    return TestClient(kb.console.asgi_app(session, authorize=authorize), base_url=HERE, raise_server_exceptions=False)


@pytest.mark.parametrize("authorize", [None, "anna", True])
def test_there_is_no_console_without_a_function_that_tells_who_may_see_it(
    session: kb.SyncSession, authorize: Any
) -> None:
    with pytest.raises(TypeError, match="who may see the pages"):
        kb.console.asgi_app(session, authorize=authorize)


def test_it_is_made_of_a_session_or_a_fleet() -> None:
    with pytest.raises(TypeError, match="SyncSession"):
        kb.console.asgi_app("sqlite://", authorize=lambda _: None)


async def _nobody(_: object) -> None:
    return None


@pytest.mark.parametrize("path", [path for path, page in SESSION.items() if page.get is not None and "{" not in path])
@pytest.mark.parametrize("authorize", [lambda _: None, _nobody])
def test_nobody_sees_anything_whom_the_host_does_not_name(session: kb.SyncSession, path: str, authorize: Any) -> None:
    answer = app_of(session, authorize).get(path)
    assert answer.status_code == 403
    assert "default" not in answer.text


async def _anna(_: object) -> kb.console.User:
    return User("anna")


def test_the_host_s_function_may_be_asynchronous(session: kb.SyncSession) -> None:
    assert "anna" in app_of(session, _anna).get("/").text


@pytest.mark.parametrize("given", [True, "anna", object()])
def test_what_is_no_user_sees_nothing(session: kb.SyncSession, given: object) -> None:
    assert app_of(session, lambda _: given).get("/").status_code == 500


def test_a_fault_of_the_host_s_function_opens_nothing(session: kb.SyncSession) -> None:
    def broken(_: object) -> kb.console.User:
        raise RuntimeError("the directory is down")

    answer = app_of(session, broken).get("/")
    assert answer.status_code == 500
    assert "directory" not in answer.text


@pytest.mark.parametrize("name", ["", " ", "an\nna", "a" * 201])
def test_a_user_has_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        User(name)


def test_a_user_decides_nothing_unless_the_host_says_so() -> None:
    assert not User("anna").can_decide


def test_every_answer_keeps_others_out(browse: Browse) -> None:
    browser = browse()
    for path in ("/", "/nothing", "/static/console.css", "/static/../app.py"):
        headers = browser.client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
    assert browser.client.get("/").headers["cache-control"] == "no-store"


def test_the_cookie_is_for_this_site_and_these_pages_alone(session: kb.SyncSession) -> None:
    host = Starlette(routes=[Mount("/sync", app=kb.console.asgi_app(session, authorize=_anna))])
    said = TestClient(host, base_url="https://console.example").get("/sync/").headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "secure", "path=/sync/"):
        assert part in said


def test_no_page_asks_another_site_for_anything(browse: Browse) -> None:
    page = browse().client.get("/").text
    assert "://" not in page.replace("http://www.w3.org", "")
    assert "<style" not in page
    assert "style=" not in page
    assert "onclick" not in page


# --- forms ----------------------------------------------------------------------------------------------------------


def plans(session: kb.SyncSession) -> int:
    return len(session.plans())


def test_a_form_of_our_own_page_is_taken(session: kb.SyncSession, browse: Browse) -> None:
    browser = browse()
    browser.look("/plans")
    browser.send("/plans")
    assert plans(session) == 1


def test_a_form_without_a_token_is_refused(session: kb.SyncSession, browse: Browse) -> None:
    browser = browse()
    browser.look("/plans")
    assert browser.client.post("/plans", data={"full": "1"}).status_code == 403
    assert browser.client.post("/plans", data={"token": f"{browser.token}0"}).status_code == 403
    assert (
        browser.client.post("/plans", data={"token": "ffffffff." + browser.token.partition(".")[2]}).status_code == 403
    )
    assert plans(session) == 0


def test_a_token_of_somebody_else_is_refused(session: kb.SyncSession, browse: Browse) -> None:
    anna, bert = browse("anna"), browse("bert")
    for each in (anna, bert):
        each.look("/plans")
    bert.client.cookies = anna.client.cookies
    assert bert.client.post("/plans", data={"token": anna.token}).status_code == 403
    assert plans(session) == 0


def test_a_token_of_another_browser_is_refused(session: kb.SyncSession, browse: Browse) -> None:
    one, other = browse("anna"), browse("anna")
    for each in (one, other):
        each.look("/plans")
    assert one.client.cookies[BROWSER] != other.client.cookies[BROWSER]
    assert other.client.post("/plans", data={"token": one.token}).status_code == 403
    assert plans(session) == 0


def test_another_process_over_the_same_store_takes_the_token(session: kb.SyncSession, browse: Browse) -> None:
    one, other = browse("anna"), browse("anna")
    one.look("/plans")
    other.client.cookies = one.client.cookies
    assert other.client.post("/plans", data={"token": one.token}).status_code == 200
    assert plans(session) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://console.example:81"},
    ],
)
def test_a_form_of_another_site_is_refused(session: kb.SyncSession, browse: Browse, headers: dict[str, str]) -> None:
    browser = browse()
    browser.look("/plans")
    assert browser.client.post("/plans", data={"token": browser.token}, headers=headers).status_code == 403
    assert plans(session) == 0


def test_a_form_is_a_form_and_no_larger_than_one(session: kb.SyncSession, browse: Browse) -> None:
    browser = browse()
    browser.look("/plans")
    assert browser.client.post("/plans", json={"token": browser.token}).status_code == 415
    assert browser.client.post("/plans", data={"token": "x" * 3_000_000}).status_code == 413
    assert browser.client.post("/plans", data={"a": ["b"] * 30_000}).status_code == 400
    assert plans(session) == 0


@pytest.mark.parametrize("path", [path for path, page in SESSION.items() if page.post is not None and page.decides])
def test_a_reader_decides_nothing(session: kb.SyncSession, browse: Browse, path: str) -> None:
    reader = browse("rita", can_decide=False)
    reader.look("/records")
    sent = reader.client.post(path.replace("{", "").replace("}", ""), data={"token": reader.token})
    assert sent.status_code == 403
    assert plans(session) == 0


def test_why_a_form_is_refused_is_told_apart(session: kb.SyncSession, browse: Browse) -> None:
    """A right token of who may not decide, a wrong one and an old one of who may, and a right one from elsewhere."""
    decider, reader = browse("anna"), browse("rita", can_decide=False)
    for each in (decider, reader):
        each.look("/records")
    tokens, now = Tokens(asyncio.run(Desk(session).secret("no other one"))), datetime.now(UTC)
    own = tokens.make("anna", decider.client.cookies[BROWSER], now)
    old = tokens.make("anna", decider.client.cookies[BROWSER], now - LASTING - timedelta(minutes=1))

    def why(browser: Any, token: str | None, **headers: str) -> str:
        sent = browser.client.post(
            "/plans", data={"full": "1", **({} if token is None else {"token": token})}, headers=headers
        )
        assert sent.status_code == 403
        return str(sent.text)

    assert "decide nothing" in why(reader, reader.token)
    for wrong in (None, "guessed", old, reader.token):
        assert "too old, or not yours" in why(decider, wrong)
    assert "too old, or not yours" in why(reader, decider.token)
    assert "another site" in why(decider, own, origin="https://evil.example")
    assert plans(session) == 0
    assert decider.client.post("/plans", data={"token": own}).status_code == 200
    assert plans(session) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_pages_are_looked_at_and_forms_are_sent(browse: Browse, method: str) -> None:
    assert browse().client.request(method, "/plans").status_code == 405


@pytest.mark.parametrize("path", ["/runs/0", "/plans/0", "/runs/0/undo", "/tenants/acme/", "/static/app.py"])
def test_a_guessed_address_shows_nothing(browse: Browse, path: str) -> None:
    assert browse().client.get(path).status_code == 404


def test_nothing_personal_is_logged(browse: Browse, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = browse("anna-secret@example.org")
    browser.look("/")
    browser.client.post("/plans", data={"token": "x", "name": "Ada"})
    # The client of the test logs the addresses that it asks for.
    assert not [
        record for record in caplog.records if "anna-secret" in record.getMessage() or "Ada" in record.getMessage()
    ]
