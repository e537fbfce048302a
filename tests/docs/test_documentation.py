"""The documentation is true: its Python runs against the emulators, prints what it says, and names all that is public.

Run as a program, this file writes what the blocks print into the output blocks after them.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import itertools
import logging
import pkgutil
import re
import tempfile
import textwrap
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
from tiers import variants

import keapbridge
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

ROOT = Path(__file__).parents[2]
PAGES = {str(p.relative_to(ROOT)): p for p in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])}
# What only the second tier executes: pages with many syncs, whose subject the first tier tests elsewhere.
LONG = {
    f"docs/guides/{name}.md"
    for name in (
        *("adapters", "async", "bad-data", "conflicts", "dataflow", "deletions", "logs", "looking-back", "mapping"),
        *("plans", "schedulers", "sql", "stopping", "store", "testing", "watching", "webhooks", "what-happens-when"),
    )
}
REFERENCE = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))

NOT_EXECUTED = 'title="not executed"'
OUTPUT = 'title="output"'
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*) *(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)

Namespace = dict[str, Any]


@attrs.frozen
class Block:
    """A fenced block; `line` is that of its first line of content."""

    line: int
    language: str
    info: str
    body: str

    @property
    def runs(self) -> bool:
        return self.language == "python" and NOT_EXECUTED not in self.info

    @property
    def is_output(self) -> bool:
        return OUTPUT in self.info


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [_block(text, match) for match in FENCE.finditer(text)]


def _block(text: str, match: re.Match[str]) -> Block:
    line = text.count("\n", 0, match.start("body")) + 1
    return Block(line, match["language"], match["info"], textwrap.dedent(match["body"]))


def run_page(name: str, text: str, namespace: Namespace) -> str:
    """Run the blocks of a page in order, in one namespace and one event loop, as a notebook would.

    Returns:
        The page with what its blocks really print.

    Raises:
        AssertionError: naming page and line, when a block fails.
    """
    printed = ""
    with asyncio.Runner() as loop:

        def replace(match: re.Match[str]) -> str:
            nonlocal printed
            block = _block(text, match)
            if block.runs:
                printed = _run_block(name, block, namespace, loop)
            elif block.is_output and _comparable(printed) != _comparable(block.body):
                head, tail = (part - match.start() for part in match.span("body"))
                body = textwrap.indent(f"{_trimmed(printed)}\n", match["indent"])
                return match[0][:head] + body + match[0][tail:]
            return match[0]

        return FENCE.sub(replace, text)


def _run_block(name: str, block: Block, namespace: Namespace, loop: asyncio.Runner) -> str:
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


def _trimmed(output: str) -> str:
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


def _comparable(output: str) -> str:
    """Output without what differs from run to run: ids of plans and runs, times, durations, ports."""
    output = re.sub(r"\b[0-9a-f]{12}\b", "‹id›", output)
    output = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "‹time›", output)
    output = re.sub(r"\d+\.\d+ s\b", "‹s›", output)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:‹port›", _trimmed(output))


@contextlib.contextmanager
def two_systems() -> Iterator[Namespace]:
    """What the pages may take for granted: two systems that are empty, and a folder to leave files in."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        KeapEmulator() as keap_server,
        CustomcrmEmulator() as crm_server,
    ):
        yield {
            "__name__": "page",
            "crm_url": crm_server.base_url,
            "crm_token": crm_server.token,
            "keap_url": keap_server.base_url,
            "keap_key": keap_server.api_key,
        }


@contextlib.contextmanager
def same_logs() -> Iterator[None]:
    """What a page makes of the host's logs ends with the page."""
    logger = logging.getLogger("keapbridge")
    level, handlers = logger.level, logger.handlers[:]
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.handlers[:] = handlers


# --- pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", variants(PAGES, quick=PAGES.keys() - LONG))
def test_a_page_does_what_it_says(name: str) -> None:
    text = PAGES[name].read_text("utf-8")
    with same_logs(), two_systems() as namespace:
        # Compared by line: the first that differs is the one to look at.
        assert run_page(name, text, namespace).splitlines() == text.splitlines()


@pytest.mark.parametrize("name", variants(["README.md", "docs/index.md", "docs/tutorial.md"], quick=["README.md"]))
def test_a_page_for_newcomers_can_be_followed_twice_in_one_folder(name: str, tmp_path: Path) -> None:
    text = PAGES[name].read_text("utf-8")
    for _ in range(2):
        with same_logs(), two_systems() as namespace, contextlib.chdir(tmp_path):
            assert run_page(name, text, namespace).splitlines() == text.splitlines()


def test_every_block_says_what_it_is() -> None:
    for name, page in PAGES.items():
        blocks = blocks_of(page.read_text("utf-8"))
        assert (name, [block.line for block in blocks if not block.language]) == (name, [])
        follows = {later.line: earlier.runs for earlier, later in itertools.pairwise(blocks)}
        assert (name, [block.line for block in blocks if block.is_output and not follows[block.line]]) == (name, [])


