"""What the demo claims, each proven against what the two systems hold and were asked. Pure.

A claim is a sentence and what contradicts it. The engine's own report is never believed: it is compared with the records.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from keapbridge._convert import Codec
from keapbridge._side import Side
from keapbridge.customcrm.models import wire_name
from keapbridge.errors import UnfitError
from keapbridge.mapping import Lens, Mapper
from keapbridge.mapping.kinds import Canonical, Context
from keapbridge.sync.records import Link
from keapbridge.sync.report import Line, Report

if TYPE_CHECKING:
    from keapbridge.demo._invented import Things
    from keapbridge.testing import Recorded

__all__ = [
    "Claim",
    "Documents",
    "Links",
    "accounted_for",
    "agree",
    "consent_kept",
    "equal",
    "nothing_twice",
    "nothing_written",
    "recognised",
    "unmapped_kept",
]

Wire = Mapping[str, Any]
Documents = Mapping[tuple[str, Side], Mapping[str, Wire]]
"""Synchronization and side → id → the record as its system holds it."""
Links = Mapping[str, Sequence[Link]]
Mappers = Mapping[str, Mapper]


@attrs.frozen
class Claim:
    """A sentence, and what contradicts it: nothing, when it is true."""

    sentence: str
    against: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.against


# --- who is who -------------------------------------------------------------------------------------------------


def recognised(things: Things, links: Links, lines: Sequence[Line]) -> Claim:
    """Whoever was in both systems was linked or is reported, and nobody was taken for somebody else."""
    against: list[str] = []
    found = 0
    reported = {(line.object, side, id) for line in lines for side, id in _ids(line) if line.outcome in _LEFT_ALONE}
    for object, pairs in links.items():
        ours, theirs = things[object, Side.CUSTOMCRM], things[object, Side.KEAP]
        linked: set[str] = set()
        for link in pairs:
            a, b = ours.get(link.customcrm_id), theirs.get(link.keap_id)
            if a is not None and b is not None:
                found += 1
                linked.add(a)
                if a != b:
                    against.append(f"{object} {link.customcrm_id} ({a}) is linked to {link.keap_id} ({b})")
        for side, known in ((Side.CUSTOMCRM, ours), (Side.KEAP, theirs)):
            elsewhere = set(things[object, side.other].values()) - linked
            against += [
                f"{object} {side.title} {id} ({thing}) is in both systems and was not linked"
                for id, thing in known.items()
                if thing in elsewhere and (object, side, id) not in reported
            ]
    return Claim(
        f"{found:,} records that were in both systems found each other, and none was taken for another", tuple(against)
    )


def nothing_twice(
    before: Documents, after: Documents, links: Links, report: Report, writes: Mapping[Side, Sequence[Recorded]]
) -> Claim:
    """Each record that is new on a side is the one counterpart of an older one, and was asked for once."""
    against: list[str] = []
    made = 0
    for (object, side), records in after.items():
        new = records.keys() - before[object, side].keys()
        ids = Counter(link.id(side) for link in links[object])
        sources = Counter(link.id(side.other) for link in links[object])
        made += len(new)
        against += [f"{object}: {side.title} {id} is new and not linked" for id in sorted(new) if not ids[id]]
        against += [f"{object}: {side.title} {id} is linked {n} times" for id, n in ids.items() if n > 1]
        against += [f"{object}: {side.other.title} {id} is linked {n} times" for id, n in sources.items() if n > 1]
        reported = report.counts.get(object, {}).get(f"created in {side.title}", 0)
        if reported != len(new):
            against.append(f"{object}: {len(new)} are new in {side.title}, and {reported} are reported")
        lost = before[object, side].keys() - records.keys()
        against += [f"{object}: {side.title} {id} is gone" for id in sorted(lost)]
    asked = sum(1 for requests in writes.values() for r in requests if r.method == "POST" and r.status == 201)
    if asked != made:
        against.append(f"{made} records are new, and {asked} creates were answered")
    return Claim(f"{made:,} counterparts were made, each once; nothing was deleted", tuple(against))


def accounted_for(after: Documents, links: Links, lines: Sequence[Line]) -> Claim:
    """Every record is linked or has a line that says why not."""
    reported = {(line.object, side, id) for line in lines for side, id in _ids(line) if line.outcome in _LEFT_ALONE}
    against: list[str] = []
    linked = left = 0
    for (object, side), records in after.items():
        ids = {link.id(side) for link in links[object]}
        linked += len(records.keys() & ids)
        rest = records.keys() - ids
        left += len(rest)
        against += [
            f"{object}: {side.title} {id} is neither linked nor reported"
            for id in sorted(rest)
            if (object, side, id) not in reported
        ]
        against += [f"{object}: {side.title} {id} is linked and not there" for id in sorted(ids - records.keys())]
    return Claim(
        f"every record is accounted for: {linked:,} are linked, {left:,} were left alone for a reason", tuple(against)
    )


_LEFT_ALONE = frozenset({"skipped", "failed", "conflict"})


def _ids(line: Line) -> Iterator[tuple[Side, str]]:
    if line.customcrm_id is not None:
        yield Side.CUSTOMCRM, line.customcrm_id
    if line.keap_id is not None:
        yield Side.KEAP, line.keap_id


# --- what they hold ---------------------------------------------------------------------------------------------


def agree(documents: Documents, links: Links, lines: Sequence[Line], mappers: Mappers, currency: str) -> Claim:
    """Every linked pair means the same in every mapped field, as far as both sides can hold it."""
    companies = links["companies"]
    context = Context(
        keap_currency=currency,
        to_customcrm={"companies": {link.keap_id: link.customcrm_id for link in companies}},
        to_keap={"companies": {link.customcrm_id: link.keap_id for link in companies}},
    )
    reported = {(line.object, side, id, line.reason.partition(":")[0]) for line in lines for side, id in _ids(line)}
    against: list[str] = []
    pairs, tally = 0, Counter[str]()
    for object, mapper in mappers.items():
        for link in links[object]:
            pairs += 1
            read = {side: _read(mapper, side, documents[object, side].get(link.id(side), {}), context) for side in Side}
            for lens in mapper.lenses:
                how = _compare(lens, read, context)
                if how == "not" and any((object, side, link.id(side), lens.name) in reported for side in Side):
                    how = "reported"
                tally[how] += 1
                if how == "not":
                    ours, theirs = (read[side].get(lens.name) for side in Side)
                    where = f"{object} {link.customcrm_id} ↔ {link.keap_id}"
                    against.append(f"{where}: {lens.name} is {ours!r} in Customcrm and {theirs!r} in Keap")
    return Claim(
        f"{pairs:,} linked pairs agree in all {sum(tally.values()):,} fields, but for {tally['cut']:,} that Keap holds cut to its "
        f"length and {tally['reported']:,} that are reported, with the reason",
        tuple(against),
    )


def _read(mapper: Mapper, side: Side, document: Wire, context: Context) -> dict[str, Canonical]:
    """The mapped values of a record; those that cannot be understood are not there."""
    codec = _codec(mapper.customcrm_type if side is Side.CUSTOMCRM else mapper.keap_type)
    # Decoding takes the document apart.
    record = codec.load(copy.deepcopy(dict(document)), asked=codec.fields)
    return mapper.read(side, record, context)[0]


@cache
def _codec(cls: type) -> Codec[Any]:
    return Codec(cls, wire_name if cls.__module__.startswith("keapbridge.customcrm") else str)


def _compare(lens: Lens, read: Mapping[Side, Mapping[str, Canonical]], context: Context) -> str:
    if any(lens.name not in values for values in read.values()):
        return "not"
    ours, theirs = (read[side][lens.name] for side in Side)
    if ours == theirs:
        return "equal"
    for side, value, held in ((Side.KEAP, ours, theirs), (Side.CUSTOMCRM, theirs, ours)):
        try:
            if lens.fit(side, value, context) == held:
                return "cut"
        except UnfitError:
            continue
    return "not"


def unmapped_kept(before: Documents, after: Documents, mappers: Mappers) -> Claim:
    """Whatever is not mapped is as it was, byte for byte."""
    against: list[str] = []
    size = records = 0
    for (object, side), then in before.items():
        for id, document in then.items():
            old = msgspec.json.encode(_unmapped(mappers[object], side, document))
            new = msgspec.json.encode(_unmapped(mappers[object], side, after[object, side].get(id, {})))
            records, size = records + 1, size + len(old)
            if old != new:
                against.append(f"{object}: {side.title} {id} held {old.decode()} and holds {new.decode()}")
    return Claim(
        f"what is not mapped is as it was, byte for byte: {size:,} bytes in {records:,} records", tuple(against)
    )


_STAMPS = {
    Side.CUSTOMCRM: frozenset({"Id", "CreatedAt", "UpdatedAt", "ETag"}),
    Side.KEAP: frozenset({"id", "create_time", "update_time"}),
}
# What Keap works out by itself from other fields; the consent of addresses has a claim of its own.
_DERIVED = frozenset({"company_name", "country", "region", "number_e164", "is_opt_in", "email_opt_status"})


def _unmapped(mapper: Mapper, side: Side, document: Wire) -> Wire:
    """A record without its mapped values, and without what its system works out from them."""
    rest = {name: copy.deepcopy(value) for name, value in document.items() if name not in _STAMPS[side]}
    for lens in mapper.lenses:
        if side is Side.CUSTOMCRM:
            for name in lens.customcrm.path.split("+"):
                rest.pop(name, None)
            continue
        place = lens.keap
        if not place.container:
            rest.pop(place.attributes[0], None)
        for item in _items(rest, place.container):
            for name in place.attributes:
                item.pop(name, None)
    return {name: _bare(value) if name in _CONTAINERS else value for name, value in rest.items() if _bare(value) != {}}


_CONTAINERS = frozenset(
    [
        "addresses",
        "email_addresses",
        "phone_numbers",
        "fax_numbers",
        "address",
        "email_address",
        "phone_number",
        "fax_number",
        "company",
    ]
)


def _items(document: Wire, container: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects at a place: the nested one, or those in its slot."""
    if not container:
        return
    found = document.get(container[0])
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, dict) and (len(container) == 1 or item.get("field") == container[1]):
            yield item


