"""A value with other parts is what `attrs.evolve` makes of it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.model.changed import changed
from keapbridge.model.records import Life, Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side

SEEN = Observation(Side.KEAP, "7", Snapshot({"City": "Vienna"}))
VALUES: list[tuple[Any, dict[str, Any]]] = [
    (kb.keap.Contact(given_name="Ada", tag_ids=("1",)), {"family_name": "Byron", "given_name": None}),
    (kb.keap.Contact(), {"tag_ids": ["1", "2"], "email_addresses": [kb.keap.EmailAddress("a@example.com")]}),
    (kb.keap.Address(line1="Main Street 1", extra={"x": 1}), {"extra": {"y": 2}}),
    (kb.customcrm.SavedContact(id="c-1", first_name="Ada"), {"last_name": "Byron"}),
    (kb.customcrm.Product(), {}),
    (Link("1", "7", {"City": "Vienna"}), {"keap_id": "8", "keap_life": Life()}),
    (SEEN, {"snapshot": Snapshot({})}),
    (Pair(Link("1", "7"), None, SEEN), {"keap": None}),
    (kb.RetryPolicy(), {"attempts": 2}),
]


@pytest.mark.parametrize(("value", "parts"), VALUES)
def test_it_is_what_attrs_makes_of_it(value: Any, parts: dict[str, Any]) -> None:
    before = attrs.asdict(value, recurse=False)
    made = changed(value, **parts)
    wanted = attrs.evolve(value, **parts)
    assert made == wanted
    assert attrs.asdict(made, recurse=False) == attrs.asdict(wanted, recurse=False)
    assert type(made) is type(value)
    assert attrs.asdict(value, recurse=False) == before


def test_what_is_made_is_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        changed(kb.keap.Contact(), given_name="Ada").given_name = "Eve"  # type: ignore[misc]


@pytest.mark.parametrize("value", [kb.keap.Contact(), kb.RetryPolicy(), Pair(Link("1", "7"), None, None)])
def test_a_part_that_there_is_not_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        changed(value, surname="Byron")
