"""Pages of a large store ask the database as little, and are as short, as those of a small one; no time counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.console import filled, measured

from keapbridge.testing import CustomcrmEmulator, KeapEmulator

pytestmark = pytest.mark.thorough

BYTES = 150_000
STATEMENTS = 40
A_SEARCH = 150  # statements of one that goes through thousands of actions, and stops there: the person says to go on


def _pages(folder: Path, actions: int, conflicts: int) -> dict[str, Any]:
    with CustomcrmEmulator() as crm, KeapEmulator(currency="USD") as keap:
        systems = filled(crm, keap, f"sqlite:///{folder / f'{actions}.db'}", actions, conflicts)
        return {page["name"]: page for page in measured(systems, 2)["pages"]}


def test_no_page_grows_with_the_store(tmp_path: Path) -> None:
    small, large = _pages(tmp_path, 500, 200), _pages(tmp_path, 20_000, 5_000)
    for name, page in large.items():
        assert page["bytes"] < BYTES, name
        assert page["statements"] <= (A_SEARCH if "search" in name else STATEMENTS), name
        if "search" not in name:
            assert page["statements"] <= small[name]["statements"] + 2, name
