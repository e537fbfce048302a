"""What it means that a record does not show a property: is it empty, or has the property vanished? Pure.

A property of a record is shown with a value, shown empty, or not shown. Some systems leave out what is empty, and any
may stop showing a property (a permission, another name, a shorter list), so what is not shown and was known to hold a
value is looked for before it counts as empty:

| what is known                                             | then                                               |
|-----------------------------------------------------------|----------------------------------------------------|
| a second look shows a value that the first one left out   | unsteady: what the second look shows is taken      |
| so it does of three or more, and no list shows any        | hidden                                             |
| another record shows the property                         | empty: a person has cleared it                     |
| only reads by id show it                                  | hidden: it is what they show                       |
| only lists show it, of one or two records that held it    | unsteady                                           |
| nothing shows it, of three records or more that held it   | vanished: the field is held                        |
| nothing shows it after it was written                     | vanished                                           |
| nothing shows it, of one or two records that held it      | empty                                              |
| none of those records could be read                       | unsteady                                           |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

import attrs

from keapbridge.model.records import Observation, Pair, Values
from keapbridge.model.side import Side

__all__ = [
    "ENOUGH",
    "SAMPLE",
    "Evidence",
    "Question",
    "Verdict",
    "as_meant",
    "beside_news",
    "evidence",
    "shows",
    "to_ask",
    "to_ask_alone",
    "verdict",
]

ENOUGH = 3  # records that held a value and do not show it, to say that nobody does
SAMPLE = 10  # records that are asked at most


class Verdict(Enum):
    """What becomes of a property that is not shown."""

    EMPTY = "empty"
    HIDDEN = "hidden"
    UNSTEADY = "unsteady"
    VANISHED = "vanished"


@attrs.frozen
class Evidence:
    """What is known of a property that some records do not show, although they were known to hold a value.

    Attributes:
        read: how many records that were known to hold a value could be read again.
        is_shown: whether any record of the run, or one of these, shows the property.
        is_back: whether one that did not show it shows a value when it is read again.
        is_shown_singly: whether a read of a single record shows it.
        was_written: whether it was written just now.
        is_unlisted: whether many that did not show it show a value when they are read again, and none does at first.
        is_by_id: whether these records showed it in lists, and do not when they are read by id: lists are no witness.
    """

    read: int
    is_shown: bool = False
    is_back: bool = False
    is_shown_singly: bool = False
    was_written: bool = False
    is_unlisted: bool = False
    is_by_id: bool = False


@attrs.frozen
class Question:
    """What is to be found out of a field of a side.

    Attributes:
        field: its name.
        ids: the records that do not show it, and were known to hold a value.
        others: more records of which a value is known.
        is_shown: whether some record of the run shows it.
        was_written: whether it was written to these records just now.
        is_by_id: see `Evidence`.
    """

    field: str
    ids: Sequence[str]
    others: Sequence[str] = ()
    is_shown: bool = False
    was_written: bool = False
    is_by_id: bool = False


def to_ask(question: Question) -> list[str]:
    """The few records that are read again: half of them such as do not show the field, if there are enough others."""
    rest = [id for id in question.others if id not in question.ids]
    return [*question.ids[: max(SAMPLE // 2, SAMPLE - len(rest))], *rest][:SAMPLE]


def to_ask_alone(question: Question, again: Mapping[str, Observation]) -> list[str]:
    """The records that are then read one by one, because nothing shows the field yet.

    Args:
        again: what was read again, by id, for this question and others.
    """
    known = _read_again(question, again)
    if known.is_shown or known.is_back:
        return []
    return list(question.ids[: ENOUGH - 1] if known.read < ENOUGH else question.ids[:1])


def evidence(question: Question, again: Mapping[str, Observation], alone: Mapping[str, Observation]) -> Evidence:
    """What is known of a field.

    Args:
        again: what was read again, by id.
        alone: what was read one by one.
    """
    known = _read_again(question, again)
    tells = _holds if known.read < ENOUGH else shows  # few must show a value; of many it is enough that it is there
    singly = any(tells(alone[id], question.field) for id in to_ask_alone(question, again) if id in alone)
    return attrs.evolve(known, is_shown_singly=singly)


def _read_again(question: Question, again: Mapping[str, Observation]) -> Evidence:
    field = question.field
    held = [again[id] for id in to_ask(question) if id in again]
    is_shown = question.is_shown or any(shows(one, field) for one in held)
    back = () if question.was_written else [id for id in question.ids if id in again and _holds(again[id], field)]
    is_unlisted = len(back) >= ENOUGH and not question.is_shown and not question.is_by_id
    return Evidence(
        len(held),
        is_shown,
        bool(back),
        was_written=question.was_written,
        is_unlisted=is_unlisted,
        is_by_id=question.is_by_id,
    )


def shows(seen: Observation, field: str) -> bool:
    """Whether a record shows a field, be it empty."""
    snapshot = seen.snapshot
    return field in snapshot.unreadable or (field in snapshot.values and field not in snapshot.absent)


def _holds(seen: Observation, field: str) -> bool:
    """Whether it shows more than that it is empty."""
    return field in seen.snapshot.unreadable or seen.snapshot.values.get(field) is not None


def verdict(found: Evidence) -> Verdict:
    """What to make of it; see the table above."""
    if found.is_back:
        return Verdict.HIDDEN if found.is_unlisted else Verdict.UNSTEADY
    if found.is_shown:
        return Verdict.EMPTY
    if found.is_shown_singly:
        return Verdict.HIDDEN
    if found.was_written or found.read >= ENOUGH:
        return Verdict.VANISHED
    return Verdict.EMPTY if found.read and not found.is_by_id else Verdict.UNSTEADY


def as_meant(seen: Observation, base: Values, verdicts: dict[str, Verdict]) -> tuple[Observation, tuple[str, ...]]:
    """An observation as it is merged: without the fields of which is not known what they hold.

    What was not known to hold anything is empty where it is not shown: it may be filled. What only reads by id show
    is as it was known, or not known.

    Args:
        verdicts: on the fields that are not shown, as far as there are any.

    Returns:
        The observation, and the fields that are still to be looked at.
    """
    values = dict(seen.snapshot.values)
    still_open: list[str] = []
    # What has vanished does not come back with one record that shows it, or a part of it: it begins anew first.
    vanished = {field for field, found in verdicts.items() if found is Verdict.VANISHED}
    for field in sorted(seen.snapshot.absent | vanished):
        found = verdicts.get(field)
        if found is Verdict.VANISHED:
            values.pop(field, None)
        elif found is Verdict.HIDDEN and base.get(field) is None:
            if field not in base:
                values.pop(field, None)  # nobody has read it by its id
        elif found is Verdict.HIDDEN:
            values[field] = base[field]
        elif base.get(field) is None or found is Verdict.EMPTY:
            continue
        else:
            values.pop(field, None)
            still_open.append(field)
    if values == seen.snapshot.values:  # as for nearly all
        return seen, tuple(still_open)
    return attrs.evolve(seen, snapshot=attrs.evolve(seen.snapshot, values=values)), tuple(still_open)


def beside_news(pair: Pair, side: Side) -> frozenset[str]:
    """The fields of which a side is not known to hold anything, be it nothing, while the other one shows something new.

    They have no base: their record did not show them when it was seen last, or what they held is not true any more.
    Without a look at it, the news would pass for what both sides have come to.
    """
    other, known = pair.seen[side.other], pair.current[side]
    if other is None or other.snapshot.values.keys() <= known.values.keys():  # as for nearly all
        return frozenset()
    base = pair.link.base(side.other)
    return frozenset(
        field
        for field, value in other.snapshot.values.items()
        if field not in known.values and field not in known.unreadable and value != base.get(field)
    )
