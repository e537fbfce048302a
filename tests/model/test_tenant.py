"""What a tenant may be called and hold: what a database and JSON keep as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from keapbridge.model.tenant import Tenant

LOOP: dict[str, Any] = {}
LOOP["itself"] = LOOP


@pytest.mark.parametrize(
    "name", ["acme", "株式会社　山田", "شرکت\u200cما", "a/b?c=%2F#d", "'; DROP TABLE x; --", "😀", "x" * 100]
)
def test_a_name_is_any_text(name: str) -> None:
    assert Tenant(name).name == name


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "acme\0", "acme\n", "\x1b[31m", "\ud800"])
def test_what_cannot_be_kept_or_shown_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="name takes a text"):
        Tenant(name)


@pytest.mark.parametrize(
    "value",
    ["\0", "ä", 7, 2**70 + 1, -1.5, True, None, [], {}, {"a": [{"b": None}]}],
    ids=lambda value: repr(value)[:20],
)
def test_settings_are_what_json_keeps_as_it_is(value: Any) -> None:
    assert Tenant("acme", {"key": value}).settings == {"key": value}


@pytest.mark.parametrize(
    "value",
    [
        (1,),
        {1},
        b"key",
        float("nan"),
        float("inf"),
        "\ud800",
        {1: 2},
        object(),
        Decimal(1),
        datetime(2026, 1, 1, tzinfo=UTC),
        timedelta(1),
        LOOP,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_would_keep_otherwise_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="settings takes what JSON can hold"):
        Tenant("acme", {"key": value})
