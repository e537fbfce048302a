"""A token is a text for forms and addresses; what is no token of the parts that are wanted is refused in words."""

from __future__ import annotations

import base64
import json
import re
from types import NoneType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keapbridge.model.token import LARGEST, digest_of, read_token, token_of

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
PARTS = st.tuples(TEXTS, st.integers(-LARGEST, LARGEST), st.none() | TEXTS)
KINDS = (str, int, (str, NoneType))


@given(PARTS)
def test_it_holds_any_parts_in_letters_that_need_no_quoting(parts: tuple[str, int, str | None]) -> None:
    token = token_of(*parts)
    assert re.fullmatch("[A-Za-z0-9_-]*", token)
    assert tuple(read_token("after takes a part", token, KINDS)) == parts


@pytest.mark.parametrize("parts", [("a\0b", 1, None), ("a", LARGEST + 1, None), ("a", -(10**40), None), ("a", 1, "\0")])
def test_what_no_column_holds_was_made_up(parts: tuple[str, int, str | None]) -> None:
    made_up = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    with pytest.raises(ValueError, match="after takes a part"):
        read_token("after takes a part", made_up, KINDS)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="after takes a part"):
        read_token("after takes a part", text, (str, int, str, str, int))


@pytest.mark.parametrize("token", [None, 3, b"x", ["a"]])
def test_what_is_no_text_is_a_type_error(token: object) -> None:
    with pytest.raises(TypeError, match="after takes a part, not"):
        read_token("after takes a part", token, KINDS)


def test_digests_tell_values_and_their_places_apart() -> None:
    values = [("a", "b"), ("b", "a"), ("ab", ""), (None, "ab"), (1, "ab"), ("1", "ab"), (True, "ab")]
    assert len({digest_of(*each) for each in values}) == len(values)
