"""Colours: on a terminal, where nobody minds; and never a change of the words."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keapbridge.command.colours import painted, wants_colours
from keapbridge.model.plan import Plan


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def plain(text: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", text)


@pytest.mark.parametrize(
    ("stream", "variables", "wanted"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
    ],
)
def test_only_a_terminal_gets_colours(
    stream: io.StringIO, variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_colours(stream) is wanted


def test_what_was_counted_is_coloured_by_what_it_is() -> None:
    counts = {"contacts": {"create in Keap": 1, "conflict": 2, "delete in Customcrm": 3}}
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    text = str(Plan("p1", noon, ("contacts",), counts, {"contacts": 4}, {}, "sync", lambda: iter(())))
    shown = painted(text)
    assert plain(shown) == text
    for colour, word in (("32", "create in Keap"), ("33", "conflict"), ("31", "delete in Customcrm")):
        assert f"\x1b[{colour}m{word} " in shown
    assert shown.startswith("\x1b[1mPlan p1\x1b[0m")


@given(st.text())
def test_words_stay_as_they_are(text: str) -> None:
    assert plain(painted(text)) == plain(text)


def test_a_claim_is_green_or_red() -> None:
    assert painted("  ✓ it is so") == "\x1b[32m  ✓\x1b[0m it is so"
    assert painted("  ✗ NOT SO: it is so") == "\x1b[31m  ✗ NOT SO:\x1b[0m it is so"
