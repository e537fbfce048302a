"""A file becomes a `Configuration`: each table and key is read, and none is passed over in silence."""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from keapbridge._io.secret import Secret
from keapbridge._toml.reading import Hooks, read, read_class, refuse_unknown
from keapbridge._toml.values import from_plain
from keapbridge.configuration.file import Configuration, Customcrm, Keap, Named, Schedule, Url, duration
from keapbridge.configuration.secrets import Places
from keapbridge.customcrm.schema import CustomcrmSchema
from keapbridge.customcrm.sql import SqlTable
from keapbridge.customcrm.sql.toml import table_from
from keapbridge.decide.policy import Policy
from keapbridge.errors import ConfigurationError, MappingError
from keapbridge.keap.habits import Habits
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.toml import mapper_from
from keapbridge.model.names import ORDER
from keapbridge.sync.options import SessionOptions

__all__ = ["read_file"]

_MAPPERS = {"contacts", "companies", "products"}


def read_file(path: Path, environment: Mapping[str, str] | None = None) -> Configuration:
    """What a file says.

    Raises:
        ConfigurationError: naming the file and the key.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"there is no file {path}; `keapbridge init` writes one") from None
    except IsADirectoryError:
        raise ConfigurationError(
            f"{path} is a folder: name the file in it, such as {path / 'keapbridge.toml'}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise ConfigurationError(f"{path}: cannot be read: {why}") from None
    places = Places(path.parent) if environment is None else Places(path.parent, environment)
    try:
        return _configuration(tomllib.loads(text), places)
    except (ValueError, MappingError) as error:
        raise ConfigurationError(f"{path}: {error}") from error.__cause__


def _configuration(data: dict[str, Any], places: Places) -> Configuration:
    options = {k: v for k, v in typing.get_type_hints(SessionOptions).items() if k not in {*_MAPPERS, "policy"}}
    own = ("store", *options, "keap", "customcrm", "mapping", "policy", "schedule")
    refuse_unknown(data, own, "")
    hooks = _hooks(places)
    for needed, example in (("keap", '[keap]\nkey = {env = "KEAP_API_KEY"}'), ("customcrm", "[customcrm]\nurl = …")):
        if needed not in data:
            raise ValueError(f"{needed}: the table is missing, as in\n{example}")
    found: dict[str, Any] = {
        "store": places.url(data.get("store", "sqlite:///bridge.db"), "store"),
        "keap": read_class(Keap, data["keap"], "keap", hooks),
        "customcrm": read_class(Customcrm, data["customcrm"], "customcrm", hooks),
        "mapping": _mapping(data.get("mapping", {}), places),
        "options": {k: _option(k, options[k], data[k], places, hooks) for k in options.keys() & data.keys()},
    }
    if "policy" in data:
        found["policy"] = _policy(data["policy"])
    if "schedule" in data:
        found["schedule"] = read_class(Schedule, data["schedule"], "schedule", hooks)
    return Configuration(**found)


def _hooks(places: Places) -> Hooks:
    return {
        Secret: places.secret,
        Url: lambda value, where: Url(places.url(value, where)),
        timedelta: duration,
        Named: _named,
        SqlTable: partial(table_from, SqlTable),
        CustomcrmSchema: lambda value, where: _schema(value, where, places),
        Habits: lambda value, where: _habits(value, where, places),
    }


def _named(value: Any, where: str) -> Named:
    return Named(read(str, value, where))


def _schema(value: Any, where: str, places: Places) -> CustomcrmSchema:
    if not isinstance(value, str):
        return CustomcrmSchema.from_table(read(dict[str, Any], value, where), where)
    try:
        return CustomcrmSchema.from_toml(places.path(value))
    except (OSError, ValueError) as error:
        raise ValueError(f"{where}: {places.path(value)}: {error}") from None


def _habits(value: Any, where: str, places: Places) -> Habits:
    if not isinstance(value, str):
        return read_class(Habits, value, where, {})
    try:
        return Habits.load(places.path(value))
    except (OSError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None


def _mapping(table: Any, places: Places) -> dict[str, Mapper]:
    """The mappings by synchronization: a table, the path of a TOML file, or `module:name`."""
    refuse_unknown(read(dict[str, Any], table, "mapping"), ORDER, "mapping")
    return {name: _mapper(name, its, f"mapping.{name}", places) for name, its in table.items()}


def _mapper(name: str, value: Any, where: str, places: Places) -> Mapper:
    from keapbridge._toml.named import value_of

    if isinstance(value, dict):
        return mapper_from(value, where, name)
    if not isinstance(value, str):
        raise ValueError(f"{where}: must be a table, the path of a TOML file or 'module:name', not {value!r}")
    try:
        if ":" in value and not value.endswith(".toml"):
            found = value_of(value, Mapper, "a mapper (kb.mapping.contacts.with_lenses(…))")
        else:
            found = Mapper.from_toml(places.path(value))
    except (OSError, ValueError, MappingError) as error:
        raise ValueError(f"{where}: {error}") from error
    if found.name != name:
        raise ValueError(f"{where}: {value!r} is a mapping of {found.name}")
    return found


def _policy(table: Any) -> Policy:
    """A policy; rules of the host's are `module:name`."""
    given = dict(read(dict[str, Any], table, "policy"))
    rules = given.get("conflicts")
    if isinstance(rules, dict):
        given["conflicts"] = {field: _rule(rule, f"policy.conflicts.{field}") for field, rule in rules.items()}
    elif rules is not None:
        given["conflicts"] = _rule(rules, "policy.conflicts")
    hints = typing.get_type_hints(Policy)
    refuse_unknown(given, [*hints], "policy")
    special = {"conflicts", "deletions", "archive"}
    values = {k: v if k in special else read(hints[k], v, f"policy.{k}") for k, v in given.items()}
    try:
        return Policy(**values)
    except MappingError as error:
        raise ValueError(f"policy: {str(error).removeprefix('Policy: ')}") from None


def _rule(value: Any, where: str) -> Any:
    if isinstance(value, str) and ":" in value:
        return from_plain({"function": value}, where)
    return value


def _option(name: str, hint: Any, value: Any, places: Places, hooks: Hooks) -> Any:
    match name:
        case "encryption_keys":
            keys = value if isinstance(value, list) else [value]
            return tuple(places.secret(key, f"{name}[{number}]").reveal() for number, key in enumerate(keys))
        case "on_event":
            names = value if isinstance(value, list) else [value]
            return tuple(_function(each, f"{name}[{number}]") for number, each in enumerate(names))
        case "progress":
            return value if isinstance(value, bool) else _function(value, name)
        case _:
            return read(hint, value, name, hooks)


def _function(value: Any, where: str) -> Callable[..., Any]:
    made = from_plain({"function": value}, where)
    found: Callable[..., Any] = made
    return found
