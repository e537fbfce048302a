"""The library works from a zip and in a frozen application: what it brings besides code is found there, too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packing import zipped

from keapbridge.store import schema

EXTRAS = ("console", "fleet", "testing", "webhooks")
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("postgresql")]

ALL_RIGHT = {
    "schema": schema.HEAD,
    "synced": True,
    "html": True,
    "pages": dict.fromkeys(
        ("/", "/runs", "/static/console.css", "/static/console.js", "/static/htmx.min.js", "/static/icon.svg"), 200
    ),
    "country": ["AUT"],
}


def told(command: list[str | Path], folder: Path) -> Any:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def stores(tmp_path: Path, postgresql_url: str) -> list[str]:
    pytest.importorskip("procrastinate")
    return [f"sqlite:///{tmp_path / 'bridge.db'}", postgresql_url]


def test_it_works_from_a_zip_with_all_that_is_python_alone(tmp_path: Path, stores: list[str]) -> None:
    archive, others = zipped(tmp_path, EXTRAS)
    found = told([sys.executable, "-I", "-S", archive, others, *stores], tmp_path)
    assert found["where"] == f"{archive}/keapbridge/__init__.py"
    assert found["seen"] == [ALL_RIGHT, {**ALL_RIGHT, "fleet": "complete"}]
