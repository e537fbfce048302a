"""Whose values a journal entry holds beside those of its own record: who is forgotten is found there, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0024"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_journal", sa.Column("sources", sa.Text()))
