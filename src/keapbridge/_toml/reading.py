"""Values read from TOML: classes of attrs by the types of their attributes. What cannot be is told by its key. Pure.

`false` stands for `None`, which TOML does not have, wherever `None` can be and yes or no cannot.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from keapbridge.model.meant import is_meant

__all__ = ["Hooks", "join", "read", "read_class", "refuse_unknown", "unknown"]

T = TypeVar("T")

Hooks = Mapping[Any, Callable[[Any, str], Any]]
"""Types that are read in a way of their own: each with a function of the value and of its key."""


def read_class(cls: type[T], data: Any, where: str, hooks: Hooks = types.MappingProxyType({})) -> T:
    """An object of a class of attrs from a table.

    Args:
        where: the key of the table; empty for a whole file.

    Raises:
        ValueError: naming the key, for one that is not known or is missing, and for a value that cannot be.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{where}: must be a table, not {data!r}")
    known: Any = cls
    fields = [f for f in attrs.fields(known) if f.init]
    refuse_unknown(data, [f.name for f in fields], where)
    for f in fields:
        if f.default is attrs.NOTHING and f.name not in data:
            raise ValueError(f"{join(where, f.name)}: is missing")
    hints = typing.get_type_hints(cls)
    values = {key: read(hints[key], value, join(where, key), hooks) for key, value in data.items()}
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(join(where, str(error))) from None


def read(hint: Any, value: Any, where: str, hooks: Hooks = types.MappingProxyType({})) -> Any:
    """A value of a type.

    Raises:
        ValueError: naming the key, when it is none.
    """
    if hint in hooks:
        return hooks[hint](value, where)
    options = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    if value is False and type(None) in options and bool not in options:
        return None
    for option in options:
        if option in hooks:
            return hooks[option](value, where)
    classes: list[Any] = [option for option in options if attrs.has(option)]
    if classes and (isinstance(value, dict) or not any(_fits(option, value) for option in options)):
        return _read_one(classes, value, where, options, hooks)
    for option in options:
        origin = get_origin(option)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return _read_table(option, value, where, options, hooks)
        if isinstance(origin, type) and issubclass(origin, (Sequence, frozenset)) and isinstance(value, list):
            inner = get_args(option)[0]
            made = [read(inner, item, f"{where}[{number}]", hooks) for number, item in enumerate(value)]
            return frozenset(made) if issubclass(origin, frozenset) else tuple(made)
    if not any(_fits(option, value) for option in options):
        raise ValueError(f"{where}: must be {_expected(options)}, not {value!r}")
    return value


def _read_one(classes: list[Any], value: Any, where: str, options: tuple[Any, ...], hooks: Hooks) -> Any:
    """An object of one of some classes, which a table names by its `style` where there are several."""
    if not isinstance(value, dict):
        none = " or false" if type(None) in options else ""
        raise ValueError(f"{where}: must be a table{none}, not {value!r}")
    if len(classes) == 1:
        return read_class(classes[0], value, where, hooks)
    by_style: dict[str, type] = {cls.style: cls for cls in classes}
    style = value.get("style")
    if style not in by_style:
        raise ValueError(f"{where}.style: must be one of {', '.join(map(repr, by_style))}, not {style!r}")
    return read_class(by_style[style], {k: v for k, v in value.items() if k != "style"}, where, hooks)


def _read_table(hint: Any, value: Any, where: str, options: tuple[Any, ...], hooks: Hooks) -> Any:
    if not isinstance(value, dict):
        if any(_fits(option, value) for option in options):
            return value
        raise ValueError(f"{where}: must be {_expected(options)}, not {value!r}")
    inner = get_args(hint)[1]
    return {key: read(inner, item, join(where, key), hooks) for key, item in value.items()}


def _fits(option: Any, value: Any) -> bool:
    if option is Any:
        return True
    if get_origin(option) is Literal:
        return value in get_args(option) and type(value) in {type(each) for each in get_args(option)}
    if option is float:
        return type(value) in {int, float}
    return isinstance(option, type) and type(value) is option


def _expected(options: Iterable[Any]) -> str:
    words: dict[Any, str] = {
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        type(None): "false",
    }
    parts: list[str] = []
    for option in options:
        origin = get_origin(option)
        if origin is Literal:
            parts += map(repr, get_args(option))
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            parts.append("a table")
        elif isinstance(origin, type) and issubclass(origin, (Sequence, frozenset)):
            parts.append(f"a list of {_expected(get_args(option)[:1]).removeprefix('a ')}s")
        else:
            parts += filter(None, [words.get(option)])
    return " or ".join(parts) or "something else"


def join(where: str, key: str) -> str:
    """The key of something in a table."""
    return f"{where}.{key}" if where else key


def refuse_unknown(data: Iterable[str], known: Collection[str], where: str) -> None:
    """Refuse keys that there are not.

    Raises:
        ValueError: naming the first of them, and what it may mean.
    """
    for key in data:
        if key not in known:
            raise ValueError(join(where, unknown(key, known)))


def unknown(key: str, known: Collection[str]) -> str:
    """What is said of a key that there is not."""
    meant = is_meant(key, known)
    there = f"; there are {', '.join(known)}" if known else ""
    return f"{key}: there is no such key{meant or there}"
