"""Actions: what a plan consists of, as values that a person can read, a store can keep and a test can compare. Pure.

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

from collections.abc import Iterable, Mapping

import attrs

from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.names import Name, as_name
from keapbridge.model.raw import RawChange
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = [
    "EVERY_RECORD",
    "HELD",
    "KINDS",
    "Action",
    "Adopt",
    "Conflict",
    "Create",
    "Delete",
    "NumberedAction",
    "Skip",
    "TellApart",
    "Unlink",
    "Update",
    "braked",
    "describe",
    "headings",
    "kind_of",
]

EVERY_RECORD = "*"  # in place of an id


@attrs.frozen
class Create:
    """Make the counterpart of a record. `values` are what the new record on `side` will hold.

    Attributes:
        raw: what the record held that is made anew, in the notation of its system.
        changes: what is written to the record itself, because it is linked then: constants.
    """

    object: Name = attrs.field(converter=as_name)
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

    object: Name = attrs.field(converter=as_name)
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

    object: Name = attrs.field(converter=as_name)
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

    object: Name = attrs.field(converter=as_name)
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

    object: Name = attrs.field(converter=as_name)
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

    object: Name = attrs.field(converter=as_name)
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

    object: Name = attrs.field(converter=as_name)
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

    object: Name = attrs.field(converter=as_name)
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
