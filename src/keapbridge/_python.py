"""Values written as the Python that makes them, to be pasted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any

import attrs

__all__ = ["Python", "literal"]

_WIDTH = 80  # from where a call, a list or a table is broken into lines; its name and its indentation come on top


def literal(value: Any) -> str:
    """A number, a text and the like; texts in double quotes, where that is as short."""
    if isinstance(value, str):
        text = repr(value)
        return text if '"' in value or "\\" in text or text[0] == '"' else f'"{text[1:-1]}"'
    return f'Decimal("{value}")' if isinstance(value, Decimal) else repr(value)


def _no_source(_: Any) -> None:
    return None


@attrs.frozen
class Python:
    """How values are written: objects of attrs as calls, with what is not as by default.

    Attributes:
        name: by what name a class is called.
        source: what stands for a value that is a function; `None` for all others.
    """

    name: Callable[[type], str]
    source: Callable[[Any], str | None] = _no_source

    def of(self, value: Any, depth: int = 0) -> str:
        """A value, inside of so many others. A sequence is a list, but for two or more texts."""
        source = self.source(value)
        if source is not None:
            return source
        if attrs.has(type(value)):
            return self._call(value, depth)
        if isinstance(value, Mapping):
            parts = [f"{literal(key)}: {self.of(item, depth + 1)}" for key, item in value.items()]
            return _several("{", parts, "}", depth)
        if isinstance(value, (list, tuple)):
            texts = len(value) > 1 and all(isinstance(item, str) for item in value)
            parts = [self.of(item, depth + 1) for item in value]
            return _several("(" if texts else "[", parts, ")" if texts else "]", depth)
        return literal(value)

    def _call(self, value: Any, depth: int) -> str:
        shown: list[str] = []
        by_place = True  # as long as nothing is left out
        for f in filter(attrgetter("init"), attrs.fields(type(value))):
            held, default = getattr(value, f.name), f.default
            usual = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
            by_place = by_place and not f.kw_only
            if default is attrs.NOTHING or held != usual:
                text = self.of(held, depth + 1)
                shown.append(text if by_place else f"{f.name}={text}")
            else:
                by_place = False
        return _several(f"{self.name(type(value))}(", shown, ")", depth)


def _several(opening: str, parts: list[str], closing: str, depth: int) -> str:
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(line) + 4 * depth < _WIDTH and "\n" not in line:
        return line
    inside = "".join(f"{'    ' * (depth + 1)}{part},\n" for part in parts)
    return f"{opening}\n{inside}{'    ' * depth}{closing}"
