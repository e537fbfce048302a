"""Brings a database to the schema of this version, with Alembic's operations. Nothing but these tables is looked at.

Alembic's own environment is not used: it is one for the whole process, so that two threads would wait for each other
for ever, and it reads the scripts from a folder, which a zip or a frozen application does not have.
"""

from __future__ import annotations

from collections.abc import Sequence

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from keapbridge.store import schema
from keapbridge.store.migrations.versions import SCRIPTS

__all__ = ["known_versions", "upgrade"]


def upgrade(connection: Connection, known: str | None, *, to: str | None = None) -> None:
    """Apply the migrations that are missing, in the transaction of this connection.

    Args:
        known: the version that the database has now; `None` for one that has no store.
        to: the last one that is applied; by default all are.
    """
    versions = known_versions()
    last = versions[-1] if to is None else to
    operations = Operations(MigrationContext.configure(connection))
    for script in SCRIPTS[0 if known is None else versions.index(known) + 1 : versions.index(last) + 1]:
        script.upgrade(operations)
    if known is None:
        schema.versions.create(connection)
        connection.execute(schema.versions.insert().values(version_num=last))
    else:
        connection.execute(schema.versions.update().values(version_num=last))


def known_versions() -> Sequence[str]:
    """The versions of the schema that there have been, oldest first."""
    return [script.revision for script in SCRIPTS]
