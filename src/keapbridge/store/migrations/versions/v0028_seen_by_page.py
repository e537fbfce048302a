"""What a complete scan has seen is kept by the page: see `schema.seen`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0028"

BEFORE, TABLE = "keapbridge_seen", "keapbridge_seen_pages"
PLACE = ("bridge", "object", "side")


def upgrade(op: Operations) -> None:
    """A list that goes on in the next run finds what it has seen before."""
    op.create_table(
        TABLE,
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("bridge", sa.String(100), nullable=False),
        sa.Column("object", sa.String(30), nullable=False),
        sa.Column("side", sa.String(10), nullable=False),
        sa.Column("ids", sa.Text, nullable=False),
    )
    before = sa.table(BEFORE, *map(sa.column, (*PLACE, "id")))
    new = sa.table(TABLE, *map(sa.column, (*PLACE, "ids")))
    listed = sa.func.json_array if op.get_context().dialect.name == "sqlite" else sa.func.json_build_array
    rows = sa.select(*(before.c[name] for name in PLACE), sa.cast(listed(before.c.id), sa.Text))
    op.execute(new.insert().from_select([*PLACE, "ids"], rows))
    op.drop_table(BEFORE)
    op.create_index(f"ix_{TABLE}", TABLE, list(PLACE))
