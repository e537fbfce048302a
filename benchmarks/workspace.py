"""Stores of linked records, made once and used by several rows: what takes long is done once a run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmarks.processes import SEED, measure, page_servers

__all__ = ["Workspace"]

Found = dict[str, Any]


class Workspace:
    """A folder with stores, and what making them has shown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._firsts: dict[int, Found] = {}
        self._again: dict[int, Found] = {}

    def first_sync(self, records: int) -> Found:
        """Match and link so many records a side: what it took. Its store stays."""
        if records not in self._firsts:
            with page_servers(records) as pages:
                found = measure("first-sync", **pages.urls(), store=str(self._path(records)))
            if found["linked"] != records or found["counts"] != {"linked": records, "unchanged": 0}:
                raise AssertionError(f"of {records} equal pairs: {found['linked']} planned, {found['counts']} done")
            self._firsts[records] = found
        return self._firsts[records]

    def reconcile(self, records: int) -> Found:
        """Read everything again where nothing has changed: what it took, measured once."""
        if records not in self._again:
            store = self.copy(records)
            with page_servers(records) as pages:
                self._again[records] = reconciled(measure("reconcile", **pages.urls(), store=str(store)), records)
            self._remove(store)
        return self._again[records]

    def fresh(self, name: str) -> Path:
        """Where a store can be made that is not there yet."""
        return self._folder / f"{name}.db"

    def copy(self, records: int) -> Path:
        """A copy of the store of so many linked records, for one use."""
        self.first_sync(records)
        copy = self._folder / f"copy-of-{records}.db"
        shutil.copyfile(self._path(records), copy)
        return copy

    def linked(self, records: int, base: int) -> Path:
        """A store with so many links: what a first sync left, or else that of a smaller one, filled up."""
        if records in self._firsts:
            return self._path(records)
        self.first_sync(base)
        filled = self._folder / f"filled-{records}.db"
        shutil.copyfile(self._path(base), filled)
        measure("fill", store=str(filled), first=base, count=records - base, seed=SEED)
        return filled

    def _path(self, records: int) -> Path:
        return self._folder / f"linked-{records}.db"

    def _remove(self, store: Path) -> None:
        for end in ("", "-wal", "-shm"):
            store.with_name(store.name + end).unlink(missing_ok=True)


def reconciled(found: Found, records: int) -> Found:
    """What a reconciliation found, which must be that all is unchanged."""
    if found["actions"] or found["unchanged"] != records:
        raise AssertionError(
            f"of {records} unchanged pairs: {found['actions']} actions, {found['unchanged']} unchanged"
        )
    return found
