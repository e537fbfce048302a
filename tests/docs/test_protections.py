"""The page that says which tests hold which protection names tests and accidents that there are."""

from __future__ import annotations

import re
from pathlib import Path

from histories.accidents import ACCIDENTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/maintaining/protections.md"
NAMED = re.compile(r"`([\w/.]+)`")


def test_every_test_that_is_named_is_there() -> None:
    tests = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in ROOT.glob("tests/**/*.py")}
    functions = {name for text in tests.values() for name in re.findall(r"^def (\w+)\(", text, re.MULTILINE)}
    named = {
        name for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ") for name in NAMED.findall(line)
    }
    assert len(named) > 50
    assert named - functions - tests.keys() == set()


def test_every_accident_is_named() -> None:
    named = set(NAMED.findall(PAGE.read_text("utf-8")))
    assert {accident.happen.__name__ for accident in ACCIDENTS} <= named
