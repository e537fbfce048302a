"""What values look like, by the kinds that would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from keapbridge.inspecting.shapes import looks


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (["a@example.org", "B.C@example.com"], "email"),
        (["+47 22 12 34 56", "(206) 555-9857", "0228/123456"], "phone"),
        (["https://example.org", "www.example.com", "example.org/shop"], "url"),
        (["Norge", "DE", "United States"], "country"),
        (["0150", "SW1A 1AA", "70-900", "12345-6789"], "postcode"),
        ([Decimal("12.50"), 3, "$19.99", "19,99", "1.234,00 €"], "number"),
        (["1980-01-31", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)], "iso day"),
        (["31.01.1980", "1/31/1980"], "day"),
        (["Mr.", "Frau", "Dr"], "courtesy"),
        (["Sales Representative", "Leiter Einkauf"], "job"),
        (["Beispiel GmbH", "Acme Ltd."], "company"),
        ([True, "n", 0], "yes or no"),
    ],
)
def test_all_of_them_are_seen_to_be_it(values: list[Any], shape: str) -> None:
    assert looks(values)[shape] == 1.0


def test_what_is_empty_or_binary_does_not_count() -> None:
    found = looks([None, "", "  ", b"\x00", "a@example.org"])
    assert (found.filled, found["email"]) == (1, 1.0)
    assert looks([None]).filled == 0
