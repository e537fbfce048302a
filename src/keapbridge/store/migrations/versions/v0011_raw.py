"""What was written, in the notation of the system."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("keapbridge_journal", sa.Column("raw", sa.Text))
