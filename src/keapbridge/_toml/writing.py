"""Values written as TOML, in the form that `reading` reads again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import attrs

__all__ = ["dumps", "plain", "told"]

Encode = Callable[[Any], Any]


def dumps(data: Mapping[str, Any]) -> str:
    """TOML: values first, then tables; `None` as `false`. Nothing is an empty line, which is no name of a file."""
    import tomli_w

    return tomli_w.dumps(plain(data), indent=2) or "\n"


def told(value: Any, encode: Encode = lambda value: value) -> dict[str, Any]:
    """Those attributes of an object of attrs that are not as they are by default.

    Args:
        encode: takes whatever else there is in the object, such as a function, and gives something for TOML.
    """
    table: dict[str, Any] = {}
    for f in attrs.fields(type(value)):
        held = getattr(value, f.name)
        if f.init and (f.default is attrs.NOTHING or held != _default(f)):
            table[f.name] = plain(held, encode)
    return table


def _default(field: attrs.Attribute[Any]) -> Any:
    made: Any = field.default
    return made.factory() if isinstance(made, attrs.Factory) else made  # type: ignore[arg-type]


def plain(value: Any, encode: Encode = lambda value: value) -> Any:
    """A value of what TOML has."""
    if value is None:
        return False
    if attrs.has(type(value)):
        style = getattr(value, "style", None)
        return ({"style": style} if style else {}) | told(value, encode)
    if isinstance(value, Mapping):
        return {key: plain(item, encode) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(plain(item, encode) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(item, encode) for item in value]
    return encode(value)
