"""The receiver where hosts put it: under a server, mounted in frameworks, beside another; both systems really send."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from tiers import variants
from webhook_requests import delivery

import keapbridge as kb
from keapbridge.sync.session import ObjectSync
from keapbridge.testing import CustomcrmEmulator, KeapEmulator
from keapbridge.testing._courier import post
from keapbridge.testing._server import LoopbackServer
from keapbridge.testing._webhooks import new_secret
from keapbridge.webhooks import WebhookApp

Sessions = Callable[..., kb.SyncSession]

QUICK: dict[str, Any] = {"delay": 0.01, "reread_after": 0.05, "retry": 0.05}
JSON = {"content-type": "application/json"}
LONG = 120.0  # seconds, for what takes none


def contact(name: str) -> dict[str, Any]:
    return {"given_name": name, "email_addresses": [{"email": f"{name.lower()}@example.org", "field": "EMAIL1"}]}


def first_names(server: CustomcrmEmulator) -> list[str]:
    return sorted(each["FirstName"] for each in server.state.contacts.values())


def given_names(server: KeapEmulator) -> list[str]:
    return sorted(each["given_name"] for each in server.state.contacts.values())


@contextmanager
def serving(app: Any, *, lifespan: str = "on", **options: Any) -> Iterator[str]:
    """The address of an application under uvicorn, with everything that a host's server does."""
    config = uvicorn.Config(app, port=0, log_level="critical", access_log=False, lifespan=lifespan, **options)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def bare(app: WebhookApp) -> tuple[Any, str]:
    return app, ""


def in_fastapi(app: WebhookApp) -> tuple[Any, str]:
    from fastapi import FastAPI  # its import takes long

    host = FastAPI(lifespan=app.lifespan)
    host.mount("/hooks", app)
    return host, "/hooks"


def in_starlette(app: WebhookApp) -> tuple[Any, str]:
    return Starlette(routes=[Mount("/deep/hooks", app=app)], lifespan=app.lifespan), "/deep/hooks"


def in_fastapi_without_lifespan(app: WebhookApp) -> tuple[Any, str]:
    from fastapi import FastAPI

    host = FastAPI()
    host.mount("/hooks", app)
    return host, "/hooks"


def in_two_mounts(app: WebhookApp) -> tuple[Any, str]:
    return Starlette(routes=[Mount("/a", routes=[Mount("/b", app=app)])]), "/a/b"


def beside_other_routes(app: WebhookApp) -> tuple[Any, str]:
    @asynccontextmanager
    async def lifespan(_: object) -> Any:
        async with app.lifespan():
            yield

    async def home(_: object) -> PlainTextResponse:
        return PlainTextResponse("hello")

    return Starlette(routes=[Route("/", home), Mount("/", app=app)], lifespan=lifespan), ""


HOSTS = [bare, in_fastapi, in_starlette, in_fastapi_without_lifespan, in_two_mounts, beside_other_routes]


@pytest.mark.parametrize("host", variants(HOSTS, quick=(in_two_mounts,)), ids=lambda host: host.__name__)
def test_both_systems_agree_after_edits_on_either_side(
    host: Callable[[WebhookApp], tuple[Any, str]],
    sessions: Sessions,
    keap: kb.KeapClient,
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
) -> None:
    secret = new_secret()
    app = kb.webhooks.asgi_app(sessions(), customcrm_secret=secret, **QUICK)
    outer, prefix = host(app)
    with serving(outer) as url:
        assert keap.hooks.ensure(f"{url}{prefix}{app.keap_path}", wait=5).ok
        crm_server.webhooks.subscribe(f"{url}{prefix}{app.customcrm_path}", secret)

        ada = keap_server.state.contacts.add(contact("Ada"))
        keap_server.hooks.flush()
        asyncio.run(app.drain())
        assert first_names(crm_server) == ["Ada"]

        [ours] = crm_server.state.contacts
        crm_server.state.contacts.edit(ours, LastName="Lovelace")
        crm_server.webhooks.flush()
        asyncio.run(app.drain())
        assert keap_server.state.contacts[ada]["family_name"] == "Lovelace"

        crm_server.state.contacts.add({"FirstName": "Grace", "Email": "grace@example.org"})
        crm_server.webhooks.flush()
        asyncio.run(app.drain())
        assert given_names(keap_server) == ["Ada", "Grace"]

        keap_server.state.contacts.delete(ada)
        keap_server.hooks.flush()
        asyncio.run(app.drain())
        keap_server.hooks.flush()
        crm_server.webhooks.flush()
        asyncio.run(app.drain(rereads=True))
        assert first_names(crm_server) == ["Ada", "Grace"]
    assert not app.status().running
    assert {d.status for d in keap_server.hooks.deliveries} == {200}
    assert {d.status for d in crm_server.webhooks.deliveries} == {200}


def test_the_server_may_be_told_of_a_root_path(sessions: Sessions) -> None:
    app = kb.webhooks.asgi_app(sessions(), delay=3600)
    with serving(app, root_path="/behind/a/proxy") as url:
        assert post(f"{url}{app.keap_path}", JSON, delivery("contact.edit", 12), 10).status == 200
        assert post(f"{url}/elsewhere{app.keap_path}", JSON, delivery("contact.edit", 12), 10).status == 404


