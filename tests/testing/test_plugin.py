"""The fixtures that hosts get."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keapbridge as kb
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator

Sessions = Callable[..., "kb.SyncSession"]


def test_a_host_can_test_its_sync_in_three_lines(
    sync_session: Sessions, keap_emulator: KeapEmulator, customcrm_emulator: CustomcrmEmulator
) -> None:
    customcrm_emulator.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    assert sync_session().sync().count("created") == 1
    assert [c["given_name"] for c in keap_emulator.state.contacts.values()] == ["Ada"]


def test_sessions_of_one_test_share_their_store(sync_session: Sessions, customcrm_emulator: CustomcrmEmulator) -> None:
    customcrm_emulator.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    sync_session().sync()
    assert sync_session().plan(full=True).is_empty


def test_the_plugin_loads_nothing_before_it_is_used() -> None:
    script = "import sys, pytest_keapbridge; sys.exit(any(m.split('.')[0] == 'keapbridge' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
