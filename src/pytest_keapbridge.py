"""Pytest fixtures for the tests of host code; pytest finds them by itself where keapbridge is installed.

Everything is imported inside the fixtures: a test run that uses none of them pays nothing and needs no extra.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from keapbridge import SyncSession
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator


@pytest.fixture
def keap_emulator() -> Iterator[KeapEmulator]:
    """A Keap of the test's own, empty, as an HTTP server on loopback."""
    from keapbridge.testing import KeapEmulator

    with KeapEmulator() as server:
        yield server


@pytest.fixture
def customcrm_emulator() -> Iterator[CustomcrmEmulator]:
    """A Customcrm of the test's own, empty, as an HTTP server on loopback."""
    from keapbridge.testing import CustomcrmEmulator

    with CustomcrmEmulator() as server:
        yield server


@pytest.fixture
def sync_session(
    keap_emulator: KeapEmulator, customcrm_emulator: CustomcrmEmulator
) -> Iterator[Callable[..., SyncSession]]:
    """Makes sessions between the two emulators: `sync_session(policy=…, contacts=…)`; all share one store in memory."""
    import keapbridge as kb
    from keapbridge.store.opening import memory_engine

    with ExitStack() as stack:
        crm = stack.enter_context(
            kb.CustomcrmClient(customcrm_emulator.base_url, auth=kb.BearerToken(customcrm_emulator.token))
        )
        keap = stack.enter_context(
            kb.KeapClient(auth=kb.KeapApiKey(keap_emulator.api_key), base_url=keap_emulator.base_url)
        )
        engine = memory_engine()
        stack.callback(engine.dispose)

        def make(**options: Any) -> SyncSession:
            given: dict[str, Any] = {"customcrm": crm, "keap": keap, "store": engine, **options}
            return stack.enter_context(kb.SyncSession(**given))

        yield make
