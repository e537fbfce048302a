"""The inbox of webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0002"


def upgrade(op: Operations) -> None:
    op.create_table(
        "keapbridge_inbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("mark", sa.String(length=255), nullable=False),
        sa.Column("received_at", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ux_keapbridge_inbox", "keapbridge_inbox", ["bridge", "object", "side", "id", "event", "mark"], unique=True
    )
    op.create_index("ix_keapbridge_inbox_due", "keapbridge_inbox", ["bridge", "state", "due_at"], unique=False)
    op.create_index("ix_keapbridge_inbox_received", "keapbridge_inbox", ["bridge", "received_at"], unique=False)
    op.create_table(
        "keapbridge_messages",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("bridge", "id"),
    )
