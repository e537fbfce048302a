"""Rows and values: each is made of the other here, and what is known of people is sealed in between."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias, TypeVar

import attrs
import cattrs
import msgspec
from cattrs.strategies import configure_tagged_union
from sqlalchemy import ColumnElement, Row, and_, or_

from keapbridge._seal import Seal
from keapbridge.errors import LinkStoreError
from keapbridge.model.actions import Action, Create, Delete, Skip, TellApart, kind_of
from keapbridge.model.kept_in_store import Commit, Failure, Intent, JournalEntry, RecordKey
from keapbridge.model.names import Name
from keapbridge.model.raw import RawChange, from_plain, to_plain
from keapbridge.model.records import Awaited, Canonical, Decided, Life, Link, Observation, Snapshot
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.store import schema as t

__all__ = [
    "AS_IT_IS",
    "BOTH",
    "CHUNK",
    "LOOKED_FOR",
    "KeptKey",
    "Rows",
    "Texts",
    "broken",
    "chunks",
    "dump",
    "is_keyed",
    "key_digest",
    "keyed_digest",
    "link_columns",
    "load",
    "moment_of",
    "older",
    "to_moment",
    "to_stamp",
    "to_text",
]

AS_IT_IS = "="  # in place of a digest: the one that is there
BOTH = "both"  # in place of a side
LOOKED_FOR = frozenset({"failed", "held", "conflict", "skipped"})
"""Outcomes of lines that are found by an index."""
CHUNK = 500  # ids in one IN: within every database's limit of bound values

T = TypeVar("T")
Texts: TypeAlias = "tuple[str | None, ...]"


class KeptKey(NamedTuple):
    """A match key as it is kept: digests of what may be guessed; `apart` and `stronger` are closed in its row."""

    rank: int
    slot: int
    key: str
    spelt: str | None
    apart: Texts
    stronger: Texts


@attrs.frozen
class Rows:
    """The rows of a bridge. A method that makes one is called as its table, one that reads one begins with `to_`."""

    bridge: str
    seal: Seal
    hash_key: bytes = attrs.field(default=b"", repr=False)

    def close(self, value: Any) -> str:
        """What the store knows of people, as it is stored."""
        return self.seal.close(dump(value))

    def open(self, stored: str) -> Any:
        return load(self.seal.open(stored))

    def close_text(self, text: str | None) -> str | None:
        """A reason, say: it may repeat what a system has said of somebody."""
        return None if text is None else self.seal.close(text)

    def open_text(self, stored: str | None) -> str | None:
        return None if stored is None else self.seal.open(stored)

    def key_digest(self, key: str) -> str:
        """What stands for a match key; with encryption keys nobody can guess the key and look whether it is there."""
        digest = key_digest(key)
        return keyed_digest(digest, self.hash_key) if self.hash_key else digest

    def observed(self, name: str, o: Observation, *, linked: bool) -> dict[str, Any]:
        updated_at, changed = o.updated_at, o.life.changed
        stamp = to_stamp(updated_at)
        return {
            "bridge": self.bridge,
            "object": name,
            "side": o.side.value,
            "id": o.id,
            "linked": linked,
            "snapshot": self.seal.close(_SORTED.encode(o.snapshot.values).decode()),
            "unreadable": self.close(o.snapshot.unreadable),
            "absent": dump(sorted(o.snapshot.absent)) if o.snapshot.absent else None,
            "aliases": self.close(o.snapshot.aliases) if o.snapshot.aliases else None,
            "updated_at": stamp,
            "version": o.version,
            "problem": self.close_text(o.problem),
            "mark": o.mark,
            "seen_in": o.seen_in,
            "born": o.life.born,
            "changed": stamp if changed == updated_at else to_stamp(changed),
            "went_back": o.went_back or None,
        }

    def to_observation(self, row: Row[Any]) -> Observation:
        return Observation(
            Side(row.side),
            row.id,
            Snapshot(
                self.open(row.snapshot),
                self.open(row.unreadable),
                frozenset(load(row.absent or "[]")),
                {} if row.aliases is None else self.open(row.aliases),
            ),
            to_moment(row.updated_at),
            row.version,
            self.open_text(row.problem),
            row.seen_in,
            row.mark,
            Life(row.born, to_moment(row.changed)),
            bool(row.went_back),
        )

    def tombstone(self, name: str, left: Observation, reason: str, *, apart: bool) -> dict[str, Any]:
        return {
            "bridge": self.bridge,
            "object": name,
            "side": left.side.value,
            "id": left.id,
            "reason": self.close_text(reason),
            "apart": apart,
            "born": left.life.born,
            "known": self.close(dict(sorted(left.snapshot.values.items()))),
        }

    def kept_key(self, key: RecordKey) -> KeptKey:
        spelt = None if key.spelt is None else self.key_digest(key.spelt)
        return KeptKey(key.rank, key.slot, self.key_digest(key.key), spelt, key.apart, key.stronger)

    def match_keys(self, name: str, link: str, keys: Mapping[Side, Collection[KeptKey]]) -> list[dict[str, Any]]:
        """Those of a link, by Customcrm's id; what both of its records have is written once."""
        ours, theirs = (keys.get(side, ()) for side in Side)
        both = ours if ours is theirs else [key for key in ours if key in theirs]
        groups = [(BOTH, both)]
        if ours is not theirs:
            groups += [(side.value, [key for key in its if key not in both]) for side, its in keys.items()]
        place = {"bridge": self.bridge, "object": name, "customcrm_id": link}
        closed = self.closing()
        return [
            {
                **place,
                "side": side,
                "rank": k.rank,
                "slot": k.slot,
                "key": k.key,
                "spelt": k.spelt,
                "apart": closed(k.apart),
                "stronger": closed(k.stronger),
            }
            for side, its in groups
            for k in its
        ]

    def closing(self) -> Callable[[Texts], str]:
        """`close` for what several keys of a record have in common."""
        known: dict[Texts, str] = {}

        def close(values: Texts) -> str:
            text = known.get(values)
            if text is None:
                text = known[values] = self.close(values)
            return text

        return close

    def link(self, commit: Commit) -> dict[str, Any]:
        return {
            "bridge": self.bridge,
            "object": commit.object,
            "customcrm_id": commit.link.customcrm_id,
            "keap_id": commit.link.keap_id,
            **self.bases(commit.link),
            "customcrm_digest": commit.digests.get(Side.CUSTOMCRM, AS_IT_IS),
            "keap_digest": commit.digests.get(Side.KEAP, AS_IT_IS),
            "customcrm_mark": commit.marks.get(Side.CUSTOMCRM, AS_IT_IS),
            "keap_mark": commit.marks.get(Side.KEAP, AS_IT_IS),
            "awaited": self._awaited(commit.link),
            "customcrm_born": commit.link.customcrm_life.born,
            "keap_born": commit.link.keap_life.born,
            "customcrm_changed": to_stamp(commit.link.customcrm_life.changed),
            "keap_changed": to_stamp(commit.link.keap_life.changed),
            "decided": self._decided(commit.link),
            "aside": self.aside(commit.link),
        }

    def to_link(self, row: Row[Any]) -> Link:
        link = Link(
            row.customcrm_id,
            row.keap_id,
            *self.to_bases(row.customcrm_base, row.keap_base),
            customcrm_life=Life(row.customcrm_born, to_moment(row.customcrm_changed)),
            keap_life=Life(row.keap_born, to_moment(row.keap_changed)),
        )
        if row.decided is not None:
            link = link.deciding(_structure(self.open(row.decided), dict[str, Decided]))
        if row.aside is not None:
            link = attrs.evolve(link, aside=_structure(self.open(row.aside), dict[Side, dict[str, Canonical]]))
        if row.awaited is None:
            return link
        sides = _structure(self.open(row.awaited), dict[str, dict[str, tuple[Canonical, Canonical, str, int]]])
        for side, fields in sides.items():
            its = {f: Awaited(before, sent, moment_of(at), writes) for f, (before, sent, at, writes) in fields.items()}
            link = link.awaiting(Side(side), its)
        return link

    def bases(self, link: Link) -> dict[str, str]:
        """What both sides held, by column. Nearly always that is the same, and is written once: Keap's is null then."""
        ours, theirs = dump(link.customcrm_base), dump(link.keap_base)
        return {
            "customcrm_base": self.seal.close(ours),
            "keap_base": self.seal.close("null" if theirs == ours else theirs),
        }

    def to_bases(self, customcrm: str, keap: str) -> tuple[Any, Any]:
        """The bases of Customcrm's side and of Keap's."""
        ours, theirs = self.open(customcrm), self.open(keap)
        if theirs is None:
            theirs = ours
        if type(ours) is not dict or type(theirs) is not dict:
            raise broken("no object")
        return ours, theirs

    def _awaited(self, link: Link) -> str | None:
        sides = {
            side.value: {f: (a.before, a.sent, to_text(a.since), a.writes) for f, a in fields.items()}
            for side, fields in link.awaited.items()
        }
        return self.close(sides) if sides else None

    def _decided(self, link: Link) -> str | None:
        return self.close(_converter.unstructure(link.decided)) if link.decided else None

    def aside(self, link: Link) -> str | None:
        return self.close({side.value: values for side, values in link.aside.items()}) if link.aside else None

    def journal(self, run_id: str, entry: JournalEntry) -> dict[str, Any]:
        return {
            "run_id": run_id,
            "bridge": self.bridge,
            "object": entry.object,
            "side": entry.side.value,
            "record_id": entry.record_id,
            "partner_id": entry.partner_id,
            "kind": entry.kind,
            "before": self.close(entry.before),
            "after": self.close(entry.after),
            "raw": None if entry.raw is None else self.close(list(map(_raw_to_plain, entry.raw))),
            "written_at": to_text(entry.written_at),
            "sources": dump(entry.sources) if entry.sources else None,
        }

    def to_entry(self, row: Row[Any], by: str | None = None) -> JournalEntry:
        values = (self.open(row.before), self.open(row.after), moment_of(row.written_at), row.partner_id)
        raw = None if row.raw is None else _structure(self.open(row.raw), tuple[RawChange, ...])
        sources = () if row.sources is None else tuple(load(row.sources))
        return JournalEntry(row.object, Side(row.side), row.record_id, row.kind, *values, raw, by, sources)

    def line(self, run_id: str, line: Line) -> dict[str, Any]:
        outcome = line.outcome if line.outcome in LOOKED_FOR else None
        return {"run_id": run_id, "body": self.close(_converter.unstructure(line)), "outcome": outcome}

    def to_line(self, body: str) -> Line:
        line: Line = _structure(self.open(body), Line)
        return line

    def action(self, plan_id: str, seq: int, action: Action) -> dict[str, Any]:
        ids = _ids(action)
        return {
            "plan_id": plan_id,
            "seq": seq,
            "object": action.object,
            "kind": kind_of(action),
            "customcrm_id": ids.get(Side.CUSTOMCRM),
            "keap_id": ids.get(Side.KEAP),
            "body": self.close(_converter.unstructure(action, unstructure_as=Action)),
        }

    def to_action(self, body: str) -> Action:
        action: Action = _structure(self.open(body), Action)
        return action

    def failure(self, failure: Failure) -> dict[str, Any]:
        return {
            "bridge": self.bridge,
            "object": failure.object,
            "side": failure.side.value,
            "id": failure.id,
            "reason": self.close_text(failure.reason),
            "tries": failure.tries,
            "next_try_at": to_text(failure.next_try_at),
        }

    def to_failure(self, row: Row[Any]) -> Failure:
        return Failure(
            row.object, Side(row.side), row.id, self.seal.open(row.reason), row.tries, to_moment(row.next_try_at)
        )

    def fact(self, name: str, value: str) -> dict[str, Any]:
        return {"bridge": self.bridge, "name": name, "value": self.seal.close(value)}

    def intent(self, intent: Intent) -> dict[str, Any]:
        return {
            "id": intent.id,
            "bridge": self.bridge,
            "object": intent.object,
            "side": intent.side.value,
            "source_id": intent.source_id,
            "draft": self.close(intent.values),
            "created_at": to_text(intent.created_at),
            "over": intent.over,
            "over_at": None if intent.over_at is None else to_text(intent.over_at),
            "before": None if intent.over is None else self.close(intent.before),
        }

    def to_intent(self, row: Row[Any]) -> Intent:
        return Intent(
            id=row.id,
            object=row.object,
            side=Side(row.side),
            source_id=row.source_id,
            values=self.open(row.draft),
            created_at=moment_of(row.created_at),
            over=row.over,
            over_at=None if row.over_at is None else moment_of(row.over_at),
            before={} if row.before is None else self.open(row.before),
        )


