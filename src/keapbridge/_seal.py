"""Encryption at rest of what the store knows of people: snapshots, bases, before-images, drafts, plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from keapbridge.errors import LinkStoreError

__all__ = ["FernetSeal", "PlainSeal", "Seal", "is_sealed", "new_secret", "seal_for"]


class Seal(Protocol):
    """Turns text into what is stored, and back."""

    def close(self, text: str) -> str: ...
    def open(self, stored: str) -> str: ...
    def is_current(self, stored: str) -> bool: ...


class PlainSeal:
    """Stores text as it is."""

    def close(self, text: str) -> str:
        return text

    def open(self, stored: str) -> str:
        if is_sealed(stored):  # meanwhile, perhaps, by somebody else
            raise LinkStoreError("the store is encrypted: open it with its encryption_keys")
        return stored

    def is_current(self, stored: str) -> bool:
        return not is_sealed(stored)


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
            each = [Fernet(key) for key in keys]
        except (ValueError, TypeError):
            raise LinkStoreError(
                "encryption_keys: one of them is not 32 bytes in URL-safe base64, as Fernet.generate_key() makes one"
            ) from None
        self._current, self._fernet = each[0], MultiFernet(each)
        self._invalid = (InvalidToken, ValueError)  # the latter for what is no ASCII

    def close(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, stored: str) -> str:
        try:
            return self._fernet.decrypt(stored).decode()
        except self._invalid:
            raise LinkStoreError(
                "a value in the store cannot be decrypted with the encryption_keys that were given: give the old ones, "
                "too; if that is all of them, the value is broken, and a backup has it"
            ) from None

    def is_current(self, stored: str) -> bool:
        """Whether this was closed with the first key."""
        try:
            self._current.decrypt(stored)
        except self._invalid:
            return False
        return True

    def __repr__(self) -> str:
        return "<FernetSeal>"


def is_sealed(stored: str) -> bool:
    """Whether this is what a `FernetSeal` stores. No JSON begins like that."""
    return stored.startswith("gAAAA")


def new_secret() -> str:
    """A random secret: 32 bytes in URL-safe base64."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode("ascii")


def seal_for(keys: Sequence[str | bytes]) -> Seal:
    """The seal for these keys; without keys nothing is encrypted."""
    return FernetSeal(keys) if keys else PlainSeal()