def test_every_file_that_a_page_shows_is_there() -> None:
    lines = [line for page in PAGES.values() for line in re.findall("(?m)^-+8.*", page.read_text("utf-8"))]
    shown = [re.fullmatch('--8<-- "(.+)"', line) for line in lines]
    assert shown
    assert [line for line, file in zip(lines, shown, strict=True) if not (file and (ROOT / file[1]).is_file())] == []


def test_a_failing_block_names_its_page_and_line() -> None:
    text = "Some text.\n\n```python\nfine = 1\n```\n\n- in a list\n\n    ```python\n    fine\n    oops\n    ```\n"
    with pytest.raises(AssertionError, match=r"page\.md:11: NameError"):
        run_page("page.md", text, {})


def test_a_block_that_does_not_parse_names_its_page_and_line() -> None:
    with pytest.raises(AssertionError, match=r"page\.md:4: SyntaxError"):
        run_page("page.md", "Some text.\n\n```python\nfine =\n```\n", {})


def test_output_is_replaced_by_what_is_printed() -> None:
    page = '  ```python\n  print("a")\n  ```\n\n  ```text title="output"\n  {}\n  ```\n'
    assert run_page("page.md", page.format("b"), {}) == page.format("a")


def test_output_is_written_where_there_was_none() -> None:
    page = '```python\nprint("a")\n```\n\n```text title="output"\n{}```\n'
    assert run_page("page.md", page.format(""), {}) == page.format("a\n")


def test_output_may_differ_in_what_differs_from_run_to_run() -> None:
    page = '```python\nprint("Run 0123456789ab took 0.1 s")\n```\n\n```text title="output"\n{}\n```\n'
    same = page.format("Run ba9876543210 took 2.5 s")
    assert run_page("page.md", same, {}) == same


def test_a_block_may_opt_out_visibly_and_may_await() -> None:
    text = '```python title="not executed"\noops\n```\n\n```python\nx = await sleep(0, 2)\n```\n'
    namespace: Namespace = {"sleep": asyncio.sleep}
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
    from keapbridge import customcrm, errors, keap, mapping, testing, webhooks

    for module in (keapbridge, customcrm, errors, keap, mapping, testing, webhooks):
        for name in module.__all__:
            yield f"{module.__name__}.{name}", getattr(module, name)


@cache
def public() -> dict[str, Any]:
    return dict(public_names())


def is_value(named: Any) -> bool:
    """Values, whose class has the docstring; a heading of the reference says what they are."""
    return not hasattr(named, "__name__")


def test_every_public_name_is_in_the_reference() -> None:
    headings = "\n".join(line for line in REFERENCE.splitlines() if line.startswith("#"))
    # One object may be public under several names: being there under one of them is enough.
    described = [pkgutil.resolve_name(path) for path in re.findall(r"^::: ([\w.]+)", REFERENCE, re.MULTILINE)]
    missing = [
        path
        for path, named in public().items()
        if not (
            f"`{path.rpartition('.')[2]}`" in headings if is_value(named) else any(named is one for one in described)
        )
    ]
    assert missing == []


def test_what_the_reference_has_and_the_pages_refer_to_is_there() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES.values())
    named = re.findall(r"^::: ([\w.]+)|\]\[(keapbridge[\w.]+)\]", text, re.MULTILINE)
    assert sorted({path for pair in named for path in pair if path and not _is_there(path)}) == []


def _is_there(path: str) -> bool:
    try:
        pkgutil.resolve_name(path)
    except (ImportError, AttributeError):
        return False
    return True


def test_every_public_name_has_a_docstring() -> None:
    assert [path for path, named in public().items() if not is_value(named) and not named.__doc__] == []


def test_every_public_method_has_a_docstring() -> None:
    silent = {
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for cls in public().values()
        if isinstance(cls, type)
        for name, member in vars(cls).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
        if not inspect.getdoc(member)
    }
    assert sorted(silent) == []


def test_the_drawing_of_the_errors_is_complete_and_in_the_guide() -> None:
    drawing = (keapbridge.errors.__doc__ or "").split("```")[1].strip()
    drawn = set(re.findall(r"\w+Error", drawing))
    assert drawn == set(keapbridge.errors.__all__)
    assert drawing in PAGES["docs/guides/errors.md"].read_text("utf-8")


if __name__ == "__main__":
    for name, page in PAGES.items():
        before = page.read_text("utf-8")
        with two_systems() as namespace:
            after = run_page(name, before, namespace)
        if after != before:
            page.write_text(after, "utf-8")
            print(f"{name} was changed")  # noqa: T201 - a program's output