_encode = msgspec.json.Encoder().encode
_SORTED = msgspec.json.Encoder(order="sorted")


def dump(value: Any) -> str:
    return _encode(value).decode()


def load(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise broken(str(error)) from None


def _structure(value: Any, cls: Any) -> Any:
    try:
        return _converter.structure(value, cls)
    except Exception as error:  # noqa: BLE001 - cattrs raises what its hooks do
        raise broken(type(error).__name__) from None


def broken(why: str) -> LinkStoreError:
    """A value that is not what was written there."""
    return LinkStoreError(f"a row of the link store is broken ({why}): restore a backup of it")


def key_digest(key: str) -> str:
    # Match keys are e-mail addresses and names: equality is all that is asked of them.
    return _short(hashlib.blake2b(key.encode(), digest_size=15))


def keyed_digest(digest: str, hash_key: bytes) -> str:
    """The digest of a match key, made anew so that only who has the hash key can make it. It tells that it is one."""
    return f".{_short(hashlib.blake2b(digest.encode(), key=hash_key, digest_size=15))}"


def is_keyed(digest: str) -> bool:
    return digest.startswith(".")


def _short(digest: Any) -> str:
    """Three bytes in four letters: keys are the most of what a store holds, and their digests the most of them."""
    return binascii.b2a_base64(digest.digest(), newline=False).decode()


def older(at: ColumnElement[Any], id: ColumnElement[Any], after: tuple[datetime, str] | None) -> Sequence[Any]:
    """What comes behind a row in a list of the newest first."""
    if after is None:
        return ()
    moment, last = to_text(after[0]), after[1]
    return (or_(at < moment, and_(at == moment, id > last)),)


def to_text(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")


def to_stamp(moment: datetime | None) -> str | None:
    """A system's time stamp, of which each record has several: as short as it may be, for it is compared as no text."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def to_moment(text: str | None) -> datetime | None:
    return None if text is None else moment_of(text)


def moment_of(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise broken("no moment") from None


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


class _LinkColumns(NamedTuple):
    """What a link has of one side."""

    id: Any
    digest: Any
    mark: Any
    born: Any
    changed: Any


def link_columns(side: Side) -> _LinkColumns:
    k = t.links.c
    if side is Side.CUSTOMCRM:
        return _LinkColumns(k.customcrm_id, k.customcrm_digest, k.customcrm_mark, k.customcrm_born, k.customcrm_changed)
    return _LinkColumns(k.keap_id, k.keap_digest, k.keap_mark, k.keap_born, k.keap_changed)


def _ids(action: Action) -> dict[Side, str]:
    """The records that an action is about."""
    match action:
        case Create():
            return {action.side.other: action.source_id}
        case Skip() | Delete():
            return {action.side: action.id}
        case TellApart():
            return dict((action.other, action.one))
        case _:
            return {Side.CUSTOMCRM: action.customcrm_id, Side.KEAP: action.keap_id}


def _raw_to_plain(change: RawChange) -> list[Any]:
    return [list(change.path), to_plain(change.before), to_plain(change.after)]


def _raw_from_plain(plain: Any, _: Any) -> RawChange:
    path, before, after = plain
    return RawChange(tuple(path), from_plain(before), from_plain(after))


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(omit_if_default=True)  # which is most of a line or an action that only links
    converter.register_structure_hook(RawChange, _raw_from_plain)
    converter.register_unstructure_hook(RawChange, _raw_to_plain)
    converter.register_structure_hook(Canonical, lambda value, _: value)
    converter.register_unstructure_hook(Canonical, lambda value: value)
    converter.register_structure_hook_func(lambda kind: kind == Name, lambda value, _: value)  # see `as_name`
    configure_tagged_union(Action, converter, tag_name="action", tag_generator=lambda cls: cls.__name__.lower())
    return converter


_converter = _make_converter()
