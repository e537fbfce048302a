"""When records were made and changed, as they show it: what tells a restored record, and another one of the same id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0006"

LIVES = ("customcrm_born", "keap_born", "customcrm_changed", "keap_changed")


def upgrade(op: Operations) -> None:
    for name in LIVES:
        op.add_column("keapbridge_links", sa.Column(name, sa.String(40)))
    for name in ("born", "changed"):
        op.add_column("keapbridge_observed", sa.Column(name, sa.String(40)))
    op.add_column("keapbridge_observed", sa.Column("went_back", sa.Boolean()))
