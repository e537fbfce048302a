"""An emulator of Keap: REST v2 for contacts, companies, products and the consent of email addresses, and v1's hooks.

It follows Keap's published contract, and where that is silent the switches of
[`KeapBehaviour`][keapbridge.testing.KeapBehaviour] say what happens.

```python
with KeapEmulator() as keap:
    ada = keap.state.contacts.add({"given_name": "Ada"})
    client = keapbridge.KeapClient(auth=keapbridge.KeapApiKey(keap.api_key), base_url=keap.base_url)
```
"""

from __future__ import annotations

import secrets
from typing import Self

from keapbridge.keap.habits import Habits
from keapbridge.testing._faults import Faults
from keapbridge.testing._server import AsgiApp, LoopbackServer, Recorder, RequestLog
from keapbridge.testing.keap._app import application
from keapbridge.testing.keap._behaviour import DEFAULT_BEHAVIOUR, KeapBehaviour
from keapbridge.testing.keap._faults import answers, specials
from keapbridge.testing.keap._gateway import Gateway
from keapbridge.testing.keap._hooks import HookBehaviour, KeapHooks
from keapbridge.testing.keap._oauth import KeapGrant, KeapOAuthServer, mask_tokens
from keapbridge.testing.keap._playing import played
from keapbridge.testing.keap._quota import KeapQuota, Meter
from keapbridge.testing.keap._state import Clock, Contacts, KeapState, Table

__all__ = [
    "Contacts",
    "HookBehaviour",
    "KeapBehaviour",
    "KeapEmulator",
    "KeapGrant",
    "KeapHooks",
    "KeapOAuthServer",
    "KeapQuota",
    "KeapState",
    "Table",
]


class KeapEmulator:
    """A Keap of your own: an ASGI application, and as a context manager an HTTP server on loopback.

    Attributes:
        app: The ASGI application; it serves `/crm/rest/v2/…`, `/token` and `/app/oauth/authorize` without the server,
            too.
        habits: How it behaves where Keap's contract says nothing, all of them known.
        state: What it remembers, to look at and to edit as users of Keap do.
        requests: What it was asked.
        faults: What goes wrong next.
        hooks: The subscriptions to its REST hooks, and what was delivered.
        api_key: The key it accepts, as `X-Keap-API-Key` or as a bearer token.
        quota: How many calls it answers.
        tenant: The name of the Keap application that it is.
        oauth: Its authorization server, whose access tokens it accepts as bearer tokens.

    Args:
        api_key: The key to accept.
        currency: The ISO 4217 code of the currency that prices are in.
        clock: Says what time it is (aware); the system's clock without it. It dates writes and counts calls.
        behaviour: Oddities that integrators have met, as switches.
        habits: How it behaves where Keap's contract says nothing; what is not known of them is as `behaviour` says, or
            as is most likely. What lags shows a write from the sixth read after it on.
        quota: How many calls are answered before 429, for each key or OAuth client and for all together. Without it,
            nothing is refused; the headers speak of Keap's own limits, and never of more than half of one as used.
        hook_behaviour: How it delivers REST hooks.
        tenant: The name of the Keap application that it is, as `x-keap-tenant-id` tells it. Without it, every emulator
            is an application of its own, and a store that knows one does not take another.
    """

    def __init__(
        self,
        *,
        api_key: str = "KeapAK-emulator",
        currency: str = "USD",
        clock: Clock | None = None,
        behaviour: KeapBehaviour = DEFAULT_BEHAVIOUR,
        habits: Habits | None = None,
        quota: KeapQuota | None = None,
        hook_behaviour: HookBehaviour | None = None,
        tenant: str | None = None,
    ) -> None:
        self.api_key = api_key
        self.habits, behaviour = played(habits, behaviour)
        self.behaviour = behaviour
        lags = (self.habits.get_lag, self.habits.list_lag, self.habits.since_lag)
        self.state = KeapState(currency=currency, clock=clock, lags="some" in lags)
        self.hooks = KeapHooks(self.state, hook_behaviour or HookBehaviour())
        self.requests = RequestLog()
        self.quota = quota
        self.oauth = KeapOAuthServer(clock=self.state.now, origin=lambda: self._origin, behaviour=behaviour)
        self.faults = Faults(answers(behaviour), specials(self.state, self.oauth))
        self.tenant = tenant or f"em{secrets.token_hex(4)}"
        self._meter = Meter(quota, self.state.now, self.tenant)
        gateway = Gateway(
            application(self.state, behaviour, self.habits, self.hooks),
            self._meter,
            api_key,
            self.oauth,
            behaviour,
        )
        self.app: AsgiApp = Recorder(
            self.oauth.before(gateway), self.requests, self.faults, mask_tokens, self.state.now
        )
        self._server: LoopbackServer | None = None

    @property
    def _origin(self) -> str:
        return f"http://127.0.0.1:{self._server.port}" if self._server else "http://keap.invalid"

    @property
    def base_url(self) -> str:
        """The address of the REST API; v2 is below it. Without the server, one for an ASGI transport."""
        return f"{self._origin}/crm/rest"

    @property
    def quota_used(self) -> int:
        """The calls counted in the current day, of all keys together; refused ones and those for tokens are not."""
        return self._meter.used

    @property
    def throttled(self) -> int:
        """How many calls were refused with 429 for being too many."""
        return self._meter.throttled

    def spend(self, *, day: int = 0, minute: int = 0, tenant_day: int = 0, tenant_minute: int = 0) -> None:
        """Uses up calls as another application would.

        Args:
            day: Calls of today by someone with the same key (or OAuth client); they count for the tenant too.
            minute: Calls of this minute by someone with the same key.
            tenant_day: Calls of today by someone with a key of their own: only the tenant has fewer left.
            tenant_minute: Calls of this minute by someone with a key of their own.
        """
        self._meter.spend(day=day, minute=minute, tenant_day=tenant_day, tenant_minute=tenant_minute)

    def close(self) -> None:
        """Stops the server and forgets everything; any number of times."""
        server, self._server = self._server, None
        self.hooks.close()
        if server is not None:
            server.__exit__(None, None, None)
        self.state.close()

    def __enter__(self) -> Self:
        if self._server is not None:
            raise RuntimeError("the emulator is running already")
        self._server = LoopbackServer(self.app).__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KeapEmulator at {self.base_url}>"
