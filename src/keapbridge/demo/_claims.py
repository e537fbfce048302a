"""What the demo claims, each claim proven against what the two systems hold and were asked. Pure.

A claim is a sentence and what contradicts it. The engine's report is never believed: it is compared with the records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from keapbridge._json.codec import Codec
from keapbridge.customcrm.records import wire_name
from keapbridge.errors import UnfitError
from keapbridge.mapping import Lens, Mapper
from keapbridge.mapping.kinds import Context
from keapbridge.model.records import Canonical, Link
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side

if TYPE_CHECKING:
    from keapbridge.demo._invented import Things
    from keapbridge.testing import Recorded

__all__ = [
    "Asked",
    "Claim",
    "Documents",
    "Links",
    "accounted_for",
    "agree",
    "alike",
    "consent_kept",
    "made_once",
    "nothing_written",
    "reading",
    "recognised",
    "unchanged",
    "unmapped_kept",
]

Wire = Mapping[str, Any]
Documents = Mapping[tuple[str, Side], Mapping[str, Wire]]
"""Synchronization and side → id → the record as its system holds it."""
Links = Mapping[str, Sequence[Link]]
Mappers = Mapping[str, Mapper]
Asked = Mapping[Side, Sequence["Recorded"]]
"""The requests that each system has seen."""


@attrs.frozen
class Claim:
    """A sentence, and what contradicts it: nothing, when it is true."""

    sentence: str
    against: tuple[str, ...] = ()


# --- who is who -------------------------------------------------------------------------------------------------


def recognised(things: Things, links: Links, lines: Iterable[Line]) -> Claim:
    """Whoever was in both systems was linked or is reported, and nobody was taken for somebody else."""
    left = _left_alone(lines)
    against: list[str] = []
    found = 0
    for object, pairs in links.items():
        ours, theirs = (things[object, side] for side in Side)
        met = [(link, ours[link.customcrm_id], theirs[link.keap_id]) for link in pairs if _both_old(link, ours, theirs)]
        found += len(met)
        against += [f"{object} {_pair(link)} are linked, and are {a} and {b}" for link, a, b in met if a != b]
        linked = {thing for _, thing, _ in met}
        for side in Side:
            elsewhere = set(things[object, side.other].values()) - linked
            against += [
                f"{object} {side.title} {id}: {thing} is in both systems, and the two were not linked"
                for id, thing in things[object, side].items()
                if thing in elsewhere and (object, side, id) not in left
            ]
    return Claim(
        f"{found:,} records that were in both systems found each other; none was taken for another", tuple(against)
    )


def _both_old(link: Link, ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    return link.customcrm_id in ours and link.keap_id in theirs


def made_once(before: Documents, after: Documents, links: Links, report: Report, asked: Asked) -> Claim:
    """Each record that is new on a side is the one counterpart of an older one, and was asked for once."""
    against: list[str] = []
    made = 0
    for (object, side), records in after.items():
        then = before[object, side]
        new = records.keys() - then.keys()
        made += len(new)
        linked = Counter(link.id(side) for link in links[object])
        against += [f"{object}: {side.title} {id} is new and not linked" for id in sorted(new - linked.keys())]
        against += [f"{object}: {side.title} {id} is linked {n} times" for id, n in linked.items() if n > 1]
        against += [f"{object}: {side.title} {id} was deleted" for id in sorted(then.keys() - records.keys())]
        reported = report.counts.get(object, {}).get(f"created in {side.title}", 0)
        if reported != len(new):
            against.append(f"{object}: {len(new)} are new in {side.title}, and the report says {reported}")
    answered = len(list(_creates(asked)))
    if answered != made:
        against.append(f"{made} records are new, and {answered} were asked for")
    return Claim(f"{made:,} counterparts were made, each once; nothing was deleted", tuple(against))


def accounted_for(after: Documents, links: Links, lines: Iterable[Line]) -> Claim:
    """Every record is linked, or a line says why not."""
    left = _left_alone(lines)
    against: list[str] = []
    linked = alone = 0
    for (object, side), records in after.items():
        ids = {link.id(side) for link in links[object]}
        rest = sorted(records.keys() - ids)
        linked, alone = linked + len(ids), alone + len(rest)
        against += [
            f"{object}: {side.title} {i} is neither linked nor reported" for i in rest if (object, side, i) not in left
        ]
        against += [f"{object}: {side.title} {i} is linked and not there" for i in sorted(ids - records.keys())]
    return Claim(
        f"every record is accounted for: {linked:,} are linked, {alone:,} are reported as left alone", tuple(against)
    )


def _left_alone(lines: Iterable[Line]) -> set[tuple[str, Side, str]]:
    return {(line.object, side, id) for line in lines if line.outcome in _OPEN for side, id in _ids(line)}


# What a line says of a record or a field that could not be brought in step.
_OPEN = frozenset({"skipped", "held", "failed", "conflict"})


def _ids(line: Line) -> Iterator[tuple[Side, str]]:
    if line.customcrm_id is not None:
        yield Side.CUSTOMCRM, line.customcrm_id
    if line.keap_id is not None:
        yield Side.KEAP, line.keap_id


def _pair(link: Link) -> str:
    return f"{link.customcrm_id} ↔ {link.keap_id}"


# --- what they hold ---------------------------------------------------------------------------------------------


def agree(
    documents: Documents,
    links: Links,
    lines: Iterable[Line],
    made: Asked,
    mappers: Mappers,
    currency: str,
    compared: dict[Any, Any] | None = None,
) -> Claim:
    """Every linked pair means the same in every mapped field, as far as both sides can hold it.

    Args:
        made: the requests by which records were made: what was not in them, their system has filled in by itself.
        compared: what came of earlier comparisons; a pair that is as it was is not compared again.
    """
    context = reading(links, currency)
    known = {} if compared is None or compared.get("context") != context else compared
    found: dict[Any, Any] = {"context": context}
    open_fields = {(line.object, side, id, f) for line in lines for side, id in _ids(line) for f in _fields(line)}
    bodies = {(object, side, id): body for side, object, id, body in _creates(made)}
    against: list[str] = []
    tally: Counter[str] = Counter()
    for object, mapper in mappers.items():
        for link in links[object]:
            tally["pairs"] += 1
            held = [documents[object, side].get(link.id(side)) for side in Side]
            before, values = known.get((object, link.customcrm_id, link.keap_id), (None, None))
            if before != held:
                values = alike(mapper, link, documents, context)
            found[object, link.customcrm_id, link.keap_id] = held, values
            for lens in mapper.lenses:
                how = values[lens.name][0]
                if how == "not" and any(
                    (object, side, link.id(side), name) in open_fields for side in Side for name in (lens.name, _ALL)
                ):
                    how = "reported"
                if how == "not" and _filled_in(
                    lens, link, values, {s: bodies.get((object, s, link.id(s))) for s in Side}
                ):
                    how = "filled"
                tally[how] += 1
                if how == "not":
                    _, ours, theirs = values[lens.name]
                    against.append(f"{object} {_pair(link)}: {lens.name} is {ours!r} in Customcrm, {theirs!r} in Keap")
    if compared is not None:
        compared.clear()
        compared.update(found)
    pairs = tally.pop("pairs", 0)
    return Claim(
        f"{pairs:,} linked pairs agree in all {tally.total():,} fields, apart from {tally['reported']:,} that the "
        f"report names; {tally['cut']:,} are cut to what Keap can hold, {tally['filled']:,} were filled in by a system",
        tuple(against),
    )


def reading(links: Links, currency: str) -> Context:
    """What it takes to read the records of both sides: who is linked with whom, and what Keap sells in."""
    companies = links["companies"]
    return Context(
        keap_currency=currency,
        to_customcrm={"companies": {link.keap_id: link.customcrm_id for link in companies}},
        to_keap={"companies": {link.customcrm_id: link.keap_id for link in companies}},
    )


def alike(
    mapper: Mapper, link: Link, documents: Documents, context: Context
) -> dict[str, tuple[str, Canonical, Canonical]]:
    """Field → how its two values agree (`"equal"`, `"cut"`, `"not"`), and what they are.

    A value that cannot be understood agrees with nothing, and is shown as `"?"`.
    """
    read = {side: _read(mapper, side, documents[mapper.name, side].get(link.id(side), {}), context) for side in Side}
    return {lens.name: _compare(lens, read, context) for lens in mapper.lenses}


def _read(mapper: Mapper, side: Side, document: Wire, context: Context) -> dict[str, Canonical]:
    if not document:
        return {}  # somebody has taken the record away
    codec = _codec(mapper.keap_type if side is Side.KEAP else mapper.customcrm_type, side)
    # Decoding takes the document apart.
    record = codec.load(_copied(document))
    values, unreadable = mapper.read(side, record, context)
    # The whole document is there: what it does not show is empty.
    return {lens.name: None for lens in mapper.lenses if lens.name not in unreadable} | values


@cache
def _codec(cls: type, side: Side) -> Codec[Any]:
    return Codec(cls, str if side is Side.KEAP else wire_name)


def _compare(
    lens: Lens, read: Mapping[Side, Mapping[str, Canonical]], context: Context
) -> tuple[str, Canonical, Canonical]:
    ours, theirs = (read[side].get(lens.name, "?") for side in Side)
    if any(lens.name not in values for values in read.values()):
        return "not", ours, theirs
    if ours == theirs:
        return "equal", ours, theirs
    fits = _held_as(lens, Side.KEAP, ours, context) == theirs or _held_as(lens, Side.CUSTOMCRM, theirs, context) == ours
    return ("cut" if fits else "not"), ours, theirs


def _held_as(lens: Lens, side: Side, value: Canonical, context: Context) -> Canonical:
    """A value as a side can hold it; `"?"` when it cannot."""
    try:
        return lens.fit(side, value, context)
    except UnfitError:
        return "?"


def _fields(line: Line) -> Iterator[str]:
    """The fields that a line says are open: by name, or at the beginning of its reason; all of a pair that failed."""
    if line.outcome in _OPEN:
        yield from line.fields
        yield line.reason.partition(":")[0]
        if line.outcome == "failed" or line.reason.startswith("failed"):
            yield _ALL


_ALL = "*"


def _filled_in(
    lens: Lens,
    link: Link,
    values: Mapping[str, tuple[str, Canonical, Canonical]],
    bodies: Mapping[Side, Wire | None],
) -> bool:
    """Whether one side has nothing here, and the other got something that nobody sent, or that it demands."""
    for side, source in ((Side.KEAP, 1), (Side.CUSTOMCRM, 2)):
        body = bodies[side]
        if body is None or values[lens.name][source] is not None:
            continue
        names = lens.keap.roots if side is Side.KEAP else lens.customcrm.path.split("+")
        if lens.fallback and side in lens.required:
            return values[lens.name][3 - source] == values[lens.fallback][3 - source]
        return not set(names) & body.keys()
    return False


def _creates(asked: Asked) -> Iterator[tuple[Side, str, str, Wire]]:
    """The answered creates: side, synchronization, id and body."""
    for side, requests in asked.items():
        for request in requests:
            if request.method == "POST" and request.status == 201:
                answer = msgspec.json.decode(request.response_body)
                object = request.path.rstrip("/").rpartition("/")[2]
                yield (
                    side,
                    "companies" if object == "customers" else object,
                    answer.get("Id") or answer["id"],
                    request.json,
                )


def unmapped_kept(before: Documents, after: Documents, mappers: Mappers) -> Claim:
    """Whatever is not mapped is as it was, byte for byte; what stands beside a value in its slot may go with it."""
    against: list[str] = []
    records = size = 0
    for (object, side), then in before.items():
        mapper = mappers[object]
        for id, document in then.items():
            later = after[object, side].get(id, {})
            was = _encode(_unmapped(mapper, side, document, _emptied(mapper, side, document, later)))
            now = _encode(_unmapped(mapper, side, later))
            records, size = records + 1, size + len(was)
            if was != now:
                against.append(f"{object}: {side.title} {id} held {was.decode()}, now {now.decode()}")
    return Claim(
        f"what is not mapped is as it was, byte for byte: {size:,} bytes in {records:,} records", tuple(against)
    )


def _copied(document: Wire) -> dict[str, Any]:
    copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return copied


_encode = msgspec.json.Encoder(order="sorted").encode
_STAMPS = frozenset({"Id", "CreatedAt", "UpdatedAt", "ETag", "id", "create_time", "update_time"})
# What Keap works out by itself from mapped values; the consent of addresses has a claim of its own.
_DERIVED = frozenset(
    {"company_name", "country", "region", "number_e164", "formatted_amount", "is_opt_in", "email_opt_status"}
)


def _emptied(mapper: Mapper, side: Side, before: Wire, after: Wire) -> set[tuple[str, str]]:
    """The mapped slots of a Keap record that held something and are empty."""
    slots = {(lens.keap.container[0], lens.keap.container[1]) for lens in mapper.lenses if len(lens.keap.container) > 1}
    return {slot for slot in slots if side is Side.KEAP and any(_items(before, slot)) and not any(_items(after, slot))}


def _unmapped(mapper: Mapper, side: Side, document: Wire, emptied: Collection[tuple[str, str]] = ()) -> Wire:
    """A record without its mapped values, without what its system works out from them, and without these slots."""
    rest = {name: value for name, value in _copied(document).items() if name not in _STAMPS}
    for array, slot in emptied:
        rest[array] = [item for item in rest[array] if item.get("field") != slot]
    containers = set()
    for lens in mapper.lenses:
        if side is Side.CUSTOMCRM:
            for name in lens.customcrm.path.split("+"):
                rest.pop(name, None)
        elif not lens.keap.container:
            rest.pop(lens.keap.attributes[0], None)
        else:
            containers.add(lens.keap.container[0])
            for item in _items(rest, lens.keap.container):
                for name in lens.keap.attributes:
                    item.pop(name, None)
    bare = {name: _bare(value) if name in containers else value for name, value in rest.items()}
    return {name: value for name, value in bare.items() if name not in containers or value}


def _items(document: Wire, container: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects at a place: the nested one, or those in its slot."""
    found = document.get(container[0])
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, dict) and (len(container) == 1 or item.get("field") == container[1]):
            yield item


