"""Custom fields of Keap in a mapping: named by label or id as data, found in Keap's model at run time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import attrs
from attrs import frozen

from keapbridge.errors import MappingError
from keapbridge.keap.fields import CustomField, FieldType, Model
from keapbridge.model.given import keywords, kind
from keapbridge.model.meant import is_meant

__all__ = ["NamedField", "custom_field", "resolve"]

_EXAMPLE = "kb.custom_field('Shoe size')"


@frozen
class NamedField:
    """A custom field of Keap as a mapping names it; see `custom_field`."""

    label: str | None = None
    id: str | None = None
    type: FieldType | None = None
    create: bool = False
    options: tuple[str, ...] = ()
    group_id: str | None = None

    @property
    def path(self) -> str:
        """As it is written in tables."""
        return f"custom_fields.{self.label or self.id}"

    def __str__(self) -> str:
        return repr(self.label) if self.label is not None else f"with the id {self.id}"


@keywords()
def custom_field(
    label: str | None = None,
    *,
    id: str | None = None,
    type: FieldType | None = None,
    create: bool = False,
    options: Iterable[str] = (),
    group_id: str | None = None,
) -> NamedField:
    """A custom field of Keap, as the place of a lens: `kb.text("ShoeSize", keap=kb.custom_field("Shoe size"))`.

    Which field has the label is asked of Keap when a sync runs, and remembered in the store.

    Args:
        label: its label, in any case.
        id: its id, instead of the label.
        type: the type it must have (`"WHOLE_NUMBER"`), as Keap names it.
        create: make it, with this label and type, when a plan is applied and Keap does not have it.
        options: the labels of the options of a field that is made.
        group_id: the group (tab) of a field that is made.

    Raises:
        MappingError: without a name, or when a field is to be made that has no label or no type.
    """
    if (label is None) == (id is None):
        both = "neither is" if label is None else "both are"
        raise MappingError(
            f"custom_field takes the label of a field, such as {_EXAMPLE}, or its id, id='12'; {both} given"
        )
    what, name = ("label", label) if id is None else ("id", id)
    if not isinstance(name, str) or not name.strip():
        raise MappingError(f"custom_field: {what} takes a text, such as {_EXAMPLE}, not {kind(name)}")
    if isinstance(options, (str, bytes)) or not isinstance(options, Iterable):
        raise MappingError(f"custom_field({name!r}): options takes several labels, such as options=['Small', 'Large']")
    types = get_args(FieldType)
    if type is not None and type not in types:
        raise MappingError(f"custom_field({name!r}): Keap has no type {type!r}{is_meant(type, types) or _among(types)}")
    if create and (label is None or type is None):
        raise MappingError(
            f"custom_field({name!r}): create=True needs its label and its type, such as kb.custom_field('Shoe size', "
            "type='TEXT', create=True)"
        )
    if not create and (tuple(options) or group_id is not None):
        raise MappingError(f"custom_field({name!r}): options and group_id are for a field that is made: create=True")
    return NamedField(label, id, type, create, tuple(options), group_id)


def _among(types: Iterable[str]) -> str:
    return f"; there are {', '.join(types)}"


def resolve(wanted: NamedField, model: Model) -> CustomField:
    """The field of the model that is meant; one without an id where it is yet to be made.

    Raises:
        MappingError: when there is none (and it is not to be made), several, or one of another type.
    """
    found = model.find(wanted.label, id=wanted.id)
    if found is None:
        if wanted.create:
            return CustomField("", wanted.label or "", wanted.type or "TEXT", wanted.options)
        hint = "" if wanted.id is not None or wanted.type is not None else "; create=True and a type= would make it"
        raise MappingError(f"Keap has no custom field {wanted}; it has {model.listing()}{hint}")
    if wanted.type is not None and found.type != wanted.type:
        raise MappingError(f"Keap's custom field {wanted} is of type {found.type}, not {wanted.type}")
    return attrs.evolve(found, extra={})
