"""A pair of fields as it is declared: with any kind, places by name, and the options that every kind takes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Literal, TypedDict, Unpack

import attrs

from keapbridge.errors import MappingError
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.kinds import Kind, a_kind
from keapbridge.mapping.lens import Direction, Lens, OnEmpty, check_choices
from keapbridge.mapping.place import Place, custom_place, customcrm_place, keap_place
from keapbridge.mapping.typed import unfit_kind
from keapbridge.model.given import keywords, option_names, optional, text, whole, wrong
from keapbridge.model.given import kind as kind_of
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side, SideName

__all__ = ["Declared", "LensOptions", "Policy", "checked", "declared_fields", "field"]

Policy = Literal["newest", "customcrm", "keap", "manual"]


class LensOptions(TypedDict, total=False):
    """What every kind of field takes.

    Attributes:
        direction: `"both"`, or the one way that edits take: `"to_keap"`, `"to_customcrm"`.
        required: the sides (`"keap"`, `"customcrm"`; `True`: both) on which no record can be without it. A record that
            lacks it is given no counterpart there, and it is not cleared there.
        policy: who wins a conflict in this field, where it is not as for the others.
        on_empty: what becomes of the other side's value when one side's is emptied: `"clear"` (the default) or
            `"keep"`.
    """

    direction: Direction
    required: bool | Side | SideName | Collection[Side | SideName]
    policy: Policy | None
    on_empty: OnEmpty


@attrs.frozen
class Declared:
    """A lens as it is declared: places by name, to be looked up in the records of a mapper."""

    name: str
    kind: Kind
    keap: str | NamedField | Place
    options: Mapping[str, Any] = attrs.field(factory=dict)
    customcrm: Place | None = None

    def build(self, customcrm_type: type, keap_type: type) -> Lens:
        """The lens between records of these types.

        Raises:
            MappingError: when they have no such property, or it cannot hold this kind of value.
        """
        try:
            place, ours = self._in_keap(keap_type), self.customcrm or customcrm_place(customcrm_type, self.name)
        except MappingError as error:
            raise MappingError(f"{self.name}: {error}") from None
        if self.kind.is_own and not ours.in_extra and ours.constant is UNSET:
            own = f"{self.name.partition('+')[0]}Text"
            raise MappingError(
                f"{self.name}: decimal= is for texts, and the record has a number there: name a property of your own "
                f"for the text, such as {own!r}"
            )
        if self.options.get("direction") != "to_customcrm" and (what := unfit_kind(self.kind, keap_type, place)):
            raise MappingError(
                f"{self.name}: Keap's {place.path} is {what}, and {type(self.kind).__name__} writes none"
            )
        # A value in several properties is called by the first.
        return Lens(name=self.name.partition("+")[0], kind=self.kind, customcrm=ours, keap=place, **self.options)

    def _in_keap(self, keap_type: type) -> Place:
        if isinstance(self.keap, Place):
            return self.keap
        if not isinstance(self.keap, NamedField):
            return keap_place(keap_type, self.keap, to_write=not self.kind.is_marked)
        if not self.kind.fits_custom_field:
            raise MappingError(f"a custom field holds no {type(self.kind).__name__.lower()}")
        return custom_place(keap_type, self.keap)


@keywords()
def field(
    name: str,
    kind: Kind,
    *,
    keap: str | NamedField,
    keap_type: str = "string",
    max_length: int | None = None,
    scope: str | None = None,
    fallback: str | None = None,
    opt_in_reason: str | None = None,
    losses: str | None = None,
    samples: Collection[tuple[Any, Any]] = (),
    **options: Unpack[LensOptions],
) -> Declared:
    """A field of any kind, also of one that the host makes itself: a class derived from `kb.mapping.Kind`.

    Args:
        name: the Customcrm property; `Price+Currency` for a value in two of them.
        kind: what is read, written and compared.
        keap: the Keap property (`given_name+family_name` for a value in two of them), or a custom field.
        keap_type: Keap's data type, for the dataflow document.
        max_length: the most characters that Keap holds.
        scope: the field that this one depends on, mapped before it.
        fallback: the field whose value is written where a side requires this one and there is none.
        opt_in_reason: why a person may be written to, for a kind that is an address.
        losses: what does not survive the way to Keap and back, for the dataflow document.
        samples: values of Customcrm, each with Keap's for it, by which `python -m keapbridge qa` checks the field
            instead of by those of its kind.
        options: `direction`, `required`, `policy`, `on_empty`; see [`LensOptions`][keapbridge.mapping.LensOptions].

    Raises:
        MappingError: when what is given as a kind is none.
    """
    if not isinstance(name, str) or not name.strip():
        raise MappingError(f"a field takes the name of Customcrm's property, such as 'ShoeSize', not {kind_of(name)}")
    option_names(name, options, LensOptions.__annotations__)
    check_choices(name, options)
    if not isinstance(keap, NamedField) and (not isinstance(keap, str) or not keap.strip()):
        raise MappingError(f"{name}: keap takes {_KEAP}, not {kind_of(keap)}")
    checked(name, "max_length", optional(partial(whole, least=1, example=40)), max_length)
    for what, given, example in (
        ("keap_type", keap_type, "string"),
        ("scope", scope, "Country"),
        ("fallback", fallback, "FirstName"),
        ("losses", losses, "the time of the day"),
        ("opt_in_reason", opt_in_reason, "Signed up on our site"),
    ):
        checked(name, what, optional(partial(text, example=example)), given)
    checked(name, "samples", _pairs, samples)
    if isinstance(keap, NamedField):
        shown = keap_type if keap.type is None else keap.type.lower().replace("_", " ")
        keap_type = f"custom field ({shown})"
    more = {"scope": scope, "fallback": fallback, "opt_in_reason": opt_in_reason, "losses": losses}
    return Declared(
        name,
        a_kind(kind),
        keap,
        {
            **options,
            **more,
            "required": _sides(name, options.get("required", False)),
            "keap_type": keap_type,
            "limits": {} if max_length is None else {Side.KEAP: max_length},
            "samples": tuple(samples),
        },
    )


_KEAP = "the path of a property, such as keap='spouse_name', or keap=kb.custom_field('Shoe size')"


def checked(field: str, what: str, check: Callable[[str, Any], Any], given: Any) -> None:
    """Check an argument of a declaration, which is told by the name of its field.

    Raises:
        MappingError: for what it cannot be.
    """
    try:
        check(what, given)
    except (TypeError, ValueError) as error:
        raise MappingError(f"{field}: {error}") from None


def _pairs(what: str, given: Any) -> None:
    several = isinstance(given, Collection) and not isinstance(given, (str, Mapping))
    if not several or any(not isinstance(each, (tuple, list)) or len(each) != 2 for each in given):
        raise wrong(what, f"pairs of Customcrm's value and Keap's, such as {what}=[('S', 'Small')]", given)


def declared_fields(mapper: str, given: Collection[Any]) -> None:
    """What is given to a mapper as further fields.

    Raises:
        MappingError: for what is none.
    """
    for each in given:
        if isinstance(each, (tuple, list)):
            raise MappingError(f"{mapper}.with_lenses takes each field by itself: with_lenses(*several)")
        if not isinstance(each, (Declared, Lens)):
            example = "kb.text('ShoeSize', keap='spouse_name')"
            raise MappingError(f"{mapper}.with_lenses takes fields, such as {example}, not {kind_of(each)}")


def _sides(name: str, required: bool | Side | SideName | Collection[Side | SideName]) -> frozenset[Side]:
    if isinstance(required, bool):
        return frozenset(Side) if required else frozenset()
    several = required if isinstance(required, Collection) and not isinstance(required, str) else (required,)
    try:
        return frozenset(Side.of(each, f"{name}: required") for each in several)
    except ValueError as error:
        raise MappingError(str(error)) from None
