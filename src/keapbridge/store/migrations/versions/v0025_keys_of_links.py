"""Match keys are kept of links alone, and those of both records of a pair once: see `schema.match_keys`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0025"

TABLE = "keapbridge_match_keys"
SAME = ("bridge", "object", "side", "rank", "slot", "key", "spelt", "apart", "stronger")
links = sa.table("keapbridge_links", *map(sa.column, ("bridge", "object", "customcrm_id", "keap_id")))


def upgrade(op: Operations) -> None:
    for index in (f"ix_{TABLE}", f"ix_{TABLE}_record"):
        op.drop_index(index, TABLE, if_exists=True)
    if op.get_context().dialect.name == "sqlite":
        _made_anew(op)
    else:
        _changed(op)
    op.create_index(f"ix_{TABLE}", TABLE, ["bridge", "object", "rank", "key"])
    op.create_index(f"ix_{TABLE}_link", TABLE, ["bridge", "object", "customcrm_id"])


def _its_link(keys: Any, side: str) -> Any:
    same = (links.c.bridge == keys.c.bridge, links.c.object == keys.c.object)
    return sa.and_(*same, keys.c.side == side, links.c[f"{side}_id"] == keys.c.id)


def _made_anew(op: Operations) -> None:
    """SQLite cannot give a column to a table that has rows and none of it that is empty."""
    op.rename_table(TABLE, f"{TABLE}_before")
    op.create_table(
        TABLE,
        sa.Column("bridge", sa.String(100), nullable=False),
        sa.Column("object", sa.String(30), nullable=False),
        sa.Column("customcrm_id", sa.String(255), nullable=False),
        sa.Column("side", sa.String(10), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("spelt", sa.Text),
        sa.Column("apart", sa.Text, nullable=False),
        sa.Column("stronger", sa.Text, nullable=False),
    )
    before = sa.table(f"{TABLE}_before", *map(sa.column, (*SAME, "id")))
    new = sa.table(TABLE, *map(sa.column, (*SAME, "customcrm_id")))
    for side in ("customcrm", "keap"):
        rows = sa.select(*(before.c[name] for name in SAME), links.c.customcrm_id)
        op.execute(
            new.insert().from_select([*SAME, "customcrm_id"], rows.join_from(before, links, _its_link(before, side)))
        )
    op.drop_table(f"{TABLE}_before")


def _changed(op: Operations) -> None:
    op.add_column(TABLE, sa.Column("customcrm_id", sa.String(255)))
    keys = sa.table(TABLE, *map(sa.column, (*SAME, "id", "customcrm_id")))
    for side in ("customcrm", "keap"):
        op.execute(keys.update().values(customcrm_id=links.c.customcrm_id).where(_its_link(keys, side)))
    op.execute(keys.delete().where(keys.c.customcrm_id.is_(None)))
    op.alter_column(TABLE, "customcrm_id", nullable=False)
    for column in ("id", "linked"):
        op.drop_column(TABLE, column)
