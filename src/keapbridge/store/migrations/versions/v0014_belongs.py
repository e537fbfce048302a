"""Which Keap application and which Customcrm a bridge links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("keapbridge_leases", sa.Column("keap", sa.String(255)))
    op.add_column("keapbridge_leases", sa.Column("customcrm", sa.String(400)))
