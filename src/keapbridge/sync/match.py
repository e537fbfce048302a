"""Which records of the two sides are the same, at first contact. Pure; one-to-one or not at all.

Records are compared within groups that share a key (an e-mail address, a SKU). The rules, for the records of one group:

1. One on each side, and nothing linked: they are the same, unless a stronger key tells them apart. If everything that
   could tell them apart does (one e-mail address, two quite different names), they are reported.
2. A crowd (several on a side): two are the same when each is the only one of its side that the other could be, going
by the
   fields that tell people with the same key apart.
3. Whatever could be more than one record, or one that is linked already, is reported with its candidates and left
alone. 4. Several on one side that nothing tells apart are duplicates: reported, never multiplied.
5. All others go on to the next key, and in the end are created on the other side.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from keapbridge.sync.records import Side

__all__ = ["Candidate", "GroupOutcome", "Unmatched", "match_group"]


@attrs.frozen
class Candidate:
    """A record in a group.

    Attributes:
        apart: its values of the fields that tell records with the same key apart; `None` where empty.
        stronger: its values of the keys before this one; `None` where it has none.
        linked: whether it has a partner already.
    """

    side: Side
    id: str
    apart: tuple[str | None, ...] = ()
    stronger: tuple[str | None, ...] = ()
    linked: bool = False


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
    options = {
        (c.side, c.id): [o for o in free[c.side.other] if could_be(c, o)]
        for c in (*free[Side.CUSTOMCRM], *free[Side.KEAP])
    }
    taken = {
        (c.side, c.id): [o for o in linked if _not_told_apart(c, o)] for c in (*free[Side.CUSTOMCRM], *free[Side.KEAP])
    }
    pairs: list[tuple[str, str]] = []
    unmatched: list[Unmatched] = []
    for record in (*free[Side.CUSTOMCRM], *free[Side.KEAP]):
        mine = (record.side, record.id)
        twins = [c for c in free[record.side] if c is not record and _not_told_apart(record, c)]
        if taken[mine]:
            unmatched.append(Unmatched(*mine, "could be a record that is linked already", _names(taken[mine])))
        elif options[mine]:
            partner = options[mine][0]
            theirs = (partner.side, partner.id)
            if len(options[mine]) > 1 or len(options[theirs]) > 1 or taken[theirs]:
                unmatched.append(Unmatched(*mine, "could be more than one record", _names(options[mine])))
            elif lonely and _all_differ(record.apart, partner.apart):
                unmatched.append(
                    Unmatched(*mine, "shares its key with a record that looks different", _names([partner]))
                )
            elif record.side is Side.CUSTOMCRM:
                pairs.append((record.id, partner.id))
        elif twins:
            unmatched.append(Unmatched(*mine, f"duplicate within {record.side.title}", _names(twins)))
    return GroupOutcome(tuple(pairs), tuple(unmatched))


def _same_key(a: Candidate, b: Candidate) -> bool:
    return _no_difference(a.stronger, b.stronger)


def _not_told_apart(a: Candidate, b: Candidate) -> bool:
    return _no_difference(a.stronger, b.stronger) and _no_difference(a.apart, b.apart)


def _no_difference(a: tuple[str | None, ...], b: tuple[str | None, ...]) -> bool:
    return all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def _all_differ(a: tuple[str | None, ...], b: tuple[str | None, ...]) -> bool:
    return bool(a) and all(x is not None and y is not None and x != y for x, y in zip(a, b, strict=True))


def _names(candidates: Sequence[Candidate]) -> tuple[tuple[Side, str], ...]:
    return tuple((c.side, c.id) for c in sorted(candidates, key=_order))


def _order(candidate: Candidate) -> tuple[str, int, str]:
    return (candidate.side.value, len(candidate.id), candidate.id)
