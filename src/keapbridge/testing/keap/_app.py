"""Keap's REST v2 over HTTP: the routes, for whom the gateway let through."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route, Router

from keapbridge.keap.habits import Habits
from keapbridge.testing._server import AsgiApp
from keapbridge.testing.keap._addresses import change_email_status, email_status
from keapbridge.testing.keap._behaviour import KeapBehaviour
from keapbridge.testing.keap._checks import InvalidError
from keapbridge.testing.keap._directory import directory_routes
from keapbridge.testing.keap._hooks import KeapHooks
from keapbridge.testing.keap._messages import RefusedError, http_error, invalid, refusal
from keapbridge.testing.keap._records import RecordEndpoints
from keapbridge.testing.keap._resources import COMPANIES, CONTACTS, PRODUCTS
from keapbridge.testing.keap._state import KeapState

__all__ = ["application"]


def application(state: KeapState, behaviour: KeapBehaviour, habits: Habits, hooks: KeapHooks) -> AsgiApp:
    """The emulated Keap as an ASGI application, `/crm/rest/v2/…` and `/crm/rest/v1/hooks`."""
    routes: list[Route] = []
    for resource in (CONTACTS, COMPANIES, PRODUCTS):
        routes += RecordEndpoints(state, behaviour, habits, resource).routes()
    routes += directory_routes(state)
    routes += [
        Route("/emailAddresses/{email}/status", email_status(state), methods=["GET"]),
        Route("/emailAddresses/{email}/status", change_email_status(state), methods=["PATCH"]),
    ]
    return Starlette(
        routes=[
            Mount("/crm/rest/v2", app=Router(routes, redirect_slashes=False)),
            Mount("/crm/rest/v1", app=Router(hooks.routes(), redirect_slashes=False)),
        ],
        exception_handlers={
            RefusedError: refusal,
            InvalidError: invalid,
            HTTPException: http_error,
        },
    )
