"""What somebody tries who may see the pages, or has another's browser try: nothing breaks, and nothing gets out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from tiers import variants

import keapbridge as kb
from keapbridge.console.pages import SESSION

Browse = Callable[..., Any]
Sessions = Callable[..., kb.SyncSession]
HUGE = str(10**40)
ODD = (
    *("\0", "a\0b", "~00", "%00", "//evil.example", "'; DROP TABLE x; --", "{{7*7}}", "\u202e"),
    *("x" * 5000, "~D8~00", "~ED~A0~80", "-1", HUGE),
)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.thorough, pytest.mark.xdist_group("postgresql")])]
)
def session(request: pytest.FixtureRequest, sessions: Sessions) -> kb.SyncSession:
    return sessions() if request.param == "sqlite" else sessions(store=request.getfixturevalue("postgresql_store"))


@pytest.fixture
def client(browse: Browse) -> TestClient:
    anna = browse()
    client: TestClient = anna.client
    client._transport.raise_server_exceptions = True  # type: ignore[attr-defined]
    return client


def _token(client: TestClient) -> str:
    return re.findall(r'name="token" value="([^"]+)"', client.get("/records").text)[0]


def _addresses(odd: str) -> list[str]:
    made = quote(odd, safe="")
    paths = [path for path, page in SESSION.items() if page.get is not None and "{" in path]
    return [re.sub(r"\{[^}]+\}", lambda _: made, path) for path in paths]


@pytest.mark.parametrize("odd", variants(ODD, ["\0", HUGE]))
def test_odd_addresses_show_nothing_and_break_nothing(client: TestClient, odd: str) -> None:
    for path in _addresses(odd):
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code in {404, 307, 422}, path
        assert "location" not in answer.headers or answer.headers["location"].startswith("http://console.example/")
    for name in ("after", "object", "kind", "outcome", "about", "done"):
        for path in ("/conflicts", "/runs", "/plans", "/pairs", "/failures", "/progress"):
            assert client.get(path, params={name: odd}, follow_redirects=False).status_code in {200, 303, 404, 422}, (
                path,
                name,
            )


def _forged(*values: Any) -> str:
    """A place in a list, or a token of what is listed, that was never given out."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "values",
    variants([[10**40], [-1], [None], ["\0"], ["contacts", 10**40, "\0", "\0"], [1, 2, 3], [[]]], [[10**40], ["\0"]]),
)
def test_forged_places_and_tokens_are_refused_in_words(
    session: kb.SyncSession, client: TestClient, values: list[Any]
) -> None:
    plan, run = session.plan(), session.sync()
    forged = _forged(*values)
    for path in ("/conflicts", "/runs", "/plans", "/pairs", "/failures", f"/runs/{run.run_id}"):
        assert client.get(path, params={"after": forged}).status_code in {200, 422}, path
    token = _token(client)
    for path, form in (
        (f"/plans/{plan.id}", {"go": "next", "after": forged}),
        ("/conflicts", {"conflict": forged, "decision": "keap"}),
        ("/pairs", {"pair": forged, "decision": "same"}),
    ):
        assert client.post(path, data={"token": token, **form}).status_code in {200, 422}, path


@pytest.mark.parametrize("odd", variants(ODD, ["\0", HUGE]))
def test_odd_forms_are_answered_in_words(session: kb.SyncSession, client: TestClient, odd: str) -> None:
    plan, token = session.plan(), _token(client)
    for path, fields in (
        (f"/plans/{plan.id}", ("find", "object", "kind", "after", "tick", "kept")),
        (f"/plans/{plan.id}/apply", ("which", "tick", "accept", "restored")),
        ("/conflicts", ("conflict", "decision", "value")),
        ("/conflicts/many", ("object", "field", "side", "sure")),
        ("/pairs", ("pair", "decision")),
        ("/failures", ("which", "object", "side", "id")),
        ("/records", ("object", "side", "id")),
    ):
        for field in fields:
            form = {"token": token, "go": "next", "which": "ticked", field: odd}
            assert client.post(path, data=form, follow_redirects=False).status_code in {200, 303, 404, 409, 422}, (
                path,
                field,
            )
    assert session.runs() == []


@pytest.mark.parametrize("method", variants(["HEAD", "OPTIONS", "TRACE", "PUT", "CONNECT"], ["HEAD", "TRACE"]))
def test_no_other_method_does_anything(session: kb.SyncSession, client: TestClient, method: str) -> None:
    for path, page in SESSION.items():
        if "{" not in path:
            status = client.request(method, path, follow_redirects=False).status_code
            assert status == (200 if method == "HEAD" and page.get is not None else 405), path
    assert session.plans() == session.runs() == []


def test_what_another_site_embeds_is_not_answered(client: TestClient) -> None:
    """An image of another site would have Keap asked, or a plan be made, by who only looks at that site."""
    for path in ("/", "/records/contacts/keap/1", "/conflicts"):
        for mode in ("no-cors", "cors"):
            headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode}
            assert client.get(path, headers=headers).status_code == 403, path
    by_link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/", headers=by_link).status_code == 200
    framed = by_link | {"sec-fetch-dest": "iframe"}
    assert client.get("/", headers=framed).status_code == 403


def test_ids_of_another_session_of_the_store_are_refused(
    sessions: Sessions, crm: kb.CustomcrmClient, browse: Browse
) -> None:
    acme, other = sessions(name="acme"), sessions(name="other")
    crm.contacts.create(kb.customcrm.Contact(first_name="Ada", email="ada@example.org"))
    plan, run = acme.plan(), acme.sync()
    anna = browse(session=other)
    for path in (f"/plans/{plan.id}", f"/runs/{run.run_id}", f"/runs/{run.run_id}/undo"):
        assert "Ada" not in anna.look(path, status=404)
    anna.look("/records")
    for path, form in (
        (f"/plans/{plan.id}/apply", {"which": "all"}),
        (f"/runs/{run.run_id}/undo", {}),
        (f"/plans/{plan.id}", {"find": "Ada"}),
    ):
        sent = anna.client.post(path, data={"token": anna.token, **form})
        assert sent.status_code == 404, path
    assert anna.client.get(f"/progress?about={plan.id}", follow_redirects=False).headers["location"].endswith("/plans")
    assert other.runs() == []


def test_a_cookie_that_somebody_else_has_set_is_good_for_nothing(session: kb.SyncSession, browse: Browse) -> None:
    """Whoever can set a cookie for the site knows it, and still has no token of the person's."""
    mallory, anna = browse("mallory"), browse("anna")
    mallory.look("/plans")
    anna.client.cookies = mallory.client.cookies
    assert anna.client.post("/plans", data={"token": mallory.token}).status_code == 403
    assert session.plans() == []


def test_no_answer_repeats_the_name_that_was_asked_for(client: TestClient) -> None:
    for path in ("/", "/nothing", "/plans/", "/conflicts"):
        answer = client.get(path, headers={"host": "evil.example"}, follow_redirects=False)
        assert "evil.example" not in answer.text
