"""Values with other parts: what `attrs.evolve` does, at a tenth of its price. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import attrs

__all__ = ["changed", "mutable"]

T = TypeVar("T")


@cache
def mutable(cls: type) -> type:
    """A class of the same layout as a frozen one, whose values can be filled, and then become values of that one.

    A frozen class has a `__setattr__` of its own, which costs more than all the rest.
    """
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), plain)


def changed(value: T, **parts: Any) -> T:
    """The value with these parts. Those that it has already are not converted again.

    Of a class that checks its parts, or makes some of others, this is `attrs.evolve` itself.
    """
    cls: type = type(value)
    copy, converters = _copier(cls)
    if copy is None or not parts.keys() <= converters.keys():
        return attrs.evolve(value, **parts)  # type: ignore[misc]
    made = copy(value)
    for name, part in parts.items():
        convert = converters[name]
        setattr(made, name, part if convert is None else convert(part))
    made.__class__ = cls
    return made  # type: ignore[no-any-return]


_COPY = """
def copy(value):
    made = new(mutable)
{lines}
    return made
"""


@cache
def _copier(cls: type) -> tuple[Callable[[Any], Any] | None, dict[str, Callable[[Any], Any] | None]]:
    """What fills a value of the mutable class like another one, and by field what converts its part."""
    fields = attrs.fields(cls)
    is_plain = all(
        f.init and f.alias == f.name and f.validator is None and not isinstance(f.converter, attrs.Converter)
        for f in fields
    )
    if not is_plain or hasattr(cls, "__attrs_post_init__") or "__slots__" not in vars(cls):
        return None, {}
    names: dict[str, Any] = {"mutable": mutable(cls), "new": object.__new__}
    lines = "\n".join(f"    made.{field.name} = value.{field.name}" for field in fields)
    exec(_COPY.format(lines=lines), names)  # noqa: S102 - names of attributes
    return names["copy"], {field.name: field.converter for field in fields}
