"""Displays: only what is made here is markup; every value of a record is a text, and none is long."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keapbridge.showing.html import (
    LONGEST,
    Html,
    badge,
    bars,
    changed,
    display,
    element,
    fold,
    gauge,
    listing,
    note,
    numbers,
    short,
    table,
)

EVIL = "<script>alert('1')</script>\"&"
TAGS = frozenset("div style h4 span p ul li details summary table tr th td i del ins".split())  # noqa: SIM905
TEXTS = st.text() | st.sampled_from([EVIL, "", "<", "&amp;", "'><img src=x onerror=1>"])


class Reader(HTMLParser):
    """What a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += "" if self._open[-1:] == ["style"] else data


@given(TEXTS, TEXTS)
def test_a_text_is_never_markup(one: str, two: str) -> None:
    parts = (
        element("p", one, cls=two, title=one),
        badge(one),
        note(one),
        listing([one, two]),
        fold(one, two),
        table([one, two], [[one, two], [1, None]]),
        bars([(one, 1), (two, 2)]),
        numbers([(one, {two: 1}, 3)], [("create", 0)]),
        gauge(3, 10),
        *changed(one, two),
    )
    seen = Reader(display(one, *parts, two, aside=two))
    assert set(seen.tags) <= TAGS
    assert {name for name, _ in seen.attributes} <= {"class", "title", "style", "role", "aria-label"}


def test_html_is_taken_as_it_is_and_nothing_is_left_out() -> None:
    assert element("p", Html("<b>bold</b>"), None, "a & b") == "<p><b>bold</b>a &amp; b</p>"
    assert isinstance(element("p"), Html)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), ("", "–"), (True, "yes"), (False, "no"), (0, "0"), ("x" * 300, "x" * (LONGEST - 1) + "…")],
)
def test_values_are_short(value: Any, text: str) -> None:
    assert short(value) == text


@given(TEXTS, TEXTS)
def test_a_change_shows_both_values_whole(before: str, after: str) -> None:
    for html, value in zip(changed(before, after), (before, after), strict=True):
        # A parser reads a return and a NUL otherwise than they are written.
        if not set(value) & set("\r\0"):
            assert Reader(f"<p>{html}</p>").text == short(value)


def test_the_parts_that_differ_are_marked() -> None:
    old, new = changed("12 Main Street", "14 Main Street")
    assert (old, new) == ("<del>12</del> Main Street", "<ins>14</ins> Main Street")
    assert changed("Oslo", "Trondheim") == ("<del>Oslo</del>", "<ins>Trondheim</ins>")
    assert changed(None, "Oslo") == ("<del>–</del>", "<ins>Oslo</ins>")


def test_a_bar_has_a_part_for_all_that_is_there() -> None:
    bar = bars([("created", 3), ("nothing", 0), ("failed", 1)])
    assert 'aria-label="3 created, 1 failed"' in bar
    assert bar.count("<i ") == 2
    assert 'aria-label="nothing"' in bars([])


@pytest.mark.parametrize(("used", "colour"), [(10, "c0"), (76, "c3"), (95, "c4"), (120, "c4")])
def test_a_gauge_warns_when_little_is_left(used: int, colour: str) -> None:
    assert f'class="{colour}"' in gauge(used, 100)
