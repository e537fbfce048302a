"""What the console is made of comes with the package, and nothing of it is imported by who does not ask for it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import keapbridge

ROOT = Path(__file__).parents[2]
CONSOLE = Path(keapbridge.__file__).parent / "console"
ITS = ("starlette", "jinja2", "uvicorn")


def test_whoever_imports_the_library_imports_no_web_framework() -> None:
    script = f"import sys, keapbridge; print([name for name in {ITS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.thorough
def test_templates_and_what_pages_load_are_in_the_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--quiet", "-w", str(tmp_path)]
    subprocess.run(command, check=True)
    [wheel] = tmp_path.glob("*.whl")
    packed = {name: data for name, data in _files(wheel).items() if name.startswith("keapbridge/console/")}
    for folder in ("templates", "static"):
        for path in (CONSOLE / folder).iterdir():
            assert packed.get(f"keapbridge/console/{folder}/{path.name}") == path.read_bytes(), path.name
    assert b"Permission to use" in packed["keapbridge/console/static/htmx.LICENSE.txt"]


def _files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}
