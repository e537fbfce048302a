"""The patient reader: cattrs, with what Keap is known to vary, and an error at every wrong place. Pure."""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import IterableValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn

from keapbridge.model.maybe import UnsetType
from keapbridge.model.timed import TimedDate

__all__ = ["ids_as_text", "is_maybe", "patient"]


def is_maybe(hint: Any) -> bool:
    return get_origin(hint) in {Union, types.UnionType} and UnsetType in get_args(hint)


def _structure_maybe(value: Any, hint: Any) -> Any:
    options = [o for o in get_args(hint) if o is not UnsetType]
    if value is None and type(None) in options:
        return None
    rest = [o for o in options if o is not type(None)]
    hint = rest[0] if len(rest) == 1 else Union[tuple(rest)]
    return patient.structure(value, hint)


def _structure_record(cls: type) -> Callable[[Any, Any], Any]:
    structure: Callable[[Any, Any], Any] = make_dict_structure_fn(cls, patient)

    def checked(value: Any, hint: Any) -> Any:
        # cattrs would make an object without content out of any text or list.
        if type(value) is not dict:
            raise TypeError(cls.__name__)
        return structure(value, hint)

    return checked


def _is_array(hint: Any) -> bool:
    return get_origin(hint) is tuple


# A str and an exception group with more arguments than type checkers expect of such.
_note: Any = IterableValidationNote
_iterable_error: Any = IterableValidationError


def _structure_array(value: Any, hint: Any) -> tuple[Any, ...]:
    if type(value) not in {list, tuple}:
        raise TypeError("list")
    found, problems = [], []
    for index, item in enumerate(value):
        try:
            found.append(patient.structure(item, get_args(hint)[0]))
        except Exception as error:  # noqa: BLE001 - all are raised together below
            note = _note(f"item {index}", index, get_args(hint)[0])
            error.__notes__ = [note]
            problems.append(error)
    if problems:
        raise _iterable_error(f"while structuring {hint}", problems, hint)
    return tuple(found)


def _exactly(cls: type, *also: type) -> Any:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is cls or type(value) in also:
            return value
        raise TypeError(cls.__name__)

    return structure


def ids_as_text(data: Any) -> Any:
    # Ids are numbers in v1 and strings in v2, and some v2 answers still carry numbers.
    if type(data) is list:
        return [ids_as_text(item) for item in data]
    if type(data) is not dict:
        return data
    return {
        key: str(value) if type(value) is int and (key == "id" or key.endswith("_id")) else ids_as_text(value)
        for key, value in data.items()
    }


def _structure_datetime(value: Any, _: Any) -> datetime:
    if type(value) is not str:
        raise TypeError("datetime")
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _structure_date(value: Any, _: Any) -> date:
    if type(value) is not str:
        raise TypeError("date")
    if len(value) > 10 and not (value[10] in "T " and value[11:13].isdigit()):
        raise ValueError("date")  # what follows is no time of day
    return date.fromisoformat(value) if len(value) == 10 else TimedDate.of(value)


def _structure_decimal(value: Any, _: Any) -> Decimal:
    if type(value) not in {str, int, float}:
        raise TypeError("Decimal")
    try:
        return Decimal(str(value))
    except ArithmeticError as error:
        raise ValueError("Decimal") from error


def _make_patient() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook_func(is_maybe, _structure_maybe)
    converter.register_structure_hook_factory(attrs.has, _structure_record)
    converter.register_structure_hook_func(_is_array, _structure_array)
    converter.register_structure_hook(str, _exactly(str))
    converter.register_structure_hook(bool, _exactly(bool))
    converter.register_structure_hook(int, _exactly(int))
    converter.register_structure_hook(float, _exactly(float, int))
    converter.register_structure_hook(datetime, _structure_datetime)
    converter.register_structure_hook(date, _structure_date)
    converter.register_structure_hook(Decimal, _structure_decimal)
    return converter


patient = _make_patient()
