"""The records that a list of changes must show again: they were the newest ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("keapbridge_cursors", sa.Column("newest", sa.Text))
    op.add_column("keapbridge_plans", sa.Column("newest", sa.Text))


def downgrade() -> None:
    op.drop_column("keapbridge_plans", "newest")
    op.drop_column("keapbridge_cursors", "newest")
