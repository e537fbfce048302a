"""A Customcrm that speaks the default REST profile: the profile's reference implementation.

Hosts run it in place of their own CRM in tests, as a real HTTP server on loopback or as an ASGI application. Its rooms:
the shapes (what each property accepts), the ledger (everything the system knows), the state that tests see, and the
HTTP surface.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from keapbridge.testing._faults import Faults
from keapbridge.testing._server import AsgiApp, LoopbackServer, Recorder, RequestLog
from keapbridge.testing._webhooks import CustomcrmWebhooks
from keapbridge.testing.customcrm._app import FAULTS, application
from keapbridge.testing.customcrm._ledger import Ledger
from keapbridge.testing.customcrm._shapes import CustomcrmBehaviour
from keapbridge.testing.customcrm._state import CustomcrmState, CustomcrmTable
from keapbridge.testing.customcrm._wire import ROOT, Clock

__all__ = ["CustomcrmBehaviour", "CustomcrmEmulator", "CustomcrmState", "CustomcrmTable"]


def _system_time() -> datetime:
    return datetime.now(UTC)


class CustomcrmEmulator:
    """A Customcrm with the default REST profile, for tests.

    As a context manager it serves real HTTP on a free port of 127.0.0.1; without, `app` is the same system as an
    ASGI application. It starts empty; leaving the context (or `close()`) stops the server and drops every record.

    ```python
    with CustomcrmEmulator() as server:
        server.state.customers.add({"Name": "Analytical Engines"})
        crm = keapbridge.CustomcrmClient(server.base_url, auth=keapbridge.BearerToken(server.token))
    ```

    Args:
        token: The bearer token that clients must send.
        clock: The system's time, with a zone; a clock that stands still is fine, since every write is stamped at
            least one millisecond after the last.
        behaviour: How the system alters what it stores.

    Attributes:
        app: The recorded ASGI application; its paths begin with `/api`.
        requests: Every request seen, whichever way it came.
        faults: Faults planned for requests to come.
        state: The records, readable and editable while the server runs.
        token: The bearer token; assign another to revoke it.
        webhooks: Who is told of changes, and what was delivered.
    """

    def __init__(
        self,
        *,
        token: str = "customcrm-token",  # noqa: S107
        clock: Clock | None = None,
        behaviour: CustomcrmBehaviour | None = None,
    ) -> None:
        self.token = token
        self.requests = RequestLog()
        self.faults = Faults(FAULTS)
        self.webhooks = CustomcrmWebhooks()
        time = clock or _system_time
        self._ledger = Ledger(time, behaviour or CustomcrmBehaviour(), self.webhooks)
        self.state = CustomcrmState(self._ledger)
        surface = application(self._ledger, lambda: self.token)
        self.app: AsgiApp = Recorder(surface, self.requests, self.faults, clock=time)
        self._server: LoopbackServer | None = None
        self._closed = False

    @property
    def base_url(self) -> str:
        """Where clients find the system; while it is not served, a URL that only reaches it through `app`."""
        origin = "emulator.invalid" if self._server is None else f"127.0.0.1:{self._server.port}"
        return f"http://{origin}{ROOT}"

    def __enter__(self) -> Self:
        if self._closed or self._server is not None:
            raise RuntimeError("an emulator is entered once")
        server = LoopbackServer(self.app)
        server.__enter__()
        self._server = server
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the server, if it runs, and drops the records; may be called again."""
        server, self._server, self._closed = self._server, None, True
        self.webhooks.close()
        if server is not None:
            server.__exit__(None, None, None)
        self._ledger.close()

    def __repr__(self) -> str:
        return f"<CustomcrmEmulator at {self.base_url}>"
