"""A fleet on a PostgreSQL, whose tenants have records in emulators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator


@attrs.define
class Host:
    """A host with tenants, each with systems of its own.

    Attributes:
        broken: tenants for which it cannot open a session at the moment, and why.
        opened: for which tenants it has opened sessions, one after the other.
        closed: the same of those that were closed.
    """

    systems: dict[str, tuple[CustomcrmEmulator, KeapEmulator]] = attrs.field(factory=dict)
    broken: dict[str, Exception] = attrs.field(factory=dict)
    opened: list[str] = attrs.field(factory=list)
    closed: list[str] = attrs.field(factory=list)

    def add(self, name: str) -> tuple[CustomcrmEmulator, KeapEmulator]:
        crm, keap = CustomcrmEmulator().__enter__(), KeapEmulator().__enter__()
        self.systems[name] = crm, keap
        return crm, keap

    @contextmanager
    def open(self, tenant: Any, store: str) -> Iterator[kb.SyncSession]:
        if tenant.name in self.broken:
            raise self.broken[tenant.name]
        self.opened.append(tenant.name)
        crm_server, keap_server = self.systems[tenant.name]
        with (
            kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
            kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
            kb.SyncSession(customcrm=crm, keap=keap, store=store, name=tenant.name) as session,
        ):
            yield session
        self.closed.append(tenant.name)

    def edit(self, name: str, email: str) -> None:
        self.systems[name][0].state.contacts.add({"FirstName": "Ada", "Email": email})

    def in_keap(self, name: str) -> list[str]:
        contacts = self.systems[name][1].state.snapshot()["contacts"].values()
        return sorted(contact["email_addresses"][0]["email"] for contact in contacts)

    def close(self) -> None:
        for crm, keap in self.systems.values():
            crm.close()
            keap.close()


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()
