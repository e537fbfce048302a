"""Who wins a conflict, what a deletion does, and when a run stops itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

from keapbridge.errors import MappingError
from keapbridge.sync.records import Side

__all__ = ["Policy", "winner"]

Rule = Literal["newest", "customcrm", "keap", "manual"]
_RULES = frozenset({"newest", "customcrm", "keap", "manual"})


def _check_rules(_: object, attribute: Any, value: object) -> None:
    rules = value.values() if isinstance(value, Mapping) else (value,)
    for rule in rules:
        if rule not in _RULES:
            raise MappingError(f"{attribute.name}: {rule!r} is none of {', '.join(sorted(_RULES))}")


@attrs.frozen
class Policy:
    """What a session does where it has a choice.

    Attributes:
        conflicts: who wins a field that was edited on both sides: `"newest"` (by the systems' own time stamps; parked
        when
            one is missing), `"customcrm"`, `"keap"` or `"manual"` (parked until somebody decides); or a mapping from
            field to one of these, with `"*"` for all others.
        max_creates: the most records that one plan may create in all; `None` for no limit.
    """

    conflicts: Rule | Mapping[str, Rule] = attrs.field(default="newest", validator=_check_rules)
    max_creates: int | None = None

    def rule(self, field: str) -> str:
        """The rule for conflicts in a field."""
        if isinstance(self.conflicts, str):
            return self.conflicts
        return self.conflicts.get(field) or self.conflicts.get("*", "newest")


def winner(rule: str, updated_at: Mapping[Side, datetime | None]) -> Side | None:
    """The side whose value wins under a rule; `None` parks the conflict."""
    match rule:
        case "customcrm":
            return Side.CUSTOMCRM
        case "keap":
            return Side.KEAP
        case "newest":
            ours, theirs = updated_at[Side.CUSTOMCRM], updated_at[Side.KEAP]
            if ours is None or theirs is None or ours == theirs:
                return None
            return Side.CUSTOMCRM if ours > theirs else Side.KEAP
        case _:
            return None
