"""Keap's custom fields: what the model of a record type says of them, and their contents as typed values. Pure.

What a custom field holds is untyped on the wire, and Keap's published contract says no more than the name of its type.
Here each type has one Python type; what is read leniently (numbers as texts, options by id) is written in one way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import attrs
from attrs import frozen

from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap.records import Company, Contact, CustomFieldValue, Extra
from keapbridge.model.maybe import UNSET, Maybe, UnsetType

__all__ = ["CustomField", "FieldOption", "FieldType", "FieldValue", "Model", "plain_number"]

FieldType = Literal[
    "CURRENCY", "DATE", "DATE_TIME", "DAY_OF_WEEK", "DECIMAL_NUMBER", "DRILLDOWN", "DROPDOWN", "EMAIL", "LIST_BOX",
    "MONTH", "NAME", "PERCENT", "PHONE_NUMBER", "RADIO", "SOCIAL_SECURITY_NUMBER", "STATE", "TEXT", "TEXT_AREA", "USER",
    "USER_LIST_BOX", "WEBSITE", "WHOLE_NUMBER", "YEAR", "YES_NO",
]  # fmt: skip
FieldValue = str | int | Decimal | bool | date | tuple[str, ...] | None
"""What a custom field holds; a date and time is a `datetime`, which is a `date`, too."""

LONGEST_TEXT = 65_535
_SHOWN = 20  # options and labels in a message


@frozen
class FieldOption:
    """One of the options of a drop-down, radio or list field."""

    label: str = ""
    id: str = ""
    extra: Extra = attrs.field(factory=dict)


def _as_options(items: Iterable[Any] | None) -> tuple[FieldOption, ...]:
    return tuple(FieldOption(item) if isinstance(item, str) else item for item in items or ())


@frozen
class CustomField:
    """A custom field of contacts or companies.

    | type | value |
    |---|---|
    | `WHOLE_NUMBER`, `YEAR` | `int` |
    | `CURRENCY`, `DECIMAL_NUMBER`, `PERCENT` | `Decimal` |
    | `MONTH`, `DAY_OF_WEEK` | `int`, as Keap counts them; `str`, where it names them |
    | `DATE` | `date` |
    | `DATE_TIME` | `datetime`, with a time zone |
    | `YES_NO` | `bool` |
    | `DROPDOWN`, `RADIO`, `DRILLDOWN` | `str`: the label of the option |
    | `LIST_BOX`, `USER_LIST_BOX` | `tuple` of `str`: labels of options, or ids of users |
    | `USER` | `str`: the id of a user |
    | all others, and types this version does not know | `str` |

    An empty field is `None`.

    Attributes:
        type: as Keap names it (`"WHOLE_NUMBER"`).
        options: what it can hold, where it can hold only some values.
        group_id: the group (tab) that it is shown in.
        field_name: its name in filters.
    """

    id: str = ""
    label: str = ""
    type: str = "TEXT"
    options: tuple[FieldOption, ...] = attrs.field(default=(), converter=_as_options)
    record_type: str | None = None
    group_id: str | None = None
    group_name: str | None = None
    field_name: str | None = None
    default_value: str | None = None
    extra: Extra = attrs.field(factory=dict)

    @property
    def is_list(self) -> bool:
        """Whether it holds several values."""
        return self.type in _LISTS

    @property
    def empty(self) -> Any:
        """The content that empties it."""
        return [] if self.is_list else ""

    def read(self, content: Any) -> FieldValue:
        """The value of what Keap answered.

        Raises:
            UnfitError: when it is not of this type.
        """
        if content is None or content is UNSET or content in ("", [], ()):
            return None
        return _FORMS.get(self.type, _ANY).read(self, content)

    def write(self, value: Any) -> Any:
        """The content that holds a value; texts are taken for values of any type.

        Raises:
            UnfitError: when the field cannot hold it, with the options where it has some.
        """
        if value is None or value in ("", [], ()):
            return self.empty
        return _FORMS.get(self.type, _ANY).write(self, value)

    def item(self, value: Any) -> CustomFieldValue:
        """The value as a part of a record: `keap.contacts.put_items("12", field.item(38))`.

        Raises:
            UnfitError: when the field cannot hold it.
        """
        return CustomFieldValue(self.id, self.write(value))

    def value(self, record: Contact | Company) -> Maybe[Any]:
        """What a record holds in this field: `None` when nothing, `UNSET` when its custom fields were not read.

        Raises:
            UnfitError: when it is not of this type.
        """
        if isinstance(record.custom_fields, UnsetType):
            return UNSET
        return next((self.read(item.content) for item in record.custom_fields if item.id == self.id), None)


@frozen
class Model:
    """What Keap says of the custom fields of a record type.

    Attributes:
        optional_properties: what is answered only when it is asked for; this library asks for all it knows.
    """

    fields: tuple[CustomField, ...] = ()
    optional_properties: tuple[str, ...] = ()

    def find(self, label: str | None = None, *, id: str | None = None) -> CustomField | None:
        """The custom field with this label (in any case) or this id; `None` when there is none.

        Raises:
            MappingError: when several have the label, with their ids.
        """
        if (label is None) == (id is None):
            raise TypeError(
                "find takes the label of a custom field, find('Shoe size'), or its id, find(id='12'), one of both"
            )
        if label is None:
            return next((field for field in self.fields if field.id == id), None)
        wanted = _folded(label)
        found = [field for field in self.fields if _folded(field.label) == wanted]
        if len(found) > 1:
            ids = ", ".join(field.id for field in found)
            raise MappingError(f"several custom fields of Keap are labelled {label!r}: name one by its id ({ids})")
        return found[0] if found else None

    def field(self, label: str | None = None, *, id: str | None = None) -> CustomField:
        """The same, for a field that must be there.

        Raises:
            MappingError: when there is none, with those that there are, or several with the label.
        """
        found = self.find(label, id=id)
        if found is None:
            name = f"labelled {label!r}" if label is not None else f"with the id {id}"
            raise MappingError(f"Keap has no custom field {name}; it has {self.listing()}")
        return found

    def listing(self) -> str:
        """The labels and ids of the fields, for messages."""
        return _some(f"{field.label!r} ({field.id})" for field in self.fields) or "none"

    def __getitem__(self, label: str) -> CustomField:
        return self.field(label)


def _folded(label: str) -> str:
    return " ".join(label.split()).casefold()


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")


def plain_number(value: Decimal) -> int | float | str:
    """A number for JSON; as a text where JSON's numbers would not be exact."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else f"{value:f}"


