"""Where an answer has its records, which property is their id, and what their parts are called. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from keapbridge.customcrm.paths import dig

__all__ = ["Leaf", "escaped", "id_text", "ids_of", "leaves", "list_in", "one_in", "scalars"]

DEPTH = 4  # of objects in bodies and records that are looked at
MOST_LEAVES = 300  # of a record; more say nothing
_IDS = ("id", "_id", "uuid", "guid", "pk", "key", "documentid", "recordid", "objectid", "rowid", "sid")
_KINDS = ("type", "kind", "label", "field", "use", "rel")
_LISTS = ("items", "results", "data", "value", "rows", "records", "list", "content", "entries", "objects")


@attrs.frozen
class Leaf:
    """A value in a record.

    Attributes:
        path: where it is, as a schema has it.
        names: the names on the way.
        value: what is there. It is data of people, and shown nowhere.
    """

    path: str
    names: tuple[str, ...]
    value: Any = attrs.field(repr=False)


def escaped(name: str) -> str:
    """A name as a path has it."""
    return re.sub(r"([\\.\[])", r"\\\1", name)


def _below(path: str | None, name: str) -> str:
    return escaped(name) if not path else f"{path}.{escaped(name)}"


def list_in(body: Any) -> tuple[str | None, list[dict[str, Any]]] | None:
    """The list of records in a body, with its path (`None` for the body itself); `None` where there is none."""
    found = sorted(_lists(body, None, 0), key=lambda each: (-bool(each[1]), each[2], _rank(each[0]), -len(each[1])))
    return (found[0][0], found[0][1]) if found else None


def _lists(body: Any, path: str | None, depth: int) -> Iterator[tuple[str | None, list[dict[str, Any]], int]]:
    if isinstance(body, list):
        if all(isinstance(item, dict) for item in body):
            yield path, body, depth
    elif isinstance(body, dict) and depth < DEPTH:
        for name, value in body.items():
            if name:
                yield from _lists(value, _below(path, name), depth + 1)


def _rank(path: str | None) -> int:
    last = "" if path is None else path.rpartition(".")[2].lower()
    return 0 if path is None else 1 + (_LISTS.index(last) if last in _LISTS else len(_LISTS))


def one_in(body: Any, path: str, text: str) -> str | bool | None:
    """Where a body has the record with an id: its path, `None` for the body itself; `False` where it has not."""
    for where, found in _objects(body, None, 0):
        if id_text(dig(found, path)) == text:
            return where
    return False


def _objects(body: Any, path: str | None, depth: int) -> Iterator[tuple[str | None, dict[str, Any]]]:
    if isinstance(body, dict):
        yield path, body
        if depth < DEPTH:
            for name, value in body.items():
                if name:
                    yield from _objects(value, _below(path, name), depth + 1)
    elif isinstance(body, list) and len(body) == 1:
        yield from _objects(body[0], f"{path or ''}[0]", depth + 1)


def id_text(value: Any) -> str | None:
    """An id as a text; `None` for what is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        return None
    return str(value)


def ids_of(records: Sequence[dict[str, Any]], singular: Sequence[str] = ()) -> list[str]:
    """The properties that may be the id: each record has another value there. The likeliest first.

    Args:
        singular: what a record is called (`"contact"`), for ids that are called by it.
    """
    if not records:
        return []
    wanted = {f"{word}{end}" for word in singular for end in ("id", "key", "number", "no")}
    found: list[tuple[int, str]] = []
    for name in records[0]:
        texts = [id_text(record.get(name)) for record in records]
        plain = re.sub(r"[^a-z]", "", name.lower()) if name.lower() != "_id" else "_id"
        if None in texts or len(set(texts)) < len(texts) or not name:
            continue
        if plain in _IDS:
            found.append((0 if plain == "documentid" else 1 + _IDS.index(plain), name))
        elif plain in wanted:
            found.append((len(_IDS) + 1, name))
    return [escaped(name) for _, name in sorted(found, key=lambda each: each[0])]


def leaves(record: dict[str, Any]) -> list[Leaf]:
    """The values of a record, with those in its objects and in the elements of its lists."""
    found: list[Leaf] = []
    for leaf in _leaves(record, None, (), 0):
        found.append(leaf)
        if len(found) >= MOST_LEAVES:
            break
    return found


def _leaves(value: Any, path: str | None, names: tuple[str, ...], depth: int) -> Iterator[Leaf]:
    if isinstance(value, dict):
        if depth > DEPTH:
            return
        for name, part in value.items():
            if name:
                yield from _leaves(part, _below(path, name), (*names, name), depth + 1)
    elif isinstance(value, list):
        if path is not None and depth <= DEPTH:
            yield from _elements(value, path, names, depth)
    elif path is not None:
        yield Leaf(path, names, value)


def _elements(items: list[Any], path: str, names: tuple[str, ...], depth: int) -> Iterator[Leaf]:
    if len(items) == 2 and id_text(items[0]) and isinstance(items[1], str):
        yield Leaf(f"{path}[0]", names, items[0])  # an id with its title, as Odoo shows references
        return
    objects = [item for item in items if isinstance(item, dict)]
    if not objects or len(objects) < len(items):
        return
    kind = next((name for name in _KINDS if all(isinstance(item.get(name), str) for item in objects)), None)
    if kind is None:
        yield from _leaves(objects[0], f"{path}[0]", names, depth + 1)
        return
    told: set[str] = set()
    for item in objects:
        text = item[kind]
        if text in told or not re.fullmatch(r"[\w .-]{1,40}", text):
            continue
        told.add(text)
        inner = {name: part for name, part in item.items() if name != kind}
        yield from _leaves(inner, f"{path}[{escaped(kind)}={text}]", (*names, text), depth + 1)


def scalars(body: Any, beside: str | None) -> dict[str, Any]:
    """What a body says beside its list, path by path."""
    found: dict[str, Any] = {}

    def walk(value: Any, path: str | None, depth: int) -> None:
        if path is not None and path == beside:
            return
        if isinstance(value, dict) and depth < DEPTH:
            for name, part in value.items():
                if name:
                    walk(part, _below(path, name), depth + 1)
        elif path is not None and not isinstance(value, (dict, list)):
            found[path] = value

    walk(body, None, 0)
    return found
