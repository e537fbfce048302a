"""Which Keap application and which Customcrm a bridge links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0014"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_leases", sa.Column("keap", sa.String(255)))
    op.add_column("keapbridge_leases", sa.Column("customcrm", sa.String(400)))
