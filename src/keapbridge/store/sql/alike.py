"""Pairs of records that hold the same and are linked to nothing: nearly all that there are at first contact.

What is stored of the two is compared as text, and becomes what is known of their link as it is. Neither is read, merged
and written down again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import Connection, select

from keapbridge.model.kept_in_store import JournalEntry, RecordKey
from keapbridge.model.records import Snapshot
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.match_keys import add_keys
from keapbridge.store.sql.pairs import linked_among
from keapbridge.store.sql.rows import load

__all__ = ["Alike", "KnownBy"]

STEP = 1_000  # pairs that are in memory at once

Doubtful = Mapping[Side, Collection[str]]
"""Per side, fields that need not be empty where a record does not show them."""


@attrs.frozen
class KnownBy:
    """What a link keeps of a record beside its values: their digest, and the keys by which it is found."""

    digest: str
    keys: tuple[RecordKey, ...]


@attrs.frozen
class _Stored:
    """What is stored of a record, as it is; only of its values it is known what they say."""

    snapshot: str
    values: str
    aliases: str | None
    mark: str | None
    born: str | None
    changed: str | None


class Alike:
    """Finds such pairs, and links them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def those(self, name: str, pairs: Collection[tuple[str, str]], doubtful: Doubtful) -> set[tuple[str, str]]:
        """Those of the pairs (Customcrm's id, Keap's id) that hold the same, and were understood as a whole."""
        with self._core.reading() as c:
            return set(self._alike(c, name, pairs, doubtful))

    @flow
    def link(
        self,
        run_id: str,
        lines: Sequence[Line],
        moment: datetime,
        doubtful: Doubtful,
        known_by: Callable[[Snapshot], KnownBy | None],
    ) -> list[Line]:
        """Link those of the pairs that are alike and linked to nothing, all in one transaction.

        Args:
            lines: what is told of each pair that is linked; all of one synchronization.
            known_by: `None` for a record that means something else once it is linked.

        Returns:
            The lines of those that are linked.
        """
        done: list[Line] = []
        with self._core.transaction() as c:
            for start in range(0, len(lines), STEP):
                done += self._link(c, run_id, lines[start : start + STEP], moment, doubtful, known_by)
        return done

    def _link(
        self,
        c: Connection,
        run_id: str,
        lines: Sequence[Line],
        moment: datetime,
        doubtful: Doubtful,
        known_by: Callable[[Snapshot], KnownBy | None],
    ) -> list[Line]:
        told = {(line.customcrm_id or "", line.keap_id or ""): line for line in lines}
        name = lines[0].object
        taken = {side: linked_among(self._core, c, name, side, ids) for side, ids in _by_side(told).items()}
        free = [(a, b) for a, b in told if a not in taken[Side.CUSTOMCRM] and b not in taken[Side.KEAP]]
        done: list[Line] = []
        links: list[dict[str, Any]] = []
        keys: dict[str, dict[Side, tuple[RecordKey, ...]]] = {}
        for ids, both in self._alike(c, name, free, doubtful).items():
            known = self._known(both, known_by)
            if known is None:
                continue
            done.append(told[ids])
            links.append(self._row(name, ids, both, known))
            keys[ids[0]] = {side: its.keys for side, its in zip(Side, known, strict=True)}
        core = self._core
        core.database.append(c, t.links, links)
        rare = core.rare(c)
        linked = _ids(done)
        for side, its_ids in _by_side(linked).items():
            for table in (t.observed, *rare):
                core.delete(c, table, name, side, its_ids)
        add_keys(core, c, name, keys)
        entry = core.rows.journal(run_id, JournalEntry(name, Side.CUSTOMCRM, "", "link", {}, {}, moment))
        core.database.append(c, t.journal, [{**entry, "record_id": a, "partner_id": b} for a, b in linked])
        core.database.append(c, t.lines, [core.rows.line(run_id, line) for line in done])
        return done

    def _alike(
        self, c: Connection, name: str, pairs: Collection[tuple[str, str]], doubtful: Doubtful
    ) -> dict[tuple[str, str], tuple[_Stored, _Stored]]:
        ids = _by_side(pairs)
        ours, theirs = (self._stored(c, name, side, ids[side], frozenset(doubtful[side])) for side in Side)
        both = {(a, b): (ours[a], theirs[b]) for a, b in pairs if a in ours and b in theirs}
        return {ids: (one, other) for ids, (one, other) in both.items() if one.values == other.values}

    def _stored(
        self, c: Connection, name: str, side: Side, ids: Sequence[str], doubtful: frozenset[str]
    ) -> dict[str, _Stored]:
        """What is stored of records; without those that leave something open."""
        if not ids:
            return {}
        o = t.observed.c

        def query() -> Any:
            whole = (o.problem.is_(None), o.went_back.is_(None))
            its = (*named(t.observed), self._core.database.among(o.id, "ids"), *whole)
            columns = (o.id, o.unreadable, o.absent, o.snapshot, o.aliases, o.mark, o.born, o.changed)
            return select(*columns).where(*its)

        rows = self._core.database.execute(c, "contents", query, self._core.values(name, side, ids)).tuples()
        opened = self._core.rows.seal.open
        return {
            id: _Stored(snapshot, opened(snapshot), *others)
            for id, unreadable, absent, snapshot, *others in rows
            if opened(unreadable) == "{}" and (not doubtful or doubtful.isdisjoint(load(absent or "[]")))
        }

    def _known(
        self, both: Iterable[_Stored], known_by: Callable[[Snapshot], KnownBy | None]
    ) -> tuple[KnownBy, KnownBy] | None:
        """What both records of a pair are known by: the same, if they have the same aliases, too."""
        ours, theirs = both
        values = load(ours.values)
        aliases = [{} if each.aliases is None else self._core.rows.open(each.aliases) for each in (ours, theirs)]
        first = known_by(Snapshot(values, aliases=aliases[0]))
        second = first if aliases[0] == aliases[1] else known_by(Snapshot(values, aliases=aliases[1]))
        return None if first is None or second is None else (first, second)

    def _row(
        self, name: str, ids: tuple[str, str], both: tuple[_Stored, _Stored], known: tuple[KnownBy, KnownBy]
    ) -> dict[str, Any]:
        (customcrm_id, keap_id), (ours, theirs), (our_digest, their_digest) = ids, both, (its.digest for its in known)
        return {
            "bridge": self._core.bridge,
            "object": name,
            "customcrm_id": customcrm_id,
            "keap_id": keap_id,
            "customcrm_base": self._sealed(ours),
            "keap_base": self._core.rows.close(None),
            "customcrm_digest": our_digest,
            "keap_digest": their_digest,
            "customcrm_mark": ours.mark,
            "keap_mark": theirs.mark,
            "customcrm_born": ours.born,
            "keap_born": theirs.born,
            "customcrm_changed": ours.changed,
            "keap_changed": theirs.changed,
        }

    def _sealed(self, stored: _Stored) -> str:
        """What is stored, as it is; under the first key, for whoever changes keys meanwhile may be past the links."""
        seal = self._core.rows.seal
        return stored.snapshot if seal.is_current(stored.snapshot) else seal.close(stored.values)


def _ids(lines: Iterable[Line]) -> list[tuple[str, str]]:
    return [(line.customcrm_id or "", line.keap_id or "") for line in lines]


def _by_side(pairs: Collection[tuple[str, str]]) -> dict[Side, list[str]]:
    return {Side.CUSTOMCRM: [ours for ours, _ in pairs], Side.KEAP: [theirs for _, theirs in pairs]}
