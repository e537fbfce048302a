"""Alembic's entry point: runs the migrations on the connection that `upgrade` gave it."""

from alembic import context

from keapbridge.store.migrations import VERSION_TABLE
from keapbridge.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
