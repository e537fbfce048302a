"""The migrations, oldest first. Each has a `revision` and `upgrade(op)`, where `op` are Alembic's operations.

They are named here, one by one: so a frozen application has them, and one that runs from a zip.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from keapbridge.store.migrations.versions import (
    v0001_link_store,
    v0002_inbox,
    v0003_tokens_and_paces,
    v0004_marks,
    v0005_awaited,
    v0006_lives,
    v0007_absent,
    v0008_overwrites,
    v0009_newest,
    v0010_slots,
    v0011_raw,
    v0012_decided_by,
    v0013_decided,
    v0014_belongs,
    v0015_complete,
    v0016_aside,
    v0017_tenants,
    v0018_told_apart,
    v0019_works,
    v0020_keys_in_a_row,
    v0021_open_deliveries,
    v0022_written_over,
    v0023_replicas,
    v0024_sources,
    v0025_keys_of_links,
    v0026_indexes_of_actions,
    v0027_who_is_gone,
    v0028_seen_by_page,
    v0029_no_indexes_of_marks,
)

__all__ = ["SCRIPTS"]

SCRIPTS: Sequence[ModuleType] = (
    v0001_link_store,
    v0002_inbox,
    v0003_tokens_and_paces,
    v0004_marks,
    v0005_awaited,
    v0006_lives,
    v0007_absent,
    v0008_overwrites,
    v0009_newest,
    v0010_slots,
    v0011_raw,
    v0012_decided_by,
    v0013_decided,
    v0014_belongs,
    v0015_complete,
    v0016_aside,
    v0017_tenants,
    v0018_told_apart,
    v0019_works,
    v0020_keys_in_a_row,
    v0021_open_deliveries,
    v0022_written_over,
    v0023_replicas,
    v0024_sources,
    v0025_keys_of_links,
    v0026_indexes_of_actions,
    v0027_who_is_gone,
    v0028_seen_by_page,
    v0029_no_indexes_of_marks,
)
