"""Links have no indexes of marks: to read the link costs next to nothing beside writing them at first contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0029"

TABLE = "keapbridge_links"


def upgrade(op: Operations) -> None:
    for side in ("customcrm", "keap"):
        op.drop_index(f"ix_{TABLE}_{side}_mark", TABLE, if_exists=True)
