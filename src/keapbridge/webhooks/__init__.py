"""Webhooks: what Keap and a Customcrm tell of changed records is received, kept, acknowledged, and then synced.

`asgi_app(session)`, or `asgi_app(fleet)` for many tenants, makes the receiver: a plain ASGI application to mount in a
host's own or to serve alone. `keap.hooks.ensure(url)` of a client subscribes it to Keap's events and keeps it so.
"""

from keapbridge.webhooks.app import WebhookApp, WebhookStatus, asgi_app
from keapbridge.webhooks.tenants import TenantsApp

__all__ = ["TenantsApp", "WebhookApp", "WebhookStatus", "asgi_app"]
