"""How Keap learns who is calling."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from keapbridge._io.port import check_header

__all__ = ["KeapApiKey"]


@frozen
class KeapApiKey:
    """A Personal Access Token (acts as its user) or a Service Account Key (acts as an administrator).

    Attributes:
        key: the token.
        header: `"X-Keap-API-Key"`, or `"Authorization"` to send it as a bearer token.
    """

    key: str = field(repr=False)
    header: str = "X-Keap-API-Key"

    def __attrs_post_init__(self) -> None:
        if not self.key.strip():
            raise ValueError("the Keap API key is empty")
        check_header("the Keap API key", self.key)

    def headers(self) -> Mapping[str, str]:
        """The header that carries the key."""
        value = f"Bearer {self.key}" if self.header.lower() == "authorization" else self.key
        return {self.header: value}
