"""A PostgreSQL that publishes all tables refuses to change rows of one without a key: match keys are told whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0023"


def upgrade(op: Operations) -> None:
    if op.get_context().dialect.name == "postgresql":
        keys = sa.Table("keapbridge_match_keys", sa.MetaData())
        full = sa.DDL("ALTER TABLE %(fullname)s REPLICA IDENTITY FULL")  # type: ignore[no-untyped-call]
        op.execute(full.against(keys))
