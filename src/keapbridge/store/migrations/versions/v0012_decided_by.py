"""Who decided what a run has done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0012"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_runs", sa.Column("decided_by", sa.Text))
