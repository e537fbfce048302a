"""What was known of fields when they left the mapping, should they come back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("keapbridge_links", sa.Column("aside", sa.Text))
