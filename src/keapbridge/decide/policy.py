"""Who wins a conflict, what a deletion does, and when a run stops itself. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import PurePath
from typing import Any, Literal, get_args

import attrs

from keapbridge.decide.hosts import asked
from keapbridge.errors import MappingError
from keapbridge.model.given import checks, count, keywords, optional, share, takes_one
from keapbridge.model.meant import is_meant
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side, SideName
from keapbridge.showing.html import display, table

__all__ = ["Contest", "Decision", "Deletions", "HostRule", "Policy", "Value", "Verdict", "decide"]

_SECOND = 1_000_000  # microseconds
Rule = Literal["newest", "customcrm", "keap", "manual"]
Deletions = Literal["unlink", "delete", "archive", "ignore"]


@keywords()
@attrs.frozen
class Contest:
    """A field that holds two different values, as a host's own rule sees it."""

    field: str
    customcrm: Canonical
    keap: Canonical
    customcrm_updated_at: datetime | None = None
    keap_updated_at: datetime | None = None


@attrs.frozen
class Value:
    """A decision for a value that both sides shall hold, in canonical form."""

    value: Canonical = attrs.field(repr=False)


Verdict = Side | Value | None
HostRule = Callable[[Contest], Verdict | SideName]
"""A host's own rule: the side that wins, `Value(…)` for both, or `None` to park the conflict."""


@attrs.frozen
class Decision:
    """Who wins, and what decided it (or why nothing could)."""

    winner: Verdict
    by: str


def _is_rule(_: object, attribute: Any, value: object) -> None:
    """One of the named rules or a host's own, for all fields or by field."""
    for rule in _each(value):
        if callable(rule):
            takes_one(f"Policy({attribute.name}=…)", rule, "a kb.Contest")
        else:
            _is_one_of(get_args(Rule), attribute, rule)


def _is_deletion(_: object, attribute: Any, value: object) -> None:
    """What a deletion does, on both sides or by side."""
    for deletion in _each(value):
        _is_one_of(get_args(Deletions), attribute, deletion)


def _each(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, Mapping) else (value,)


def _is_one_of(names: tuple[str, ...], attribute: Any, value: object) -> None:
    if value not in names:
        known = ", ".join(names)
        raise MappingError(f"Policy({attribute.name}=…): {value!r} is not one of {known}{is_meant(value, names)}")


def _sides_only(_: object, attribute: Any, value: object) -> None:
    names = {side.value for side in Side}
    if isinstance(value, Mapping) and not value.keys() <= names:
        meant = next(filter(None, (is_meant(key, names) for key in value.keys() - names)), "")
        raise MappingError(f"Policy({attribute.name}=…) goes by side: {' and '.join(sorted(names))}{meant}")


_count, _share = checks(optional(count)), checks(optional(share))


def _is_archive(_: Any, attribute: Any, value: Any) -> None:
    """By side and by synchronization: what an archived record holds."""
    tables = isinstance(value, Mapping) and all(isinstance(each, Mapping) for each in value.values())
    if not tables or any(not isinstance(held, Mapping) for each in value.values() for held in each.values()):
        example = "{'keap': {'contacts': {'contact_type': 'Archived'}}}"
        raise MappingError(f"Policy({attribute.name}=…) takes what an archived record holds, such as {example}")


