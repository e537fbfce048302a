"""What was written to a side and is still to be shown by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0005"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_links", sa.Column("awaited", sa.Text()))