def _bare(value: Any) -> Any:
    """Slots with what is left in them, without those that hold nothing else."""
    if isinstance(value, list):
        return [bare for item in value if (bare := _bare(item))]
    if not isinstance(value, dict):
        return value
    left = {name: part for name, part in value.items() if name not in _DERIVED}
    return {} if left.keys() <= {"field"} else left


def consent_kept(before: Documents, after: Documents) -> Claim:
    """Nobody's consent to e-mails has changed."""
    then, now = (_consents(documents["contacts", Side.KEAP].values()) for documents in (before, after))
    against = tuple(f"{email} was {s} and is {now[email]}" for email, s in then.items() if now.get(email, s) != s)
    return Claim(f"the consent of {len(then):,} e-mail addresses in Keap is as it was", against)


def _consents(contacts: Iterable[Wire]) -> dict[str, str]:
    return {str(i["email"]).casefold(): i["email_opt_status"] for c in contacts for i in c["email_addresses"]}


# --- that nothing happens ---------------------------------------------------------------------------------------


def unchanged(before: Documents, after: Documents, *, apart_from: Iterable[tuple[str, Side, str]] = ()) -> Claim:
    """All records are exactly as they were, apart from these."""
    apart = set(apart_from)
    against: list[str] = []
    same = 0
    for (object, side), then in before.items():
        now = after[object, side]
        ids = sorted(id for id in then.keys() | now.keys() if (object, side, id) not in apart)
        same += len(ids)
        against += [f"{object}: {side.title} {id} has changed" for id in ids if then.get(id) != now.get(id)]
    others = "other " if apart else ""
    return Claim(
        f"all {others}{same:,} records are exactly as they were, the time of their last edit included", tuple(against)
    )


def nothing_written(asked: Asked) -> Claim:
    """Neither system was asked to write anything."""
    against = tuple(
        f"{r.method} {r.path} in {side.title}" for side, rs in asked.items() for r in rs if r.method != "GET"
    )
    return Claim(f"none of the {sum(map(len, asked.values())):,} requests was a write", against)
