"""What was written, in the notation of the system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0011"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_journal", sa.Column("raw", sa.Text))
