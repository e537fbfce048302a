"""What names a Customcrm, where its host does not: its address, told so that it can be kept and shown. Pure.

A path may hold a key or the name of a person's folder, so no more than the host or the file is shown of it, and a
digest of the rest tells it from others.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

__all__ = ["address_of_base_url", "address_of_database", "address_of_object", "named", "shown_address"]

_MARK = " #"


def named(shown: str, whole: str) -> str:
    """An address by what is shown of it, and by a digest of the whole."""
    return f"{shown[:200]}{_MARK}{hashlib.blake2b(whole.encode(), digest_size=6).hexdigest()}"


def shown_address(address: str) -> str:
    """An address, for people."""
    return address.partition(_MARK)[0]


def address_of_base_url(base_url: str) -> str:
    """That of a REST API."""
    parts = urlsplit(base_url)
    origin = f"{parts.scheme}://{parts.netloc}".casefold()
    return named(origin, f"{origin}{parts.path}")


def address_of_database(kind: str, host: str | None, port: int | None, name: str | None) -> str:
    """That of a database: neither its driver nor who signs in belongs to it."""
    if not host:
        file = (name or "").replace("\\", "/").rpartition("/")[2]
        return named(f"{kind} {file or 'in memory'}", f"{kind} {name or ''}")
    place = f"{host.casefold()}:{port}" if port else host.casefold()
    return named(f"{kind} {place}/{name or ''}", f"{kind} {place}/{name or ''}")


def address_of_object(adapter: object) -> str:
    """That of a host's own adapter: what it says itself (`address`), or else its class."""
    own = getattr(adapter, "address", None)
    kind = f"{type(adapter).__module__}.{type(adapter).__qualname__}"
    return own if isinstance(own, str) and own else named(type(adapter).__qualname__, kind)
