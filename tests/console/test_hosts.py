"""The console where hosts put it: every link, form and cookie is below the path that it is mounted at."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from tiers import variants

import keapbridge as kb

User = kb.console.User
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "console.md"
SHARED = "file:keapbridge-console?mode=memory&cache=shared"  # a database of this process, for all its threads
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


def behind_a_proxy_that_cuts(app: Any) -> tuple[Any, str]:
    """One that takes a part of the path away before the server sees it."""

    async def host(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        cut = scope["path"].removeprefix("/proxied")
        await app({**scope, "path": cut, "raw_path": cut.encode(), "root_path": "/proxied"}, receive, send)

    return host, "/proxied"


def behind_uvicorn(app: Any) -> tuple[Any, str]:
    """The same, with the server's own way to be told: `uvicorn --root-path`, and what a proxy says of who asks it."""
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    inner, path = behind_a_proxy_that_cuts(app)
    return ProxyHeadersMiddleware(inner, trusted_hosts="*"), path


@cache
def _django() -> Any:
    """Django's own application, with people and their sessions; once a process."""
    pytest.importorskip("django")
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.core.management import call_command

    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=__name__,
            SECRET_KEY="for this test",
            ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": SHARED}},
        )
        django.setup()
    if "django.contrib.auth" in settings.INSTALLED_APPS:
        call_command("migrate", verbosity=0)
    return get_asgi_application()


def in_django(app: Any) -> tuple[Any, str]:
    host = _django()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/sync/"):
            await app({**scope, "root_path": "/sync"}, receive, send)
        else:
            await host(scope, receive, send)

    return application, "/sync"


urlpatterns: list[Any] = []
HOSTS = [
    in_starlette,
    in_fastapi,
    in_both,
    behind_a_proxy,
    behind_a_proxy_that_cuts,
    behind_uvicorn,
    in_django,
]


@pytest.mark.parametrize("where", variants(HOSTS, [in_starlette]))
def test_a_plan_is_made_and_applied_wherever_it_is_mounted(
    session: kb.SyncSession,
    crm: kb.CustomcrmClient,
    keap_server: Any,
    where: Callable[[Any], tuple[Any, str]],
    patient: None,
) -> None:
    crm.contacts.create(kb.customcrm.Contact(first_name="Ada", email="ada@example.org"))
    host, path = where(kb.console.asgi_app(session, authorize=lambda _: User("anna", can_decide=True)))
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    with TestClient(host, base_url="http://console.example", headers=forwarded) as client:
        for page in JUST_HTML:
            answer = client.get(f"{path}{page}")
            assert answer.status_code == 200
            for address in re.findall(r'(?:href|action|src)="([^"#]+)"', answer.text):
                assert address.startswith(f"{path}/")
        if where is behind_uvicorn:
            client.cookies.clear()
            client.base_url = client.base_url.copy_with(scheme="https")
            assert "secure" in client.get(f"{path}/").headers["set-cookie"].lower(), "people come by HTTPS"
        token = re.findall(r'name="token" value="([^"]+)"', client.get(f"{path}/plans").text)[0]
        origin = {"origin": str(client.base_url).rstrip("/")}
        plan = client.post(f"{path}/plans", data={"token": token}, headers=origin)
        assert "Ada" in plan.text
        run = client.post(f"{plan.url}/apply", data={"token": token, "which": "all"}, headers=origin)
        assert run.status_code == 200
        assert f"{path}/runs/" in str(run.url)
        assert len(keap_server.state.contacts) == 1
        if where is in_django:
            assert "<h1>Not Found</h1>" in client.get("/elsewhere").text, "all else is Django's"


@pytest.mark.thorough
def test_in_django_its_own_users_look_and_decide_as_the_guide_has_it(session: kb.SyncSession) -> None:
    _django()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User as Person
    from django.contrib.sessions.backends.db import SessionStore

    def cookie(name: str, **rights: bool) -> str:
        person = Person.objects.create_user(name, password="for this test", **rights)
        kept = SessionStore()
        kept[SESSION_KEY], kept[HASH_SESSION_KEY] = str(person.pk), person.get_session_auth_hash()
        kept[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        kept.save()
        return str(kept.session_key)

    [code] = [
        block for block in re.findall(r"```py\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL) if "django" in block
    ]
    names: dict[str, Any] = {"session": session}
    exec(compile(code, str(GUIDE), "exec"), names)
    known = {
        name: cookie(name, **rights)
        for name, rights in {
            "anna": {"is_staff": True, "is_superuser": True},
            "rita": {"is_staff": True},
            "nobody": {},
        }.items()
    }

    async def without_lifespan(scope: Any, receive: Any, send: Any) -> None:
        await names["console" if scope["type"] == "lifespan" else "application"](scope, receive, send)

    with TestClient(without_lifespan, base_url="http://console.example") as client:
        assert client.get("/sync/").status_code == 403
        for name, status in (("anna", 200), ("rita", 200), ("nobody", 403)):
            answer = client.get("/sync/plans", headers={"cookie": f"sessionid={known[name]}"})
            assert answer.status_code == status, name
            assert ("Make a plan" in answer.text) is (name == "anna")
