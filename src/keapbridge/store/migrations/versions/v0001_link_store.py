"""The link store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0001"


def upgrade(op: Operations) -> None:
    op.create_table(
        "keapbridge_actions",
        sa.Column("plan_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("customcrm_id", sa.String(length=255), nullable=True),
        sa.Column("keap_id", sa.String(length=255), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "seq"),
    )
    op.create_index(
        "ix_keapbridge_actions_customcrm", "keapbridge_actions", ["plan_id", "object", "customcrm_id"], unique=False
    )
    op.create_index("ix_keapbridge_actions_keap", "keapbridge_actions", ["plan_id", "object", "keap_id"], unique=False)
    op.create_index(
        "ix_keapbridge_actions_kind", "keapbridge_actions", ["plan_id", "object", "kind", "seq"], unique=False
    )
    op.create_table(
        "keapbridge_cursors",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("watermark", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("bridge", "object", "side"),
    )
    op.create_table(
        "keapbridge_facts",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bridge", "name"),
    )
    op.create_table(
        "keapbridge_failures",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("bridge", "object", "side", "id"),
    )
    op.create_table(
        "keapbridge_intents",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("source_id", sa.String(length=255), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ux_keapbridge_intents", "keapbridge_intents", ["bridge", "object", "side", "source_id"], unique=True
    )
    op.create_table(
        "keapbridge_journal",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=False),
        sa.Column("partner_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("written_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "ix_keapbridge_journal_record", "keapbridge_journal", ["bridge", "object", "side", "record_id"], unique=False
    )
    op.create_index("ix_keapbridge_journal_run", "keapbridge_journal", ["run_id", "seq"], unique=False)
    op.create_table(
        "keapbridge_leases",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=True),
        sa.Column("expires_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("bridge"),
    )
    op.create_table(
        "keapbridge_lines",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_keapbridge_lines_run", "keapbridge_lines", ["run_id", "seq"], unique=False)
    op.create_table(
        "keapbridge_links",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("customcrm_id", sa.String(length=255), nullable=False),
        sa.Column("keap_id", sa.String(length=255), nullable=False),
        sa.Column("customcrm_base", sa.Text(), nullable=False),
        sa.Column("keap_base", sa.Text(), nullable=False),
        sa.Column("customcrm_digest", sa.String(length=32), nullable=True),
        sa.Column("keap_digest", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("bridge", "object", "customcrm_id"),
    )
    op.create_index("ux_keapbridge_links_keap", "keapbridge_links", ["bridge", "object", "keap_id"], unique=True)
    op.create_table(
        "keapbridge_match_keys",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("apart", sa.Text(), nullable=False),
        sa.Column("stronger", sa.Text(), nullable=False),
        sa.Column("linked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("bridge", "object", "side", "id", "rank"),
    )
    op.create_index(
        "ix_keapbridge_match_keys", "keapbridge_match_keys", ["bridge", "object", "rank", "key"], unique=False
    )
    op.create_table(
        "keapbridge_missing",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("proven", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("bridge", "object", "side", "id"),
    )
    op.create_table(
        "keapbridge_observed",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("linked", sa.Boolean(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("unreadable", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.String(length=40), nullable=True),
        sa.Column("version", sa.String(length=255), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("seen_in", sa.String(length=40), nullable=True),
        sa.Column("decision", sa.String(length=60), nullable=True),
        sa.PrimaryKeyConstraint("bridge", "object", "side", "id"),
    )
    op.create_index(
        "ix_keapbridge_observed_linked",
        "keapbridge_observed",
        ["bridge", "object", "linked", "side", "id"],
        unique=False,
    )
    op.create_table(
        "keapbridge_plans",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.String(length=40), nullable=False),
        sa.Column("objects", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("unchanged", sa.Text(), nullable=False),
        sa.Column("watermarks", sa.Text(), nullable=False),
        sa.Column("totals", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("applied_at", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "keapbridge_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("plan_id", sa.String(length=40), nullable=False),
        sa.Column("started_at", sa.String(length=40), nullable=False),
        sa.Column("ended_at", sa.String(length=40), nullable=True),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "keapbridge_seen",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("bridge", "object", "side", "id"),
    )
    op.create_table(
        "keapbridge_tombstones",
        sa.Column("bridge", sa.String(length=100), nullable=False),
        sa.Column("object", sa.String(length=30), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("apart", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("bridge", "object", "side", "id"),
    )
