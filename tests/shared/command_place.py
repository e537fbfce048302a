"""A folder in which the command is used: a file in it, a CRM that is a database, and Keap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from keapbridge.command import main
from keapbridge.testing import KeapEmulator

PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, given_name TEXT, family TEXT, email TEXT, updated_at TEXT)"


@attrs.frozen
class Place:
    """A folder with a file in it, a CRM that is a database, and Keap."""

    folder: Path
    keap: KeapEmulator
    capsys: pytest.CaptureFixture[str]

    def sql(self, statement: str, *values: Any, database: str = "crm.db") -> list[tuple[Any, ...]]:
        """The rows of a statement on the CRM, or on another file."""
        engine = sa.create_engine(f"sqlite:///{self.folder / database}")
        with engine.begin() as c:
            done = c.exec_driver_sql(statement, values or None)
            rows = [tuple(row) for row in done] if done.returns_rows else []
        engine.dispose()
        return rows

    def run(self, *arguments: str, code: int = 0) -> str:
        """What a command prints; it ends with this code."""
        self.capsys.readouterr()
        found = main(arguments)
        shown = self.capsys.readouterr()
        assert found == code, shown
        return shown.out + shown.err

    def contacts(self) -> list[dict[str, Any]]:
        """Those that Keap holds."""
        return list(self.keap.state.snapshot()["contacts"].values())

    def configure(self, old: str, new: str) -> None:
        """Edit the file."""
        path = self.folder / "keapbridge.toml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")


def edited(text: str, url: str) -> str:
    """What `keapbridge init` writes, with five lines edited for a CRM on SQLite and the emulator."""
    lines = text.splitlines()
    edits = {
        'url = "https://crm': 'database = "sqlite:///crm.db"',
        "auth = {token": 'contacts = {name = "people", id = "id", modified = "updated_at", '
        'columns = {FirstName = "given_name", LastName = "family"}}',
        "key = {env": 'key = {file = "keap.key"}',
        "# client_id": f'base_url = "{url}"',
        "# default_region": 'default_region = "US"',
    }
    for begin, line in edits.items():
        [number] = [n for n, old in enumerate(lines) if old.startswith(begin)]
        lines[number] = line
    assert sum(a != b for a, b in zip(lines, text.splitlines(), strict=True)) == 5
    return "\n".join(lines)


@contextmanager
def opened_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Place]:
    """The current folder with all of it, and one person in the CRM."""
    with KeapEmulator() as server:
        here = Place(folder, server, capsys)
        here.sql(PEOPLE)
        here.sql("INSERT INTO people VALUES (1, 'Ada', 'L', 'ada@example.org', '2026-01-02T03:04:05Z')")
        (folder / "keap.key").write_text(server.api_key)
        here.run("init")
        path = folder / "keapbridge.toml"
        path.write_text(edited(path.read_text("utf-8"), server.base_url), "utf-8")
        yield here
