"""Tokens of Keap in a file, shared by the processes of one machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from keapbridge._io.secret import Secret
from keapbridge.errors import KeapbridgeError
from keapbridge.keap.oauth import OAuthTokens

__all__ = ["FileTokenStore", "dump_tokens", "load_tokens"]


class FileTokenStore:
    """A file that only its owner can read. It is replaced as a whole; a crash leaves the old one or the new one.

    Beside it, `<name>.lock` keeps processes apart; the operating system frees it when its holder dies. Put both on a
    local disk: network file systems do not always lock.

    Args:
        path: the file; its folder must exist.
        encryption_keys: encrypt it (the `encryption` extra); the first key encrypts, all decrypt.
    """

    def __init__(self, path: str | os.PathLike[str], *, encryption_keys: Sequence[str | bytes] = ()) -> None:
        from keapbridge._seal import seal_for

        self._path = Path(path)
        self._seal = seal_for(encryption_keys)
        self._locks: dict[str, Any] = {}

    def load(self) -> OAuthTokens | None:
        """The tokens; `None` where there is no file."""
        try:
            content = Secret(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        return load_tokens(Secret(self._seal.open(content.reveal())), str(self._path))

    def save(self, tokens: OAuthTokens) -> None:
        """Replace the file."""
        import tempfile

        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")  # for its owner only
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self._seal.close(dump_tokens(tokens)))
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(self._path.parent)

    def lock(self, holder: str, now: datetime) -> bool:
        """Lock the file beside it; see `TokenStore`."""
        from filelock import FileLock, Timeout

        # A new lock each time: one object would let its own process in twice.
        lock = FileLock(f"{self._path}.lock", thread_local=False, mode=0o600)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        self._locks[holder] = lock
        return True

    def unlock(self, holder: str) -> None:
        """Let others renew."""
        lock = self._locks.pop(holder, None)
        if lock is not None:
            lock.release()

    def __repr__(self) -> str:
        return f"<FileTokenStore {str(self._path)!r}>"


def dump_tokens(tokens: OAuthTokens) -> str:
    """Tokens as text."""
    return msgspec.json.encode(
        {
            "access_token": tokens.access_token.reveal(),
            "refresh_token": tokens.refresh_token.reveal(),
            "expires_at": tokens.expires_at.isoformat(),
            "renew_at": tokens.renew_at.isoformat(),
        }
    ).decode()


def load_tokens(text: Secret, where: str) -> OAuthTokens:
    """Tokens from text.

    Raises:
        KeapbridgeError: when it holds none.
    """
    tokens = _read(text)
    if tokens is None:
        raise KeapbridgeError(f"{where} holds no tokens that can be read; authorize again")
    return tokens


def _read(text: Secret) -> OAuthTokens | None:
    """Tokens, without an error for what is none: it would show the content."""
    try:
        found = msgspec.json.decode(text.reveal())
        moments = (datetime.fromisoformat(found[name]) for name in ("expires_at", "renew_at"))
        return OAuthTokens(str(found["access_token"]), str(found["refresh_token"]), *moments)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
