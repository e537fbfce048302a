"""The console of a fleet: its tenants as they are kept on a PostgreSQL, each with the pages of its own session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

import keapbridge as kb
from keapbridge.console.pages import progress
from keapbridge.fleet import Fleet, Tenant

pytest.importorskip("procrastinate")
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("postgresql")]
SCRIPT = "<script>alert(1)</script>\"'><img src=x>"


@pytest.fixture
def fleet(postgresql_store: str, host: Any) -> Iterator[Fleet]:
    with Fleet(postgresql_store, open=host.open) as made:
        for name in ("acme", "globex"):
            host.add(name)
            host.edit(name, f"ada@{name}.example.org")
            made.tenants.add(Tenant(name, full_every=timedelta(days=1)))
        yield made


@pytest.fixture
def client(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(progress, "AT_ONCE", 600.0)  # whatever is asked for is answered once it is done
    app = kb.console.asgi_app(fleet, authorize=lambda _: kb.console.User("anna", can_decide=True))
    with TestClient(app, base_url="http://console.example") as client:
        yield client


def _token(page: str) -> str:
    return re.findall(r'name="token" value="([^"]+)"', page)[0]


def _made(client: TestClient, tenant: str) -> str:
    """Make a plan of a tenant; its id."""
    token = _token(client.get(f"/tenants/{tenant}/plans").text)
    plan = client.post(f"/tenants/{tenant}/plans", data={"token": token})
    assert plan.status_code == 200
    return plan.url.path.rpartition("/")[2]


def test_a_plan_of_one_tenant_is_made_and_applied_and_nothing_of_another(client: TestClient, host: Any) -> None:
    plan = _made(client, "acme")
    page = client.get(f"/tenants/acme/plans/{plan}").text
    assert "ada@acme.example.org" in page
    done = client.post(f"/tenants/acme/plans/{plan}/apply", data={"token": _token(page), "which": "all"})
    assert done.status_code == 200
    assert done.url.path.startswith("/tenants/acme/runs/")
    assert [host.in_keap(name) for name in ("acme", "globex")] == [["ada@acme.example.org"], []]
    said = client.get("/tenants/acme/").text
    assert "The plan is being applied" in said
    assert "Next it is read as of" in said, "the fleet knows"
    assert "applied" not in client.get("/tenants/globex/").text.partition("<main")[2]


def test_a_guessed_id_of_another_tenant_is_refused(client: TestClient, host: Any) -> None:
    plan = _made(client, "acme")
    page = client.get(f"/tenants/acme/plans/{plan}").text
    run = client.post(f"/tenants/acme/plans/{plan}/apply", data={"token": _token(page), "which": "all"}).url.path
    run = run.rpartition("/")[2]
    host.opened.clear()
    for path in (f"plans/{plan}", f"runs/{run}", f"runs/{run}/undo"):
        answer = client.get(f"/tenants/globex/{path}")
        assert answer.status_code == 404, path
        assert "ada@" not in answer.text
    token = _token(page)
    for path, form in ((f"plans/{plan}/apply", {"which": "all"}), (f"runs/{run}/undo", {}), (f"plans/{plan}", {})):
        assert client.post(f"/tenants/globex/{path}", data={"token": token, **form}).status_code == 404, path
    assert [host.in_keap(name) for name in ("acme", "globex")] == [["ada@acme.example.org"], []]
    assert len(host.opened) <= 1, "a session that was asked for what there is not stays open"


@pytest.mark.parametrize("name", ["\0", "..", "nobody", "acme\0", "~00", "x" * 5000, "a/b", SCRIPT])
def test_a_tenant_that_there_is_not_shows_nothing(client: TestClient, name: str) -> None:
    part = quote(name, safe="").replace("%", "~").replace(".", "~2E")
    for path in (f"/tenants/{part}/", f"/tenants/{part}/plans", f"/tenants/{quote(name, safe='')}/runs"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert SCRIPT not in answer.text
    token = _token(client.get("/").text)
    for what in ("pause", "resume", "sync_soon", "remove", "\0"):
        sent = client.post("/", data={"token": token, "tenant": name, "what": what})
        assert sent.status_code in {404, 422}, what
    found = client.post("/find", data={"token": token, "name": name, "after": "9" * 40})
    assert found.status_code == 200
    assert SCRIPT not in found.text


def test_names_of_tenants_are_text(fleet: Fleet, host: Any, client: TestClient) -> None:
    odd = "a&b <i>'\"/شركة"
    host.add(odd)
    fleet.tenants.add(Tenant(odd))
    page = client.get("/").text
    assert "<i>" not in page
    assert "شركة" in page
    [address] = [a for a in re.findall(r'href="(/tenants/[^"]+)"', page) if "acme" not in a and "globex" not in a]
    assert client.get(address).status_code == 200
    sent = client.post("/", data={"token": _token(page), "tenant": odd, "what": "pause"})
    assert sent.status_code == 200
    assert fleet.status()[odd].state == "paused"


def test_the_sessions_that_were_opened_are_closed_at_its_end(fleet: Fleet, host: Any) -> None:
    console = kb.console.asgi_app(fleet, authorize=lambda _: kb.console.User("anna"))
    with TestClient(console, base_url="http://console.example") as client:
        for _ in range(2):
            assert client.get("/tenants/acme/runs").status_code == 200
        assert (host.opened, host.closed) == (["acme"], [])
    assert host.closed == ["acme"]
