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

from typing import Self

from keapbridge.testing._server import AsgiApp, Faults, LoopbackServer, Recorder, RequestLog
from keapbridge.testing.keap._app import application
from keapbridge.testing.keap._hooks import HookBehaviour, KeapHooks
from keapbridge.testing.keap._rules import DEFAULT_BEHAVIOUR, KeapBehaviour
from keapbridge.testing.keap._state import Clock, Contacts, KeapState, Table

__all__ = ["Contacts", "HookBehaviour", "KeapBehaviour", "KeapEmulator", "KeapHooks", "KeapState", "Table"]


class KeapEmulator:
    """A Keap of your own: an ASGI application, and as a context manager an HTTP server on loopback.

    Attributes:
        app: The ASGI application; it serves `/crm/rest/v2/…` without the server, too.
        state: What it remembers, to look at and to edit as users of Keap do.
        requests: What it was asked.
        faults: What goes wrong next.
        hooks: The subscriptions to its REST hooks, and what was delivered.
        api_key: The key it accepts, as `X-Keap-API-Key` or as a bearer token.

    Args:
        api_key: The key to accept.
        currency: The ISO 4217 code of the currency that prices are in.
        clock: Says what time it is (aware); the system's clock without it. It dates writes and counts calls.
        behaviour: What happens where Keap's contract says nothing.
        hook_behaviour: How it delivers REST hooks.
    """

    def __init__(
        self,
        *,
        api_key: str = "KeapAK-emulator",
        currency: str = "USD",
        clock: Clock | None = None,
        behaviour: KeapBehaviour = DEFAULT_BEHAVIOUR,
        hook_behaviour: HookBehaviour | None = None,
    ) -> None:
        self.api_key = api_key
        self.behaviour = behaviour
        self.state = KeapState(currency=currency, clock=clock)
        self.hooks = KeapHooks(self.state, hook_behaviour or HookBehaviour())
        self.requests = RequestLog()
        self.faults = Faults()
        self.app: AsgiApp = Recorder(
            application(self.state, behaviour, api_key, self.hooks), self.requests, self.faults
        )
        self._server: LoopbackServer | None = None

    @property
    def base_url(self) -> str:
        """The address of the REST API; v2 is below it. Without the server, one for an ASGI transport."""
        origin = f"http://127.0.0.1:{self._server.port}" if self._server else "http://keap.invalid"
        return f"{origin}/crm/rest"

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
