"""A lens: one pair of fields as data. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import attrs

from keapbridge.decide.hosts import asked, mistake
from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap.fields import CustomField
from keapbridge.mapping.kinds import Context, Kind, carriable, opted_out
from keapbridge.mapping.notation import Notation, spelt
from keapbridge.mapping.place import Place
from keapbridge.model.capacity import Capacity
from keapbridge.model.maybe import UNSET, Unreadable
from keapbridge.model.meant import is_meant
from keapbridge.model.raw import Path
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Direction", "Lens", "OnEmpty", "Reader", "check_choices"]

Reader = Callable[[Any, Canonical, Context], Any]
"""Takes a record, the value of the field that this one depends on, and the context."""
Direction = Literal["both", "to_keap", "to_customcrm"]
OnEmpty = Literal["clear", "keep"]


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "direction": get_args(Direction),
    "policy": ("newest", "customcrm", "keap", "manual"),
    "on_empty": get_args(OnEmpty),
}


def check_choices(name: str, options: Mapping[str, Any]) -> None:
    """Refuse what is none of the few values of an option of a field.

    Raises:
        MappingError: naming the field, the option and its values.
    """
    for option, known in _CHOICES.items():
        value = options.get(option, known[0])
        if not (isinstance(value, str) and value in known) and not (value is None and option == "policy"):
            names, meant = ", ".join(map(repr, known)), is_meant(value, known)
            raise MappingError(f"{name}: {option} must be one of {names}, not {value!r}{meant}")


def _one_of_them(lens: Any, attribute: Any, value: object) -> None:
    check_choices(lens.name, {attribute.name: value})


def _carried(value: Any) -> Canonical:
    """`carriable`, with a short way for what nearly all values are."""
    return value if value is None or (type(value) is str and value.isascii()) else carriable(value)


def _understood(
    read: Callable[[Any, Side, Canonical, Context], Canonical], raw: Any, side: Side, scope: Canonical, context: Context
) -> Canonical:
    if type(raw) is Unreadable or type(raw) is tuple:
        _refuse_unreadable(raw)
    try:
        return _carried(read(raw, side, scope, context))
    except (ArithmeticError, ValueError) as error:
        # A number of thousands of digits, say, which Python itself does not turn into a text.
        raise UnfitError(f"not understood ({type(error).__name__})") from None
    except BaseException as error:  # of a kind of the host's; `asked`, without a call of its own
        if (found := mistake(error)) is not error:
            raise found from error
        raise


def _no_text(_: str) -> None:
    """No text is read as what it is."""


def _refuse_unreadable(raw: Any) -> None:
    for part in raw if type(raw) is tuple else (raw,):
        if type(part) is Unreadable:
            raise UnfitError(part.reason)


@attrs.frozen
class Lens:
    """One pair of fields that mean the same.

    Attributes:
        name: the Customcrm property, which names the field everywhere.
        keap_type: the data type on Keap's side, for people.
        limits: the most characters that a side holds.
        scope: the lens whose value this one depends on (a region's country).
        required: sides on which a record cannot be made without it.
        fallback: the lens whose value is written where a side requires one and there is none.
        policy: who wins a conflict in this field, when it is not as for the others.
        on_empty: what becomes of the other side's value when one side has none (any more): `"clear"` it or `"keep"` it.
        losses: what does not survive the way to Keap and back, for people.
        samples: values of Customcrm with Keap's for them, by which the dataflow is checked.
        opt_in_reason: why a person may be written to, said to Keap with an e-mail address that is new there.
        notation: how Customcrm is known to write it.
        capacities: what Customcrm is known to take, for each of its properties.
        follows: the lens without which this one means nothing: its scope, for the kinds that need it.
    """

    name: str
    kind: Kind
    customcrm: Place
    keap: Place
    keap_type: str = "string"
    direction: Direction = attrs.field(default="both", validator=_one_of_them)
    limits: Mapping[Side, int] = attrs.field(factory=dict, hash=False)
    scope: str | None = None
    required: frozenset[Side] = frozenset()
    fallback: str | None = None
    policy: str | None = attrs.field(default=None, validator=_one_of_them)
    on_empty: OnEmpty = attrs.field(default="clear", validator=_one_of_them)
    losses: str | None = None
    samples: tuple[tuple[Any, Any], ...] = attrs.field(default=(), hash=False)
    opt_in_reason: str | None = None
    notation: Notation | None = attrs.field(default=None, eq=False, repr=False)
    capacities: tuple[Capacity | None, ...] = attrs.field(default=(), eq=False, repr=False)
    follows: str | None = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(lambda self: self.scope if self.kind.needs_scope else None, takes_self=True),
    )

    def __attrs_post_init__(self) -> None:
        if self.keap.is_read_only and not self.kind.is_marked and self.direction != "to_customcrm":
            raise MappingError(f"{self.name}: Keap's {self.keap.path} can only be read: direction='to_customcrm'")
        if self.kind.is_marked and self.keap.attributes != ("tag_ids",):
            raise MappingError(f"{self.name}: a contact has its tags in tag_ids: leave keap={self.keap.path!r} out")
        if self.opt_in_reason is not None and (
            not self.kind.takes_opt_in_reason or self.keap.custom is not None or not self.flows_to(Side.KEAP)
        ):
            raise MappingError(
                f"{self.name}: an opt-in reason is for an e-mail address that flows to Keap: leave opt_in_reason out"
            )
        if self.opt_in_reason is not None and not self.opt_in_reason.strip():
            raise MappingError(f"{self.name}: the opt-in reason is empty")

    def place(self, side: Side) -> Place:
        """Where the value lives on a side."""
        return self.customcrm if side is Side.CUSTOMCRM else self.keap

    def flows_to(self, side: Side) -> bool:
        """Whether edits on the other side reach this one."""
        return self.direction in {"both", "to_keap" if side is Side.KEAP else "to_customcrm"}

    def get(self, side: Side, record: Any, scope: Canonical, context: Context) -> Any:
        """The canonical value in a record; `UNSET` when it was not read.

        Raises:
            UnfitError: when it is there and cannot be understood.
        """
        return self.reader(side)(record, scope, context)

    def reader(self, side: Side) -> Reader:
        """`get` for one side, put together for many records."""
        get, read = self.place(side).get, self.kind.read
        if side is Side.KEAP and self.keap.custom is not None:

            def get_custom(record: Any, scope: Canonical, context: Context) -> Any:
                custom = self._custom(side, context)
                assert custom is not None  # the place is one
                raw = self.keap.of(custom.id).get(record)
                if raw is UNSET or raw is None:
                    return raw
                held = raw if type(raw) is Unreadable else custom.read(raw)
                return _understood(read, held, side, scope, context)

            return get_custom

        is_plain = _no_text if self.kind.plain is None else self.kind.plain.fullmatch

        def get_plain(record: Any, scope: Canonical, context: Context) -> Any:
            raw = get(record)
            if raw is UNSET or raw is None or (type(raw) is str and is_plain(raw)):
                return raw
            return _understood(read, raw, side, scope, context)

        return get_plain

    def put(self, side: Side, record: Any, value: Canonical, context: Context, scope: Canonical = None) -> Any:
        """The record with this canonical value, which `fit` has let through.

        Args:
            scope: the value of the field that it depends on.
        """
        custom = self._custom(side, context)
        if self.kind.keeps_spelling and self._holds(side, record, value, context):
            return record
        if custom is None:
            ours = side is Side.CUSTOMCRM
            raw = self._spelt(record, value, scope, context) if ours else asked(self.kind.write, value, side, context)
            record = self.place(side).put(record, raw)
            if side is Side.KEAP and self.opt_in_reason is not None and value in context.may_opt_in:
                return self.keap.beside("opt_in_reason").put(record, self.opt_in_reason)
            return record
        if not custom.id:
            raise UnfitError(f"Keap's custom field {self.keap.custom} is yet to be made, by applying a plan")
        place = self.place(side).of(custom.id)
        if value is None and place.get(record) in (UNSET, None, "", [], ()):
            return record
        return place.put(record, custom.write(self.kind.for_custom_field(value, context)))

    def _spelt(self, record: Any, value: Canonical, scope: Canonical, context: Context) -> Any:
        """The raw value for Customcrm, written as there."""
        present: tuple[Any, Canonical] | None = None
        if record is not None and (raw := self.customcrm.get(record)) not in (UNSET, None):
            try:
                present = (raw, _understood(self.kind.read, raw, Side.CUSTOMCRM, scope, context))
            except UnfitError:
                present = None
        return spelt(self.kind, value, self.notation, present, scope, context)

    def fit(self, side: Side, value: Canonical, context: Context) -> Canonical:
        """The value as that side can hold it.

        Raises:
            UnfitError: when it cannot.
        """
        if value is None and side in self.required:
            raise UnfitError(f"{side.title} needs it")
        fitting = _carried(asked(self.kind.fit, value, side, self.limits.get(side), context))
        if side is Side.CUSTOMCRM and self.capacities:
            raw = self._spelt(None, fitting, None, context)
            for part, capacity in zip(raw if isinstance(raw, tuple) else (raw,), self.capacities, strict=False):
                if capacity is not None and (reason := capacity.refusal(part)) is not None:
                    raise UnfitError(reason)
        custom = self._custom(side, context)
        if custom is not None and fitting is not None:
            # What its type takes must also be understood when it is read back.
            held = custom.read(custom.write(self.kind.for_custom_field(fitting, context)))
            self.kind.read(held, side, None, context)
        return fitting

    def raw_paths(self, side: Side, context: Context) -> tuple[Path, ...]:
        """Where the raw value is in a record of a side.

        Nowhere while a custom field is not known. A reference has none that lasts: its record may get another id.
        """
        place, name = self.place(side), self.keap.custom
        if self.kind.refers_to is not None:
            return ()
        if name is not None and side is Side.KEAP:
            found = context.custom_fields.get(name)
            return place.of(found.id).raw_paths if found is not None and found.id else ()
        return place.raw_paths

    def is_there(self, side: Side, context: Context) -> bool:
        """Whether a side has room for the value: a custom field may be yet to be made."""
        custom = self._custom(side, context)
        return custom is None or bool(custom.id)

    def _holds(self, side: Side, record: Any, value: Canonical, context: Context) -> bool:
        """Whether a record holds this very value already, in whatever spelling."""
        try:
            return bool(self.get(side, record, None, context) == value)
        except UnfitError:
            return False

    def refuses_opt_in(self, record: Any) -> bool:
        """Whether the address in a Keap record is opted out: what takes its place is not opted in either."""
        status = self.keap.beside("email_opt_status").get(record)
        return type(status) is Unreadable or (isinstance(status, str) and opted_out(status) is not False)

    def _custom(self, side: Side, context: Context) -> CustomField | None:
        """The custom field on this side, where it is one."""
        name = self.keap.custom
        if name is None or side is not Side.KEAP:
            return None
        found = context.custom_fields.get(name)
        if found is None:
            raise UnfitError(f"Keap's custom field {name} is not known yet")
        return found
