"""A declaration as Python and as TOML, to be pasted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
import sqlalchemy as sa

from keapbridge._python import Python, literal
from keapbridge._toml.writing import dumps
from keapbridge.customcrm.sql import SqlTable
from keapbridge.customcrm.sql.toml import table_table
from keapbridge.inspecting.made import is_printable
from keapbridge.inspecting.mappings import Mapped
from keapbridge.mapping.toml_written import mapper_table
from keapbridge.model.names import CUSTOMCRM_OBJECTS

__all__ = ["VARIABLE", "as_python", "as_toml", "target"]

VARIABLE = "CRM_DATABASE"
"""The environment variable that has the URL, where that has a password."""


def target(url: sa.URL) -> str | None:
    """A URL as it can be printed; `None` where it has a password."""
    return None if url.password is not None else url.render_as_string()


_SYNCHRONIZATIONS = {object: name for name, object in CUSTOMCRM_OBJECTS.items()}


def as_python(
    url: str | None, tables: Mapping[str, SqlTable], mappings: Mapping[str, Mapped] = MappingProxyType({})
) -> str:
    """The program that opens the database with these tables, and the mappings that a session takes with it.

    Args:
        url: `None` for one that is in the environment.
        mappings: of each table, where it is not the default one.
    """
    given = f'os.environ["{VARIABLE}"]' if url is None else literal(url)
    calls = [f"    {name}={_PYTHON.of(table, 1)}," for name, table in tables.items()]
    imports = "import os\n\nimport keapbridge as kb" if url is None else "import keapbridge as kb"
    lines = [imports, "", "crm = kb.SqlCustomcrm(", f"    {given},", *calls, ")", ""]
    own = {_SYNCHRONIZATIONS[each.object]: each.source for each in mappings.values() if not each.is_default}
    if own:
        options = ", ".join(f"{name}={name}" for name in own)
        lines += [f"{name} = kb.mapping.{name}{text}" for name, text in own.items()]
        lines += [f"# kb.SyncSession(customcrm=crm, {options}, keap=…, store=…)", ""]
    return "\n".join(lines)


_PYTHON = Python(lambda cls: f"kb.{cls.__name__}", lambda value: value.source if is_printable(value) else None)


def as_toml(
    url: str | None, tables: Mapping[str, SqlTable], mappings: Mapping[str, Mapped] = MappingProxyType({})
) -> str:
    """The same as `[customcrm]` of a configuration file. A function is to be named there, and stands as a comment."""
    database: Any = {"env": VARIABLE} if url is None else url
    held: dict[str, Any] = {"database": database}
    notes: list[str] = []
    for name, table in tables.items():
        plain, left = _without_functions(name, table)
        notes += left
        held[name] = table_table(plain)
    data: dict[str, Any] = {"customcrm": held}
    own = {
        _SYNCHRONIZATIONS[each.object]: mapper_table(each.mapper) for each in mappings.values() if not each.is_default
    }
    if own:
        data["mapping"] = {name: {k: v for k, v in table.items() if k != "name"} for name, table in own.items()}
    return dumps(data) + "".join(f"{note}\n" for note in notes)


def _without_functions(name: str, table: SqlTable) -> tuple[SqlTable, list[str]]:
    """A table without what TOML has no words for, and notes of that."""
    notes: list[str] = []

    def values(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
        for key, value in given.items():
            if is_printable(value):
                notes.append(f'# {where}.{key}: a function, as {{function = "module:name"}}: {value.source}')
        return {key: value for key, value in given.items() if not is_printable(value)}

    def parts(where: str, given: Any) -> dict[str, Any]:
        return {each: values(f"{where}.{each}", getattr(given, each)) for each in ("on_create", "on_write")}

    made = table.new_id
    if is_printable(made):
        source = getattr(made, "source", "")
        notes.append(f'# {name}.new_id: a function that makes an id of a key, as "module:name": {source}')
    joins = [attrs.evolve(join, **parts(f"{name}.joins.{join.table}", join)) for join in table.joins]
    new_id = None if is_printable(made) else made
    return attrs.evolve(table, new_id=new_id, joins=joins, **parts(name, table)), notes
