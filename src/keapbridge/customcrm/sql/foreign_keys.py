"""Foreign keys of a SQLite file: it holds nobody to them unless each connection asks for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import StaticPool

from keapbridge.model.finding import Finding

__all__ = ["hold_to_foreign_keys"]


def hold_to_foreign_keys(engine: sa.Engine, tables: Collection[str]) -> list[Finding]:
    """Hold our own connections to the foreign keys of some tables and to those that refer to them.

    Where rows are there that break them, nobody can have been held to them, and updates that work would fail: they are
    left off then, which is a finding.
    """
    if engine.dialect.name != "sqlite":
        return []
    look = sa.inspect(engine)
    concerned = {name.casefold() for name in tables}
    broken: set[str] = set()
    with engine.connect() as connection:
        for name in look.get_table_names():
            keys = look.get_foreign_keys(name)
            referred = {str(key["referred_table"]).casefold() for key in keys}
            if not keys or (name.casefold() not in concerned and not referred & concerned):
                continue
            quoted = engine.dialect.identifier_preparer.quote(name)
            if connection.exec_driver_sql(f"PRAGMA foreign_key_check({quoted})").first() is not None:
                broken.add(name)
    if broken:
        what = f"rows of {', '.join(sorted(broken))} break foreign keys, to which nobody is held therefore"
        return [Finding("warning", "customcrm", what, "mend them (PRAGMA foreign_key_check), or drop the keys")]
    event.listen(engine, "connect", _switch_on)
    if isinstance(engine.pool, StaticPool):
        connection_of_all = engine.raw_connection()
        _switch_on(connection_of_all, None)
        connection_of_all.close()
    else:
        engine.dispose()  # those that are open are not held to anything
    return []


def _switch_on(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
