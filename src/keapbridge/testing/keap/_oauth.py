"""Keap's OAuth2: the page where a user consents, the token endpoint, and the tokens that are good.

An authorisation (a *connection*) has one refresh token at a time, good for one use: each refresh replaces it. That is
what makes two processes that refresh at once lose the connection, and what tests of a host's token store are about.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from keapbridge.testing._server import AsgiApp, Receive, Recorded, Scope, Send
from keapbridge.testing.keap._behaviour import KeapBehaviour

__all__ = ["KeapGrant", "KeapOAuthServer", "mask_tokens"]

_AUTHORIZE, _TOKEN = "/app/oauth/authorize", "/token"
_SCOPE = "full"
# What the token endpoint calls it: the application the user chose is part of the scope.
_GRANTED_SCOPE = "full|emulator.infusionsoft.com"
_CODE_LIFE = timedelta(minutes=10)
_MASK = "***"
_SECRET_NAMES = frozenset({"access_token", "client_secret", "code", "refresh_token"})
# Everything else is masked: what a client sends by mistake may be a secret too.
_PLAIN_NAMES = frozenset(
    {"client_id", "error", "error_description", "expires_in", "grant_type", "redirect_uri", "response_type", "scope"}
    | {"state", "token_type"}
)


class KeapGrant(NamedTuple):
    """What an authorisation gives; its `repr` does not show the tokens."""

    access_token: str
    refresh_token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"<KeapGrant until {self.expires_at:%Y-%m-%d %H:%M:%S}>"


@attrs.frozen
class _Code:
    redirect_uri: str
    expires_at: datetime


@attrs.frozen
class _Live:
    """A token of a connection."""

    connection: int
    expires_at: datetime


class _OAuthError(Exception):
    """A request that is answered with the error of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


