"""Stores that are copied as they are at a moment, for runs that go on from there in different ways."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any, Protocol

import attrs

__all__ = ["CopiedStore", "FileStore", "PostgresqlStore"]

_numbers = itertools.count(1)


class CopiedStore(Protocol):
    """A store, and how it is copied while no session is open."""

    @property
    def url(self) -> str: ...
    def copy(self, folder: Path) -> CopiedStore:
        """The same once more; what is kept in files is in that folder."""

    def drop(self) -> None: ...


@attrs.frozen
class FileStore:
    """A file of SQLite, with its log."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def copy(self, folder: Path) -> FileStore:
        for file in self.path.parent.glob(f"{self.path.name}*"):
            shutil.copyfile(file, folder / file.name)
        return FileStore(folder / self.path.name)

    def drop(self) -> None:
        """Its folder goes with the test."""


@attrs.frozen
class PostgresqlStore:
    """A database of a server."""

    server: str
    name: str

    @property
    def url(self) -> str:
        return f"{self.server}/{self.name}"

    def copy(self, folder: Path | None = None) -> PostgresqlStore:
        twin = PostgresqlStore(self.server, f"copy{next(_numbers)}")
        self._execute(f"CREATE DATABASE {twin.name} TEMPLATE {self.name} STRATEGY file_copy")
        return twin

    def drop(self) -> None:
        self._execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    def end_connections(self) -> None:
        """What a restart of the server does to those who are connected."""
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")

    def scalar(self, query: str) -> Any:
        return self._execute(query).fetchone()[0]

    def _execute(self, statement: str) -> Any:
        import psycopg

        with psycopg.connect(self.server.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
            return connection.execute(statement)
