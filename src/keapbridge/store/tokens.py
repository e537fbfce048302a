"""Tokens of Keap in the database of the link store, shared by the processes of many machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from keapbridge._io.secret import Secret
from keapbridge._seal import seal_for
from keapbridge.keap.oauth import OAuthTokens
from keapbridge.keap.tokens import dump_tokens, load_tokens
from keapbridge.store import schema as t
from keapbridge.store.database import Database
from keapbridge.store.retries import insistent

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["SqlTokenStore"]

TERM = timedelta(minutes=5)  # longer than a renewal with all its retries may take


class SqlTokenStore:
    """A row in a database that all processes share; the link store's database will do.

    Args:
        target: a SQLAlchemy URL or the host's own engine.
        name: keeps the tokens of several Keap applications apart.
        encryption_keys: encrypt them (the `encryption` extra); the first key encrypts, all decrypt.
    """

    def __init__(
        self, target: str | Engine, *, name: str = "default", encryption_keys: Sequence[str | bytes] = ()
    ) -> None:
        self._seal = seal_for(encryption_keys)
        self._database = Database(target)
        self._name = name

    @insistent
    def load(self) -> OAuthTokens | None:
        """The tokens; `None` where there are none."""
        stored = self._stored()
        if stored is None:
            return None
        return load_tokens(Secret(self._seal.open(stored.reveal())), f"the token store {self._name!r}")

    def _stored(self) -> Secret | None:
        with self._database.transaction() as c:
            body = c.execute(select(t.tokens.c.body).where(t.tokens.c.name == self._name)).scalar()
        return None if body is None else Secret(body)

    @insistent
    def save(self, tokens: OAuthTokens) -> None:
        """Keep the tokens."""
        body = self._seal.close(dump_tokens(tokens))
        with self._database.transaction(durable=True) as c:
            self._database.upsert(c, t.tokens, [{"name": self._name, "body": body}])

    @insistent
    def lock(self, holder: str, now: datetime) -> bool:
        """Lock the row for some minutes; see `TokenStore`."""
        c = t.tokens.c
        until = (now + TERM).astimezone(UTC).isoformat(timespec="microseconds")
        moment = now.astimezone(UTC).isoformat(timespec="microseconds")
        # Nobody locks for so long: what says so was written by a wrong clock. Not just longer than the term: who
        # has it may have asked a moment later than this one, by a clock of another machine.
        never = (now + 2 * TERM).astimezone(UTC).isoformat(timespec="microseconds")
        is_free = or_(c.holder.is_(None), c.holder == holder, c.locked_until < moment, c.locked_until > never)
        take = update(t.tokens).where(c.name == self._name, is_free).values(holder=holder, locked_until=until)
        with self._database.transaction() as connection:
            connection.execute(self._database.insert(t.tokens).on_conflict_do_nothing(), [{"name": self._name}])
            return connection.execute(take).rowcount == 1

    @insistent
    def unlock(self, holder: str) -> None:
        """Let others renew."""
        c = t.tokens.c
        free = update(t.tokens).where(c.name == self._name, c.holder == holder).values(holder=None, locked_until=None)
        with self._database.transaction() as connection:
            connection.execute(free)

    def close(self) -> None:
        """Close the connections, unless the engine is the host's own."""
        self._database.close()

    def __repr__(self) -> str:
        return f"<SqlTokenStore {self._name!r}>"
