"""To which two systems a store belongs: what Keap's answers tell is compared with what is remembered, call by call.

Nothing is asked for that: the name of the Keap application is in the headers of its answers, errors included, and an
answer of another application ends the run before anything is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.customcrm.address import shown_address
from keapbridge.errors import OtherSystemError
from keapbridge.keap.limits import tenant_of
from keapbridge.model.kept_in_store import Belongs
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore

__all__ = ["REMEDY", "Belonging"]

REMEDY = (
    "Open the session with another store=… or name=…, if both are to be kept; session.rebind() drops this store's "
    "links and begins anew with this one"
)


@attrs.define
class Belonging:
    """What is known of the two systems of a store, and what this session has met.

    Attributes:
        address: what names this session's Customcrm; `None` where nothing does.
        met: the Keap application that answered last; `None` where none has told its name.
        heard: whether Keap has answered at all.
        news: what the run under way is to tell of them.
        anew: whether any application is taken at the moment, for links are dropped or tested.
    """

    store: LinkStore
    address: str | None = None
    met: str | None = None
    heard: bool = False
    news: str | None = None
    anew: bool = False

    def listen(self, headers: Mapping[str, str]) -> Flow[None]:
        """An answer of Keap's.

        Raises:
            OtherSystemError: when it is of another application than that of the store.
        """
        tenant = tenant_of(headers)
        self.heard = True
        if tenant is None:
            return
        self.met = tenant
        if self.anew:
            return
        known = self.store.belongings.known
        if known is None:
            known = yield from self.store.belongings.look()
        if known.keap is None:
            known = yield from self.store.belongings.adopt(keap=tenant)
        if known.keap != tenant:
            raise self.other_keap(known, tenant)

    def other_keap(self, known: Belongs, tenant: str) -> OtherSystemError:
        """What is said when another Keap application answers."""
        return OtherSystemError(
            f"the store of {self.store.bridge!r} belongs to the Keap application {known.keap}, and these credentials "
            f"are of {tenant}: its ids mean other records there, and nothing was planned or written. {REMEDY}",
            side=Side.KEAP,
            known=known.keap,
            met=tenant,
        )

    def other_customcrm(self, known: Belongs, why: str) -> OtherSystemError:
        """What is said when the Customcrm is another one."""
        before, now = shown_address(known.customcrm or "?"), shown_address(self.address or "?")
        return OtherSystemError(
            f"the store of {self.store.bridge!r} belongs to the Customcrm at {before}, and this one is at "
            f"{now if now != before else f'{now}, elsewhere'}: {why}, and nothing was planned or written. {REMEDY}",
            side=Side.CUSTOMCRM,
            known=before,
            met=now,
        )