def test_what_waits_is_synced_when_the_host_starts_not_when_it_is_called(
    sessions: Sessions, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    session = sessions()
    before = kb.webhooks.asgi_app(session, delay=0)
    with LoopbackServer(before) as server:
        asyncio.run(before.aclose())
        ada = keap_server.state.contacts.add(contact("Ada"))
        url = f"http://127.0.0.1:{server.port}{before.keap_path}"
        assert post(url, JSON, delivery("contact.add", ada), 10).status == 200
    assert first_names(crm_server) == []
    after = kb.webhooks.asgi_app(session, **QUICK)
    with serving(after):
        assert after.status().running
        asyncio.run(after.drain())
    assert first_names(crm_server) == ["Ada"]


def test_an_asynchronous_session_works_in_the_loop_of_the_server(
    store: str, keap_server: KeapEmulator, crm_server: CustomcrmEmulator, keap: kb.KeapClient
) -> None:
    secret = new_secret()
    crm_client = kb.AsyncCustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token))
    keap_client = kb.AsyncKeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url)
    session = kb.AsyncSyncSession(customcrm=crm_client, keap=keap_client, store=store)
    app = kb.webhooks.asgi_app(session, customcrm_secret=secret, **QUICK)

    @asynccontextmanager
    async def lifespan(_: object) -> Any:
        async with crm_client, keap_client, session, app.lifespan():
            yield

    with serving(Starlette(routes=[Mount("/hooks", app=app)], lifespan=lifespan)) as url:
        assert keap.hooks.ensure(f"{url}/hooks{app.keap_path}", wait=5).ok
        crm_server.webhooks.subscribe(f"{url}/hooks/customcrm", secret)
        keap_server.state.contacts.add(contact("Ada"))
        crm_server.state.contacts.add({"FirstName": "Grace", "Email": "grace@example.org"})
        keap_server.hooks.flush()
        crm_server.webhooks.flush()
        asyncio.run(app.drain())
        assert first_names(crm_server) == given_names(keap_server) == ["Ada", "Grace"]


def test_a_merge_in_keap_deletes_nothing(
    sessions: Sessions, keap: kb.KeapClient, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    session = sessions(policy=kb.Policy(deletions="delete"))
    app = kb.webhooks.asgi_app(session, **QUICK)
    with serving(app) as url:
        keap.hooks.ensure(f"{url}{app.keap_path}", wait=5)
        winner, loser = keap_server.state.contacts.add_many([contact("Ada"), contact("Augusta")])
        keap_server.hooks.flush()
        asyncio.run(app.drain(rereads=True))
        keap_server.state.contacts.merge(winner, loser)
        keap_server.hooks.flush()
        asyncio.run(app.drain(rereads=True))
    assert first_names(crm_server) == ["Ada", "Augusta"]


def test_two_tenants_in_one_host_do_not_disturb_each_other(store: str) -> None:
    with ExitStack() as stack:
        tenants = []
        routes = []
        for name in ("acme", "globex"):
            keap_server = stack.enter_context(KeapEmulator())
            crm_server = stack.enter_context(CustomcrmEmulator())
            keap = stack.enter_context(
                kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url)
            )
            crm = stack.enter_context(kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)))
            session = stack.enter_context(kb.SyncSession(customcrm=crm, keap=keap, store=store, name=name))
            app = kb.webhooks.asgi_app(session, **QUICK)
            routes.append(Mount(f"/{name}", app=app))
            tenants.append((name, keap_server, crm_server, keap, app))
        with serving(Starlette(routes=routes)) as url:
            for name, keap_server, _, keap, app in tenants:
                assert keap.hooks.ensure(f"{url}/{name}{app.keap_path}", wait=5).ok
                keap_server.state.contacts.add(contact(name.title()))
            (_, _, _, _, one), (_, _, _, _, other) = tenants
            # The token of one opens nothing of the other.
            body = delivery("contact.edit", 1)
            assert post(f"{url}/acme{other.keap_path}", JSON, body, 10).status == 404
            for _, keap_server, _, _, app in tenants:
                keap_server.hooks.flush()
                asyncio.run(app.drain(rereads=True))
            asyncio.run(one.aclose())
            asyncio.run(other.aclose())
        for name, keap_server, crm_server, _, _ in tenants:
            assert first_names(crm_server) == [name.title()]
            assert given_names(keap_server) == [name.title()]


def test_an_acknowledgement_waits_for_no_sync_of_others(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two threads in the host's loop, three receivers whose syncs hang, and a fourth that is asked."""
    hanging, let_go = threading.Barrier(4), threading.Event()

    def hang(*_: object, **__: object) -> None:
        hanging.wait(LONG)
        let_go.wait(LONG)

    for verb in ("sync", "sync_ids"):
        monkeypatch.setattr(ObjectSync, verb, hang)

    def slow(name: str) -> WebhookApp:
        return kb.webhooks.asgi_app(sessions(store=f"sqlite:///{tmp_path / name}.db"), delay=0.0)

    slow_ones = [slow(f"t{n}") for n in range(3)]
    quick = kb.webhooks.asgi_app(sessions(), delay=60.0)
    apps = [*slow_ones, quick]

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        async with AsyncExitStack() as started:
            for app in apps:
                await started.enter_async_context(app.lifespan())
            yield

    host = Starlette(routes=[Mount(f"/{n}", app) for n, app in enumerate(apps)], lifespan=lifespan)
    with serving(host) as url:
        for n, app in enumerate(slow_ones):
            assert post(f"{url}/{n}{app.keap_path}", JSON, delivery("contact.edit", 12), LONG).status == 200
        hanging.wait(LONG)  # all three are in the middle of a sync
        assert post(f"{url}/3{quick.keap_path}", JSON, delivery("contact.edit", 12), LONG).status == 200
        assert quick.pending == 1
        let_go.set()
        hanging.abort()  # what is synced after that need not wait for anybody
