"""Encryption at rest of what the store knows of people: snapshots, bases, before-images, drafts, plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from keapbridge.errors import LinkStoreError

__all__ = ["FernetSeal", "PlainSeal", "Seal", "seal_for"]


class Seal(Protocol):
    """Turns text into what is stored, and back."""

    def close(self, text: str) -> str: ...
    def open(self, stored: str) -> str: ...


class PlainSeal:
    """Stores text as it is."""

    def close(self, text: str) -> str:
        return text

    def open(self, stored: str) -> str:
        return stored


class FernetSeal:
    """Authenticated encryption with keys of the host.

    Args:
        keys: keys of 32 bytes in URL-safe base64, as `Fernet.generate_key()` makes them; the first one encrypts, all of
            them decrypt, so that keys can be rotated.

    Raises:
        LinkStoreError: when a key is none, or something cannot be decrypted with any of them.
    """

    def __init__(self, keys: Sequence[str | bytes]) -> None:
        try:
            from cryptography.fernet import Fernet, InvalidToken, MultiFernet
        except ImportError as error:
            raise ImportError("encryption needs cryptography: pip install 'keapbridge[encryption]'") from error
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise LinkStoreError("an encryption key is not 32 bytes in URL-safe base64") from None
        self._invalid = InvalidToken

    def close(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, stored: str) -> str:
        try:
            return self._fernet.decrypt(stored).decode()
        except self._invalid:
            raise LinkStoreError("the store's content cannot be decrypted with the keys that were given") from None

    def __repr__(self) -> str:
        return "<FernetSeal>"


def seal_for(keys: Sequence[str | bytes]) -> Seal:
    """The seal for these keys; without keys nothing is encrypted."""
    return FernetSeal(keys) if keys else PlainSeal()
