"""What a token endpoint answers: RFC 6749, 5.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keapbridge._io.calls import Answer
from keapbridge._io.secret import Secret
from keapbridge._json.codec import load_json
from keapbridge.errors import ShapeError

__all__ = ["read_tokens"]


def read_tokens(answer: Answer, where_from: str, remedy: str) -> Mapping[str, Any]:
    """`access_token` and, where there is one, `refresh_token` as secrets, and `expires_in` as it is.

    Args:
        where_from: whose answer it is, to begin a sentence with.
        remedy: what to look at when it holds no access token.

    Raises:
        ShapeError: when it does not.
    """
    found = load_json(answer)
    tokens = {name: found.get(name) for name in ("access_token", "refresh_token")} if isinstance(found, dict) else {}
    secrets = {name: Secret(token) for name, token in tokens.items() if isinstance(token, str) and token}
    if "access_token" not in secrets:
        del found, tokens  # one of another shape may be among it
        raise ShapeError(f"{where_from} holds no access token: {remedy}", paths=["$.access_token"])
    return {"expires_in": found.get("expires_in")} | secrets
