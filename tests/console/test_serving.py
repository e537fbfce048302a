"""The console on this machine: for whoever has the link, under its own name alone."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

import keapbridge as kb
from keapbridge.console.serving import Local, local

HERE = "http://127.0.0.1:8765"


@pytest.fixture
def app(session: kb.SyncSession) -> Local:
    return local(session, "anna", 8765)


@pytest.fixture
def client(app: Local) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE, follow_redirects=False) as client:
        yield client


def test_without_the_link_nothing_is_shown(client: TestClient) -> None:
    assert client.get("/").status_code == 403
    assert client.get("/open/").status_code == 403
    assert client.get("/open/0123456789abcdef").status_code == 403
    assert "set-cookie" not in client.get("/open/0").headers


def test_the_link_becomes_a_cookie_that_only_this_site_gets(app: Local, client: TestClient) -> None:
    answer = client.get(app.link)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    page = client.get("/")
    assert page.status_code == 200
    assert "anna" in page.text
    assert app.token not in page.text


@pytest.mark.parametrize(
    "host", ["console.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8765.evil.example", "evil.example:8765", ""]
)
def test_it_answers_to_its_own_name_alone(app: Local, client: TestClient, host: str) -> None:
    client.get(app.link)
    for path in ("/", f"/open/{app.token}"):
        assert client.get(path, headers={"host": host}).status_code == 421


def test_each_start_has_a_link_of_its_own(session: kb.SyncSession, app: Local, client: TestClient) -> None:
    other = local(session, "anna", 8765)
    assert other.token != app.token
    assert client.get(httpx.URL(other.link).path).status_code == 403


def test_the_token_does_not_show(app: Local) -> None:
    assert app.token not in repr(app)
