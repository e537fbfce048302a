"""Which of the empty fields of an observation were not shown at all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("keapbridge_observed", sa.Column("absent", sa.Text))


def downgrade() -> None:
    op.drop_column("keapbridge_observed", "absent")
