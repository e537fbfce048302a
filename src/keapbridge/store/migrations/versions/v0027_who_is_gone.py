"""Who a record was that lost its partner, so that a new one that gets its id is not taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0027"

TABLE = "keapbridge_tombstones"


def upgrade(op: Operations) -> None:
    op.add_column(TABLE, sa.Column("born", sa.Text()))
    op.add_column(TABLE, sa.Column("known", sa.Text()))
