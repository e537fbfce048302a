"""A session, and a receiver for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.testing._webhooks import new_secret, signed
from keapbridge.webhooks import WebhookApp

Sessions = Callable[..., kb.SyncSession]


@pytest.fixture
def secret() -> str:
    return new_secret()


@pytest.fixture
def session(sessions: Sessions) -> kb.SyncSession:
    return sessions()


@pytest.fixture
def app(session: kb.SyncSession, secret: str) -> WebhookApp:
    """A quick receiver: no delay, and an early second look."""
    return kb.webhooks.asgi_app(session, customcrm_secret=secret, delay=0, reread_after=0.02, retry=0.02, retry_cap=0.1)


@pytest.fixture
def sign(secret: str) -> Callable[..., Mapping[str, str]]:
    def sign(body: bytes, id: str = "msg_1", **options: Any) -> Mapping[str, str]:
        return signed(options.pop("secret", secret), body, id, **options)

    return sign
