"""What was delivered and is still to be done is found without looking at what is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0021"


def upgrade(op: Operations) -> None:
    waits = sa.text("state = 'open'")
    op.create_index(
        "ix_keapbridge_inbox_open",
        "keapbridge_inbox",
        ["bridge", "due_at"],
        sqlite_where=waits,
        postgresql_where=waits,
    )
