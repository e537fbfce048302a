"""The suite itself: how its adapter is made, and the promises that it is held to, by theme."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

from keapbridge.customcrm.adapted import resources
from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
from keapbridge.mapping.mapper import Mapper
from keapbridge.testing.contract.bench import Bench
from keapbridge.testing.contract.by_ids import ByIds
from keapbridge.testing.contract.changes import Changes
from keapbridge.testing.contract.lists import Lists
from keapbridge.testing.contract.making import Making
from keapbridge.testing.contract.properties import Properties
from keapbridge.testing.contract.updates import Updates

__all__ = ["CustomcrmAdapterContract"]


class CustomcrmAdapterContract(Making, Properties, ByIds, Lists, Changes, Updates):
    """The suite. A subclass says how an adapter over an empty system is made; every test gets one of its own.

    Where that needs fixtures, override the fixture `adapter` instead. Let the pages be short (two or three records):
    paging is tested with twelve records.

    Attributes:
        cuts_texts: a text that is too long is cut and stored. Otherwise it must be refused or kept.
        mappings: those of the session, where they are not the default ones: what they leave out is not tried.
    """

    cuts_texts: ClassVar[bool] = False
    mappings: ClassVar[Sequence[Mapper]] = ()

    def make_adapter(self) -> Any:
        """An adapter, or a client, over a system without records; it may be a coroutine.

        Its `close` or `aclose` is called.
        """
        raise NotImplementedError("say how your adapter is made: def make_adapter(self): …")

    @pytest.fixture
    def contract_loop(self) -> Iterator[asyncio.Runner]:
        """Where asynchronous adapters run."""
        with asyncio.Runner() as loop:
            yield loop

    @pytest.fixture
    def adapter(self, contract_loop: asyncio.Runner) -> Iterator[Any]:
        """An adapter of the test's own."""
        made = self.make_adapter()
        made = contract_loop.run(made) if inspect.iscoroutine(made) else made
        yield made
        for name in ("close", "aclose"):
            closed = getattr(made, name, int)()
            if inspect.iscoroutine(closed):
                contract_loop.run(closed)

    @pytest.fixture(params=("contacts", "customers", "products"))
    def bench(self, request: pytest.FixtureRequest, adapter: Any, contract_loop: asyncio.Runner) -> Bench:
        """What the tests work with."""
        is_client = isinstance(adapter, (CustomcrmClient, AsyncCustomcrmClient))
        if not is_client and request.param not in resources(adapter):
            pytest.skip(f"the adapter has no {request.param}")
        return Bench(adapter, request.param, contract_loop).narrowed(self.mappings)
