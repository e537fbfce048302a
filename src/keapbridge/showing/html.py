"""The parts of a display. Whatever is given as a text stays one: only what is made here is markup. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from html import escape
from typing import Any, TypeAlias

__all__ = [
    "Html",
    "Part",
    "badge",
    "bars",
    "changed",
    "display",
    "element",
    "fold",
    "gauge",
    "joined",
    "listing",
    "note",
    "numbers",
    "short",
    "table",
]

LONGEST = 200  # characters of a cell
ALIKE = 0.4  # how much two values have in common whose difference is shown within them


class Html(str):
    """A text that is HTML."""

    __slots__ = ()


Part: TypeAlias = Html | str | None
"""Something to show: HTML, or a text that is escaped; nothing for `None`."""


@cache
def _style() -> str:
    from importlib.resources import files

    return files("keapbridge.showing").joinpath("style.css").read_text("utf-8")


def element(tag: str, *parts: Part, cls: str = "", **attributes: str) -> Html:
    """An element of HTML; texts among its parts and its attributes are escaped."""
    given = {"class": cls, **attributes} if cls else attributes
    told = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
    return Html(f"<{tag}{told}>{joined(parts)}</{tag}>")


def joined(parts: Iterable[Part]) -> Html:
    """Parts one after the other."""
    return Html("".join(part if isinstance(part, Html) else escape(str(part)) for part in parts if part is not None))


def display(title: str, *parts: Part, aside: str = "") -> str:
    """A whole display.

    Args:
        aside: what stands behind the title, less loud.
    """
    head = element("h4", title, element("span", f" {aside}", cls="q") if aside else None) if title else None
    return f"<div class='kb'><style>{_style()}</style>{joined([head, *parts])}</div>"


def short(value: Any, longest: int = LONGEST) -> str:
    """A value as a text that is not longer than people read; an empty one is a dash."""
    text = "–" if value is None or value == "" else "yes" if value is True else "no" if value is False else str(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _cell(value: Any) -> Html:
    if isinstance(value, Html):
        return element("td", value)
    if isinstance(value, int) and not isinstance(value, bool):
        return element("td", f"{value:,}", cls="n")
    return element("td", short(value))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Html:
    """A table; numbers stand at the right."""
    titles = element("tr", *(element("th", title) for title in head)) if any(head) else None
    return element("table", titles, *(element("tr", *map(_cell, row)) for row in rows))


def fold(summary: Part, *parts: Part, is_open: bool = False) -> Html:
    """Something that opens when it is clicked."""
    inside = joined([element("summary", summary), *parts])
    return Html(f"<details{' open' if is_open else ''}>{inside}</details>")


def note(*parts: Part) -> Html:
    """What one must not overlook."""
    return element("div", *parts, cls="box")


def badge(text: str, mood: str = "") -> Html:
    """A word that stands out.

    Args:
        mood: `"good"`, `"warn"`, `"bad"` or nothing.
    """
    return element("span", text, cls=f"b {mood}".strip())


def listing(texts: Iterable[Part]) -> Html:
    """A list with dots."""
    return element("ul", *(element("li", text) for text in texts))


def bars(parts: Sequence[tuple[str, int]], *, colours: Sequence[int] = ()) -> Html:
    """A bar of parts, each as long as its share; what it is shows when one points at it."""
    total = sum(number for _, number in parts)
    pieces = [
        element(
            "i", cls=f"c{colours[at] if colours else min(at, 5)}", style=f"flex:{number}", title=f"{name}: {number:,}"
        )
        for at, (name, number) in enumerate(parts)
        if number
    ]
    return element("div", *pieces, cls="bar", role="img", **{"aria-label": _told(parts) if total else "nothing"})


def _told(parts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in parts if number)


def numbers(
    counts: Iterable[tuple[str, Mapping[str, int], int]], colours: Sequence[tuple[str, int]], rest: str = "unchanged"
) -> Html:
    """A bar and its numbers for each synchronization.

    Args:
        counts: name, what there is of it by heading, and how many are as they were.
        colours: by what a heading begins with.
        rest: what is said of those that are as they were.
    """
    rows = []
    for name, its, unchanged in counts:
        parts = [(heading, number) for heading, number in sorted(its.items()) if number]
        chosen = [next((colour for word, colour in colours if heading.startswith(word)), 5) for heading, _ in parts]
        rows.append((name, bars(parts, colours=chosen), _told(parts) or "nothing", f"{unchanged:,}\u00a0{rest}"))
    return table(("", "", "", ""), rows)


def gauge(used: int, of: int) -> Html:
    """How much of something is used up."""
    left = max(0, of - used)
    colour = 4 if left * 10 < of else 3 if left * 4 < of else 0
    return bars([("used", min(used, of)), ("left", left)], colours=(colour, 5))


def changed(before: Any, after: Any) -> tuple[Html, Html]:
    """Two values of which the words that differ are marked."""
    old, new = _words(short(before)), _words(short(after))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < ALIKE:  # another value altogether
        return element("del", *old), element("ins", *new)
    left: list[Part] = []
    right: list[Part] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        left += old[a:b] if kind == "equal" else [element("del", *old[a:b])] if b > a else []
        right += new[c:d] if kind == "equal" else [element("ins", *new[c:d])] if d > c else []
    return joined(left), joined(right)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\W", text)
