"""Tables that say which row of another one belongs to a record: e-mail addresses behind a relation. Pure.

Many applications declare no foreign keys. A relation is known then by what its columns are called, and by a column that
says which kind of record is meant (`bean_module` with `Contacts`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from keapbridge.customcrm.sql import SqlJoin
from keapbridge.inspecting.made import InCase
from keapbridge.inspecting.naming import column_scores, table_scores, value_words, words_of
from keapbridge.inspecting.schema import Column, Schema, Table
from keapbridge.inspecting.scoring import Guess, assigned, looks_of, scores_of
from keapbridge.model.finding import Finding

__all__ = ["Relation", "about", "may_relate", "relations"]

_KINDS = frozenset({"type", "module", "model", "class", "kind", "entity"})
_MOST_COLUMNS = 14  # of a relation: more of them are a thing of its own
_SURE = 0.6  # of a score in another table than the main one
_BY_LOOK = {"Email": "email", "Phone": "phone"}
_LOOKS = 0.8  # share of values


@attrs.frozen(kw_only=True)
class Relation:
    """A table that relates records to rows of another one, as joins.

    Attributes:
        table: the relation.
        target: the other one.
        joins: both; only the first where what is wanted is in the relation itself.
        finding: why it is not taken, where it is not.
    """

    table: Table
    target: Table
    joins: tuple[SqlJoin, ...] = ()
    finding: Finding | None = None


def relations(
    schema: Schema, guess: Guess, wanted: list[str], company: Table | None, others: Collection[str]
) -> Iterator[Relation]:
    """The relations that a table has to others with something that is wanted; it is wanted no more then.

    Args:
        company: the table of the companies.
        others: tables that hold records of their own.
    """
    for table in schema.tables:
        if table.name in others or table is guess.table or table.is_view or len(table.columns) > _MOST_COLUMNS:
            continue
        owner, where = _owner(table, guess.table)
        if owner is None:
            continue
        for column, target in _targets(schema, table, owner):
            found = _wanted(target, company, column, wanted, others)
            if not found:
                continue
            picked = _picked(table, owner, where)
            if picked is None:
                what = f"relates several rows of {target.title} to one of {guess.table.title}, and nothing picks one"
                advice = f"where= of a SqlJoin picks one, for {', '.join(found)}"
                yield Relation(table=table, target=target, finding=Finding("info", table.title, what, advice))
                continue
            for name in found:
                wanted.remove(name)
            yield Relation(table=table, target=target, joins=_joins(table, target, owner, column, found, picked))


def may_relate(table: Table, mains: Collection[Table]) -> bool:
    """Whether a table may be a relation of one of some others, by what its columns are called."""
    if table.is_view or len(table.columns) > _MOST_COLUMNS:
        return False
    families = {main[main.key[0]].family for main in mains if len(main.key) == 1}
    ids = [c for c in table.columns if any(_is_reference(c, family) for family in families)]
    if any(_same(words_of(c.name)[:-1], main.name) for c in ids for main in mains):
        return True
    kinds = [words_of(c.name) for c in table.columns if c.family == "text"]
    begins = {words[:-1] for words in kinds if words and words[-1] in _KINDS}
    return any(words_of(c.name)[:-1] in begins for c in ids)


def _owner(table: Table, main: Table) -> tuple[str | None, dict[str, Any]]:
    """The column that names a row of the main table, and what tells that it is one of those."""
    if len(main.key) != 1:
        return None, {}
    keys = [key for key in table.foreign_keys if key.table == main.name and key.schema == main.schema]
    if keys:
        return (keys[0].columns[0] if len(keys) == 1 and len(keys[0].columns) == 1 else None), {}
    family = main[main.key[0]].family
    ids = [c for c in table.columns if _is_reference(c, family) and c.name not in _own_key(table)]
    named = [c.name for c in ids if _same(words_of(c.name)[:-1], main.name)]
    if len(named) == 1:
        return named[0], {}
    for kind in table.columns:
        words = words_of(kind.name)
        if kind.family != "text" or not words or words[-1] not in _KINDS:
            continue
        mine = {v for v in table.values(kind.name) if isinstance(v, str) and _same(words_of(v), main.name)}
        owners = [c.name for c in ids if words_of(c.name)[:-1] == words[:-1]]
        if len(mine) == 1 and len(owners) == 1:
            return owners[0], {kind.name: mine.pop()}
    return None, {}


def _own_key(table: Table) -> tuple[str, ...]:
    return table.key if len(table.key) == 1 else ()


def _is_reference(column: Column, family: str) -> bool:
    words = words_of(column.name)
    return len(words) > 1 and words[-1] in {"id", "fk", "key"} and column.family == family


def _same(words: tuple[str, ...], name: str) -> bool:
    """Whether some words are what a table is called, be it one or several."""
    return bool(words) and _singular(words) == _singular(words_of(name))


def _singular(words: tuple[str, ...]) -> tuple[str, ...]:
    *before, last = words
    if last.endswith("ies"):
        last = f"{last[:-3]}y"
    elif last.endswith("sses"):
        last = last[:-2]
    elif last.endswith("s") and not last.endswith("ss"):
        last = last[:-1]
    return (*before, last)


def about(table: str) -> Mapping[str, float]:
    """Which property the rows of a table are for, by its name: `email_addresses`."""
    words = words_of(table)
    return column_scores(" ".join(_singular(words))) if words else {}


def _targets(schema: Schema, table: Table, owner: str) -> Iterator[tuple[str, Table]]:
    """The other columns of a relation, with what they refer to."""
    for column in table.columns:
        key = table.foreign_key_of(column.name)
        if column.name == owner or column.name in _own_key(table):
            continue
        if key is not None:
            target = schema.find(key.table, key.schema)
            if target is not None and target.key == key.remote:
                yield column.name, target
            continue
        words = words_of(column.name)[:-1]
        for target in schema.tables:
            is_one = len(target.key) == 1 and _is_reference(column, target[target.key[0]].family)
            if is_one and target is not table and _same(words, target.name):
                yield column.name, target


def _wanted(
    target: Table, company: Table | None, column: str, wanted: Collection[str], others: Collection[str]
) -> dict[str, str]:
    """The properties that are had of a target, with their columns; of the company its id, in the relation itself."""
    if company is not None and target.name == company.name and target.schema == company.schema:
        return {"CustomerId": column} if "CustomerId" in wanted else {}
    if target.name in others or "none" in table_scores(target.name) or target.is_view:
        return {}
    seen = looks_of(target)
    for name, look in _BY_LOOK.items():
        if name in wanted and about(target.name).get(name, 0.0) >= _SURE:
            texts = (c.name for c in target.columns if c.family == "text" and c.name not in target.key)
            found = next((each for each in texts if seen[each].filled and seen[each][look] >= _LOOKS), None)
            return {} if found is None else {name: found}
    scores = [each for each in scores_of(target, seen, wanted) if each[2] not in target.key and each[0] >= _SURE]
    return {name: of for name, (of, _) in assigned(scores).items()}


def _picked(table: Table, owner: str, where: Mapping[str, Any]) -> dict[str, Any] | None:
    """What picks one row of a record: its kind, that it is not deleted, that it is the main one; `None` for nothing."""
    found = dict(where)
    deleted = assigned(scores_of(table, looks_of(table), ("deleted",))).get("deleted")
    if deleted is not None and table[deleted[0]].family in {"boolean", "integer"}:
        found[deleted[0]] = _flag(table[deleted[0]], value=False)
    if owner in table.single_keys:
        return found
    for column in table.columns:
        is_flag = column.family in {"boolean", "integer"} and set(table.values(column.name)) <= {0, 1, None}
        if is_flag and not value_words("main").isdisjoint(words_of(column.name)):
            return {**found, column.name: _flag(column, value=True)} if _are_one_each(table, owner, found) else None
    return found if _are_one_each(table, owner, found) else None


def _flag(column: Column, *, value: bool) -> bool | int:
    return value if column.family == "boolean" else int(value)


def _are_one_each(table: Table, owner: str, where: Mapping[str, Any]) -> bool:
    places = {c.name: n for n, c in enumerate(table.columns)}
    rows = [row for row in table.rows if all(row[places[name]] == value for name, value in where.items())]
    owners = [row[places[owner]] for row in rows]
    return len(set(owners)) == len(owners)


def _joins(
    table: Table, target: Table, owner: str, column: str, found: Mapping[str, str], where: Mapping[str, Any]
) -> tuple[SqlJoin, ...]:
    if "CustomerId" in found:
        return (_join(table, {"remote": owner, "columns": dict(found), "where": dict(where)}),)
    given = {"through": table.name, "local": column, "insert": "before", "columns": dict(found)}
    return (
        _join(table, {"remote": owner, "where": dict(where)}),
        _join(target, given | {"on_write": _copies(target, found)}),
    )


def _join(table: Table, given: dict[str, Any]) -> SqlJoin:
    roles = assigned(scores_of(table, looks_of(table), ("modified",)))
    modified = roles["modified"][0] if "modified" in roles else None
    is_time = modified is not None and table[modified].family == "time"
    return SqlJoin(table.name, modified=modified if is_time else None, schema=table.schema, **given)


def _copies(table: Table, found: Mapping[str, str]) -> dict[str, InCase]:
    """Columns that repeat another one in capitals or in small letters."""
    made: dict[str, InCase] = {}
    for column in table.columns:
        if column.family != "text" or column.name in (*found.values(), *table.key):
            continue
        for of in found.values():
            pairs = [
                (a, b)
                for a, b in zip(table.values(of), table.values(column.name), strict=True)
                if isinstance(a, str) and isinstance(b, str) and a and b
            ]
            for case in ("upper", "lower"):
                if pairs and all(getattr(a, case)() == b for a, b in pairs):
                    made.setdefault(column.name, InCase(case, of))
    return made
