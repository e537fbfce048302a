"""When records were made and changed, as they show it: what tells a restored record, and another one of the same id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

LIVES = ("customcrm_born", "keap_born", "customcrm_changed", "keap_changed")


def upgrade() -> None:
    for name in LIVES:
        op.add_column("keapbridge_links", sa.Column(name, sa.String(40)))
    for name in ("born", "changed"):
        op.add_column("keapbridge_observed", sa.Column(name, sa.String(40)))
    op.add_column("keapbridge_observed", sa.Column("went_back", sa.Boolean()))


def downgrade() -> None:
    for name in ("went_back", "changed", "born"):
        op.drop_column("keapbridge_observed", name)
    for name in LIVES:
        op.drop_column("keapbridge_links", name)
