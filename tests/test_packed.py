"""The library works from a zip and in a frozen application: what it brings besides code is found there, too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packing import ROOT, zipped

from keapbridge.store import schema

EXTRAS = ("console", "fleet", "testing", "webhooks")
# What the library looks for only where a host has it, and what is of this project's tests alone.
LEFT_OUT = ("pandas", "polars", "numpy", "IPython", "pytest", "hypothesis", "mypy", "django", "tkinter")
pytestmark = pytest.mark.xdist_group("postgresql")

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
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def stores(tmp_path: Path, postgresql_url: str) -> list[str]:
    pytest.importorskip("procrastinate")
    return [f"sqlite:///{tmp_path / 'bridge.db'}", postgresql_url]


@pytest.mark.thorough
def test_it_works_from_a_zip_with_all_that_is_python_alone(tmp_path: Path, stores: list[str]) -> None:
    archive, others = zipped(tmp_path, EXTRAS)
    found = told([sys.executable, "-I", "-S", archive, others, *stores], tmp_path)
    assert found["where"] == f"{archive}/keapbridge/__init__.py"
    assert found["seen"] == [ALL_RIGHT, {**ALL_RIGHT, "fleet": "complete"}]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_it_works_frozen_as_the_guide_says(tmp_path: Path, stores: list[str]) -> None:
    """It needs `pip install pyinstaller`, which is in no extra: it takes minutes."""
    pytest.importorskip("PyInstaller")
    guide = (ROOT / "docs" / "guides" / "production.md").read_text("utf-8")
    [said] = [line for line in guide.splitlines() if line.startswith("pyinstaller ")]
    options = said.split()[1:-1]
    assert options == ["--collect-all", "keapbridge", "--collect-data", "procrastinate"]
    options += [part for name in LEFT_OUT for part in ("--exclude-module", name)]
    options += ["--paths", str(ROOT / "src"), "--name", "packed", "--log-level", "ERROR", "--noconfirm"]
    host = ROOT / "tests" / "shared" / "packed_host.py"
    subprocess.run([sys.executable, "-m", "PyInstaller", *options, host], check=True, cwd=tmp_path)
    found = told([tmp_path / "dist" / "packed" / "packed", *stores], tmp_path)
    assert found["where"].startswith(str(tmp_path))
    assert found["seen"] == [ALL_RIGHT, {**ALL_RIGHT, "fleet": "complete"}]
