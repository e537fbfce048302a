"""The tenants of a fleet: the worst first, found by name, paused, and each with the pages of its session."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import keapbridge as kb
from keapbridge.fleet.status import FleetStatus, TenantStatus

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def tenant(name: str, **more: object) -> TenantStatus:
    quiet = TenantStatus(name, "idle", NOON, "complete", "", 0, timedelta(0), timedelta(minutes=5), 9, 0, 0, 0)
    return attrs.evolve(quiet, **more)  # type: ignore[arg-type]


@attrs.define
class Fleet:
    """A fleet as the console knows it, all of whose tenants have one session."""

    session: kb.SyncSession
    tenants: list[TenantStatus]
    changed: list[tuple[str, str]] = attrs.field(factory=list)
    is_closed: bool = False

    def desks(self) -> Fleet:
        return self

    def status(self) -> FleetStatus:
        return FleetStatus(tuple(self.tenants), NOON)

    def change(self, name: str, what: str) -> None:
        self.status()[name]
        self.changed.append((name, what))

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[kb.SyncSession]:
        self.status()[name]
        yield self.session

    def full_at(self, name: str) -> datetime | None:
        return self.status()[name].due_at

    def secret(self, candidate: str) -> str:
        return candidate

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def fleet(session: kb.SyncSession) -> Fleet:
    crowd = [tenant(f"quiet{number:04}") for number in range(2000)]
    return Fleet(session, [*crowd, tenant("zulu", outcome="failed", in_row=3), tenant("asks", conflicts=2)])


@pytest.fixture
def client(fleet: Fleet, patient: None) -> TestClient:
    app = kb.console.asgi_app(fleet, authorize=lambda _: kb.console.User("anna", can_decide=True))
    return TestClient(app, base_url="http://console.example")


def test_the_worst_stand_first_and_a_page_has_some(client: TestClient) -> None:
    page = client.get("/").text
    names = re.findall(r'href="/tenants/([^/]+)/"', page)
    assert names[:3] == ["zulu", "asks", "quiet0000"]
    assert len(names) == 50
    assert "2,002 tenants" in page


def test_one_is_found_and_paused(fleet: Fleet, client: TestClient) -> None:
    [token, *_] = re.findall(r'name="token" value="([^"]+)"', client.get("/").text)
    found = client.post("/find", data={"token": token, "name": "quiet1999"}).text
    assert re.findall(r'href="/tenants/([^/]+)/"', found) == ["quiet1999"]
    client.post("/", data={"token": token, "tenant": "quiet1999", "what": "pause"})
    assert fleet.changed == [("quiet1999", "pause")]
    assert client.post("/", data={"token": token, "tenant": "nobody", "what": "pause"}).status_code == 404
    assert client.post("/", data={"token": token, "tenant": "zulu", "what": "remove"}).status_code == 422


@pytest.mark.parametrize("name", ["a/b", "..", "50% off", "%2F", "ümlaut ?#&", "~2F~", "../../static/console.css"])
def test_a_name_may_be_anything(fleet: Fleet, client: TestClient, name: str) -> None:
    fleet.tenants = [tenant(name), tenant("other")]
    [link] = [link for link in re.findall(r'href="(/tenants/[^"]+/)"', client.get("/").text) if "other" not in link]
    page = client.get(link)
    assert page.status_code == 200
    assert f'action="{link}plans"' in page.text
    assert client.get(f"{link}plans").status_code == 200


def test_each_has_the_pages_of_its_session(client: TestClient, crm: kb.CustomcrmClient) -> None:
    crm.contacts.create(kb.customcrm.Contact(first_name="Ada", email="ada@example.org"))
    page = client.get("/tenants/zulu/plans").text
    [token, *_] = re.findall(r'name="token" value="([^"]+)"', page)
    plan = client.post("/tenants/zulu/plans", data={"token": token})
    assert "Ada" in plan.text
    assert plan.url.path.startswith("/tenants/zulu/plans/")
    assert client.get("/tenants/nobody/plans").status_code == 404


def test_for_a_user_of_some_tenants_there_are_no_others(fleet: Fleet) -> None:
    anna = kb.console.User("anna", can_decide=True, tenants=["zulu", "quiet0007", "left long ago"])
    client = TestClient(kb.console.asgi_app(fleet, authorize=lambda _: anna), base_url="http://console.example")
    page = client.get("/").text
    assert re.findall(r'href="/tenants/([^/]+)/"', page) == ["zulu", "quiet0007"]
    assert "2 tenants: 2 in its pause" in page
    [token, *_] = re.findall(r'name="token" value="([^"]+)"', page)
    found = client.post("/find", data={"token": token, "name": "u"}).text
    assert re.findall(r'href="/tenants/([^/]+)/"', found) == ["zulu", "quiet0007"]
    assert client.get("/tenants/zulu/runs").status_code == 200
    client.post("/", data={"token": token, "tenant": "zulu", "what": "pause"})
    assert fleet.changed == [("zulu", "pause")]


@pytest.mark.parametrize("path", ["", "runs", "plans/1", "conflicts", "records", "progress?about=1", "no/such/page"])
def test_a_tenant_of_others_is_answered_like_one_that_there_is_not(fleet: Fleet, path: str) -> None:
    anna = kb.console.User("anna", can_decide=True, tenants={"zulu"})
    client = TestClient(kb.console.asgi_app(fleet, authorize=lambda _: anna), base_url="http://console.example")
    [token, *_] = re.findall(r'name="token" value="([^"]+)"', client.get("/").text)
    for others in ("asks", "~61sks"):
        seen, unknown = (client.get(f"/tenants/{name}/{path}") for name in (others, "nobody"))
        assert (seen.status_code, seen.text, seen.headers) == (404, unknown.text, unknown.headers)
        form = {"token": token, "which": "all"}
        seen, unknown = (client.post(f"/tenants/{name}/{path}", data=form) for name in (others, "nobody"))
        assert (seen.status_code, seen.text) == (unknown.status_code, unknown.text)
    form = {"token": token, "what": "pause"}
    seen, unknown = (client.post("/", data={**form, "tenant": name}) for name in ("asks", "nobody"))
    assert (seen.status_code, seen.text) == (404, unknown.text)
    assert not fleet.changed


@pytest.mark.parametrize("is_mounted", [False, True])
def test_at_its_end_it_closes_the_sessions_that_it_has_opened(fleet: Fleet, *, is_mounted: bool) -> None:
    console = kb.console.asgi_app(fleet, authorize=lambda _: kb.console.User("anna", tenants=["zulu"]))
    app = Starlette(routes=[Mount("/sync", console)], lifespan=console.lifespan) if is_mounted else console
    with TestClient(app, base_url="http://console.example") as client:
        assert client.get("/sync/tenants/zulu/runs" if is_mounted else "/tenants/zulu/runs").status_code == 200
        assert not fleet.is_closed
    assert fleet.is_closed


def test_tenants_of_a_user_are_several_names() -> None:
    for wrong in ("acme", [7], 7):
        with pytest.raises(TypeError, match="tenants takes several texts"):
            kb.console.User("anna", tenants=wrong)  # type: ignore[arg-type]
    assert kb.console.User("anna", tenants=[]).tenants == frozenset()
