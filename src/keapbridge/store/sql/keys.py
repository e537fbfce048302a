"""Which keys a bridge's rows are encrypted with: told when a store is opened, added later, and rotated.

A fact keeps the secret that match keys are hashed with, once for each encryption key that is in use. So a key that is
missing is noticed before anything is read, and the hashes stay the same when keys change.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import msgspec
from sqlalchemy import Column, Connection, Table, and_, bindparam, delete, func, literal, or_, select, tuple_, update

from keapbridge._seal import Seal, is_sealed, new_secret, seal_for
from keapbridge.errors import LinkStoreError
from keapbridge.store import schema as t
from keapbridge.store.database import Database
from keapbridge.store.sql.core import next_run
from keapbridge.store.sql.rows import CHUNK, Rows, broken, is_keyed, keyed_digest

__all__ = ["KEYS", "SEALED", "begin_sealing", "end_sealing", "is_to_be_sealed", "open_rows", "reseal", "reseal_rows"]

LOGGER = logging.getLogger("keapbridge.store")
KEYS = "encryption"  # the name of the fact
SEALED: Mapping[Table, Sequence[str]] = {
    t.links: ("customcrm_base", "keap_base", "awaited", "decided", "aside"),
    t.observed: ("snapshot", "unreadable", "aliases", "problem"),
    t.match_keys: ("apart", "stronger"),
    t.tombstones: ("reason", "known"),
    t.told_apart: ("decided_by",),
    t.failures: ("reason",),
    t.facts: ("value",),
    t.actions: ("body",),
    t.runs: ("decided_by", "why"),
    t.lines: ("body",),
    t.intents: ("draft", "before"),
    t.journal: ("before", "after", "raw"),
    t.works: ("decided_by", "error"),
}
"""What is encrypted, by table."""
HASHED = frozenset({"key", "spelt"})
"""What is hashed, of match keys."""


@attrs.frozen
class _Kept:
    """The fact: the secret in as many envelopes as keys are in use.

    Attributes:
        sealing: whether rows from before there were keys are still to be encrypted.
    """

    envelopes: tuple[str, ...]
    sealing: bool = False


def open_rows(database: Database, bridge: str, keys: Sequence[str | bytes]) -> Rows:
    """The rows of a bridge, read and written with these keys.

    Raises:
        LinkStoreError: when they are encrypted and the keys are not those, or are not encrypted and there are keys.
    """
    seal = seal_for(keys)
    with database.transaction() as c:
        kept = _read(c, bridge)
        if not keys:
            if kept is not None:
                raise LinkStoreError("the store is encrypted: open it with its encryption_keys")
            return Rows(bridge, seal)
        if kept is None:
            if _has_rows(c, bridge):
                raise LinkStoreError(
                    "the store is not encrypted yet: end its sessions, and kb.rekey(store, encryption_keys) encrypts it"
                )
            kept = _Kept((seal.close(new_secret()),))
            database.upsert(c, t.facts, [_fact(bridge, kept)])
        if kept.sealing:
            raise LinkStoreError(
                "encrypting the store was broken off: kb.rekey(store, encryption_keys) goes on with it"
            )
        secret = _secret(seal, kept)
        if not any(map(seal.is_current, kept.envelopes)):
            kept = attrs.evolve(kept, envelopes=(*kept.envelopes, seal.close(secret)))
            database.upsert(c, t.facts, [_fact(bridge, kept)])
        return Rows(bridge, seal, secret.encode())


def is_to_be_sealed(database: Database, bridge: str) -> bool:
    """Whether rows of a bridge are not encrypted, or not all of them."""
    with database.transaction() as c:
        kept = _read(c, bridge)
    return kept is None or kept.sealing


def begin_sealing(database: Database, bridge: str, keys: Sequence[str | bytes]) -> Rows:
    """The rows of a bridge that may be not encrypted yet; nobody opens it until `end_sealing`."""
    seal = seal_for(keys)
    with database.transaction(durable=True) as c:
        kept = _read(c, bridge)
        if kept is None:
            kept = _Kept((seal.close(new_secret()),), sealing=True)
            database.upsert(c, t.facts, [_fact(bridge, kept)])
            # Their digests were made without a secret. They are of one day, and counting begins anew.
            c.execute(delete(t.overwrites).where(t.overwrites.c.bridge == bridge))
        return Rows(bridge, seal, _secret(seal, kept).encode())


def end_sealing(database: Database, rows: Rows) -> None:
    """All rows are encrypted with the first key: no other is in use any more."""
    with database.transaction(durable=True) as c:
        database.upsert(c, t.facts, [_fact(rows.bridge, _Kept((rows.seal.close(rows.hash_key.decode()),)))])


def reseal(database: Database, rows: Rows) -> None:
    """Encrypt with the first key what is not yet, and forget the other keys.

    Raises:
        LinkStoreError: without keys, and when something cannot be decrypted.
    """
    if not rows.hash_key:
        raise LinkStoreError("the session has no encryption_keys to encrypt the store with")
    reseal_rows(database, rows)
    end_sealing(database, rows)


def reseal_rows(database: Database, rows: Rows) -> None:
    """Encrypt with the first key what is not yet, in batches; if it is broken off, the next call goes on.

    Others may work meanwhile, as long as they have the same keys: a row that changed since it was read is left to them.
    """
    for table, columns in SEALED.items():
        for batch in _batches(database, table, rows.bridge):
            changes = [change for row in batch if (change := _changed(rows, row, columns))]
            _write(database, table, columns, changes)
    LOGGER.info("all that the store knows of people is encrypted with the first key")


def _changed(rows: Rows, row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any] | None:
    """The row with what it is to hold, if that is something else."""
    new = {name: _again(rows.seal, row[name]) for name in columns}
    for name in HASHED.intersection(row):
        plain = row[name] is not None and not is_keyed(row[name])
        new[name] = keyed_digest(row[name], rows.hash_key) if plain else row[name]
    if all(row[name] == value for name, value in new.items()):
        return None
    return {**{f"new_{name}": value for name, value in new.items()}, **{f"old_{name}": row[name] for name in row}}


def _again(seal: Seal, stored: str | None) -> str | None:
    if stored is None or seal.is_current(stored):
        return stored
    return seal.close(seal.open(stored) if is_sealed(stored) else stored)


def _batches(database: Database, table: Table, bridge: str) -> Iterator[Sequence[Mapping[str, Any]]]:
    """All rows of a bridge in a table; what is done with some keeps no transaction open."""
    keys = _identity(table)
    mine = _mine(table, bridge)
    names = [*keys, *(table.c[name] for name in SEALED[table])]
    if table is t.match_keys:
        names += [table.c[name] for name in sorted(HASHED)]
    after: tuple[Any, ...] | None = None
    while True:
        query = select(*names).where(mine).order_by(*keys).limit(CHUNK)
        if after is not None:
            query = query.where(tuple_(*keys) > tuple_(*after))
        with database.transaction() as c:
            found = [dict(row._mapping) for row in c.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name for it
        if not found:
            return
        yield found
        after = tuple(found[-1][key.name] for key in keys)


def _identity(table: Table) -> list[Column[Any]]:
    """What tells a row from all others."""
    if table is t.match_keys:
        return [table.c[name] for name in ("bridge", "object", "customcrm_id", "side", "rank", "slot")]
    return list(table.primary_key)


def _mine(table: Table, bridge: str) -> Any:
    if table is t.facts:
        return and_(table.c.bridge == bridge, table.c.name != KEYS)
    if table is t.actions:
        return table.c.plan_id.in_(select(t.plans.c.id).where(t.plans.c.bridge == bridge))
    if table is t.lines:
        runs = select(t.runs.c.id).where(t.runs.c.bridge == bridge)
        return or_(table.c.run_id.in_(runs), table.c.run_id == next_run(bridge))
    return table.c.bridge == bridge


def _write(database: Database, table: Table, columns: Sequence[str], changes: Sequence[Mapping[str, Any]]) -> None:
    if not changes:
        return
    changed = [*columns, *sorted(HASHED)] if table is t.match_keys else list(columns)
    same = [table.c[key.name] == bindparam(f"old_{key.name}") for key in _identity(table)]
    # By the first one: the others are written together with it.
    same.append(table.c[columns[0]] == bindparam(f"old_{columns[0]}"))
    new: dict[Any, Any] = {table.c[name]: bindparam(f"new_{name}") for name in changed}
    used = {
        *(f"new_{name}" for name in changed),
        *(f"old_{key.name}" for key in _identity(table)),
        f"old_{columns[0]}",
    }
    with database.transaction() as c:
        c.execute(update(table).where(*same).values(new), [{name: row[name] for name in used} for row in changes])


def _read(c: Connection, bridge: str) -> _Kept | None:
    f = t.facts.c
    stored = c.execute(select(f.value).where(f.bridge == bridge, f.name == KEYS).with_for_update()).scalar()
    if stored is None:
        return None
    try:
        envelopes, sealing = msgspec.json.decode(stored, type=tuple[tuple[str, ...], bool])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise broken("what its keys are") from None
    return _Kept(envelopes, sealing)


def _fact(bridge: str, kept: _Kept) -> dict[str, Any]:
    return {"bridge": bridge, "name": KEYS, "value": msgspec.json.encode((kept.envelopes, kept.sealing)).decode()}


def _secret(seal: Seal, kept: _Kept) -> str:
    secrets = set()
    for envelope in kept.envelopes:
        try:
            secrets.add(seal.open(envelope))
        except LinkStoreError:
            number = len(kept.envelopes)
            other = "another key than those" if number == 1 else f"{number} keys, not all of them among those"
            raise LinkStoreError(f"the store is encrypted with {other} that were given as encryption_keys") from None
    if len(secrets) != 1:
        raise broken("what its keys are")
    return secrets.pop()


def _has_rows(c: Connection, bridge: str) -> bool:
    return any(
        c.execute(
            select(func.count()).select_from(select(literal(1)).where(_mine(table, bridge)).limit(1).subquery())
        ).scalar()
        for table in SEALED
    )
