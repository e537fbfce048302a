"""The file of a store on SQLite: made for its owner alone, missed when it is deleted or swapped while it is open."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import attrs
from sqlalchemy import URL

from keapbridge.errors import LinkStoreError

__all__ = ["StoreFile", "file_of", "make_private"]

_GONE = (
    "the file of the link store was deleted, or another one was put in its place, while it was open: nothing more is "
    "written. Stop what uses it, put the file (or a backup of it) back, and open a new session"
)


def file_of(url: URL) -> Path | None:
    """The file that a SQLAlchemy URL names; `None` where there is none: in memory, or not on SQLite."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or url.query.get("mode") == "memory":
        return None
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").partition("?")[0])
        name = f"/{name.lstrip('/')}" if name.startswith("//") else name
        if not name or name == ":memory:":
            return None
    return Path(os.path.abspath(name))  # noqa: PTH100 - `resolve` would follow a link, which may be moved on purpose


def make_private(path: Path) -> bool:
    """Make an empty file that only its owner can read and write; whether there was none yet.

    SQLite makes a log beside a database with the rights that the database has. Nobody can open the file before it has
    them, for it is made with them.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise LinkStoreError(f"{path} is a folder; name a file in it") from None
        return False
    except FileNotFoundError:
        raise LinkStoreError(f"there is no folder {path.parent}: make it, or name another file") from None
    return True


@attrs.frozen
class StoreFile:
    """A file that is open, and which one it is."""

    path: Path
    device: int
    inode: int

    @classmethod
    def at(cls, path: Path) -> StoreFile:
        found = path.stat()
        return cls(path, found.st_dev, found.st_ino)

    def check(self) -> None:
        """Raise `LinkStoreError` unless this very file is in its place: what is written is lost otherwise."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - as cheap as can be: every transaction asks
        except FileNotFoundError:
            raise LinkStoreError(_GONE) from None
        if (found.st_dev, found.st_ino) != (self.device, self.inode):
            raise LinkStoreError(_GONE) from None
