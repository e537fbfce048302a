"""How a Customcrm learns who is calling."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

__all__ = ["BearerToken"]


@frozen
class BearerToken:
    """`Authorization: Bearer …`."""

    token: str = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        """The header that carries the token."""
        return {"Authorization": f"Bearer {self.token}"}
