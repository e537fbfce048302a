"""The tenants of a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0017"


def upgrade(op: Operations) -> None:
    op.create_table(
        "keapbridge_tenants",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("every", sa.Float(), nullable=False),
        sa.Column("full_every", sa.Float()),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("token", sa.String(length=128), nullable=False),
        sa.Column("added_at", sa.String(length=40), nullable=False),
        sa.Column("sync_at", sa.String(length=40)),
        sa.Column("sync_job", sa.BigInteger()),
        sa.Column("hooks_at", sa.String(length=40)),
        sa.Column("hooks_job", sa.BigInteger()),
        sa.Column("watch_at", sa.String(length=40)),
        sa.Column("watch_job", sa.BigInteger()),
        sa.Column("full_at", sa.String(length=40)),
        sa.Column("began_at", sa.String(length=40)),
        sa.Column("ended_at", sa.String(length=40)),
        sa.Column("complete_at", sa.String(length=40)),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("in_row", sa.Integer(), nullable=False),
        sa.Column("quota_left", sa.BigInteger()),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bridge"),
    )
    op.create_index("ux_keapbridge_tenants_token", "keapbridge_tenants", ["token"], unique=True)
    for lane in ("sync", "hooks", "watch"):
        op.create_index(f"ix_keapbridge_tenants_{lane}", "keapbridge_tenants", [f"{lane}_at"], unique=False)
