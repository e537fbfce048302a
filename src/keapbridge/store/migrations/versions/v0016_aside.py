"""What was known of fields when they left the mapping, should they come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0016"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_links", sa.Column("aside", sa.Text))
