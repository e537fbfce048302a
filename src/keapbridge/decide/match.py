"""Which records of the two sides are the same, at first contact. Pure; one-to-one or not at all.

Records are compared within groups that share a key (an e-mail address, a SKU). The rules, for the records of one group:

1. One on each side, and nothing linked: they are the same, unless a stronger key tells them apart. If what tells such
   records apart speaks against it (one e-mail address, two quite different first names), they are reported.
2. A crowd (several on a side): two are the same when each is the only one of its side that the other could be, and has
   no double on its own side, going by the fields that tell people with the same key apart.
3. Whatever could be more than one record, or one that is linked already, is reported with its candidates and left
   alone.
4. Several on one side that nothing tells apart are duplicates: reported, never multiplied.
5. All others go on to the next key, and in the end are created on the other side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from keapbridge.model.candidate import Candidate
from keapbridge.model.kept import RecordKey
from keapbridge.model.side import Side

__all__ = ["Appeared", "GroupOutcome", "Unmatched", "match_appeared", "match_group"]


@attrs.frozen
class Unmatched:
    """A record that must not be linked or created, and what it could be."""

    side: Side
    id: str
    reason: str
    candidates: tuple[tuple[Side, str], ...]


@attrs.frozen
class GroupOutcome:
    """`pairs` of (Customcrm id, Keap id), and the records to be left alone. All others are free."""

    pairs: tuple[tuple[str, str], ...] = ()
    unmatched: tuple[Unmatched, ...] = ()


def match_group(group: Sequence[Candidate], *, strict: bool = False) -> GroupOutcome:
    """Decide the unlinked records that share one key.

    Args:
        strict: the key is weak: what tells records apart counts for a lonely pair too.
    """
    free = {side: sorted((c for c in group if c.side is side and not c.linked), key=_order) for side in Side}
    linked = [c for c in group if c.linked]
    lonely = not linked and all(len(records) <= 1 for records in free.values())
    could_be = _not_told_apart if strict or not lonely else _same_key
    records = (*free[Side.CUSTOMCRM], *free[Side.KEAP])
    options = {c.name: [o for o in free[c.side.other] if could_be(c, o)] for c in records}
    taken = {c.name: [o for o in linked if _not_told_apart(c, o)] for c in records}
    twins = {c.name: [o for o in free[c.side] if o is not c and _not_told_apart(c, o)] for c in records}
    pairs: list[tuple[str, str]] = []
    unmatched: list[Unmatched] = []
    for record in records:
        mine = (record.side, record.id)
        if taken[record.name]:
            unmatched.append(Unmatched(*mine, "could be a record that is linked already", _names(taken[record.name])))
        elif options[record.name]:
            partner = options[record.name][0]
            alone = len(options[record.name]) == len(options[partner.name]) == 1
            if not alone or taken[partner.name] or twins[record.name] or twins[partner.name]:
                candidates = _names([*options[record.name], *twins[record.name]])
                unmatched.append(Unmatched(*mine, "could be more than one record", candidates))
            elif lonely and _looks_different(record.apart, partner.apart):
                reason = "shares its key with a record that looks different"
                unmatched.append(Unmatched(*mine, reason, _names([partner])))
            elif record.side is Side.CUSTOMCRM:
                pairs.append((record.id, partner.id))
        elif twins[record.name]:
            reason = f"duplicate within {record.side.title}"
            unmatched.append(Unmatched(*mine, reason, _names(twins[record.name])))
    return GroupOutcome(tuple(pairs), tuple(unmatched))


@attrs.frozen
class Appeared:
    """What became of records that are about to be given a counterpart, and of those that somebody has made meanwhile.

    `pairs` and `unmatched` as in `GroupOutcome`, each with the rank of the key that decided. All others are free.
    """

    pairs: tuple[tuple[int, tuple[str, str]], ...] = ()
    unmatched: tuple[tuple[int, Unmatched], ...] = ()


def match_appeared(keys: Mapping[tuple[Side, str], Sequence[RecordKey]], strict: Sequence[bool]) -> Appeared:
    """Decide records of both sides by the keys that they share across them; the strongest key decides.

    Args:
        keys: of each record.
        strict: of each rank, whether its key is weak.
    """
    pairs: list[tuple[int, tuple[str, str]]] = []
    unmatched: list[tuple[int, Unmatched]] = []
    decided: set[tuple[Side, str]] = set()
    for rank, is_weak in enumerate(strict):
        groups: dict[str, list[Candidate]] = {}
        for (side, id), its in keys.items():
            for key in {key.key: key for key in its if key.rank == rank}.values():
                groups.setdefault(key.key, []).append(Candidate(side, id, key.apart, key.stronger))
        for _, group in sorted(groups.items()):
            free = [candidate for candidate in group if candidate.name not in decided]
            if {candidate.side for candidate in free} != set(Side):
                continue
            outcome = match_group(free, strict=is_weak)
            pairs += [(rank, pair) for pair in outcome.pairs]
            unmatched += [(rank, record) for record in outcome.unmatched]
            decided |= {(side, id) for pair in outcome.pairs for side, id in zip(Side, pair, strict=True)}
            decided |= {(record.side, record.id) for record in outcome.unmatched}
    return Appeared(tuple(pairs), tuple(unmatched))


def _same_key(a: Candidate, b: Candidate) -> bool:
    return _no_difference(a.stronger, b.stronger)


def _not_told_apart(a: Candidate, b: Candidate) -> bool:
    return _no_difference(a.stronger, b.stronger) and _no_difference(a.apart, b.apart)


def _no_difference(a: tuple[str | None, ...], b: tuple[str | None, ...]) -> bool:
    return all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def _looks_different(a: tuple[str | None, ...], b: tuple[str | None, ...]) -> bool:
    """Whether the first (the most telling) field differs, or all that are known on both sides do.

    A shorter form of the same is no difference (`J.` and `John`, `Ada` and `Ada Maria`).
    """
    known = [None if x is None or y is None else not _same_start(x, y) for x, y in zip(a, b, strict=True)]
    told = [different for different in known if different is not None]
    return bool(told) and (known[0] is True or all(told))


def _same_start(x: str, y: str) -> bool:
    x, y = x.rstrip("."), y.rstrip(".")
    return x.startswith(y) or y.startswith(x)


def _names(candidates: Sequence[Candidate]) -> tuple[tuple[Side, str], ...]:
    return tuple((c.side, c.id) for c in sorted(candidates, key=_order))


def _order(candidate: Candidate) -> tuple[str, int, str]:
    return (candidate.side.value, len(candidate.id), candidate.id)