class KeapOAuthServer:
    """Keap's authorization server: its addresses, its one client, and the tokens it gave.

    The page at `authorize_url` answers at once, as if the user had consented. The token endpoint takes
    `grant_type=authorization_code` with the client's id and secret in the form, and `grant_type=refresh_token` with
    them as HTTP Basic. Neither counts against a quota.

    Attributes:
        client_id: The id of the one client it knows.
        client_secret: The client's secret.
        expires_in: How long an access token is good, in seconds; for those given from now on. Keap's live 24 hours.
        refresh_expires_in: How long a refresh token is good, in seconds. Keap's live 45 days.
        consents: Whether the user consents; if not, the redirect carries `error=access_denied`.
        refreshes: How many refreshes succeeded.
        reuses: How often a refresh token that had been used was refused.
    """

    def __init__(self, *, clock: Callable[[], datetime], origin: Callable[[], str], behaviour: KeapBehaviour) -> None:
        self.client_id = "KeapClient-emulator"
        self.client_secret = "KeapSecret-emulator"  # noqa: S105 - of an emulator
        self.expires_in: float = 24 * 3600
        self.refresh_expires_in: float = 45 * 24 * 3600
        self.consents = True
        self.refreshes = 0
        self.reuses = 0
        self._clock = clock
        self._origin = origin
        self._behaviour = behaviour
        self._lock = threading.RLock()
        self._connections = 0
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, _Live] = {}
        self._expired: set[str] = set()
        self._refresh: dict[str, _Live] = {}
        self._spent: dict[str, int] = {}
        self._app = Starlette(
            routes=[Route(_AUTHORIZE, self._authorize, methods=["GET"]), Route(_TOKEN, self._token, methods=["POST"])],
            exception_handlers={_OAuthError: _refused},
        )

    def __repr__(self) -> str:
        return f"<KeapOAuthServer at {self._origin()}>"

    @property
    def authorize_url(self) -> str:
        """Where a user is sent to consent."""
        return f"{self._origin()}{_AUTHORIZE}"

    @property
    def token_url(self) -> str:
        """Where codes and refresh tokens become access tokens."""
        return f"{self._origin()}{_TOKEN}"

    # --- what tests do

    def grant(self) -> KeapGrant:
        """The tokens of a new connection, as if a user had consented and the code had been exchanged."""
        with self._lock:
            self._connections += 1
            return self._issue(self._connections)

    def expire(self) -> None:
        """Ends all access tokens now; refresh tokens stay good."""
        with self._lock:
            for token in list(self._access):
                self.expire_token(token)

    def revoke(self) -> None:
        """Ends everything, as an administrator does who removes the application: codes and all tokens of both kinds."""
        with self._lock:
            self._codes.clear()
            self._access.clear()
            self._refresh.clear()

    # --- what the gateway asks

    def is_good(self, token: str) -> bool:
        """Whether this is an access token that is good now."""
        with self._lock:
            live = self._access.get(token)
            return live is not None and self._clock() < live.expires_at

    def has_expired(self, token: str) -> bool:
        """Whether this was an access token that was good once."""
        with self._lock:
            return token in self._expired or (token in self._access and not self.is_good(token))

    def expire_token(self, token: str) -> None:
        """Ends one access token."""
        with self._lock:
            if self._access.pop(token, None) is not None:
                self._expired.add(token)

    def before(self, app: AsgiApp) -> AsgiApp:
        """The application that serves OAuth's paths itself, and leaves all others to `app`."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            ours = scope["type"] == "http" and scope["path"] in (_AUTHORIZE, _TOKEN)
            await (self._app if ours else app)(scope, receive, send)

        return serve

    # --- the page where the user consents

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        # An address that is not the client's own must never be redirected to, not even with an error.
        if query.get("client_id") != self.client_id:
            raise _OAuthError("invalid_client", "client_id is missing or not known", 401)
        redirect_uri = query.get("redirect_uri", "")
        if not _is_redirect_uri(redirect_uri):
            raise _OAuthError("invalid_request", "redirect_uri must be an absolute http(s) address without fragment")
        given = {"state": query["state"]} if "state" in query else {}
        if query.get("response_type") != "code":
            return _redirect(redirect_uri, {"error": "unsupported_response_type", **given})
        if query.get("scope", _SCOPE) != _SCOPE:
            return _redirect(redirect_uri, {"error": "invalid_scope", **given})
        if not self.consents:
            return _redirect(redirect_uri, {"error": "access_denied", **given})
        code = secrets.token_urlsafe(18)
        with self._lock:
            self._codes[code] = _Code(redirect_uri, self._clock() + _CODE_LIFE)
        return _redirect(redirect_uri, {"code": code, "scope": _GRANTED_SCOPE, **given})

    # --- the token endpoint

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        match form.get("grant_type"):
            case "authorization_code":
                self._check_client(form.get("client_id", ""), form.get("client_secret", ""))
                grant = self._exchange(form.get("code", ""), form.get("redirect_uri", ""))
            case "refresh_token":
                self._check_client(*_basic(request))
                grant = self._refreshed(form.get("refresh_token", ""))
            case None:
                raise _OAuthError("invalid_request", "grant_type is missing")
            case _:
                raise _OAuthError("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
        seconds = self.expires_in
        return _json(
            {
                "access_token": grant.access_token,
                "refresh_token": grant.refresh_token,
                "token_type": "bearer",
                "expires_in": int(seconds) if seconds == int(seconds) else seconds,
                "scope": _GRANTED_SCOPE,
            }
        )

    def _check_client(self, client_id: str, client_secret: str) -> None:
        known = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        if not hmac.compare_digest(client_secret.encode(), self.client_secret.encode()) or not known:
            raise _OAuthError("invalid_client", "the client's id and secret are missing or wrong", 401)

    def _exchange(self, code: str, redirect_uri: str) -> KeapGrant:
        with self._lock:
            known = self._codes.pop(code, None)
            if known is None or self._clock() >= known.expires_at:
                raise _OAuthError("invalid_grant", "the code is not known, expired, or was used")
            if known.redirect_uri != redirect_uri:
                raise _OAuthError("invalid_grant", "redirect_uri is not the one that the code was sent to")
            self._connections += 1
            return self._issue(self._connections)

    def _refreshed(self, token: str) -> KeapGrant:
        with self._lock:
            live = self._refresh.pop(token, None)
            if live is not None and self._clock() < live.expires_at:
                self._spent[token] = live.connection
                self.refreshes += 1
                return self._issue(live.connection)
            if token in self._spent:
                self.reuses += 1
                if self._behaviour.reuse_ends_connection:
                    self._end(self._spent[token])
            # A text that says no more than Keap does: which of the two it was is not for the client to know.
            raise _OAuthError(self._behaviour.refused_refresh, "Invalid refresh token")

    def _issue(self, connection: int) -> KeapGrant:
        now = self._clock()
        grant = KeapGrant(
            secrets.token_urlsafe(21), secrets.token_urlsafe(24), now + timedelta(seconds=self.expires_in)
        )
        self._access[grant.access_token] = _Live(connection, grant.expires_at)
        self._refresh[grant.refresh_token] = _Live(connection, now + timedelta(seconds=self.refresh_expires_in))
        return grant

    def _end(self, connection: int) -> None:
        for tokens in (self._access, self._refresh):
            for token in [token for token, live in tokens.items() if live.connection == connection]:
                del tokens[token]


def _is_redirect_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not parts.fragment


def _redirect(uri: str, added: dict[str, str]) -> Response:
    return RedirectResponse(f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(added)}", 302)


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise _OAuthError("invalid_request", "the body must be application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    except ValueError:
        raise _OAuthError("invalid_request", "the form cannot be read") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _OAuthError("invalid_request", "a parameter is given twice")
    return form


def _basic(request: Request) -> tuple[str, str]:
    """Id and secret of HTTP Basic; empty without."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        text = base64.b64decode(given.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:  # of base64, of its alphabet, or of UTF-8
        text = ""
    client_id, _, client_secret = text.partition(":")
    return client_id, client_secret


def _json(content: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


async def _refused(request: Request, error: Any) -> Response:
    answer = _json({"error": error.error, "error_description": str(error)}, error.status)
    if error.status == 401 and request.url.path == _TOKEN:
        answer.headers["WWW-Authenticate"] = 'Basic realm="keap"'
    return answer


# --- what the record of a request must not show -----------------------------------------------------------------------


def mask_tokens(recorded: Recorded) -> Recorded:
    """The exchange without the secrets of OAuth, whichever way they came; others as they are."""
    if recorded.path not in (_AUTHORIZE, _TOKEN):
        return recorded
    return attrs.evolve(
        recorded,
        query=dict(_masked_pairs(recorded.query.items())),
        raw_query=_masked_form(recorded.raw_query),
        body=_masked_body(recorded.body),
        response_body=_masked_body(recorded.response_body),
    )


def _masked_pairs(pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    known = _PLAIN_NAMES | _SECRET_NAMES
    return [(n if n in known else _MASK, v if n in _PLAIN_NAMES else _MASK) for n, v in pairs]


def _masked_form(text: str) -> str:
    return urlencode(_masked_pairs(parse_qsl(text, keep_blank_values=True)), safe="*")


def _masked_body(body: bytes) -> bytes:
    """A form or a JSON object, masked."""
    if not body:
        return body
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if isinstance(content, dict):
        return json.dumps(dict(_masked_pairs(content.items()))).encode()
    return (_masked_form(body.decode("latin-1")) or _MASK).encode()
