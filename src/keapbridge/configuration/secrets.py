"""Secrets as a file names them: where they are, not what they are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from keapbridge._io.secret import Secret

__all__ = ["Places"]

_FORMS = '{env = "NAME"} or {file = "path"}'


@attrs.frozen
class Places:
    """Where a file looks for what it names.

    Attributes:
        folder: that of the file, from which its relative paths go.
        environment: the variables of the process.
    """

    folder: Path
    environment: Mapping[str, str] = attrs.field(factory=lambda: os.environ, repr=False)

    def path(self, name: str) -> Path:
        """A path as the file means it."""
        return self.folder / name

    def secret(self, value: Any, where: str) -> Secret:
        """A secret; one that stands in the file itself is taken with a warning.

        Raises:
            ValueError: naming the key, when there is none. It never shows what is there.
        """
        if isinstance(value, str):
            warnings.warn(f"{where}: a secret stands in the file itself; name where it is, {_FORMS}", stacklevel=2)
            return _filled(value, where, "it")
        return self._elsewhere(value, where)

    def url(self, value: Any, where: str) -> str:
        """The URL of a database, which may hold a password: a text, or where it is."""
        if not isinstance(value, str):
            return self._sqlite(self._elsewhere(value, where).reveal())
        try:
            shown = urlsplit(value).password is not None
        except ValueError:
            shown = False
        if shown:
            warnings.warn(
                f"{where}: a password stands in the file itself; name where the URL is, {_FORMS}", stacklevel=2
            )
        return self._sqlite(value)

    def _elsewhere(self, value: Any, where: str) -> Secret:
        match value:
            case {"env": str(name), **rest} if not rest:
                if name not in self.environment:
                    raise ValueError(
                        f"{where}: the environment variable {name} is not set: set it (`export {name}=…`), or name a "
                        'file with what it would hold, {file = "path"}'
                    )
                return _filled(self.environment[name], where, f"the environment variable {name}")
            case {"file": str(name), **rest} if not rest:
                path = self.path(name)
                try:
                    text = path.read_text("utf-8")
                except (OSError, UnicodeDecodeError) as error:
                    raise ValueError(f"{where}: {path} cannot be read: {type(error).__name__}") from None
                return _filled(text, where, str(path))
            case _:
                raise ValueError(f"{where}: must be {_FORMS}")

    def _sqlite(self, url: str) -> str:
        """A relative file of SQLite lies beside this file, wherever the process is started."""
        scheme, colon, rest = url.partition(":///")
        path, question, query = rest.partition("?")
        is_file = scheme.partition("+")[0] == "sqlite" and path not in {"", ":memory:"} and not path.startswith("file:")
        return f"{scheme}{colon}{self.path(path)}{question}{query}" if is_file else url


def _filled(text: str, where: str, what: str) -> Secret:
    if not text.strip():
        raise ValueError(f"{where}: {what} is empty")
    return Secret(text.strip())
