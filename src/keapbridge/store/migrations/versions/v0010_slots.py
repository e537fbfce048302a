"""Several match keys of one rank, and how they are spelt.

The next run makes all match keys anew: they are made in another way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0010"


def upgrade(op: Operations) -> None:
    op.drop_index("ix_keapbridge_match_keys", "keapbridge_match_keys", if_exists=True)
    op.drop_table("keapbridge_match_keys")
    op.create_table(
        "keapbridge_match_keys",
        sa.Column("bridge", sa.String(100), primary_key=True),
        sa.Column("object", sa.String(30), primary_key=True),
        sa.Column("side", sa.String(10), primary_key=True),
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("rank", sa.Integer, primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("spelt", sa.Text),
        sa.Column("apart", sa.Text, nullable=False),
        sa.Column("stronger", sa.Text, nullable=False),
        sa.Column("linked", sa.Boolean, nullable=False),
    )
    op.create_index("ix_keapbridge_match_keys", "keapbridge_match_keys", ["bridge", "object", "rank", "linked", "key"])
    op.add_column("keapbridge_observed", sa.Column("aliases", sa.Text))
