"""What guides tell is what there is: commands, methods, options, loggers, and the numbers in their tables."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.command import whole_parser
from keapbridge.decide.brakes import BRAKES
from keapbridge.sync.options import SessionOptions
from keapbridge.sync.session import ObjectSync, SyncSession

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = "\n".join(
    page.read_text("utf-8")
    for folder in (DOCS, DOCS / "guides", DOCS / "concepts")
    for page in sorted(folder.glob("*.md"))
)


def named(guide: str) -> dict[str, list[str]]:
    """The rows of a guide's tables that begin with names: name → the other cells."""
    text = (DOCS / "guides" / guide).read_text("utf-8")
    rows = [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in re.findall(r"(?m)^\| `.*", text)]
    return {name: cells for first, *cells in rows for name in re.findall(r"`(\w+)`", first)}


def test_every_guide_is_linked_from_another_page() -> None:
    pages = {page: page.read_text("utf-8") for page in [ROOT / "README.md", *DOCS.rglob("*.md")]}
    guides = [page for page in pages if page.parent.name in {"guides", "concepts"}]
    links = {page: set(re.findall(r"([\w-]+\.md)[)#]", text)) for page, text in pages.items()}
    alone = [guide.name for guide in guides if not any(guide.name in links[page] for page in pages if page != guide)]
    assert alone == []


def test_every_command_on_a_page_is_a_command() -> None:
    blocks = re.findall(r"(?ms)^ *```(?:console|sh|text)\n(.*?)```", GUIDES)
    lines = re.findall(r"(?m)^(?:\$ )?(?:python -m )?keapbridge ([a-z].*)$", "\n".join(blocks))
    ours = [shlex.split(line.partition(" > ")[0], comments=True) for line in lines if "my_crm" not in line]
    parser = whole_parser()
    assert len([parser.parse_args(arguments) for arguments in ours]) > 20


@pytest.mark.parametrize("face", [SyncSession, ObjectSync])
def test_every_method_of_a_session_is_in_a_guide(face: type) -> None:
    methods = [name for name, _ in inspect.getmembers(face) if not name.startswith("_")]
    assert [name for name in methods if not re.search(rf"\b{name}\(|\b{name}`|\.{name}\b", GUIDES)] == []


def test_every_option_of_a_session_is_in_a_guide() -> None:
    assert [name for name in SessionOptions.__annotations__ if not re.search(rf"\b{name}\b", GUIDES)] == []


def test_every_logger_is_in_the_guide() -> None:
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    loggers = set(re.findall(r'getLogger\("(keapbridge\.\w+)"\)', sources))
    page = (DOCS / "guides" / "watching.md").read_text("utf-8")
    assert {name for name in loggers if f"| `{name}` |" not in page} == set()
    assert len(loggers) > 5


@pytest.mark.parametrize(
    ("guide", "settings", "least"),
    [("conflicts.md", kb.Policy(), 6), ("bounds.md", kb.Bounds(), 5)],
    ids=["policies", "bounds"],
)
def test_the_defaults_in_a_guide_are_those_of_the_code(guide: str, settings: Any, least: int) -> None:
    rows = named(guide)
    told = {field.name: rows[field.name][0] for field in attrs.fields(type(settings)) if field.name in rows}
    assert len(told) >= least
    assert {name: its for name, its in told.items() if _shown(getattr(settings, name)) not in its.split(", ")} == {}


def test_every_brake_is_in_the_guide_under_its_name() -> None:
    names = {name for _, name, *_ in named("conflicts.md").values()}
    assert [brake for brake in BRAKES if not any(f"`{brake}`" in cell for cell in names)] == []


def _shown(value: Any) -> str:
    """A default as a table has it."""
    mebi = 1024 * 1024
    if value is None:
        return "no limit"
    return f"{value // mebi} MiB" if isinstance(value, int) and value >= mebi else f"{value:,g}"
