"""`scripts/pages` makes of each page a module that can be compiled, with the lines of the page."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

import pytest
from script_modules import script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    return script("pages")


def test_a_block_stands_on_the_lines_that_it_has_in_the_page(pages: ModuleType) -> None:
    text = "# Page\n\n- item\n\n  ```python\n  a = 1\n  ```\n\n```text\nc\n```\n\n```python title='x'\nb\n```\n"
    lines = pages.module_of(text, "b: int").splitlines()
    assert [(n, line) for n, line in enumerate(lines, 1) if line][1:] == [(6, "a = 1"), (14, "b")]
    assert lines[0].endswith("keap_key = ''; b: int")


def test_a_page_that_awaits_is_a_coroutine(pages: ModuleType) -> None:
    lines = pages.module_of("# Page\n\n```python\nawait something()\n```\n").splitlines()
    assert (lines[0], lines[3]) == ("async def page() -> None:", "    await something()")
    ast.parse("\n".join(lines))


def test_names_of_a_file_of_its_own_are_not_those_of_the_page(pages: ModuleType) -> None:
    text = "# Page\n\n```python title=\"conftest.py\"\na = 1\n```\n\n```python\na = ''\n```\n"
    lines = pages.module_of(text).splitlines()
    assert (lines[2], lines[3], lines[7]) == ("def file() -> None:", "    a = 1", "a = ''")


def test_every_page_with_python_becomes_a_module(pages: ModuleType) -> None:
    found = [
        p for p in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")) if pages.FENCE.search(p.read_text("utf-8"))
    ]
    assert len(found) > 20
    for page in found:
        path = page.relative_to(ROOT).as_posix()
        ast.parse(pages.module_of(page.read_text("utf-8"), pages.MORE.get(path, "")), path)
    assert pages.MORE.keys() <= {page.relative_to(ROOT).as_posix() for page in found}
