"""Match keys lie in the order in which they come; an index finds those of a record, and may be left out like the other.

SQLite cannot drop a primary key: the table is written anew there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0020"

TABLE = "keapbridge_match_keys"
COLUMNS = ("bridge", "object", "side", "id", "rank", "slot", "key", "spelt", "apart", "stronger", "linked")


def upgrade(op: Operations) -> None:
    if op.get_context().dialect.name == "sqlite":
        op.drop_index(f"ix_{TABLE}", TABLE, if_exists=True)
        op.rename_table(TABLE, f"{TABLE}_before")
        op.create_table(
            TABLE,
            sa.Column("bridge", sa.String(100), nullable=False),
            sa.Column("object", sa.String(30), nullable=False),
            sa.Column("side", sa.String(10), nullable=False),
            sa.Column("id", sa.String(255), nullable=False),
            sa.Column("rank", sa.Integer, nullable=False),
            sa.Column("slot", sa.Integer, nullable=False),
            sa.Column("key", sa.Text, nullable=False),
            sa.Column("spelt", sa.Text),
            sa.Column("apart", sa.Text, nullable=False),
            sa.Column("stronger", sa.Text, nullable=False),
            sa.Column("linked", sa.Boolean, nullable=False),
        )
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        op.execute(f"INSERT INTO {TABLE} ({names}) SELECT {names} FROM {TABLE}_before")  # noqa: S608 - names of ours
        op.drop_table(f"{TABLE}_before")
        op.create_index(f"ix_{TABLE}", TABLE, ["bridge", "object", "rank", "linked", "key"])
    else:
        op.drop_constraint(f"{TABLE}_pkey", TABLE, type_="primary")
    op.create_index(f"ix_{TABLE}_record", TABLE, ["bridge", "object", "side", "id"])
