"""Tokens, and where a request comes from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keapbridge.console.security import LASTING, Tokens, is_of_this_site

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TOKENS = Tokens("a key")


def test_a_token_is_for_one_person_in_one_browser() -> None:
    token = TOKENS.make("anna", "b1", NOON)
    assert TOKENS.holds(token, "anna", "b1", NOON)
    assert not TOKENS.holds(token, "bert", "b1", NOON)
    assert not TOKENS.holds(token, "anna", "b2", NOON)
    assert not Tokens("another key").holds(token, "anna", "b1", NOON)
    assert not TOKENS.holds(TOKENS.make("anna\nb", "1", NOON), "anna", "b\n1", NOON)


def test_a_token_lasts_for_some_hours() -> None:
    token = TOKENS.make("anna", "b1", NOON)
    assert TOKENS.holds(token, "anna", "b1", NOON + LASTING)
    assert not TOKENS.holds(token, "anna", "b1", NOON + LASTING + timedelta(seconds=1))
    assert not TOKENS.holds(token, "anna", "b1", NOON - timedelta(hours=1))


@pytest.mark.parametrize("token", ["", ".", "x.y", "ffff", "\ud800", "1" * 10_000])
def test_what_is_no_token_is_none(token: str) -> None:
    assert not TOKENS.holds(token, "anna", "b1", NOON)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://a.example", "host": "a.example"}, False),
        ({"origin": "https://A.example", "host": "a.example"}, True),
        ({"origin": "https://b.example", "host": "a.example"}, False),
        ({"host": "a.example"}, True),  # no browser; the token must fit in any case
    ],
)
def test_a_form_comes_from_our_own_pages(headers: dict[str, str], ours: bool) -> None:
    assert is_of_this_site(headers) is ours
