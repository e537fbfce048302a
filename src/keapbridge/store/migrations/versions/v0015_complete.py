"""Whether a run came to its end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("keapbridge_runs", sa.Column("complete", sa.Integer))
