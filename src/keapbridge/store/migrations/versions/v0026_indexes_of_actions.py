"""No two indexes of a plan's actions begin with the same columns: see `schema.actions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0026"

TABLE = "keapbridge_actions"
INDEXES = {
    "kind": ["plan_id", "kind", "object", "seq"],
    "customcrm": ["customcrm_id", "plan_id", "object"],
    "keap": ["keap_id", "plan_id", "object"],
}


def upgrade(op: Operations) -> None:
    for what, columns in INDEXES.items():
        op.drop_index(f"ix_{TABLE}_{what}", TABLE, if_exists=True)
        op.create_index(f"ix_{TABLE}_{what}", TABLE, columns)
