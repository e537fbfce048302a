"""What was decided for both sides of a pair, until both are known to hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0013"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_links", sa.Column("decided", sa.Text))