def _bare(value: Any) -> Any:
    """Slots with what is left in them, without those that hold nothing else."""
    if isinstance(value, list):
        return [bare for item in value if (bare := _bare(item)) != {}]
    if not isinstance(value, dict):
        return value
    left = {name: part for name, part in value.items() if name not in _DERIVED}
    return {} if left.keys() <= {"field"} else left


def consent_kept(before: Documents, after: Documents) -> Claim:
    """Nobody's consent to e-mails has changed."""
    then, now = (_consents(documents["contacts", Side.KEAP].values()) for documents in (before, after))
    against = tuple(f"{email} was {s} and is {now.get(email)}" for email, s in then.items() if now.get(email, s) != s)
    return Claim(f"the consent of {len(then):,} e-mail addresses in Keap is as it was", against)


def _consents(contacts: Iterable[Wire]) -> dict[str, str]:
    return {
        str(item["email"]).casefold(): item["email_opt_status"]
        for contact in contacts
        for item in contact["email_addresses"]
    }


# --- that nothing happens ---------------------------------------------------------------------------------------


def equal(before: Documents, after: Documents) -> Claim:
    """Both systems are exactly as they were."""
    against = [
        f"{object}: {side.title} {id} has changed"
        for (object, side), then in before.items()
        for id in then.keys() | after[object, side].keys()
        if then.get(id) != after[object, side].get(id)
    ]
    number = sum(len(records) for records in after.values())
    return Claim(f"all {number:,} records are as before, times of their last edit included", tuple(against))


def nothing_written(requests: Mapping[Side, Sequence[Recorded]]) -> Claim:
    """Neither system was asked to write anything."""
    against = tuple(
        f"{r.method} {r.path} in {side.title}" for side, rs in requests.items() for r in rs if r.method != "GET"
    )
    return Claim(f"of {sum(map(len, requests.values()))} requests none was a write", against)


_NAMES = re.compile(r": (Customcrm|Keap) \w+.*$", re.DOTALL)


def without_names(reason: str) -> str:
    """A reason without the records it names, to be counted."""
    return _NAMES.sub("", reason)
