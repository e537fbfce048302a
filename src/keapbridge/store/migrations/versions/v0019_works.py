"""What people have asked for on the console's pages, and what ended a run before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0019"


def upgrade(op: Operations) -> None:
    op.create_table(
        "keapbridge_works",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("about", sa.String(length=64), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("began_at", sa.String(length=40), nullable=False),
        sa.Column("ended_at", sa.String(length=40)),
        sa.Column("page", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("bridge", "about"),
    )
    op.add_column("keapbridge_runs", sa.Column("why", sa.Text()))
