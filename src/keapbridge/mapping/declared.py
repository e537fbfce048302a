"""A pair of fields as it is declared: with any kind, places by name, and the options that every kind takes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, TypedDict, Unpack

import attrs

from keapbridge.errors import MappingError
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.kinds import Kind, a_kind
from keapbridge.mapping.lens import Direction, Lens, OnEmpty, check_choices
from keapbridge.mapping.place import Place, custom_place, customcrm_place, keap_place
from keapbridge.model.given import keywords, option_names
from keapbridge.model.side import Side, SideName

__all__ = ["Declared", "LensOptions", "Policy", "field"]

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
        if isinstance(self.keap, Place):
            place = self.keap
        elif not isinstance(self.keap, NamedField):
            place = keap_place(keap_type, self.keap)
        elif not self.kind.fits_custom_field:
            raise MappingError(f"{self.name}: a custom field holds no {type(self.kind).__name__.lower()}")
        else:
            place = custom_place(keap_type, self.keap)
        return Lens(
            name=self.name.partition("+")[0],  # a value in several properties is called by the first
            kind=self.kind,
            customcrm=self.customcrm or customcrm_place(customcrm_type, self.name),
            keap=place,
            **self.options,
        )


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
    option_names(name, options, LensOptions.__annotations__)
    check_choices(name, options)
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


def _sides(name: str, required: bool | Side | SideName | Collection[Side | SideName]) -> frozenset[Side]:
    if isinstance(required, bool):
        return frozenset(Side) if required else frozenset()
    several = required if isinstance(required, Collection) and not isinstance(required, str) else (required,)
    try:
        return frozenset(Side.of(each, f"{name}: required") for each in several)
    except ValueError as error:
        raise MappingError(str(error)) from None
