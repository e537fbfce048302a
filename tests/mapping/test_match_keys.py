"""How match keys are made: of which values, in which order, in which spelling."""

from __future__ import annotations

from typing import Any

from keapbridge.mapping import MatchKey
from keapbridge.mapping.match_keys import Spellings, made_keys

EMAIL = MatchKey(("Email",))
SLOTS = {"Email": ("Email2", "email_addresses.EMAIL3")}


def keys(**values: Any) -> list[tuple[int, str]]:
    return [(key.slot, key.key) for key in made_keys([EMAIL], Spellings(values, SLOTS))]


def test_the_only_key_has_no_others_beside_it() -> None:
    assert (
        keys(Email="a@x.org") == keys(Email2="a@x.org") == keys(Email="a@x.org", Email2="A@x.org") == [(0, "a@x.org")]
    )
    assert keys() == keys(Email=None) == keys(Email="\u200b") == []


def test_of_several_keys_the_main_one_is_the_first() -> None:
    assert keys(Email="z@x.org", Email2="a@x.org") == [(1, "z@x.org"), (2, "a@x.org")]


def test_how_it_is_spelt_is_kept_where_that_is_not_as_the_key() -> None:
    spelt = [key.spelt for key in made_keys([EMAIL], Spellings({"Email": "A@x.org", "Email2": "b@x.org"}, SLOTS))]
    assert spelt == ["A@x.org", None]