# --- the types ------------------------------------------------------------------------------------------------------


@frozen
class _Form:
    read: Callable[[CustomField, Any], FieldValue]
    write: Callable[[CustomField, Any], Any]


def _text(_: CustomField, value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        text = str(value)
    elif isinstance(value, date):
        text = value.isoformat()
    else:
        raise UnfitError("not a text")
    if len(text) > LONGEST_TEXT:
        raise UnfitError(f"longer than {LONGEST_TEXT:,} characters")
    return text


def _anything(_: CustomField, content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _number(_: CustomField, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise UnfitError("not a number")
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise UnfitError("not a number") from None
    if not found.is_finite():
        raise UnfitError("not a number")
    return Decimal(f"{found:f}")


def _whole(field: CustomField, value: Any) -> int:
    found = _number(field, value)
    if found != found.to_integral_value():
        raise UnfitError("not a whole number")
    return int(found)


def _counted(field: CustomField, value: Any) -> int | str:
    """A month or a day of the week: the contract does not say whether Keap counts them or names them."""
    try:
        return _whole(field, value)
    except UnfitError:
        return _text(field, value)


def _date(_: CustomField, value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value.strip()[:10])
    except (AttributeError, TypeError, ValueError):
        raise UnfitError("not a date") from None


def _moment(_: CustomField, value: Any) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (AttributeError, OverflowError, TypeError, ValueError):
        raise UnfitError("not a date with a time") from None


def _moment_text(field: CustomField, value: Any) -> str:
    return _moment(field, value).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _yes(_: CustomField, value: Any) -> bool:
    found = _YES_NO.get(str(value).strip().casefold())
    if found is None:
        raise UnfitError("neither yes nor no")
    return found


def _option(field: CustomField, content: Any) -> str:
    text = _text(field, content)
    labels = {option.label for option in field.options}
    return text if text in labels else next((o.label for o in field.options if o.id == text), text)


def _known_option(field: CustomField, value: Any) -> str:
    text = _text(field, value)
    if field.options and text not in {option.label for option in field.options}:
        raise UnfitError(f"not one of the options of {field.label!r}: {_some(o.label for o in field.options)}")
    return text


def _list(field: CustomField, content: Any) -> tuple[str, ...]:
    if isinstance(content, str):
        whole = _option(field, content)
        parts = [_option(field, part.strip()) for part in content.split(",")]
        labels = {option.label for option in field.options}
        # A list may also come as one text; an option may have a comma of its own.
        return (whole,) if whole in labels or not labels.issuperset(parts) else tuple(parts)
    if not isinstance(content, (list, tuple)):
        return (_option(field, content),)
    return tuple(_option(field, part) for part in content)


def _known_list(field: CustomField, value: Any) -> list[str]:
    parts = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    return [_known_option(field, part) for part in parts]


_YES_NO: Mapping[str, bool] = {
    **dict.fromkeys(("1", "true", "yes"), True),
    **dict.fromkeys(("0", "false", "no"), False),
}
_LISTS = frozenset({"LIST_BOX", "USER_LIST_BOX"})
_ANY = _Form(_anything, _text)
_TEXT = _Form(_text, _text)
_NUMBER = _Form(_number, lambda field, value: plain_number(_number(field, value)))
_FORMS: Mapping[str, _Form] = {
    **dict.fromkeys(
        ("EMAIL", "NAME", "PHONE_NUMBER", "SOCIAL_SECURITY_NUMBER", "STATE", "TEXT", "TEXT_AREA", "USER", "WEBSITE"),
        _TEXT,
    ),
    **dict.fromkeys(("CURRENCY", "DECIMAL_NUMBER", "PERCENT"), _NUMBER),
    **dict.fromkeys(("WHOLE_NUMBER", "YEAR"), _Form(_whole, _whole)),
    **dict.fromkeys(("MONTH", "DAY_OF_WEEK"), _Form(_counted, _counted)),
    "DATE": _Form(_date, lambda field, value: _date(field, value).isoformat()),
    "DATE_TIME": _Form(_moment, _moment_text),
    # Keap has kept yes and no as numbers since its first interface.
    "YES_NO": _Form(_yes, lambda field, value: int(_yes(field, value))),
    **dict.fromkeys(("DROPDOWN", "RADIO"), _Form(_option, _known_option)),
    # The options of a drill-down are nested, and the contract shows the first level only.
    "DRILLDOWN": _Form(_option, _text),
    **dict.fromkeys(_LISTS, _Form(_list, _known_list)),
}
