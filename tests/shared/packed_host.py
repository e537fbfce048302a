"""A host's program, to be packed into one file: `packed_host STORE… `, each the URL of an empty store.

It makes each store, syncs, and looks at what the library brings besides code: schemas, templates, styles, tables and
catalogues of names. On a PostgreSQL it works for a fleet, too. It prints what it has seen as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator


@contextmanager
def _session(crm_server: CustomcrmEmulator, keap_server: KeapEmulator, store: str, name: str) -> Iterator[Any]:
    with (
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store=store, name=name) as session,
    ):
        yield session


async def _pages(session: kb.SyncSession) -> dict[str, int]:
    """The console's pages and files: what each is answered with."""
    import httpx

    app: Any = kb.console.asgi_app(session, authorize=lambda _: kb.console.User("anna"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console.example") as http:
        paths = ("/", "/runs", "/static/console.css", "/static/console.js", "/static/htmx.min.js", "/static/icon.svg")
        return {path: (await http.get(path)).status_code for path in paths}


def _fleet(store: str, crm: CustomcrmEmulator, keap: KeapEmulator) -> str:
    from keapbridge.fleet import Fleet, Tenant

    with Fleet(store, open=lambda tenant, url: _session(crm, keap, url, tenant.name)) as fleet:
        fleet.tenants.add(Tenant("acme")).sync_soon()
        fleet.run_once(concurrency=2)
        return fleet.status()["acme"].outcome


def _seen(store: str) -> dict[str, Any]:
    with CustomcrmEmulator() as crm, KeapEmulator() as keap:
        is_postgresql = store.startswith("postgresql")
        seen: dict[str, Any] = {"schema": kb.migrate(store, queue=is_postgresql).after}
        # Its country is found in a catalogue of names, its region in a table.
        crm.state.contacts.add(
            {"FirstName": "Ada", "Email": "ada@example.org", "Street": "Hauptstr. 1", "Country": "Österreich"}
        )
        with _session(crm, keap, store, "packed") as session:
            report = session.sync()
            seen["synced"] = report.ok
            seen["html"] = "<style" in report._repr_html_()
            seen["pages"] = asyncio.run(_pages(session))
        [ada] = keap.state.snapshot()["contacts"].values()
        seen["country"] = [address.get("country_code") for address in ada["addresses"]]
        if is_postgresql:
            seen["fleet"] = _fleet(store, crm, keap)
    return seen


def main(stores: list[str]) -> None:
    """Print what is seen."""
    print(json.dumps({"where": kb.__file__, "seen": [_seen(store) for store in stores]}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
