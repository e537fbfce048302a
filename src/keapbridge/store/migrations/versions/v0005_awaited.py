"""What was written to a side and is still to be shown by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("keapbridge_links", sa.Column("awaited", sa.Text()))
