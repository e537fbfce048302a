"""The plainest field that a merge can be asked about."""

from __future__ import annotations

from typing import Any

from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side


class Plain:
    """A field that flows both ways, and fits everywhere."""

    name, policy, follows, keeps = "F", None, None, False

    def flows_to(self, side: Side) -> bool:
        return True

    def fit(self, side: Side, value: Any) -> Any:
        return value

    def incomparable(self, a: Any, b: Any) -> str | None:
        return None

    def combined(self, now: Any, other: Any, base: Any) -> Any:
        return UNSET

    def encodes(self, value: Any, clean: Any) -> bool:
        return False
