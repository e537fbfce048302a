"""Secrets show nowhere, and credentials are held as secrets."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge._io.secret import basic, bearer, hide, kept
from keapbridge.keap.oauth import OAuthTokens
from keapbridge.store import schema as t

PLAIN = "s3cr3t-planted"
CREDENTIALS = [
    kb.KeapApiKey(PLAIN),
    kb.KeapApiKey(kb.Secret(PLAIN), header="Authorization"),
    kb.BearerToken(PLAIN),
    kb.ApiKey(PLAIN, header="X-Key"),
    kb.ApiKey(PLAIN, query="key"),
    kb.BasicAuth("ada", PLAIN),
    kb.ClientCredentials("https://crm.example.org/token", "id", PLAIN),
    kb.PasswordLogin("https://crm.example.org/login", "ada", PLAIN),
    kb.KeapOAuth(client_id="id", client_secret=PLAIN, tokens=kb.FileTokenStore("tokens.json")),
    OAuthTokens.lasting(PLAIN, PLAIN, timedelta(hours=1), datetime(2026, 1, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(
    "held", [kb.Secret(PLAIN), bearer(kb.Secret(PLAIN)), *CREDENTIALS], ids=lambda h: type(h).__name__
)
def test_what_holds_a_secret_shows_and_writes_down_nothing(held: Any) -> None:
    shown = [repr(held), str(held), f"{held}", repr(vars(held) if hasattr(held, "__dict__") else "")]
    shown += [repr(attrs.asdict(held)), repr(attrs.astuple(held))] if attrs.has(type(held)) else []
    headers = getattr(held, "headers", dict)()
    shown += [repr(headers), repr(dict(headers))]
    assert not [text for text in shown if PLAIN in text]
    with pytest.raises(TypeError):
        pickle.dumps(held)
    with pytest.raises(TypeError):
        json.dumps(attrs.asdict(held) if attrs.has(type(held)) else held)


def test_it_can_be_told_from_others_and_copied_in_the_process() -> None:
    secret = kb.Secret(PLAIN)
    assert secret == kb.Secret(kb.Secret(PLAIN))
    assert secret != kb.Secret("another")
    assert secret != PLAIN
    assert {secret: 1}[kb.Secret(PLAIN)] == 1
    assert (copy.deepcopy(secret), copy.copy(secret), bool(kb.Secret(""))) == (secret, secret, False)
    assert attrs.evolve(kb.BearerToken(PLAIN), token="new").token.reveal() == "new"
    with pytest.raises(AttributeError):
        secret._text = "other"
    with pytest.raises(TypeError, match="must be a text"):
        kb.Secret(None)  # type: ignore[arg-type]


def test_headers_that_hold_or_echo_credentials_are_not_kept() -> None:
    sent = [basic("ada", kb.Secret(PLAIN)), kb.Secret("x")]
    encoded = sent[0].reveal().removeprefix("Basic ")
    headers = {
        "content-type": "text/x",
        "set-cookie": "session=1",
        "x-api-key": "1",
        "x-echo": f"got {PLAIN}",
        "x-debug": encoded,
    }
    assert kept(headers, sent) == {"content-type": "text/x"}  # a text as short as "x" is part of too much
    assert hide(f"the key {PLAIN} ({encoded}) is bad", sent) == "the key ‹key› (‹key›) is bad"


def _locals(error: BaseException) -> str:
    """What a reporter shows of the frames of the library."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename != __file__]
    assert frames
    return "".join(repr(frame.f_locals) for frame in frames)


@pytest.mark.parametrize(
    "make",
    [
        lambda: kb.KeapApiKey(PLAIN + "\n"),
        lambda: kb.BearerToken(token=PLAIN + "\n"),
        lambda: kb.ApiKey(PLAIN),
        lambda: kb.ApiKey(PLAIN + "\n", header="X-Key"),
        lambda: kb.BasicAuth("a:b", PLAIN),
        lambda: kb.ClientCredentials("https://crm.example.org", "id", PLAIN, secret_in="head"),  # type: ignore[arg-type]
        lambda: kb.PasswordLogin("https://crm.example.org", "ada", PLAIN, value="no token"),
    ],
)
def test_credentials_that_are_refused_show_nothing(make: Any) -> None:
    with pytest.raises(ValueError, match=r"no header|header=|colon|secret_in|value:") as caught:
        make()
    assert PLAIN not in _locals(caught.value) + repr(caught.value)


def test_tokens_that_cannot_be_read_show_nothing(tmp_path: Path) -> None:
    stores: list[Any] = [kb.FileTokenStore(tmp_path / "tokens.json"), kb.SqlTokenStore("sqlite://")]
    (tmp_path / "tokens.json").write_text(f'{{"access_token": "{PLAIN}"}}')
    with stores[1]._database.transaction() as connection:
        stores[1]._database.upsert(connection, t.tokens, [{"name": "default", "body": f'["{PLAIN}"]'}])
    for store in stores:
        with pytest.raises(kb.KeapbridgeError, match="authorize again") as caught:
            store.load()
        assert PLAIN not in _locals(caught.value) + repr(caught.value)


def test_a_keyword_that_is_misspelt_shows_no_other(tmp_path: Path) -> None:
    misspelt: Any = kb.KeapOAuth
    with pytest.raises(TypeError, match="is 'client_secret' meant") as caught:
        misspelt(client_id="id", client_secret=PLAIN, client_secrt=PLAIN, tokens=kb.FileTokenStore(tmp_path / "t"))
    assert PLAIN not in _locals(caught.value) + repr(caught.value)
