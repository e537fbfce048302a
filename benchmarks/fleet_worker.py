"""A process that works for a fleet: `python -m benchmarks.fleet_worker URL ORIGIN WHAT [SCHEMA]`.

Its tenants have their systems at ORIGIN, where `FleetSystems` serves them. WHAT is `worker`, or the port of a
receiver. With SCHEMA it is a later version, whose store has that schema.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import keapbridge as kb
from keapbridge.fleet import Fleet
from keapbridge.store import schema

__all__ = ["AT_ONCE", "fleet_at"]

AT_ONCE = 6  # tenants of a worker


def fleet_at(url: str, origin: str, *, keep: int = 200) -> Fleet:
    """A fleet whose tenants have their systems at an address."""

    @contextmanager
    def open_session(tenant: Any, store: str) -> Iterator[kb.SyncSession]:
        where = f"{origin}/{tenant.name}"
        key = tenant.settings.get("key", "KeapAK-emulator")
        retry = kb.RetryPolicy(attempts=2)
        with (
            kb.KeapClient(
                auth=kb.KeapApiKey(key), base_url=f"{where}/keap/crm/rest", retry=retry, timeout=10.0
            ) as keap,
            kb.CustomcrmClient(
                f"{where}/crm/api", auth=kb.BearerToken("customcrm-token"), retry=retry, timeout=10.0
            ) as crm,
            kb.SyncSession(
                customcrm=crm, keap=keap, store=store, name=tenant.name, overlap=timedelta(seconds=30)
            ) as session,
        ):
            yield session

    return Fleet(url, open=open_session, delay=0.2, deadline=timedelta(seconds=60), keep=keep)


if __name__ == "__main__":
    url, origin, what, *later = sys.argv[1:]
    if later:
        schema.HEAD = later[0]
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    with fleet_at(url, origin) as fleet:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if what == "worker":
            fleet.run_worker(concurrency=AT_ONCE)
        else:
            import uvicorn

            uvicorn.run(kb.webhooks.asgi_app(fleet), port=int(what), log_level="warning")
