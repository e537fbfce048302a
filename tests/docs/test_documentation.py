"""The documentation is true: its Python runs against the emulators, prints what it says, and names all that is public."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import pkgutil
import re
import textwrap
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

import keapbridge
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
REFERENCE = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))

NOT_EXECUTED = 'title="not executed"'
OUTPUT = 'title="output"'
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*) *(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)


@attrs.frozen
class Block:
    """A fenced block; `line` is that of its first line of content, `output` what the page says it prints."""

    line: int
    language: str
    info: str
    body: str
    output: str | None = None

    @property
    def runs(self) -> bool:
        return self.language == "python" and NOT_EXECUTED not in self.info


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page; a block of output belongs to the one before it."""
    found: list[Block] = []
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("body")) + 1
        block = Block(line, match["language"], match["info"], textwrap.dedent(match["body"]))
        if OUTPUT in block.info:
            assert found and found[-1].runs, f"line {line}: output of nothing"
            found[-1] = attrs.evolve(found[-1], output=block.body)
        else:
            found.append(block)
    return found


def run_page(name: str, text: str, namespace: dict[str, Any]) -> None:
    """Run the blocks of a page in order, in one namespace and one event loop, as a notebook would."""
    with asyncio.Runner() as loop:
        for block in blocks_of(text):
            if block.runs:
                printed = _run_block(name, block, namespace, loop)
                if block.output is not None:
                    assert _comparable(printed) == _comparable(block.output), f"{name}:{block.line} prints otherwise"


def _run_block(name: str, block: Block, namespace: dict[str, Any], loop: asyncio.Runner) -> str:
    printed = io.StringIO()
    # Blank lines above, so that tracebacks count the page's lines.
    source = "\n" * (block.line - 1) + block.body
    try:
        code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with contextlib.redirect_stdout(printed):
            result = eval(code, namespace)
            if code.co_flags & inspect.CO_COROUTINE:
                loop.run(result)
    except Exception as error:
        frames = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == name]
        line = error.lineno if isinstance(error, SyntaxError) else (frames or [block.line])[-1]
        raise AssertionError(f"{name}:{line}: {type(error).__name__}: {error}") from error
    return printed.getvalue()


def _comparable(output: str) -> str:
    """Output without what differs from run to run: ids of plans and runs, durations, ports."""
    output = re.sub(r"\b[0-9a-f]{12}\b", "‹id›", output)
    output = re.sub(r"\d+\.\d s\b", "‹s›", output)
    output = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:‹port›", output)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


# --- pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the pages may take for granted: two systems that are empty, and a folder to leave files in."""
    monkeypatch.chdir(tmp_path)
    with KeapEmulator() as keap_server, CustomcrmEmulator() as crm_server:
        yield {
            "__name__": "page",
            "crm_url": crm_server.base_url,
            "crm_token": crm_server.token,
            "keap_url": keap_server.base_url,
            "keap_key": keap_server.api_key,
        }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_does_what_it_says(page: Path, namespace: dict[str, Any]) -> None:
    run_page(str(page.relative_to(ROOT)), page.read_text("utf-8"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page: Path) -> None:
    for block in blocks_of(page.read_text("utf-8")):
        assert block.language, f"{page.relative_to(ROOT)}:{block.line} has no language"


def test_a_failing_block_names_its_page_and_line() -> None:
    text = 'Some text.\n\n```python\nfine = 1\n```\n\n- in a list\n\n    ```python\n    fine\n    oops\n    ```\n'
    with pytest.raises(AssertionError, match=r"page\.md:11: NameError"):
        run_page("page.md", text, {})


def test_a_block_that_does_not_parse_names_its_page_and_line() -> None:
    with pytest.raises(AssertionError, match=r"page\.md:4: SyntaxError"):
        run_page("page.md", "Some text.\n\n```python\nfine =\n```\n", {})


def test_output_that_differs_names_its_page_and_line() -> None:
    text = '```python\nprint("a")\n```\n\n```text title="output"\nb\n```\n'
    with pytest.raises(AssertionError, match=r"page\.md:2 prints otherwise"):
        run_page("page.md", text, {})


def test_a_block_may_opt_out_visibly_and_may_await() -> None:
    text = (
        '```python title="not executed"\noops\n```\n\n```python\nimport asyncio\nx = await asyncio.sleep(0, 2)\n```\n'
    )
    namespace: dict[str, Any] = {}
    run_page("page.md", text, namespace)
    assert namespace["x"] == 2


@pytest.mark.parametrize(
    "command", ['pip install ".[demo]" && python -m keapbridge demo', 'pip install ".[test]" && python -m pytest']
)
def test_the_readme_has_each_command_in_a_block_of_its_own(command: str) -> None:
    blocks = blocks_of((ROOT / "README.md").read_text("utf-8"))
    assert [b.body for b in blocks].count(f"{command}\n") == 1


# --- the reference ----------------------------------------------------------------------------------------------


def public_names() -> Iterator[tuple[str, Any]]:
    from keapbridge import customcrm, keap, mapping, testing

    for module in (keapbridge, customcrm, keapbridge.errors, keap, mapping, testing):
        for name in module.__all__:
            yield f"{module.__name__}.{name}", getattr(module, name)


PUBLIC = dict(public_names())
DATA = {
    "keapbridge.UNSET",
    "keapbridge.__version__",
    "keapbridge.mapping.companies",
    "keapbridge.mapping.contacts",
    "keapbridge.mapping.products",
}


def in_reference() -> tuple[list[Any], str]:
    directives = re.findall(r"^::: ([\w.]+)", REFERENCE, re.MULTILINE)
    return [pkgutil.resolve_name(path) for path in directives], "\n".join(
        line for line in REFERENCE.splitlines() if line.startswith("#")
    )


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_name_is_in_the_reference(path: str) -> None:
    objects, headings = in_reference()
    # One object may be public under two names; being there under one of them is enough.
    documented = any(obj is PUBLIC[path] for obj in objects)
    assert documented or path == "keapbridge" or f"`{path.rpartition('.')[2]}`" in headings


@pytest.mark.parametrize("path", sorted(PUBLIC.keys() - DATA))
def test_a_public_name_has_a_docstring(path: str) -> None:
    assert vars(PUBLIC[path]).get("__doc__")


def test_every_public_method_has_a_docstring() -> None:
    silent = [
        f"{path}.{name}"
        for path, cls in PUBLIC.items()
        if isinstance(cls, type)
        for name, member in vars(cls).items()
        if not name.startswith("_") and _is_documentable(member) and not inspect.getdoc(member)
    ]
    assert not silent


def _is_documentable(member: object) -> bool:
    return inspect.isfunction(member) or isinstance(member, (property, classmethod, staticmethod))


def test_every_error_has_a_place_in_the_drawing() -> None:
    drawing = (keapbridge.errors.__doc__ or "").partition("```")[2].partition("```")[0]
    names = [name for name in keapbridge.errors.__all__ if f" {name} " in f"{drawing} ".replace("\n", " ")]
    assert sorted(names) == sorted(keapbridge.errors.__all__)


def modules(value: Mapping[str, Any]) -> list[ModuleType]:
    return [v for v in value.values() if isinstance(v, ModuleType)]
