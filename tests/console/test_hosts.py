"""The console where hosts put it: every link, form and cookie is below the path that it is mounted at."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from tiers import variants

import keapbridge as kb

User = kb.console.User
JUST_HTML = ("/", "/plans", "/conflicts", "/failures", "/runs", "/records", "/dataflow", "/check")


def in_fastapi(app: Any) -> tuple[Any, str]:
    from fastapi import FastAPI  # its import takes long

    host = FastAPI()
    host.mount("/sync", app)
    return host, "/sync"


def in_starlette(app: Any) -> tuple[Any, str]:
    return Starlette(routes=[Mount("/deep/below", app=app)]), "/deep/below"


def in_both(app: Any) -> tuple[Any, str]:
    inner, path = in_fastapi(app)
    return Starlette(routes=[Mount("/outer", app=inner)]), f"/outer{path}"


def behind_a_proxy(app: Any) -> tuple[Any, str]:
    """One that takes a part of the path away, which the server was told (`uvicorn --root-path`)."""

    async def host(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/proxied"}, receive, send)

    return host, "/proxied"


def in_django(app: Any) -> tuple[Any, str]:
    pytest.importorskip("django")
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application

    if not settings.configured:
        settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="for this test", ALLOWED_HOSTS=["*"])
        django.setup()
    host = get_asgi_application()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/sync/"):
            await app({**scope, "root_path": "/sync"}, receive, send)
        else:
            await host(scope, receive, send)

    return application, "/sync"


urlpatterns: list[Any] = []


@pytest.mark.parametrize(
    "where", variants([in_starlette, in_fastapi, in_both, behind_a_proxy, in_django], [in_starlette])
)
def test_a_plan_is_made_and_applied_wherever_it_is_mounted(
    session: kb.SyncSession, crm: kb.CustomcrmClient, keap_server: Any, where: Callable[[Any], tuple[Any, str]]
) -> None:
    crm.contacts.create(kb.customcrm.Contact(first_name="Ada", email="ada@example.org"))
    host, path = where(kb.console.asgi_app(session, authorize=lambda _: User("anna", can_decide=True)))
    client = TestClient(host, base_url="http://console.example")
    for page in JUST_HTML:
        answer = client.get(f"{path}{page}")
        assert answer.status_code == 200
        for address in re.findall(r'(?:href|action|src)="([^"#]+)"', answer.text):
            assert address.startswith(f"{path}/")
    token = re.findall(r'name="token" value="([^"]+)"', client.get(f"{path}/plans").text)[0]
    plan = client.post(f"{path}/plans", data={"token": token})
    assert "Ada" in plan.text
    run = client.post(f"{plan.url}/apply", data={"token": token, "which": "all"})
    assert run.status_code == 200
    assert f"{path}/runs/" in str(run.url)
    assert len(keap_server.state.contacts) == 1
