"""The text that records were read from; what is linked and what is not are found without each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0004"


def upgrade(op: Operations) -> None:
    op.add_column("keapbridge_links", sa.Column("customcrm_mark", sa.String(80)))
    op.add_column("keapbridge_links", sa.Column("keap_mark", sa.String(80)))
    for side in ("customcrm", "keap"):
        columns = ["bridge", "object", f"{side}_id", f"{side}_digest", f"{side}_mark"]
        op.create_index(f"ix_keapbridge_links_{side}_mark", "keapbridge_links", columns)
    op.add_column("keapbridge_observed", sa.Column("mark", sa.String(80)))
    op.drop_column("keapbridge_observed", "decision")  # told by the actions of the plan
    op.drop_index("ix_keapbridge_observed_linked", "keapbridge_observed")
    op.create_index(
        "ix_keapbridge_observed_linked",
        "keapbridge_observed",
        ["bridge", "object", "side", "id"],
        sqlite_where=sa.text("linked IS 1"),
        postgresql_where=sa.text("linked IS true"),
    )
    op.drop_index("ix_keapbridge_match_keys", "keapbridge_match_keys")
    op.create_index(
        "ix_keapbridge_match_keys", "keapbridge_match_keys", ["bridge", "object", "rank", "linked", "key"], unique=False
    )
