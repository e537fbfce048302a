"""How Keap learns who is calling."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from keapbridge._io.port import check_header
from keapbridge._io.secret import Secret, bearer, hiding, secret_of
from keapbridge.model.given import keywords

__all__ = ["KeapApiKey"]


def _key(given: str | Secret) -> Secret:
    return secret_of("key", given, 'KeapApiKey("KeapAK-…")')


@keywords()
@hiding("key")
@frozen
class KeapApiKey:
    """A Personal Access Token (acts as its user) or a Service Account Key (acts as an administrator).

    Attributes:
        key: the token, a `str` or a `Secret`; held as a `Secret`.
        header: `"X-Keap-API-Key"`, or `"Authorization"` to send it as a bearer token.
    """

    key: Secret = field(converter=_key)
    header: str = "X-Keap-API-Key"

    def __attrs_post_init__(self) -> None:
        if not self.key.reveal().strip():
            raise ValueError(
                "the Keap API key is empty; give one of Keap's keys, as in KeapApiKey(os.environ['KEAP_API_KEY'])"
            )
        check_header("the Keap API key", self.key)

    def headers(self) -> Mapping[str, Secret]:
        """The header that carries the key."""
        return {self.header: bearer(self.key) if self.header.lower() == "authorization" else self.key}
