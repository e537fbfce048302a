"""Declared APIs keep the promises that the engine relies on: each style is held to the kit that hosts are given."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from crm_variants import SCHEMAS, CrmVariant, auth_of, variant
from tiers import variants

import keapbridge as kb
from keapbridge.testing import contract


class _Bench(contract.Bench):
    """Where the API cannot delete, somebody deletes in the CRM itself."""

    def __init__(self, server: CrmVariant, *given: Any) -> None:
        super().__init__(*given)
        self._server = server

    def delete(self, id: str, version: str | None = None) -> None:
        if self.can_delete or id not in self._server.rows(self.object):
            super().delete(id, version)
        else:
            self._server.remove(self.object, id)


@pytest.fixture(scope="module", params=variants(SCHEMAS, quick=("next_url",)))
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def started(style: str) -> Iterator[CrmVariant]:
    with variant(style) as server:
        yield server


@pytest.fixture
def server(started: CrmVariant) -> CrmVariant:
    started.begin_anew()
    return started


class TestDeclaredApis(contract.CustomcrmAdapterContract):
    @pytest.fixture
    def adapter(self, style: str, server: CrmVariant) -> Iterator[Any]:
        auth = auth_of(style, server)
        with kb.CustomcrmClient(server.base_url, auth=auth, schema=server.schema) as client:
            yield client

    @pytest.fixture(params=variants(("contacts", "customers", "products"), quick=("contacts",)))
    def bench(self, request: pytest.FixtureRequest, adapter: Any, server: CrmVariant) -> contract.Bench:
        return _Bench(server, adapter, request.param)


@pytest.mark.parametrize("style", variants(SCHEMAS, quick=("cursor",)), indirect=True, scope="module")
@pytest.mark.thorough
class TestDeclaredApisOnAnEventLoop(TestDeclaredApis):
    @pytest.fixture
    def adapter(self, style: str, server: CrmVariant, contract_loop: asyncio.Runner) -> Iterator[Any]:
        auth = auth_of(style, server)
        client = kb.AsyncCustomcrmClient(server.base_url, auth=auth, schema=server.schema)
        yield client
        contract_loop.run(client.aclose())

    @pytest.fixture(params=("contacts",))
    def bench(
        self, request: pytest.FixtureRequest, adapter: Any, server: CrmVariant, contract_loop: asyncio.Runner
    ) -> contract.Bench:
        return _Bench(server, adapter, request.param, contract_loop)
