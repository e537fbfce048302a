"""OAuth 2.0 with Keap: authorization by a person, and access tokens that are renewed before they end.

Keap's refresh tokens are single use: whoever uses one gets a new pair, and the old one is worth nothing. So exactly one
caller renews at a time, across threads, tasks and processes that share a token store; the new pair is in the store
before anybody uses it; and who comes second finds it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlencode

from attrs import define, field, frozen

from keapbridge._flow.effects import Flow, Sleep, blocking, finish, new_id, now
from keapbridge._io.calling import send
from keapbridge._io.calls import Answer, Call
from keapbridge._io.port import Port
from keapbridge._io.secret import Secret, basic, bearer, form, hiding
from keapbridge._json.token_answer import read_tokens
from keapbridge.errors import AuthError, ShapeError, StatusError
from keapbridge.model.given import checks, keywords, text, wrong

__all__ = ["KeapOAuth", "OAuthTokens", "TokenStore", "oauth_of"]

AUTHORIZE_URL = "https://accounts.infusionsoft.com/app/oauth/authorize"
TOKEN_URL = "https://api.infusionsoft.com/token"  # noqa: S105 - an address, no secret

LEEWAY = timedelta(seconds=60)  # renewed this long before the end, or at a twentieth of a shorter life
LIFETIME = timedelta(hours=24)  # of an access token, where Keap does not say
MOST = 1e9  # seconds; no token lives longer
POLL = 0.05
NEEDS_A_PERSON = frozenset({"invalid_grant", "invalid_request"})  # how Keap says that a refresh token is dead


@hiding("access_token", "refresh_token")
@frozen
class OAuthTokens:
    """An access token, and the refresh token that the next one is had with.

    Attributes:
        expires_at: when the access token ends (UTC).
        renew_at: when it should be renewed.
    """

    access_token: Secret = field(converter=Secret)
    refresh_token: Secret = field(converter=Secret)
    expires_at: datetime
    renew_at: datetime

    @classmethod
    def lasting(
        cls, access_token: str | Secret, refresh_token: str | Secret, lifetime: timedelta, since: datetime
    ) -> OAuthTokens:
        """Tokens that were given at a moment, for so long."""
        expires_at = since.astimezone(UTC) + lifetime
        return cls(access_token, refresh_token, expires_at, expires_at - min(LEEWAY, lifetime / 20))

    def headers(self) -> dict[str, Secret]:
        """The header that carries the access token."""
        return {"Authorization": bearer(self.access_token)}

    def is_worn(self, moment: datetime, refused: Secret | None) -> bool:
        """Whether others are needed, because these are about to end or are the ones that were refused."""
        return self.renew_at <= moment or self.headers()["Authorization"] == refused


class TokenStore(Protocol):
    """Where the tokens of one Keap application are kept, for all processes that call it.

    `lock` keeps others from renewing; it never waits. A holder that dies must lose it, at once or after a while that
    is longer than a renewal may take (minutes).
    """

    def load(self) -> OAuthTokens | None:
        """The tokens; `None` before the first authorization."""
        ...

    def save(self, tokens: OAuthTokens) -> None:
        """Keep the tokens; when it returns they survive a crash."""
        ...

    def lock(self, holder: str, now: datetime) -> bool:
        """Become the only one who may renew; `False` when somebody else is."""
        ...

    def unlock(self, holder: str) -> None:
        """Let others renew."""
        ...


def _keeps_tokens(what: str, given: Any) -> None:
    if isinstance(given, str) or not callable(getattr(given, "load", None)):
        raise wrong(what, f"where tokens are kept, such as {what}=kb.FileTokenStore('tokens.json')", given)


@keywords()
@hiding("client_secret")
@define
class KeapOAuth:
    """Credentials of an application that a person has authorized.

    ```python
    oauth = kb.KeapOAuth(client_id="…", client_secret="…", tokens=kb.FileTokenStore("tokens.json"))
    oauth.authorization_url("https://crm.example.com/keap", state="…")     # send the person there
    with kb.KeapClient(auth=oauth) as keap:
        keap.authorize(code, redirect_uri="https://crm.example.com/keap")  # with the code that comes back
    ```

    Attributes:
        tokens: where the tokens are kept; share it among all processes that use them.
        redirect_uri: where Keap sends people back to; only used to tell the address in an error.
        authorize_url: where people authorize.
        token_url: where tokens are had.
    """

    client_id: str = field(validator=checks(partial(text, example="…")))
    client_secret: Secret = field(converter=Secret)
    tokens: TokenStore = field(validator=checks(_keeps_tokens))
    redirect_uri: str | None = field(default=None, kw_only=True)
    authorize_url: str = field(default=AUTHORIZE_URL, kw_only=True)
    token_url: str = field(default=TOKEN_URL, kw_only=True)
    _held: OAuthTokens | None = field(default=None, init=False, repr=False)
    _unsaved: OAuthTokens | None = field(default=None, init=False, repr=False)
    _dead: Secret | None = field(default=None, init=False, repr=False)

    def authorization_url(self, redirect_uri: str | None = None, *, state: str | None = None) -> str:
        """The address where a person lets this application in; Keap sends them back with `code` and `state`.

        Args:
            redirect_uri: as it is registered with Keap.
            state: an unguessable text that must come back, to know that it was this host who asked.
        """
        wanted = {
            "client_id": self.client_id,
            "response_type": "code",
            "scope": "full",
            "redirect_uri": redirect_uri or self.redirect_uri,
            "state": state,
        }
        return f"{self.authorize_url}?{urlencode({name: value for name, value in wanted.items() if value})}"

    def authorize(self, port: Port, code: Secret, redirect_uri: str | None = None) -> Flow[None]:
        """Turn the code that a person brought back from Keap into tokens, and keep them."""
        fields: dict[str, str | Secret] = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uri": redirect_uri or self.redirect_uri or "",
        }
        moment = yield from now()
        call = _token_call(fields, subject="the first Keap tokens", repeatable=False)  # a code is good for one use
        answer = yield from send(port.elsewhere(self.token_url), call)
        tokens = _tokens(answer, moment, None)
        yield from self._save(tokens)
        self._held = tokens

    # --- signing ------------------------------------------------------------------------------------------------

    def sign(self, port: Port) -> Flow[Mapping[str, Secret]]:
        """The header with a valid access token.

        Raises:
            AuthError: when a person has to authorize (again).
        """
        moment = yield from now()
        held = self._held
        if held is None or held.renew_at <= moment:
            held = yield from self._fresh(port, moment, worn=None)
        return held.headers()

    def renew(self, port: Port, refused: Mapping[str, Secret]) -> Flow[bool]:
        """Get another access token than the one that was refused."""
        moment = yield from now()
        yield from self._fresh(port, moment, worn=refused.get("Authorization"))
        return True

    def _fresh(self, port: Port, moment: datetime, worn: Secret | None) -> Flow[OAuthTokens]:
        """The tokens that are valid now: those somebody else has put into the store, or new ones."""
        found = yield from self._load()
        why = "another runner renews the tokens of Keap"  # told once, not with every look
        while found.is_worn(moment, worn):
            # A task that is cancelled between the first step and the last would lose the tokens, or leave the lock.
            renewed = yield from finish(self._renew_alone(port, moment, worn))
            if renewed is None:
                yield Sleep(POLL, why=why)
                why = ""
            moment = yield from now()
            found = renewed or (yield from self._load())
        self._held = found
        return found

    def _renew_alone(self, port: Port, moment: datetime, worn: Secret | None) -> Flow[OAuthTokens | None]:
        """New tokens; `None` while somebody else is about to get them."""
        holder = yield from new_id()
        if not (yield from blocking("take the lock of the tokens", self.tokens.lock, holder, moment)):
            return None
        try:
            found = yield from self._load()  # again: what was there may be older than the lock
            if found.is_worn((yield from now()), worn):
                found = yield from self._exchange(port, found.refresh_token)
        except GeneratorExit:
            raise  # abandoned, as by the death of the process: the lock ends by itself
        except BaseException:
            yield from blocking("release the lock of the tokens", self.tokens.unlock, holder)
            raise
        yield from blocking("release the lock of the tokens", self.tokens.unlock, holder)
        return found

    def _load(self) -> Flow[OAuthTokens]:
        if self._unsaved is not None:  # Keap knows no others any more
            yield from self._save(self._unsaved)
        found = yield from blocking("read the tokens", self.tokens.load)
        if found is None:
            raise self._needs_a_person("nobody has authorized this application yet: authorize")
        if found.refresh_token == self._dead:
            raise self._needs_a_person("Keap's refresh token is not valid any more: authorize again")
        return found

    def _save(self, tokens: OAuthTokens) -> Flow[None]:
        try:
            yield from blocking("save the tokens", self.tokens.save, tokens)
        except BaseException:
            self._unsaved = tokens
            raise
        self._unsaved = None

    def _exchange(self, port: Port, refresh_token: Secret) -> Flow[OAuthTokens]:
        fields: dict[str, str | Secret] = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        moment = yield from now()
        # Repeated even when the outcome is unknown: if it took effect, the new pair is lost either way.
        headers = (("Authorization", basic(self.client_id, self.client_secret)),)
        call = _token_call(fields, headers=headers, subject="new Keap tokens")
        try:
            answer = yield from send(port.elsewhere(self.token_url), call)
        except StatusError as error:
            if error.status not in {400, 401, 403} or not _is_final(error):
                raise
            self._dead = refresh_token
            raise self._needs_a_person("Keap's refresh token is not valid any more: authorize again") from error
        tokens = _tokens(answer, moment, refresh_token)
        yield from self._save(tokens)
        return tokens

    def _needs_a_person(self, what: str) -> AuthError:
        url = self.authorization_url()
        error = AuthError(f"{what} at {url}", method="POST", url=self.token_url, status=401)
        error.authorize_url = url
        return error


def oauth_of(port: Port) -> KeapOAuth:
    """The credentials of a port, which must be of this kind."""
    if not isinstance(port.credentials, KeapOAuth):
        raise TypeError("only a client with auth=KeapOAuth(…) can be authorized by a code")
    return port.credentials


def _token_call(
    fields: Mapping[str, str | Secret],
    *,
    subject: str,
    headers: tuple[tuple[str, str | Secret], ...] = (),
    repeatable: bool = True,
) -> Call[Any]:
    return Call(
        "POST",
        "",
        _decode,
        headers=(("Content-Type", "application/x-www-form-urlencoded"), *headers),
        body=form(fields),
        subject=subject,
        repeatable=repeatable,
    )


def _decode(answer: Answer) -> Mapping[str, Any]:
    return read_tokens(answer, "Keap's answer", "look at client_id and client_secret, and authorize again")


def _tokens(answer: Mapping[str, Any], moment: datetime, old_refresh_token: Secret | None) -> OAuthTokens:
    told = answer.get("expires_in")
    seconds = float(told) if isinstance(told, (int, float)) and 0 < told < MOST else LIFETIME.total_seconds()
    refresh_token = answer.get("refresh_token") or old_refresh_token
    if refresh_token is None:
        raise ShapeError("the answer holds no refresh token", paths=["$.refresh_token"])
    return OAuthTokens.lasting(answer["access_token"], refresh_token, timedelta(seconds=seconds), moment)


def _is_final(error: StatusError) -> bool:
    return error.code in NEEDS_A_PERSON
