"""Over which record a create was written that was to make a new one, and what that record held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0022"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_intents", sa.Column("over", sa.String(length=255)))
    op.add_column("keapbridge_intents", sa.Column("over_at", sa.String(length=40)))
    op.add_column("keapbridge_intents", sa.Column("before", sa.Text()))