@keywords()
@attrs.frozen
class Policy:
    """What a session does where it has a choice.

    Attributes:
        conflicts: who wins a field that was edited on both sides: `"newest"` (by the systems' own time stamps, as fine
            as the coarser of the two is; parked when they do not tell), `"customcrm"`, `"keap"`, `"manual"` (parked
            until somebody decides), a function of the host; or a mapping from field to one of these, with `"*"` for all
            others.
        deletions: what the deletion of a record does to its counterpart: `"unlink"` (it is kept, and not linked any
            more), `"delete"`, `"archive"` (it is changed as `archive` says) or `"ignore"`; or a mapping from the side
            of the counterpart (`"customcrm"`, `"keap"`) to one of these.
        archive: side → synchronization → the attributes that mark an archived record there
            (`{"keap": {"contacts": {"contact_type": "Former"}}}`); records of other synchronizations are unlinked.
        max_deletes: the most records that one plan may delete, archive or unlink; `None` for no limit.
        max_delete_share: the same as a share of the linked records of a synchronization (from 20 linked records on).
        max_updates_share: the largest share of the linked records that one plan may change (from 20 on); `None` for no
            limit.
        max_creates: the most records that one plan may create in all; `None` for no limit.
        max_first_create_share: at first contact, the largest share of the records of the smaller side that may have no
            counterpart (where it has 50 or more): more looks like a mapping that cannot match.
        max_emptied_share: of the values that a side holds in a field, the largest share that may be emptied there
            within a day; beyond it that field is not written to that side, and all else is. `None` for no limit.
        max_levelled_share: the same for values that would become one same value, where at least `sweep_from` different
            ones are lost; yes/no, choices and references are exempt.
        sweep_from: how many values must be emptied or become the same before their share is looked at.
        max_turns: how often a field of two linked records may be changed in turn, on one side and on the other, between
            the same two values, before it becomes a conflict; `None` for no limit.
    """

    conflicts: Rule | HostRule | Mapping[str, Rule | HostRule] = attrs.field(default="newest", validator=_is_rule)
    deletions: Deletions | Mapping[str, Deletions] = attrs.field(
        default="unlink", validator=[_is_deletion, _sides_only]
    )
    archive: Mapping[str, Mapping[str, Mapping[str, Any]]] = attrs.field(
        factory=dict, validator=[_sides_only, _is_archive]
    )
    max_deletes: int | None = attrs.field(default=50, validator=_count)
    max_delete_share: float | None = attrs.field(default=0.05, validator=_share)
    max_updates_share: float | None = attrs.field(default=None, validator=_share)
    max_creates: int | None = attrs.field(default=None, validator=_count)
    max_first_create_share: float | None = attrs.field(default=0.8, validator=_share)
    max_emptied_share: float | None = attrs.field(default=0.2, validator=_share)
    max_levelled_share: float | None = attrs.field(default=0.2, validator=_share)
    sweep_from: int = attrs.field(default=20, validator=checks(count))
    max_turns: int | None = attrs.field(default=6, validator=_count)

    def __attrs_post_init__(self) -> None:
        for side in Side:
            if self.deletion(side) == "archive" and not self.archive.get(side.value):
                raise MappingError(
                    f"Policy: to archive in {side.title}, say how: archive={{{side.value!r}: {{'contacts': {{…}}}}}}"
                )

    def _repr_html_(self) -> str:
        usual = type(self)()
        values = ((f.name, getattr(self, f.name), getattr(usual, f.name)) for f in attrs.fields(type(self)))
        rows = ((name, _named(its), "" if its == default else "chosen") for name, its, default in values)
        return display("Policy", table(("", "", ""), rows))

    def conflict_rule(self, field: str) -> Rule | HostRule:
        """The rule for conflicts in a field."""
        if isinstance(self.conflicts, Mapping):
            return self.conflicts.get(field) or self.conflicts.get("*", "newest")
        return self.conflicts

    def deletion(self, side: Side, name: str | None = None) -> Deletions:
        """What happens to the counterpart on `side` of a record that was deleted."""
        rule = self.deletions
        if isinstance(rule, Mapping):
            rule = rule.get(side.value, "unlink")
        if rule == "archive" and name is not None and name not in self.archive[side.value]:
            return "unlink"
        return rule


def _named(value: Any) -> str:
    """A choice as people read it: a function of the host by its name."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_named(its)}" for name, its in value.items()) or "–"
    if value is None:
        return "no limit"
    return getattr(value, "__qualname__", None) or str(value)


def decide(policy: Policy, contest: Contest, own: str | HostRule | None = None) -> Decision:
    """Apply the rule for a field: the field's own, or else the policy's.

    Raises:
        MappingError: when a rule of the host answers what is no decision.
    """
    rule = own or policy.conflict_rule(contest.field)
    if callable(rule):
        return Decision(_verdict(rule, contest), "the host's own rule")
    match rule:
        case "customcrm":
            return Decision(Side.CUSTOMCRM, rule)
        case "keap":
            return Decision(Side.KEAP, rule)
        case "newest":
            return _newest(contest.customcrm_updated_at, contest.keap_updated_at)
        case _:
            return Decision(None, "manual")


def _verdict(rule: HostRule, contest: Contest) -> Verdict:
    """What a host's rule answers, checked: what is no decision must not be written as one."""
    answer: Any = asked(rule, contest)
    match answer:
        case None | Side() | Value(value=None | str() | bool() | int()):
            return answer
        case Value(value=other):
            wrong = (
                f"kb.Value of {type(other).__name__}, and values of a contest are texts, whole numbers, yes/no or None"
            )
        case str():
            with suppress(ValueError):
                return Side.of(answer, "")
            wrong = "a text that is no side"
        case _:
            wrong = type(answer).__name__
    raise MappingError(
        f"the rule {_called(rule)} for {contest.field} answered {wrong}; it is to answer 'keap' or 'customcrm' for "
        "a side, kb.Value(…) for a value, or None to let the conflict wait"
    )


def _called(rule: HostRule) -> str:
    """The name of a host's rule, and where it is written."""
    code = getattr(rule, "__code__", None)
    where = "" if code is None else f" ({PurePath(code.co_filename).name}:{code.co_firstlineno})"
    return f"{getattr(rule, '__name__', type(rule).__name__)}{where}"


def _newest(ours: datetime | None, theirs: datetime | None) -> Decision:
    if ours is None or theirs is None:
        return Decision(None, "newest could not tell: a time stamp is missing")
    if ours == theirs:
        return Decision(None, "newest could not tell: the time stamps are equal")
    step = max(_step(ours), _step(theirs))
    ours, theirs = (stamp.replace(microsecond=stamp.microsecond // step * step) for stamp in (ours, theirs))
    if ours == theirs:
        return Decision(None, "newest could not tell: the time stamps differ by less than the coarser one tells")
    return Decision(Side.CUSTOMCRM if ours > theirs else Side.KEAP, "newest")


def _step(stamp: datetime) -> int:
    """How fine a system tells a time, in microseconds, going by one that it has told: seconds, or parts of them."""
    return next(step for step in (_SECOND, 1_000, 1) if stamp.microsecond % step == 0)
