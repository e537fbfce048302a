"""All synchronizations of one pair of systems, as a session has them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from keapbridge.model.finding import Findings
from keapbridge.model.meant import is_meant
from keapbridge.store.sql import LinkStore
from keapbridge.sync.belonging import Belonging
from keapbridge.sync.guard import Guard
from keapbridge.sync.options import Settings
from keapbridge.sync.synchronization import Synchronization

__all__ = ["Bridge"]


@attrs.frozen
class Bridge:
    """The synchronizations of one pair of systems, in their order: what refers to others comes after them.

    Attributes:
        findings: what is to be known of what the host has declared; no errors are among them.
    """

    store: LinkStore
    settings: Settings
    synchronizations: Mapping[str, Synchronization]
    guard: Guard = attrs.field(factory=Guard, eq=False, repr=False)
    belonging: Belonging = attrs.field(
        default=attrs.Factory(lambda self: Belonging(self.store), takes_self=True), eq=False, repr=False
    )
    findings: Findings = attrs.field(factory=Findings, repr=False)

    def __getitem__(self, name: str) -> Synchronization:
        if not isinstance(name, str) or name not in self.synchronizations:
            shown = name if isinstance(name, str) else f"synchronization {type(name).__name__}"
            near = is_meant(name, list(self.synchronizations))
            raise LookupError(f"this Customcrm has no {shown}; it has {', '.join(self.synchronizations)}{near}")
        return self.synchronizations[name]
