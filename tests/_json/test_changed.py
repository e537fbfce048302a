"""A record with other values is what `attrs.evolve` makes of it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge._json.changed import changed

RECORDS: list[tuple[Any, dict[str, Any]]] = [
    (kb.keap.Contact(given_name="Ada", tag_ids=("1",)), {"family_name": "Byron", "given_name": None}),
    (kb.keap.Contact(), {"tag_ids": ["1", "2"], "email_addresses": [kb.keap.EmailAddress("a@example.com")]}),
    (kb.keap.Address(line1="Main Street 1", extra={"x": 1}), {"extra": {"y": 2}}),
    (kb.customcrm.SavedContact(id="c-1", first_name="Ada"), {"last_name": "Byron"}),
    (kb.customcrm.Product(), {}),
]


@pytest.mark.parametrize(("record", "values"), RECORDS)
def test_it_is_what_attrs_makes_of_it(record: Any, values: dict[str, Any]) -> None:
    before = attrs.asdict(record, recurse=False)
    made = changed(record, **values)
    assert made == attrs.evolve(record, **values)
    assert type(made) is type(record)
    assert attrs.asdict(record, recurse=False) == before


def test_what_is_made_is_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        changed(kb.keap.Contact(), given_name="Ada").given_name = "Eve"  # type: ignore[misc]
