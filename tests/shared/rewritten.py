"""Test modules whose asserts are rewritten once for all workers of a run, each of which does its share.

pytest rewrites a module when it is imported, and keeps the outcome beside it. The workers of a run import all modules
at the same time: in a fresh checkout each of them would rewrite them all, which takes it longer than all else before
the first test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

__all__ = ["rewrite_share"]


def rewrite_share(config: pytest.Config) -> None:
    """Rewrite what nobody has rewritten yet of this worker's share; nothing, where there are no workers."""
    worker = getattr(config, "workerinput", None)
    if worker is None or sys.dont_write_bytecode:
        return
    first = int(worker["workerid"].removeprefix("gw"))
    by_size = sorted(set(_modules(config)), key=lambda path: (-path.stat().st_size, path))
    # Only pytest knows how, and does not promise it: if it knows another way, each worker does it all.
    with suppress(ImportError, AttributeError, TypeError):
        _rewrite(by_size[first :: worker["workercount"]], config)


def _modules(config: pytest.Config) -> Iterator[Path]:
    for given in config.args:
        path = Path(given.partition("::")[0])
        yield from path.rglob("test_*.py") if path.is_dir() else [path] if path.suffix == ".py" else []


def _rewrite(modules: list[Path], config: pytest.Config) -> None:
    from _pytest.assertion import rewrite

    state = config.stash[rewrite.assertstate_key]
    for module in modules:
        kept = rewrite.get_cache_dir(module) / f"{module.stem}{rewrite.PYC_TAIL}"
        if rewrite.try_makedirs(kept.parent) and rewrite._read_pyc(module, kept) is None:
            source_hash, code = rewrite._rewrite_test(module, config)
            rewrite._write_pyc(state, code, source_hash, kept)
