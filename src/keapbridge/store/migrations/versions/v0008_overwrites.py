"""What was lost in the writes of a day: a field may be emptied or levelled record by record, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0008"


def upgrade(op: Operations) -> None:
    op.create_table(
        "keapbridge_overwrites",
        sa.Column("bridge", sa.String(100), primary_key=True),
        sa.Column("object", sa.String(30), primary_key=True),
        sa.Column("side", sa.String(10), primary_key=True),
        sa.Column("field", sa.String(255), primary_key=True),
        sa.Column("after", sa.String(60), primary_key=True),
        sa.Column("record_id", sa.String(255), primary_key=True),
        sa.Column("before", sa.String(60), nullable=False),
        sa.Column("written_at", sa.String(40), nullable=False),
    )
    op.create_index("ix_keapbridge_overwrites_written", "keapbridge_overwrites", ["bridge", "written_at"])
