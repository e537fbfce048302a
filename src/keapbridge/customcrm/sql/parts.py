"""The tables that records are made of, as a tree: that of the records, what belongs to them, what they refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa

from keapbridge.customcrm.adapter import ENDPOINTS
from keapbridge.customcrm.sql.documents import Path, split
from keapbridge.customcrm.sql.reflected import Reflected, reflect, time_column
from keapbridge.customcrm.sql.table import SqlJoin, SqlLookup, SqlTable
from keapbridge.errors import MappingError
from keapbridge.model.meant import is_meant

__all__ = ["OWN", "Part", "Tables", "condition", "tables_of"]

OWN = frozenset({"Id", "CreatedAt", "UpdatedAt", "ETag"})


@attrs.frozen(eq=False)
class Part:
    """A table with properties of the records.

    Attributes:
        above: the part that it hangs on; `None` for the table of the records.
        local: the column by which it is found there.
        remote: its own column that holds the same.
        paths: the properties that are but a place in their column, which holds JSON, with the keys that lead there.
    """

    name: str
    seen: Reflected
    columns: Mapping[str, sa.Column[Any]]
    given: SqlTable | SqlJoin | SqlLookup
    above: Part | None = None
    local: sa.Column[Any] | None = None
    remote: sa.Column[Any] | None = None
    modified: sa.Column[Any] | None = None
    paths: Mapping[str, Path] = attrs.field(factory=dict)

    def path(self, property: str) -> Path:
        """The place of a property in its column; nothing for all of it."""
        return self.paths.get(property, ())

    @property
    def table(self) -> sa.Table:
        return self.seen.table

    @property
    def is_lookup(self) -> bool:
        return isinstance(self.given, SqlLookup)

    @property
    def goes_before(self) -> bool:
        """Whether a new row of it is made before the one that it hangs on."""
        return isinstance(self.given, SqlJoin) and self.given.insert == "before"

    @property
    def always(self) -> bool:
        return isinstance(self.given, SqlJoin) and self.given.always

    @property
    def link(self) -> tuple[sa.Column[Any], sa.Column[Any]]:
        """Its column and that of the part above which hold the same."""
        assert self.local is not None  # as it is of all but the table of the records
        assert self.remote is not None
        return self.remote, self.local

    @property
    def where(self) -> tuple[sa.ColumnElement[bool], ...]:
        return tuple(condition(self.table.c[name], value) for name, value in self.given.where.items())

    @property
    def fixed(self) -> dict[str, Any]:
        """What its condition gives to a new row."""
        return {name: value for name, value in self.given.where.items() if not _is_several(value)}

    @property
    def on_write(self) -> Mapping[str, Any]:
        """What goes with every write of a row."""
        return {} if isinstance(self.given, SqlLookup) else self.given.on_write

    def chain(self) -> list[Part]:
        """The parts from that below the table of the records down to this one."""
        return [] if self.above is None else [*self.above.chain(), self]


@attrs.frozen(eq=False)
class Tables:
    """All tables of one kind of record.

    Attributes:
        parts: the table of the records, then the others, each after the one that it hangs on.
        modified, deleted: the column, and the part that it is in.
    """

    parts: tuple[Part, ...]
    modified: tuple[Part, sa.Column[Any]] | None
    deleted: tuple[Part, sa.Column[Any]] | None
    created: sa.Column[Any] | None
    key: sa.Column[Any] | None

    @property
    def main(self) -> Part:
        return self.parts[0]

    def below(self, part: Part) -> Iterator[Part]:
        """The parts that hang on one."""
        return (other for other in self.parts if other.above is part)

    @property
    def lists_changes(self) -> bool:
        """Whether every change of a record moves a time of change."""
        if self.modified is None:
            return False
        own = (p for p in self.parts[1:] if isinstance(p.given, SqlJoin) and p is not self.modified[0])
        return all(p.modified is not None or p.given.moves_modified for p in own)  # type: ignore[union-attr]


def _is_several(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def condition(column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
    """That a column holds a value, or one of several."""
    if not _is_several(value):
        same: sa.ColumnElement[bool] = column == value
        return same
    some = [each for each in value if each is not None]
    among: sa.ColumnElement[bool] = column.in_(some)
    if len(some) == len(value):
        return among
    found: sa.ColumnElement[bool] = sa.or_(among, column.is_(None))
    return found


def tables_of(engine: sa.Engine, look: sa.Inspector, object: str, given: SqlTable) -> Tables:
    """The tables of a declaration, as they are in the database.

    Raises:
        MappingError: for tables and columns that there are not, and for parts that hang on nothing.
    """
    seen = reflect(engine, look, given.name, given.schema, given.ids, object)
    for name in given.ids:
        seen.column(name, object)
    others: list[SqlJoin | SqlLookup] = [*given.joins, *given.lookups]
    elsewhere = {name for other in others for name in other.columns} | set(given.constants)
    referring = {other.local for other in given.lookups if other.through is None}
    roles = {given.modified, given.created, given.deleted, given.key}
    special = {*given.ids, *roles, *given.where, *given.on_write, *referring}
    columns, paths = _columns(object, given, seen, special, elsewhere)
    main = Part(given.name, seen, columns, given, paths=paths)
    parts = _hung(engine, look, object, main, others)
    tables = [main, *parts]
    for name in (*given.where, *given.on_create, *given.on_write):
        seen.column(name, object)
    modified = _named(tables, given.modified, object)
    if modified is not None:
        part, column = modified
        time_column(part.seen, column.name, object)
        tables = _evolved(tables, part, attrs.evolve(part, modified=column))
        modified = (next(p for p in tables if p.name == part.name), column)
    deleted = _named(tables, given.deleted, object)
    one = {k: None if k is None else seen.column(k, object) for k in (given.created, given.key)}
    return Tables(tuple(tables), modified, deleted, one[given.created], one[given.key])


def _evolved(tables: Sequence[Part], old: Part, new: Part) -> list[Part]:
    """The tree with another part in the place of one."""
    made: dict[Part | None, Part | None] = {None: None, old: new}
    found: list[Part] = []
    for part in tables:
        other = made.get(part) or part
        if part.above is not None:
            other = attrs.evolve(other, above=made[part.above])
        made[part] = other
        found.append(other)
    return found


def _columns(
    object: str, given: SqlTable, seen: Reflected, special: Collection[Any], elsewhere: Collection[str]
) -> tuple[dict[str, sa.Column[Any]], dict[str, Path]]:
    known = [name for name in ENDPOINTS[object].codec.wire_names.values() if name not in OWN]
    by_name = {_squeezed(c.name): c for c in seen.table.c if c.name not in special}
    found = {name: by_name[_squeezed(name)] for name in known if _squeezed(name) in by_name}
    paths: dict[str, Path] = {}
    for name, column in given.columns.items():
        if name in OWN:
            raise MappingError(f"{object}: {name} is given by id=, modified= or created=, not by columns=")
        if column is None and name not in known:
            raise MappingError(f"{object}: there is no property {name} to leave out{is_meant(name, known)}")
        found.pop(name, None)
        if column is not None:
            found[name], paths[name] = _place(seen, column, object)
    # A column that another property is declared to be in is not found by its name, too.
    taken = {found[name].name for name, column in given.columns.items() if column is not None}
    kept = {
        name: column
        for name, column in found.items()
        if name not in elsewhere and (name in given.columns or column.name not in taken)
    }
    return kept, {name: path for name, path in paths.items() if path and name in kept}


def _place(seen: Reflected, name: str, object: str) -> tuple[sa.Column[Any], Path]:
    """The column that a name stands for, and where in it, if it holds JSON: `name->en_US`."""
    column, path = (name, ()) if name in seen.table.c else split(name)
    if path and not all(path):
        raise MappingError(f"{object}: {name}: a key is missing between the arrows, such as 'name->en_US'")
    if any(mark in key for key in path for mark in '"\\'):
        raise MappingError(f"{object}: {name}: no place with a quotation mark or a backslash in its key can be named")
    return seen.column(column, object), path


def _squeezed(name: str) -> str:
    return name.replace("_", "").casefold()


def _hung(
    engine: sa.Engine, look: sa.Inspector, object: str, main: Part, others: Sequence[SqlJoin | SqlLookup]
) -> list[Part]:
    """The other tables, each after the one that it hangs on."""
    by_name: dict[str, Part] = {}
    waiting = list(others)
    names = [other.name or other.table for other in others]
    twice = sorted({name for name in names if names.count(name) > 1 or name == main.name})
    if twice:
        raise MappingError(f"{object}: two tables are called {twice[0]}: give one of them another name=")
    while waiting:
        ready = [other for other in waiting if other.through is None or other.through in by_name]
        if not ready:
            [other, *_] = waiting
            meant = is_meant(other.through, names)
            raise MappingError(f"{object}: {other.table} hangs on {other.through!r}, and there is no such join{meant}")
        for other in ready:
            above = main if other.through is None else by_name[other.through]
            by_name[other.name or other.table] = _part(engine, look, object, above, other)
            waiting.remove(other)
    return list(by_name.values())


def _part(engine: sa.Engine, look: sa.Inspector, object: str, above: Part, given: SqlJoin | SqlLookup) -> Part:
    seen = reflect(engine, look, given.table, given.schema, (), object)
    places = {name: _place(seen, column, object) for name, column in given.columns.items()}
    columns = {name: column for name, (column, _) in places.items()}
    paths = {name: path for name, (_, path) in places.items() if path}
    if paths and isinstance(given, SqlLookup):
        raise MappingError(f"{object}: the lookup {given.table} finds rows by whole columns, not by places in JSON")
    for name in (*given.where, *given.on_create, *(given.on_write if isinstance(given, SqlJoin) else ())):
        seen.column(name, object)
    if above.is_lookup and isinstance(given, SqlJoin):
        raise MappingError(f"{object}: {given.table} hangs on {above.name}, whose rows belong to nobody: a lookup only")
    if isinstance(given, SqlLookup) and not columns:
        raise MappingError(f"{object}: the lookup {given.table} has no columns to find its rows by")
    own = given.modified if isinstance(given, SqlJoin) else None
    modified = None if own is None else time_column(seen, own, object)
    local = given.local or _own_id(object, above, f"{given.table} does not say by which column")
    remote = given.remote or _own_id(object, seen, f"{given.table} needs remote=")
    name = given.name or given.table
    here, there = above.seen.column(local, object), seen.column(remote, object)
    return Part(name, seen, columns, given, above, here, there, modified, paths)


def _own_id(object: str, of: Part | Reflected, why: str) -> str:
    """The one column by which the rows of a table are called."""
    seen = of.seen if isinstance(of, Part) else of
    names = of.given.ids if isinstance(of, Part) and isinstance(of.given, SqlTable) else seen.key
    if len(names) != 1:
        raise MappingError(f"{object}: {why}: the key of {seen.table.name} is no single column")
    return names[0]


def _named(tables: Sequence[Part], name: str | None, object: str) -> tuple[Part, sa.Column[Any]] | None:
    """A column of the table of the records, or of another one as `name.column`."""
    if name is None:
        return None
    [main, *others] = tables
    if name not in main.table.c and "." in name:
        part_name, _, column = name.rpartition(".")
        for part in others:
            if part.name == part_name and not part.is_lookup:
                return part, part.seen.column(column, object)
        raise MappingError(
            f"{object}: {name}: there is no join {part_name}{is_meant(part_name, [p.name for p in others])}"
        )
    return main, main.seen.column(name, object)
