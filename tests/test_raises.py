"""Each error says what happened, in words: none is raised with nothing or a single word to say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import keapbridge.errors

PACKAGE = Path(__file__).parents[1] / "src" / "keapbridge"
ERRORS = {*keapbridge.errors.__all__, "ValueError", "TypeError", "LookupError", "KeyError", "RuntimeError"}
# What is caught in the same room, and turned into a sentence there: nobody reads it.
INSIDE = {"_json/patient.py", "model/raw.py", "testing/customcrm/_ledger.py"}
LEAST = 3  # words of a sentence


def raised() -> Iterator[tuple[str, ast.Call | ast.Name]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Raise(exc=ast.Call(func=ast.Name(id=cls)) | ast.Name(id=cls) as exc) if cls in ERRORS:
                    if name not in INSIDE:
                        yield f"{name}:{node.lineno}", exc


def said(message: ast.expr) -> str:
    """What is certain to be said: an inserted value counts as two words."""
    match message:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(said(part) for part in parts)
        case ast.FormattedValue(value=ast.Call()):  # mostly another error, or a list
            return " … " * LEAST
        case ast.FormattedValue():
            return " … … "
        case ast.BinOp(left=left, right=right):
            return said(left) + said(right)
        case _:  # made elsewhere
            return " … " * LEAST


def test_every_error_says_what_happened() -> None:
    found = list(raised())
    assert len(found) > 300
    silent = [place for place, exc in found if isinstance(exc, ast.Name) or not exc.args]
    short = [
        f"{place}: {said(exc.args[0])}"
        for place, exc in found
        if isinstance(exc, ast.Call) and exc.args and len(said(exc.args[0]).split()) < LEAST
    ]
    assert silent == []
    assert short == []
