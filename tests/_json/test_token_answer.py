"""What a token endpoint answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keapbridge._io.calls import Answer
from keapbridge._io.secret import Secret
from keapbridge._json.token_answer import read_tokens
from keapbridge.errors import ShapeError


def _read(content: Any) -> Any:
    answer = Answer(200, {"content-type": "application/json"}, json.dumps(content).encode())
    return read_tokens(answer, "the answer", "look at it")


def test_tokens_are_secrets_and_the_rest_is_left_out() -> None:
    found = _read({"access_token": "a", "refresh_token": "r", "expires_in": 60, "id_token": "i"})
    assert found == {"access_token": Secret("a"), "refresh_token": Secret("r"), "expires_in": 60}
    assert _read({"access_token": "a", "refresh_token": ""}) == {"access_token": Secret("a"), "expires_in": None}


@pytest.mark.parametrize("content", [[], "a", {}, {"access_token": ""}, {"access_token": ["a-token-of-theirs"]}])
def test_without_an_access_token_it_says_where_to_look_and_repeats_nothing(content: Any) -> None:
    with pytest.raises(ShapeError, match="the answer holds no access token: look at it") as caught:
        _read(content)
    assert "a-token-of-theirs" not in repr(caught.value)
