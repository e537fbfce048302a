"""Who decided what a run has done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("keapbridge_runs", sa.Column("decided_by", sa.Text))
