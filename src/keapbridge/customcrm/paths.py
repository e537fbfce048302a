r"""Paths into JSON: `"name.given"`, `"emails[0].value"`, `"emails[type=work].value"`, `"@odata\\.nextLink"`. Pure.

A dot goes into an object, brackets into a list: by number, or to the element that has this text under that name. A
backslash takes the next character as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias, Union, cast

import attrs

from keapbridge.model.maybe import UNSET, Unreadable

__all__ = ["Path", "dig", "has", "is_inside", "last_name", "list_on", "put", "steps", "take", "top"]

Json: TypeAlias = dict[str, Any]
Path: TypeAlias = str


@attrs.frozen
class _Where:
    """The element of a list that has a text under a name."""

    name: str
    text: str

    def find(self, items: list[Any]) -> int | None:
        for n, item in enumerate(items):
            if isinstance(item, dict) and _is_text(item.get(self.name), self.text):
                return n
        return None


_OPENING = re.compile(r"(?<!\\)(?=\[)")
_Step: TypeAlias = Union[str, int, _Where]


def _is_text(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    return value is not None and str(value) == text


@lru_cache(maxsize=4096)
def steps(path: Path) -> tuple[_Step, ...]:
    """What a path goes through.

    Raises:
        ValueError: for what is no path.
    """
    found: list[_Step] = []
    name, at, bare = "", 0, True  # `bare`: a name is awaited
    while at < len(path):
        letter = path[at]
        if letter == "\\" and at + 1 < len(path):
            name, at, bare = name + path[at + 1], at + 2, False
        elif letter in ".[":
            if name:
                found.append(_name(name, path))
            elif bare and (letter == "." or found):
                raise ValueError(f"{path!r} is no path")
            name, at, bare = "", at + 1, letter == "."
            if letter == "[":
                end = path.find("]", at)
                found.append(_element(path[at:end] if end >= 0 else ""))
                at = end + 1
                if at < len(path) and path[at] not in ".[":
                    raise ValueError(f"{path!r} is no path")
        else:
            name, at, bare = name + letter, at + 1, False
    if bare and not name:
        raise ValueError(f"{path!r} is no path")
    return (*found, _name(name, path)) if name else tuple(found)


def _name(name: str, path: Path) -> str:
    if name.isdecimal() and name != path:
        raise ValueError(f"{path!r} is no path")  # `emails.0.value` means `emails[0].value`
    return name


def _element(text: str) -> _Step:
    name, equals, value = text.partition("=")
    if equals and name:
        return _Where(name, value)
    if not text.isdecimal():
        raise ValueError(f"{text!r} names no element of a list")
    return int(text)


def is_inside(path: Path) -> bool:
    """Whether it leads into an object or a list."""
    return len(steps(path)) > 1


def list_on(path: Path) -> Path | None:
    """The path of the first list that it goes into; `None` for none."""
    found = _OPENING.search(path)
    return path[: found.start()] or None if found is not None else None


def top(path: Path) -> str:
    """The property that it begins with; empty where that is an element of a list."""
    first = steps(path)[0]
    return first if isinstance(first, str) else ""


def last_name(path: Path) -> str:
    """The last name on it."""
    return next((step for step in reversed(steps(path)) if isinstance(step, str)), "")


def _at(body: Any, step: _Step) -> Any:
    """What is at a step; `UNSET` where there is nothing."""
    if isinstance(step, str):
        return body.get(step, UNSET) if isinstance(body, dict) else UNSET
    if not isinstance(body, list):
        return UNSET
    number = step if isinstance(step, int) else step.find(body)
    return body[number] if number is not None and number < len(body) else UNSET


def _reach(body: Any, path: Path | None) -> Any:
    for step in steps(path) if path else ():
        body = _at(body, step)
    return body


def dig(body: Any, path: Path | None) -> Any:
    """What is at a path; `None` where there is nothing."""
    found = _reach(body, path)
    return None if found is UNSET else found


def has(body: Any, path: Path | None) -> bool:
    """Whether there is anything at a path, and be it `null`."""
    return _reach(body, path) is not UNSET


def put(into: Json, path: Path, value: Any) -> None:
    """Write a value at a path, making the objects and elements on the way."""
    inside: Any = into
    for step, following in pairwise(steps(path)):
        fresh: Any = {} if isinstance(following, str) else []
        found = _at(inside, step)
        if type(found) is not type(fresh):
            _set(inside, step, fresh)
            found = fresh
        inside = _at(inside, step)
    _set(inside, steps(path)[-1], value)


def _set(inside: Any, step: _Step, value: Any) -> None:
    if isinstance(step, str):
        inside[step] = value
        return
    if isinstance(step, _Where):
        number = step.find(inside)
        if isinstance(value, dict):
            value.setdefault(step.name, {"true": True, "false": False}.get(step.text, step.text))
        if number is None:
            inside.append(value)
            return
    else:
        number = step
        inside.extend({} for _ in range(number + 1 - len(inside)))
    inside[number] = value


def take(record: Json, path: Path) -> Any:
    """Cut out what is at a path, `UNSET` where there is nothing; objects and lists that are empty then stay.

    Where something else is in the place of an object or a list on the way, it cannot be told what is at the path.
    """
    *way, last = steps(path)
    inside: Any = record
    for n, (step, following) in enumerate(pairwise(steps(path))):
        inside = _at(inside, step)
        if inside is None or inside is UNSET:
            return inside  # nothing there is nothing in it
        kind = dict if isinstance(following, str) else list
        if not isinstance(inside, kind):
            where = "".join(_shown(each) for each in way[: n + 1])
            return Unreadable(f"not {'an object' if kind is dict else 'a list'} (${where})", inside)
    if isinstance(last, str):
        return cast("dict[str, Json]", inside).pop(last, UNSET)
    return _at(inside, last)  # the others must keep their places


def _shown(step: _Step) -> str:
    if isinstance(step, str):
        return f".{step}"
    return f"[{step}]" if isinstance(step, int) else f"[{step.name}={step.text}]"
