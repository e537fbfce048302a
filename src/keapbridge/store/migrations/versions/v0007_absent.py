"""Which of the empty fields of an observation were not shown at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0007"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_observed", sa.Column("absent", sa.Text))
