"""The records that a list of changes must show again: they were the newest ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0009"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_cursors", sa.Column("newest", sa.Text))
    op.add_column("keapbridge_plans", sa.Column("newest", sa.Text))
