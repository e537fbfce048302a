"""A mapping as TOML: what is otherwise than in the default one, each field as the function that declares it takes it.

`kb.text("ShoeSize", keap=kb.custom_field("Shoe size"), direction="to_keap")` is

    [fields.ShoeSize]
    kind = "text"
    keap = {custom_field = "Shoe size"}
    direction = "to_keap"

What a function takes is found in its signature, so that a new kind is here by itself.
"""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import attrs

from keapbridge._toml.named import value_of
from keapbridge._toml.reading import Hooks, join, read, refuse_unknown
from keapbridge._toml.values import from_plain
from keapbridge.errors import MappingError
from keapbridge.mapping import declare
from keapbridge.mapping.custom import NamedField, custom_field
from keapbridge.mapping.declared import Declared, LensOptions
from keapbridge.mapping.defaults import companies, contacts, products
from keapbridge.mapping.filter import Filter
from keapbridge.mapping.kinds import Kind
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.match_keys import MatchKey, NearKey
from keapbridge.model.meant import is_meant
from keapbridge.model.side import Side

__all__ = ["ANY", "DEFAULTS", "function_of", "lens_from", "mapper_from", "needed", "parameters", "parsed"]

DEFAULTS: Mapping[str, Mapper] = {mapper.name: mapper for mapper in (companies, products, contacts)}
_KEYS = ("name", "default", "without", "keys", "near", "needs_any", "where", "addresses", "fields")
_NO_KINDS = {"address", "field"}


def parsed(source: str | os.PathLike[str]) -> dict[str, Any]:
    """What a TOML file holds, or a text that is TOML.

    Raises:
        MappingError: when it is none.
    """
    import tomllib

    is_text = isinstance(source, str) and ("\n" in source or "=" in source)
    try:
        return tomllib.loads(str(source) if is_text else Path(source).read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"no TOML: {error}") from None


def mapper_from(table: Mapping[str, Any], where: str = "", name: str | None = None) -> Mapper:
    """A mapper from what a TOML file holds.

    Args:
        where: the key of the table, which errors name.
        name: the synchronization, where the table does not tell it itself.

    Raises:
        MappingError: naming the key, for what cannot be.
    """
    try:
        return _mapper(table, where, name)
    except ValueError as error:
        raise MappingError(str(error)) from None


def _mapper(table: Mapping[str, Any], where: str, name: str | None) -> Mapper:
    refuse_unknown(table, _KEYS if name is None else _KEYS[1:], where)
    name = table.get("name") if name is None else name
    if not isinstance(name, str) or name not in DEFAULTS:
        wanted = " or ".join(map(repr, DEFAULTS))
        raise ValueError(f"{join(where, 'name')}: must be {wanted}, not {name!r}")
    base = DEFAULTS[name]
    mapper = base if read(bool, table.get("default", True), join(where, "default")) else base.only()
    gone: tuple[str, ...] = read(tuple[str, ...], table.get("without", []), join(where, "without"))
    for number, field in enumerate(gone):
        there = [lens.name for lens in mapper.lenses]
        if field not in there:
            place = f"{join(where, 'without')}[{number}]"
            raise ValueError(f"{place}: {name} has no field {field!r}{is_meant(field, there)}")
    new = [*_addresses(table.get("addresses", {}), join(where, "addresses"), base)]
    fields = read(dict[str, dict[str, Any]], table.get("fields", {}), join(where, "fields"))
    new += [lens_from(field, its, f"{join(where, 'fields')}.{field}", base) for field, its in fields.items()]
    with _naming(where):
        mapper = mapper.without(*gone).with_lenses(*new)
        return attrs.evolve(mapper, **_keys(table, where), **_filter(table.get("where", {}), join(where, "where")))


class _naming:  # noqa: N801 - a statement, as `suppress` is
    """Errors of a mapping name the key that they come from."""

    def __init__(self, where: str, field: str = "") -> None:
        self._where, self._field = where, field

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, MappingError) and self._where:
            said = str(error).removeprefix(f"{self._field}: ")
            raise MappingError(f"{self._where}: {said}") from None


