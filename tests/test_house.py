"""Every module has its test file where one looks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "keapbridge"
MIGRATIONS = PACKAGE / "store" / "migrations"  # run by Alembic, and tried by tests/store/test_migrations.py


@pytest.mark.parametrize("package", ["sync", "store", "mapping"])
def test_every_module_has_its_test_file(package: str) -> None:
    modules = [
        path
        for path in sorted((PACKAGE / package).rglob("*.py"))
        if path.name != "__init__.py" and MIGRATIONS not in path.parents
    ]
    assert modules
    wanted = [path.relative_to(PACKAGE).with_name(f"test_{path.name}") for path in modules]
    assert [str(path) for path in wanted if not (ROOT / "tests" / path).is_file()] == []
