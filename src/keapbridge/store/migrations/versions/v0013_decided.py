"""What was decided for both sides of a pair, until both are known to hold it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("keapbridge_links", sa.Column("decided", sa.Text))
