"""Yes and no in columns of texts, each spelt as the column spells it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["said", "spelt"]

PAIRS = (("y", "n"), ("yes", "no"), ("true", "false"), ("t", "f"), ("1", "0"), ("on", "off"))
_MEANING = {word: yes for pair in PAIRS for word, yes in zip(pair, (True, False), strict=True)}
_OTHER = {word: other for yes, no in PAIRS for word, other in ((yes, no), (no, yes))}


def said(text: str) -> bool | None:
    """What a text says; `None` where it is neither yes nor no."""
    return _MEANING.get(text.strip().casefold())


def spelt(value: bool, like: Iterable[Any], length: int | None = None) -> str:
    """Yes or no as one of these cells spells it, the first that says either.

    Args:
        like: cells of the column, those first that count most.
        length: how many characters the column takes, where that is known: for a column that holds nothing yet.
    """
    for cell in like:
        if not isinstance(cell, str) or (meant := said(cell)) is None:
            continue
        word = cell.strip()
        if meant == value:
            return word
        other = _OTHER[word.casefold()]
        return other.upper() if word.isupper() else other.capitalize() if word.istitle() else other
    yes, no = ("true", "false") if length is None or length >= len("false") else ("Y", "N")
    return yes if value else no
