"""Tokens in a database. What all stores of tokens promise: `keap/test_oauth.py`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine

from keapbridge.errors import LinkStoreError
from keapbridge.keap.oauth import OAuthTokens
from keapbridge.store import schema
from keapbridge.store.tokens import TERM, SqlTokenStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOKENS = OAuthTokens.lasting("access-1", "refresh-1", timedelta(hours=24), NOON)


def test_each_application_has_tokens_and_a_lock_of_its_own(engine: Engine) -> None:
    one, two = SqlTokenStore(engine, name="one"), SqlTokenStore(engine, name="two")
    one.save(TOKENS)
    assert one.lock("a", NOON)
    assert two.load() is None
    assert two.lock("b", NOON)


def test_who_saves_while_it_renews_keeps_the_lock(engine: Engine) -> None:
    store = SqlTokenStore(engine)
    assert store.lock("a", NOON)
    assert store.load() is None  # a row is there already
    store.save(TOKENS)
    assert store.load() == TOKENS
    assert not store.lock("b", NOON)


def test_a_holder_may_take_its_lock_again_for_another_term(engine: Engine) -> None:
    store = SqlTokenStore(engine)
    assert store.lock("a", NOON)
    assert store.lock("a", NOON + TERM)
    assert not store.lock("b", NOON + TERM + timedelta(seconds=1))


@pytest.mark.parametrize("encrypted", [False, True])
def test_with_keys_no_token_can_be_read_in_the_database(engine: Engine, encrypted: bool) -> None:
    SqlTokenStore(engine, encryption_keys=[Fernet.generate_key()] if encrypted else []).save(TOKENS)
    with engine.connect() as connection:
        stored = str(connection.execute(schema.tokens.select()).all())
    assert ("refresh-1" in stored) is not encrypted


def test_with_other_keys_the_tokens_cannot_be_read(engine: Engine) -> None:
    SqlTokenStore(engine, encryption_keys=[Fernet.generate_key()]).save(TOKENS)
    with pytest.raises(LinkStoreError, match="decrypted"):
        SqlTokenStore(engine, encryption_keys=[Fernet.generate_key()]).load()


def test_who_asked_a_moment_earlier_does_not_take_the_lock_away(engine: Engine) -> None:
    store = SqlTokenStore(engine)
    assert store.lock("a", NOON)
    assert not store.lock("b", NOON - timedelta(milliseconds=1))
    assert not store.lock("b", NOON - timedelta(minutes=1)), "the clock of another machine"


def test_a_lock_that_was_taken_by_a_wrong_clock_does_not_last(engine: Engine) -> None:
    store = SqlTokenStore(engine)
    assert store.lock("a", NOON + timedelta(days=365))
    assert store.lock("b", NOON)
