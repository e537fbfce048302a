"""Whether a run came to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0015"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_runs", sa.Column("complete", sa.Integer))
