"""The console: pages on which people decide what a sync cannot.

`asgi_app(session, authorize=…)`, or `asgi_app(fleet, authorize=…)`, makes an ASGI application to be mounted in a host's
own (the `console` extra). Whoever it shows anything to is named by the host's function `authorize`.
"""

from keapbridge.console.app import ConsoleApp, asgi_app
from keapbridge.console.user import User

__all__ = ["ConsoleApp", "User", "asgi_app"]
