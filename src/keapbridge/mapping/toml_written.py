"""A mapping written as TOML: what is otherwise than in the default one, in the form that `toml` reads."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import attrs

from keapbridge._toml.named import name_of
from keapbridge._toml.values import to_plain
from keapbridge.errors import MappingError
from keapbridge.mapping import declare
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.kinds import Kind, made
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.match_keys import MatchKey, NearKey
from keapbridge.mapping.toml import ANY, DEFAULTS, function_of, lens_from, mapper_from, needed, parameters
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side

__all__ = ["mapper_table"]

# Classes of kinds whose function is not called as they are.
_OTHER_NAMES = {"number": "decimal", "made": "lens"}


def mapper_table(mapper: Mapper) -> dict[str, Any]:
    """A mapper as TOML has it: what is otherwise than in the default mapping of its name.

    Raises:
        MappingError: for what TOML cannot say: other records than those of the three synchronizations, or functions
            and kinds of the host's that have no name in a module.
    """
    try:
        return _table(mapper)
    except ValueError as error:
        raise MappingError(f"{mapper.name}: {error}") from None


def _table(mapper: Mapper) -> dict[str, Any]:
    base = DEFAULTS.get(mapper.name)
    objects = ("customcrm_object", "keap_object", "customcrm_type", "keap_type")
    if base is None or any(getattr(mapper, name) != getattr(base, name) for name in objects):
        raise MappingError(f"{mapper.name}: TOML holds mappings of {', '.join(DEFAULTS)} only")
    there = {lens.name for lens in mapper.lenses}
    gone = [lens.name for lens in base.lenses if lens.name not in there]
    new = [lens for lens in mapper.lenses if lens not in base.lenses]
    again = [lens.name for lens in base.lenses if lens not in mapper.lenses]
    table, like = _nearest(base, mapper, gone, again, new)
    for name in ("keys", "near"):
        if getattr(mapper, name) != getattr(like, name):
            table[name] = [_told(key) for key in getattr(mapper, name)]
    if dict(mapper.needs_any) != dict(like.needs_any):
        table["needs_any"] = {side.value: list(names) for side, names in mapper.needs_any.items()}
    if mapper.taking_part.conditions:
        table["where"] = {
            side.value: name_of(condition) if callable(condition) else {k: to_plain(v) for k, v in condition.items()}
            for side, condition in mapper.taking_part.conditions.items()
        }
    fields = table.pop("fields", [])
    table |= {"fields": {lens.name: _lens_table(lens, base) for lens in fields}} if fields else {}
    if mapper_from(table) != mapper:
        raise MappingError(f"{mapper.name}: TOML cannot say all of this mapping")
    return table


def _nearest(
    base: Mapper, mapper: Mapper, gone: list[str], again: list[str], new: list[Lens]
) -> tuple[dict[str, Any], Mapper]:
    """The shortest way from the default mapping to these fields in this order, and where it leads."""
    for without, fields in ((gone, new), (again, new)):
        try:
            like = base.without(*without).with_lenses(*fields)
        except MappingError:
            continue
        if like.lenses == mapper.lenses:
            table = {"name": mapper.name, **({"without": without} if without else {}), "fields": fields}
            return table, like
    return {"name": mapper.name, "default": False, "fields": mapper.lenses}, base.only().with_lenses(*mapper.lenses)


def _told(key: MatchKey | NearKey) -> dict[str, Any]:
    fields = attrs.fields(type(key))
    found = {f.name: getattr(key, f.name) for f in fields if getattr(key, f.name) != f.default}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _lens_table(lens: Lens, base: Mapper) -> dict[str, Any]:
    """A field as its function takes it; what is as the function makes it by itself is left out."""
    table = _kind_table(lens)
    function = function_of(table["kind"], lens.name)
    for key, is_needed in needed(function).items():
        if is_needed and key in ANY:
            table[key] = getattr(lens, key)
    plain = lens_from(lens.name, table, "", base)
    for key in ANY:
        held, usual = (_option(key, each) for each in (lens, plain))
        if held != usual:
            table[key] = held
    if lens_from(lens.name, table, "", base) != lens:
        raise MappingError(f"{base.name}: TOML cannot say all of the field {lens.name}")
    return table


def _option(key: str, lens: Lens) -> Any:
    match key:
        case "max_length":
            return lens.limits.get(Side.KEAP, False)
        case "required":
            return True if lens.required == frozenset(Side) else sorted(side.value for side in lens.required)
        case "samples":
            return [[to_plain(ours), to_plain(theirs)] for ours, theirs in lens.samples]
        case _:
            value = getattr(lens, key)
            return False if value is None else value


def _kind_table(lens: Lens) -> dict[str, Any]:
    """Kind and places of a field."""
    kind, constant = lens.kind, lens.customcrm.constant
    places: dict[str, Any] = {} if lens.keap.constant is not UNSET else {"keap": _keap(lens)}
    if constant is UNSET and lens.keap.constant is not UNSET:
        constant = lens.keap.constant
    if constant is not UNSET:
        return {"kind": "constant", "value": constant, **places}
    property, _, rest = lens.customcrm.path.partition("+")
    if not kind.is_told and type(kind).__module__ != made.__name__:
        return {"kind": _own_kind(kind), **_called(lens, lens.customcrm.path), **places}
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(kind).__name__).strip("_")
    name = _OTHER_NAMES.get(snake, snake)
    takes = parameters(getattr(declare, name))
    usual = inspect.signature(getattr(declare, name)).parameters
    table: dict[str, Any] = {"kind": name}
    for f in attrs.fields(type(kind)):
        value = getattr(kind, f.name)
        if f.name in takes and value != usual[f.name].default and value not in (None, ()):
            table[f.name] = _attribute(f.name, value)
    match name:
        case "money":
            table |= {"currency": rest} if rest else {}
            return table | _called(lens, property) | places
        case "full_name":
            given, _, family = lens.keap.path.partition("+")
            names = {"given": given, "family": family, "max_length": kind.longest}  # type: ignore[attr-defined]
            table |= {key: value for key, value in names.items() if value != usual[key].default}
            return table | _called(lens, lens.customcrm.path)
        case "opt_out":
            places["keap"] = lens.keap.path.removesuffix(".email_opt_status")
    return table | _called(lens, lens.customcrm.path) | places


def _attribute(name: str, value: Any) -> Any:
    if callable(value):
        return name_of(value)
    if name != "values":
        return value
    texts = all(isinstance(ours, str) for ours, _ in value)
    return dict(value) if texts else [list(pair) for pair in value]


def _called(lens: Lens, property: str) -> dict[str, Any]:
    return {} if property == lens.name else {"customcrm": property}


def _keap(lens: Lens) -> Any:
    named = lens.keap.custom
    if named is None:
        return lens.keap.path
    words = {"label": "custom_field", "id": "custom_field_id"}
    told = {f.name: getattr(named, f.name) for f in attrs.fields(NamedField) if getattr(named, f.name) != f.default}
    return {words.get(key, key): list(value) if isinstance(value, tuple) else value for key, value in told.items()}


def _own_kind(kind: Kind) -> str:
    """The name of a kind of the host's: of the value itself, or of its class where that makes it."""
    module = sys.modules.get(type(kind).__module__)
    for name, value in vars(module).items() if module is not None else ():
        if isinstance(value, Kind) and value == kind:
            return f"{type(kind).__module__}:{name}"
    cls: Callable[..., Any] = type(kind)
    try:
        if cls() == kind:
            return name_of(cls)
    except (TypeError, ValueError):
        pass
    raise MappingError(
        f"{type(kind).__name__}: a kind of your own needs a name in its module, as in 'package.module:name'"
    )
