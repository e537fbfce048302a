"""Plans: what a run will do, as values that a person can read, a store can keep and a test can compare. Pure.

| action   | before                          | after                                                        |
|----------|---------------------------------|--------------------------------------------------------------|
| Create   | a record on one side only       | its counterpart on `side`, linked                             |
| Adopt    | two records that are the same   | linked; `changes` settle their differences                    |
| Update   | a linked pair that was edited   | both hold the edits; each change names the side it is made on |
| Delete   | a link, one record proven gone  | the other record deleted, link gone                           |
| Unlink   | a link, one record proven gone  | link gone, the other record kept                              |
| Conflict | a field edited on both sides    | as before, until somebody decides                             |
| Skip     | a record that cannot take part  | as before, with the reason                                    |
| TellApart| two records in doubt            | never taken for the same; or, taken back, in doubt again      |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import attrs

from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.elsewhere import passed_on
from keapbridge.model.estimate import Estimate, estimate
from keapbridge.model.finding import Finding
from keapbridge.model.names import Told, as_name
from keapbridge.model.raw import RawChange
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.tables.tabular import Tabular
from keapbridge.tables.values import Cell, Row

__all__ = [
    "DECISION",
    "EVERY_RECORD",
    "HELD",
    "KINDS",
    "SYNC",
    "Action",
    "Adopt",
    "Conflict",
    "Create",
    "Delete",
    "NumberedAction",
    "Plan",
    "Skip",
    "TellApart",
    "Unlink",
    "Update",
    "kind_of",
]

SYNC = "sync"
DECISION = "decision"  # the purpose of a plan that does what a person has decided of a conflict
EVERY_RECORD = "*"  # in place of an id
LOOKED_AT = 500  # actions that are read to be shown, where they cannot be asked for by kind


@attrs.frozen
class Create:
    """Make the counterpart of a record. `values` are what the new record on `side` will hold.

    Attributes:
        raw: what the record held that is made anew, in the notation of its system.
        changes: what is written to the record itself, because it is linked then: constants.
    """

    object: Told = attrs.field(converter=as_name)
    side: Side
    source_id: str
    values: Mapping[str, Canonical] = attrs.field(repr=False)
    held: tuple[Held, ...] = ()
    raw: tuple[RawChange, ...] | None = attrs.field(default=None, repr=False)
    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        return describe(self)


@attrs.frozen
class Update:
    """Write the edits of a linked pair.

    Attributes:
        raw: what is to be taken back, in the notation of its system.
    """

    object: Told = attrs.field(converter=as_name)
    customcrm_id: str
    keap_id: str
    changes: tuple[Change, ...]
    held: tuple[Held, ...] = ()
    raw: tuple[RawChange, ...] | None = attrs.field(default=None, repr=False)

    def turned(self) -> tuple[RawChange, ...] | None:
        """What taking it back changes."""
        return None if self.raw is None else tuple(RawChange(c.path, c.after, c.before) for c in self.raw)

    def __str__(self) -> str:
        return describe(self)


@attrs.frozen
class Adopt:
    """Link two existing records. `key` names what they were matched by.

    Attributes:
        replaces: the Keap record that the Customcrm record was linked to before, when that was merged into this one.
    """

    object: Told = attrs.field(converter=as_name)
    customcrm_id: str
    keap_id: str
    key: str
    changes: tuple[Change, ...] = ()
    held: tuple[Held, ...] = ()
    replaces: str | None = None

    def __str__(self) -> str:
        return describe(self)


@attrs.frozen
class Delete:
    """Delete the record on `side`, whose partner is proven gone; or `archive` it instead."""

    object: Told = attrs.field(converter=as_name)
    side: Side
    id: str
    partner_id: str
    archive: bool = False

    def __str__(self) -> str:
        return describe(self)


@attrs.frozen
class Unlink:
    """Forget a link; no record is touched. `gone` is the side whose record is proven gone.

    Attributes:
        anew: whether the other record may be given a new counterpart.
        reissued: whether the id of the one that is gone belongs to another record now.
    """

    object: Told = attrs.field(converter=as_name)
    customcrm_id: str
    keap_id: str
    gone: Side
    reason: str
    anew: bool = False
    reissued: bool = False

    def __str__(self) -> str:
        return describe(self)


@attrs.frozen
class Conflict:
    """A field that waits for a decision; the field `*` stands for the whole record (deleted here, edited there)."""

    object: Told = attrs.field(converter=as_name)
    customcrm_id: str
    keap_id: str
    conflict: FieldConflict

    def __str__(self) -> str:
        return describe(self)


@attrs.frozen
class Skip:
    """A record, or one `field` of a linked pair, that does not take part, and why.

    Attributes:
        id: `*` stands for all records.
        accept: the name by which a person accepts what a brake holds.
    """

    object: Told = attrs.field(converter=as_name)
    side: Side
    id: str
    reason: str
    candidates: tuple[tuple[Side, str], ...] = ()
    field: str | None = None
    accept: str | None = None

    def __str__(self) -> str:
        return describe(self)


@attrs.frozen
class TellApart:
    """Two records that are not the same, as a person says.

    Attributes:
        one, other: each its side and its id there.
        back: whether that is taken back, so that they are in doubt again.
    """

    object: Told = attrs.field(converter=as_name)
    one: tuple[Side, str]
    other: tuple[Side, str]
    back: bool = False

    @property
    def side(self) -> Side:
        """The side of the first one."""
        return self.one[0]

    @property
    def id(self) -> str:
        """The id of the first one."""
        return self.one[1]

    @property
    def reason(self) -> str:
        """What is said of the first one."""
        side, id = self.other
        return f"it {'may be' if self.back else 'is not'} {side.title} {id}"

    def __str__(self) -> str:
        return describe(self)


Action = Create | Update | Adopt | Delete | Unlink | Conflict | Skip | TellApart
HELD = "held field"
KINDS = ("create", "link", "adopt", "update", "delete", "unlink", "conflict", "skip", "doubt", "tellapart")
"""See `kind_of`."""


@attrs.frozen
class NumberedAction:
    """An action with its place in its plan: the number by which it is approved."""

    number: int
    action: Action


def kind_of(action: Action) -> str:
    """What kind of work an action is: its name, `link` for an adoption that writes nothing, `doubt` where a record may
    be another one.
    """
    if isinstance(action, Adopt) and not action.changes:
        return "link"
    if isinstance(action, Skip) and action.candidates:
        return "doubt"
    return type(action).__name__.lower()


def describe(action: Action) -> str:
    """One line about an action: fields by name, values only of the fields it changes."""
    match action:
        case Create():
            what = f"{action.object} {action.source_id} ({', '.join(action.values)})"
            settled = f"; {_changes(action.changes)}" if action.changes else ""
            return f"create in {action.side.title}: {what}{settled}{_held(action.held)}"
        case Update():
            changes = f"{_changes(action.changes)}{_held(action.held)}"
            return f"update {action.object} {action.customcrm_id} ↔ {action.keap_id}: {changes}"
        case Adopt():
            settled = (f": {_changes(action.changes)}" if action.changes else "") + _held(action.held)
            key = action.key if action.replaces else f"same {action.key}"
            return f"link {action.object} {action.customcrm_id} ↔ {action.keap_id} ({key}){settled}"
        case Delete():
            return f"{_deletion(action)} in {action.side.title}: {action.object} {action.id}"
        case Unlink():
            return f"unlink {action.object} {action.customcrm_id} ↔ {action.keap_id}: {action.reason}"
        case Conflict():
            c = action.conflict
            where = f"{action.object} {action.customcrm_id} ↔ {action.keap_id}"
            if c.reason and c.customcrm is None and c.keap is None:
                return f"conflict in {where}: {c.reason}"
            return f"conflict in {where}: {c.field} is {c.customcrm!r} in Customcrm, {c.keap!r} in Keap"
        case TellApart():
            what = "take back that" if action.back else "remember that"
            (side, id), (other, other_id) = action.one, action.other
            return f"{what} {action.object} {side.title} {id} is not {other.title} {other_id}"
        case _:
            others = f" ({', '.join(f'{s.title} {i}' for s, i in action.candidates)})" if action.candidates else ""
            what = "skip" if action.field is None else f"hold {action.field} of"
            return f"{what} {action.side.title} {action.object} {action.id}: {action.reason}{others}"


def _held(held: Iterable[Held]) -> str:
    text = "; ".join(f"{item.field}: {item.reason}" for item in held if not item.told)
    return f" [left out: {text}]" if text else ""


def _deletion(action: Delete) -> str:
    return "archive" if action.archive else "delete"


def _changes(changes: Iterable[Change]) -> str:
    parts = []
    for change in changes:
        cause = "" if change.cause == "edit" else f" ({change.cause})"
        parts.append(f"{change.field} in {change.side.title}: {change.before!r} → {change.after!r}{cause}")
    return "; ".join(parts)


def braked(found: Skip) -> str:
    """What a brake holds of a field, and why."""
    return f"{found.field} is not written to {found.side.title}: {found.reason}"


def headings(action: Action) -> tuple[str, ...]:
    """What an action counts as: one heading for each side it writes to, one for each field that it leaves out."""
    match action:
        case Create():
            return (f"create in {action.side.title}", *_updates(action.changes), *_left_out(action.held))
        case Update():
            return (*_updates(action.changes), *_left_out(action.held))
        case Adopt():
            return ("link", *_updates(action.changes), *_left_out(action.held))
        case Delete():
            return (f"{_deletion(action)} in {action.side.title}",)
        case Unlink():
            return ("unlink",)
        case Conflict():
            return ("conflict",)
        case TellApart():
            return ("in doubt again" if action.back else "told apart",)
        case _:
            return ("skip",) if action.field is None else (HELD,)


def _updates(changes: Iterable[Change]) -> tuple[str, ...]:
    sides = {change.side for change in changes}
    if not sides:  # as most that are linked
        return ()
    return tuple(f"update in {side.title}" for side in Side if side in sides)


def _left_out(held: Iterable[Held]) -> tuple[str, ...]:
    return tuple(HELD for item in held if not item.told)


@attrs.frozen
class Plan(Tabular):
    """What a run will do. Its actions stay in the store and are read as they are iterated over.

    As a table it has one row for each action. A sheet or CSV file of it has a column *approve* in front: what a person
    has ticked there is read by `kb.read_approvals`, and `session.apply(plan, only=…)` does that and no more.

    Attributes:
        counts: heading (`"create in Keap"`) → number, for each synchronization.
        unchanged: linked pairs that were looked at and need nothing, for each synchronization.
        purpose: `"sync"`, `"undo"` for a plan that takes a run back, or `"decision"` for one that a person decided.
        totals: for each synchronization, how many records were seen on each side, how many links there were, and how
            many calls Keap allows in a minute.
        findings: fields that are held for all records, with the reason; the changes that a brake holds are in the plan,
            and are not made.
        warnings: what a check of the session warns of.
    """

    id: str
    created_at: datetime
    objects: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    unchanged: Mapping[str, int]
    totals: Mapping[str, Mapping[str, int]]
    purpose: str
    _load: Callable[[], Iterator[tuple[int, Action]]] = attrs.field(repr=False, eq=False)
    findings: tuple[Skip, ...] = ()
    warnings: tuple[Finding, ...] = attrs.field(default=(), eq=False)
    _some: Callable[[int], Iterable[tuple[int, Action]]] | None = attrs.field(default=None, repr=False, eq=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return passed_on(self, f"session.saved_plan({self.id!r})")

    @property
    def actions(self) -> Iterator[Action]:
        """All actions, in the order they are applied."""
        return (action for _, action in self._load())

    def _dicts(self) -> Iterator[Row]:
        from keapbridge.model.plan_rows import row_of_action

        return (row_of_action(self.id, number, action) for number, action in self._load())

    def _table(self) -> Iterator[Mapping[str, Cell]]:
        from keapbridge.model.plan_rows import flat_action

        return map(flat_action, self._dicts())

    @property
    def _name(self) -> str:
        return f"plan {self.id}"

    @property
    def _is_to_be_approved(self) -> bool:
        return True

    @property
    def is_empty(self) -> bool:
        """Whether applying it would write nothing; conflicts and skipped records may still be listed."""
        quiet = {"conflict", "skip", HELD}
        return not any(n for counts in self.counts.values() for heading, n in counts.items() if heading not in quiet)

    @property
    def estimate(self) -> Estimate:
        """About what applying it will take."""
        rates = [found["keap_per_minute"] for found in self.totals.values() if "keap_per_minute" in found]
        return estimate(self.counts, min(rates, default=None))

    def __str__(self) -> str:
        lines = [f"Plan {self.id}: {self._outlook}"]
        lines += [f"  {row[0]:<10} {row[1]:<22} {row[2]:>7}" for row in self._rows()]
        lines += [f"  {line}" for line in self._braked()]
        lines += [f"  {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _braked(self) -> Iterator[str]:
        """A line for each field that a brake holds."""
        for found in self.findings:
            if found.accept is not None:
                yield f"{found.object:<10} {braked(found)}"

    @property
    def _outlook(self) -> str:
        return "nothing to write" if self.is_empty else str(self.estimate)

    def _rows(self) -> Iterator[tuple[str, str, int]]:
        for name in self.objects:
            for heading, number in sorted(self.counts.get(name, {}).items()):
                yield name, heading, number
            yield name, "unchanged", self.unchanged.get(name, 0)

    def _first(self, number: int) -> list[tuple[int, Action]]:
        """The first actions of each kind, or of all where there is no other way; none where the store is closed."""
        try:
            return list(islice(self._load(), LOOKED_AT) if self._some is None else self._some(number))
        except Exception:  # noqa: BLE001 - showing fails for nobody
            return []

    def _repr_html_(self) -> str:
        from keapbridge.model.plan_display import SHOWN, show_plan

        return show_plan(self, self._first(SHOWN))
