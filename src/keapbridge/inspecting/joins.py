"""What belongs to the records of a table in others, and what they refer to: joins and lookups. Pure.

Foreign keys say which tables hang together; where a database has none, a column and a table that are called alike do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import attrs

from keapbridge.customcrm.sql import SqlJoin, SqlLookup
from keapbridge.inspecting.made import SameAs
from keapbridge.inspecting.naming import column_scores, table_scores, value_words, words_of
from keapbridge.inspecting.relations import relations
from keapbridge.inspecting.schema import Column, ForeignKey, Schema, Table
from keapbridge.inspecting.scoring import Guess, assigned, looks_of, scores_of
from keapbridge.inspecting.shapes import Looks
from keapbridge.model.finding import Finding

__all__ = ["Belonging", "belonging"]

_LOOKED_UP = ("Country", "Region", "City")
_LEAST_WORDS = 2  # of the name of a key that says whose it is: `customer_id`
_LEAST_BEFORE = 2  # properties of a row that is one record's own, and made before it
_SURE = 0.6  # of a score in another table than the main one
_SHORT = 2  # letters of a country's code
_KEY_WORDS = frozenset({"id", "fk", "ref", "key", "code", "no", "nr"})
_LEAST_ALL = 2  # records of which each has a row, so that all have
_FEW = 12  # different values of a column that tells rows of a record from each other


@attrs.frozen(kw_only=True)
class Belonging:
    """What was found beside a table.

    Attributes:
        roles: `modified` and `deleted` of a joined table that every record begins in, as `table.column`.
        joins: tables with parts of the record.
        lookups: tables that it refers to.
        findings: what was seen and is not taken.
    """

    roles: Mapping[str, str] = attrs.field(factory=dict)
    joins: tuple[SqlJoin, ...] = ()
    lookups: tuple[SqlLookup, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def properties(self) -> dict[str, str]:
        """Property → the table and column that it is kept in."""
        parts: tuple[SqlJoin | SqlLookup, ...] = (*self.joins, *self.lookups)
        return {name: f"{part.table}.{column}" for part in parts for name, column in part.columns.items()}


def belonging(
    schema: Schema, guess: Guess, missing: Sequence[str], others: Collection[str], company: Table | None = None
) -> Belonging:
    """What belongs to the records of a table in others.

    Args:
        missing: the properties that the table itself has no column for.
        others: tables that hold records of their own.
        company: that of the companies, for contacts.
    """
    wanted = list(missing)
    joins: list[SqlJoin] = []
    findings: list[Finding] = []
    hosts: list[tuple[str | None, Table]] = [(None, guess.table)]
    roles: dict[str, str] = {}
    beginning = _beginning(schema, guess)
    if beginning is not None:
        join, roles = beginning
        joins.append(join)
    for join, table in (*_before(schema, guess, wanted, others), *_after(schema, guess, wanted, others, findings)):
        joins.append(join)
        hosts.append((join.table, table))
    for relation in relations(schema, guess, wanted, company, {*others, *(join.table for join in joins)}):
        joins += relation.joins
        findings += [] if relation.finding is None else [relation.finding]
    lookups = tuple(_lookups(schema, hosts, wanted, {*others, *(join.table for join in joins)}, guess))
    return Belonging(roles=roles, joins=tuple(joins), lookups=lookups, findings=tuple(findings))


def _parts(table: Table, wanted: list[str], but: Collection[str]) -> dict[str, str]:
    """The properties that a table has columns for; they are wanted no more."""
    seen = looks_of(table)
    scores = [each for each in scores_of(table, seen, wanted) if each[2] not in but and each[0] >= _SURE]
    return {name: column for name, (column, _) in assigned(scores).items()}


def _taken(found: Mapping[str, str], wanted: list[str]) -> dict[str, str]:
    for name in found:
        wanted.remove(name)
    return {name: found[name] for name in found}


def _beginning(schema: Schema, guess: Guess) -> tuple[SqlJoin, dict[str, str]] | None:
    """The table that every record begins in, whose key is that of the record, too: it knows times and deletions."""
    if len(guess.table.key) != 1 or "modified" in guess.roles:
        return None
    key = guess.table.foreign_key_of(guess.table.key[0])
    table = None if key is None else schema.find(key.table, key.schema)
    if key is None or table is None:
        return None
    seen = looks_of(table)
    found = assigned(scores_of(table, seen, ("modified", "deleted", "created")))
    roles: dict[str, str] = {
        name: f"{table.name}.{found[name][0]}"
        for name in ("modified", "deleted")
        if name in found and table[found[name][0]].family in {"time", "text", "boolean", "integer"}
    }
    if not roles:
        return None
    join = SqlJoin(
        table.name,
        local=key.columns[0],
        remote=key.remote[0],
        insert="before",
        always=True,
        on_create=_given_at_first(table, key.remote[0], guess.table, roles),
        schema=table.schema,
    )
    return join, roles


def _given_at_first(table: Table, remote: str, main: Table, roles: Mapping[str, str]) -> dict[str, Any]:
    """What a new row of a table in which every record begins cannot be without: which kind it is, when it was made."""
    modified = roles.get("modified", "").rpartition(".")[2]
    ids = set(main.values(main.key[0]))
    found: dict[str, Any] = {}
    for column in table.columns:
        if not column.must_be_given or column.name in {remote, modified}:
            continue
        pairs = zip(table.values(remote), table.values(column.name), strict=True)
        mine = {value for id, value in pairs if id in ids}
        if column.family == "text" and len(mine) == 1:
            found[column.name] = mine.pop()
        elif column.family == "time" and modified:
            found[column.name] = SameAs(modified)
    return found


def _before(
    schema: Schema, guess: Guess, wanted: list[str], others: Collection[str]
) -> Iterator[tuple[SqlJoin, Table]]:
    """Rows that a record refers to, and that are its alone: an address."""
    for key in guess.table.foreign_keys:
        table = schema.find(key.table, key.schema)
        is_key = key.columns == guess.table.key
        if table is None or len(key.columns) != 1 or table is guess.table or table.name in others or is_key:
            continue
        held = [value for value in guess.table.values(key.columns[0]) if value is not None]
        if not held or len(set(held)) != len(held):
            continue  # what several refer to is no one's own
        found = _parts(table, wanted, {*key.remote, *table.key})
        if len(found) < _LEAST_BEFORE:
            continue
        yield _join(schema, table, _taken(found, wanted), {"local": key.columns[0], "insert": "before"}), table


def _after(
    schema: Schema, guess: Guess, wanted: list[str], others: Collection[str], findings: list[Finding]
) -> Iterator[tuple[SqlJoin, Table]]:
    """Rows that refer to a record, and of which it has one: a profile, an address of a kind."""
    for table, key in (*schema.referring(guess.table), *_called_alike(schema, guess.table)):
        is_none = "none" in table_scores(table.name) and table.key != key.columns  # with its key it goes on with it
        if len(key.columns) != 1 or is_none or table.name in others or table.is_view or len(table.foreign_keys) > 2:
            continue
        found = _parts(table, wanted, {*key.columns, *table.key})
        if len(found) < (_LEAST_BEFORE if key not in table.foreign_keys else 1):
            continue
        where = _where(table, key)
        if where is None:
            what = f"has several rows for one of {guess.table.title}, and nothing tells which one is meant"
            advice = f"where= of a SqlJoin picks one, for {', '.join(found)}"
            findings.append(Finding("info", table.title, what, advice))
            continue
        given: dict[str, Any] = {"remote": key.columns[0]}
        if _goes_with_all(table, key, guess.table):
            given["always"] = True
        yield _join(schema, table, _taken(found, wanted), given | ({"where": where} if where else {})), table


def _called_alike(schema: Schema, main: Table) -> Iterator[tuple[Table, ForeignKey]]:
    """Tables with a column that is called as the key of a table is, where no key of the database says so."""
    if len(main.key) != 1 or len(words_of(main.key[0])) < _LEAST_WORDS:
        return
    [name] = main.key
    known = set(main.values(name))
    for table in schema.tables:
        if table is main or name not in table or table.key == (name,) or table.foreign_key_of(name) is not None:
            continue
        if table[name].family == main[name].family and known.intersection(table.values(name)):
            yield table, ForeignKey(columns=(name,), table=main.name, remote=(name,), schema=main.schema)


def _goes_with_all(table: Table, key: ForeignKey, main: Table) -> bool:
    """Whether all records have a row of a table that shares their key, so that they are looked for by both."""
    if table.key != key.columns or len(main.rows) < _LEAST_ALL:
        return False
    there = set(table.values(key.columns[0]))
    needed = [c for c in table.columns if c.must_be_given and c.name not in key.columns and c.family != "text"]
    return not needed and set(main.values(key.remote[0])) <= there


def _join(schema: Schema, table: Table, columns: Mapping[str, str], given: Mapping[str, Any]) -> SqlJoin:
    roles = assigned(scores_of(table, looks_of(table), ("modified",)))
    modified = roles["modified"][0] if "modified" in roles else None
    if modified is not None and table[modified].family not in {"time", "text"}:
        modified = None
    return SqlJoin(table.name, columns=dict(columns), modified=modified, schema=table.schema, **given)


def _where(table: Table, key: ForeignKey) -> dict[str, Any] | None:
    """What picks one row for each record: nothing is needed, a column and its value, or `None` where nothing does."""
    owner = key.columns[0]
    if owner in table.single_keys:
        return {}
    if (flag := _flag_of_main(table, owner)) is not None:
        return flag
    if _are_one_each(table, owner, None):
        return {}
    for column in table.columns:
        values = {value for value in table.values(column.name) if value is not None}
        if column.name == owner or not 1 < len(values) <= _FEW or len(values) >= len(table.rows):
            continue
        for value in sorted(values, key=str):
            is_main = isinstance(value, str) and not value_words("main").isdisjoint(words_of(value.lower()))
            if is_main and _are_one_each(table, owner, (column.name, value)):
                return {column.name: value}
    return None


def _flag_of_main(table: Table, owner: str) -> dict[str, Any] | None:
    """A column such as `is_primary`, where it is set in one row for each record."""
    for column in table.columns:
        is_flag = column.family in {"boolean", "integer"} and table.foreign_key_of(column.name) is None
        if not is_flag or value_words("main").isdisjoint(words_of(column.name)) or column.name == owner:
            continue
        values = {value for value in table.values(column.name) if value is not None}
        if 1 in values <= {0, 1} and _are_one_each(table, owner, (column.name, 1)):
            return {column.name: True if column.family == "boolean" else 1}
    return None


def _are_one_each(table: Table, owner: str, where: tuple[str, Any] | None) -> bool:
    owners = table.values(owner)
    if where is not None:
        tells = table.values(where[0])
        owners = [each for each, value in zip(owners, tells, strict=True) if value == where[1]]
    return len(set(owners)) == len(owners)


# --- lookups --------------------------------------------------------------------------------------------------------


def _lookups(
    schema: Schema, hosts: list[tuple[str | None, Table]], wanted: list[str], others: Collection[str], guess: Guess
) -> Iterator[SqlLookup]:
    """Tables of countries, regions and cities that a record, or what belongs to it, refers to."""
    for through, host in hosts:  # which grows: a city is in a country
        for column in host.columns:
            target = _referred(schema, host, column, others)
            property = None if target is None else _property(host, column, target, wanted)
            if target is None or property is None or column.name in guess.columns.values():
                continue
            shown = _shown(target, property)
            if shown is None:
                continue
            wanted.remove(property)
            hosts.append((target.name, target))
            given: dict[str, Any] = {} if through is None else {"through": through}
            yield SqlLookup(target.name, local=column.name, columns={property: shown}, schema=target.schema, **given)


def _referred(schema: Schema, host: Table, column: Column, others: Collection[str]) -> Table | None:
    key = host.foreign_key_of(column.name)
    if key is not None:
        table = schema.find(key.table, key.schema)
        return None if table is None or table.name in others else table
    if column.family not in {"integer", "text"} or _KEY_WORDS.isdisjoint(words_of(column.name)):
        return None
    names = [name for name in _LOOKED_UP if column_scores(_bare(column.name)).get(name)]
    for table in schema.tables:
        if len(table.key) != 1 or table.name in others or table[table.key[0]].family != column.family:
            continue
        if any(
            column_scores(table.name).get(name) or column_scores(table.name.rstrip("s")).get(name) for name in names
        ):
            return table
    return None


def _bare(name: str) -> str:
    return " ".join(word for word in words_of(name) if word not in _KEY_WORDS) or name


def _property(host: Table, column: Column, target: Table, wanted: Collection[str]) -> str | None:
    said = {**column_scores(target.name), **column_scores(_bare(column.name), host.name)}
    names = sorted((name for name in _LOOKED_UP if name in wanted and said.get(name)), key=lambda name: -said[name])
    return names[0] if names else None


def _shown(target: Table, property: str) -> str | None:
    """The column of a table that says in words, or in a code, which row is meant."""
    seen = looks_of(target)
    texts = [c for c in target.columns if c.family == "text" and c.name not in target.key]
    if property == "Country":
        known = [c for c in texts if seen[c.name]["country"] >= _SURE]
        codes = [c for c in known if all(len(str(v)) == _SHORT for v in target.values(c.name) if v)]
        return next((c.name for c in (*codes, *known)), None)
    ranked = sorted(texts, key=lambda c: -_named(target, c, property, seen[c.name]))
    return ranked[0].name if ranked and _named(target, ranked[0], property, seen[ranked[0].name]) else None


def _named(target: Table, column: Column, property: str, seen: Looks) -> float:
    scores = column_scores(column.name, target.name)
    return max(scores.get(property, 0.0), scores.get("Name", 0.0)) if seen["digits"] < _SURE else 0.0