def _keys(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in (("keys", MatchKey), ("near", NearKey)):
        if name in table:
            found[name] = read(tuple[kind, ...], table[name], join(where, name))  # type: ignore[valid-type]
    if "needs_any" in table:
        needed = read(dict[str, tuple[str, ...]], table["needs_any"], join(where, "needs_any"))
        found["needs_any"] = {_side(side, join(where, "needs_any")): names for side, names in needed.items()}
    return found


def _filter(table: Any, where: str) -> dict[str, Any]:
    conditions: dict[Side, Any] = {}
    for key, condition in read(dict[str, Any], table, where).items():
        place = join(where, key)
        if isinstance(condition, str):  # a function of the whole record
            conditions[_side(key, where)] = from_plain({"function": condition}, place)
        else:
            wanted = read(dict[str, Any], condition, place)
            conditions[_side(key, where)] = {name: from_plain(w, join(place, name)) for name, w in wanted.items()}
    return {"taking_part": Filter(conditions)} if conditions else {}


def _side(name: Any, where: str) -> Side:
    return Side.of(name, where)


# --- fields, read ---------------------------------------------------------------------------------------------------


def _named_field(value: Any, where: str) -> Any:
    """Keap's property by its path, or a custom field by its label or id."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        wanted = 'a property of Keap, or a custom field, as in {custom_field = "Shoe size"}'
        raise ValueError(f"{where}: must be {wanted}, not {value!r}")
    names = {"custom_field": "label", "custom_field_id": "id"}
    hints = typing.get_type_hints(NamedField)
    refuse_unknown(value, [*names, *(hints.keys() - names.values())], where)
    given: dict[str, Any] = {}
    for key, item in value.items():
        word = names[key] if key in names else str(key)
        given[word] = read(hints[word], item, join(where, key))
    with _naming(where):
        return custom_field(**given)


def _required(value: Any, where: str) -> frozenset[Side]:
    """Yes, no, or the sides on which a field is required."""
    if isinstance(value, bool):
        return frozenset(Side) if value else frozenset()
    return frozenset(_side(each, where) for each in (value if isinstance(value, list) else [value]))


def _pairs(value: Any, where: str) -> Any:
    """Customcrm's value → Keap's; as pairs where Customcrm's are no texts, for which TOML has no other place."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise ValueError(f"{where}: must be a table of Customcrm's values and Keap's, or a list of pairs")
    return dict(value)


def _samples(value: Any, where: str) -> Any:
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise ValueError(f"{where}: must be a list of pairs: Customcrm's value, and Keap's")
    return tuple(tuple(from_plain(one, where) for one in pair) for pair in value)


_HOOKS: Hooks = {
    NamedField: _named_field,
    Callable[[Any], Any]: lambda value, where: from_plain({"function": value}, where),
}
_BY_NAME: Mapping[str, Callable[[Any, str], Any]] = {"values": _pairs, "samples": _samples, "required": _required}
# What every field may say, also where its function does not take it, with the option of a lens that it is.
ANY: Mapping[str, Any] = {
    **typing.get_type_hints(LensOptions),
    "keap_type": str,
    "max_length": int | None,
    "scope": str | None,
    "fallback": str | None,
    "losses": str | None,
    "opt_in_reason": str | None,
    "samples": Any,
}


def lens_from(name: str, table: Mapping[str, Any], where: str, base: Mapper) -> Lens:
    """A field from its table.

    Args:
        where: the key of the table.
        base: between whose records it is.

    Raises:
        ValueError, MappingError: naming the key, for what cannot be.
    """
    if "kind" not in table:
        raise ValueError(
            f"{where}.kind: is missing; it is one of {', '.join(_functions())}, or 'module:name' of your own"
        )
    function = function_of(table["kind"], f"{where}.kind")
    takes = parameters(function)
    own = {key: hint for key, hint in takes.items() if key not in {"name", "customcrm", "keap_type", "kind"}}
    refuse_unknown(table, [*dict.fromkeys(["kind", "customcrm", *own, *ANY])], where)
    for key, is_needed in needed(function).items():
        if is_needed and key in own and key not in table:
            raise ValueError(f"{where}.{key}: is missing")
    property = read(str, table.get("customcrm", name), f"{where}.customcrm")
    given: dict[str, Any] = {"name" if "name" in takes else "customcrm": property}
    options: dict[str, Any] = {}
    for key, value in table.items():
        if key not in {"kind", "customcrm"}:
            found = _value(own.get(key, ANY.get(key)), key, value, f"{where}.{key}")
            (given if key in own else options)[key] = found
    with _naming(where, name):
        declared: Declared = function(**given)
        if "max_length" in options:
            limit = options.pop("max_length")
            options["limits"] = {} if limit is None else {Side.KEAP: limit}
        declared = attrs.evolve(declared, options={**declared.options, **options})
        lens = declared.build(base.customcrm_type, base.keap_type)
    if lens.name != name:
        raise ValueError(f"{where}: a field has the name of its property, {lens.name!r}")
    return lens


def _value(hint: Any, key: str, value: Any, where: str) -> Any:
    return _BY_NAME[key](value, where) if key in _BY_NAME else read(hint, value, where, _HOOKS)


@lru_cache
def _functions() -> tuple[str, ...]:
    return tuple(name for name in declare.__all__ if name not in _NO_KINDS)


def function_of(kind: Any, where: str) -> Callable[..., Declared]:
    """The function of `declare` that makes a field of a kind.

    Raises:
        ValueError: when there is none.
    """
    if isinstance(kind, str) and ":" in kind:
        try:
            made = value_of(kind, Kind, "a kind (an object of a class derived from kb.mapping.Kind)")
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        return partial(declare.field, kind=made)
    if kind not in _functions():
        names = ", ".join(_functions())
        meant = is_meant(kind, _functions())
        raise ValueError(f"{where}: there is no kind {kind!r}{meant or f'; there are {names}'}")
    found: Callable[..., Declared] = getattr(declare, kind)
    return found


def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """What a function of `declare` takes by name, with the types."""
    plain = function.func if isinstance(function, partial) else function
    hints = typing.get_type_hints(plain)
    names = inspect.signature(plain).parameters
    found = {name: hints[name] for name, p in names.items() if p.kind is not p.VAR_KEYWORD}
    return found | (typing.get_type_hints(LensOptions) if "options" in names else {})


def needed(function: Callable[..., Any]) -> dict[str, bool]:
    """What a function of `declare` takes, and whether it cannot do without."""
    return {
        name: p.default is p.empty and p.kind is not p.VAR_KEYWORD
        for name, p in inspect.signature(function).parameters.items()
    }


def _addresses(table: Any, where: str, base: Mapper) -> list[Lens]:
    """Blocks of fields, as `kb.address` declares them."""
    found: list[Lens] = []
    hints = parameters(declare.address)
    del hints["keap"]
    for keap, its in read(dict[str, dict[str, Any]], table, where).items():
        place = join(where, keap)
        refuse_unknown(its, list(hints), place)
        given = {key: _value(hints[key], key, value, join(place, key)) for key, value in its.items()}
        with _naming(place):
            found += [each.build(base.customcrm_type, base.keap_type) for each in declare.address(keap, **given)]
    return found
