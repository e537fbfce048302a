"""Who a person has told apart, and by which outcome the lines of a report are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0018"


def upgrade(op: Operations) -> None:
    op.create_table(
        "keapbridge_told_apart",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("other_side", sa.String(length=10), nullable=False),
        sa.Column("other_id", sa.String(length=255), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("told_at", sa.String(length=40), nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.PrimaryKeyConstraint("bridge", "object", "side", "id", "other_side", "other_id"),
    )
    op.add_column("keapbridge_lines", sa.Column("outcome", sa.String(length=20)))
    there = sa.text("outcome IS NOT NULL")
    op.create_index(
        "ix_keapbridge_lines_outcome",
        "keapbridge_lines",
        ["run_id", "outcome", "seq"],
        sqlite_where=there,
        postgresql_where=there,
    )
