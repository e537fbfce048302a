"""What a write changes is taken apart, and put back with its type."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest

import keapbridge as kb
from keapbridge.keap import records as keap
from keapbridge.mapping.raw import put_back, raw_changes
from keapbridge.model.maybe import UNSET, Unreadable
from keapbridge.model.raw import RawChange, from_plain, to_plain

PHONES = (
    keap.PhoneNumber("(555) 010-2222", "PHONE1", "Work", "12"),
    keap.PhoneNumber("+1 555 010 3333", "PHONE2", "Home"),
)


def test_a_custom_field_that_was_empty_is_emptied() -> None:
    written: dict[str, Any] = {"custom_fields": ()}
    before = keap.Contact(custom_fields=(keap.CustomFieldValue("7", "x"),))
    for content, empty in (("Blue", ""), (["Blue"], [])):
        sent = attrs.evolve(before, custom_fields=(*before.custom_fields, keap.CustomFieldValue("8", content)))
        again, _ = put_back(sent, raw_changes(before, sent, written, sent) or ())
        assert again.custom_fields == (*before.custom_fields, keap.CustomFieldValue("8", empty))


def test_what_the_system_made_of_a_value_is_what_is_known_to_be_there() -> None:
    record = keap.Contact(id="1", job_title="clerk ", phone_numbers=PHONES)
    sent = attrs.evolve(record, job_title="Countess")
    for answer, after in ((keap.Contact(job_title="COUNTESS"), "COUNTESS"), (keap.Contact(), "Countess")):
        assert raw_changes(record, sent, {"job_title": "Countess"}, answer) == (
            RawChange(("job_title",), "clerk ", after),
        )


def test_what_cannot_be_kept_is_not_known() -> None:
    before = kb.customcrm.Contact(id="1", extra={"Own": object()})
    sent = attrs.evolve(before, extra={"Own": "x"})
    assert raw_changes(before, sent, {"extra": {"Own": "x"}}, sent) is None


VALUES = (
    *(None, True, 1, 1.0, 0.1, "O&#039;Brien ", "", {"a": [1, {"unset": True}]}, ("+47", None), UNSET, b"\x00\xff"),
    *(
        date(1990, 1, 2),
        datetime(1990, 1, 2, 3, 4, tzinfo=UTC),
        time(3, 4),
        Decimal("1.50"),
        2**80,
        "\ud800x",
    ),
    *(float("inf"), Unreadable("not a date", "31/31")),
)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_kept_with_its_type(value: Any) -> None:
    found = from_plain(msgspec.json.decode(msgspec.json.encode(to_plain(value))))
    assert (type(found), repr(found)) == (type(value), repr(value))
