"""What keeps others out: tokens of forms, where a request comes from, headers of every answer. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import attrs

__all__ = ["HEADERS", "LASTING", "Tokens", "is_embedded", "is_of_this_site"]

LASTING = timedelta(hours=12)  # of a token
_AHEAD = timedelta(minutes=5)  # that the clock of another process may be

HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": with it browsers call the origin of our own forms "null", and it could not be checked.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex",
}
"""Headers of every answer."""


@attrs.frozen
class Tokens:
    """Makes the tokens of forms, and knows them again: each is of one person in one browser, for some hours."""

    key: str = attrs.field(repr=False)

    def make(self, user: str, browser: str, moment: datetime) -> str:
        """A token.

        Args:
            browser: what the browser's cookie says.
        """
        at = f"{int(moment.timestamp()):x}"
        return f"{at}.{self._sign(user, browser, at)}"

    def holds(self, token: str, user: str, browser: str, moment: datetime) -> bool:
        """Whether it was made for them, not long ago."""
        at, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(user, browser, at).encode()):
            return False
        age = moment.timestamp() - int(at, 16)
        return -_AHEAD.total_seconds() <= age <= LASTING.total_seconds()

    def _sign(self, *parts: str) -> str:
        said = "\n".join(f"{len(part)}:{part}" for part in parts)
        return hmac.new(self.key.encode(), said.encode(errors="replace"), hashlib.sha256).hexdigest()


def is_embedded(headers: Mapping[str, str]) -> bool:
    """Whether another site has a page loaded in one of its own, or read, as far as the browser tells."""
    site, how = headers.get("sec-fetch-site"), (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return site in {"cross-site", "same-site"} and how != ("navigate", "document")


def is_of_this_site(headers: Mapping[str, str]) -> bool:
    """Whether a request that changes something comes from our own pages, as far as the browser tells.

    Args:
        headers: of the request, names in small letters.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")  # browsers tell no site over plain HTTP
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
