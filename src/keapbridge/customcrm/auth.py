"""How a Customcrm learns who is calling."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from attrs import define, field, frozen

from keapbridge._flow.effects import Flow
from keapbridge._io.calling import send
from keapbridge._io.calls import Answer, Call
from keapbridge._io.port import Port, check_header
from keapbridge._io.secret import Secret, basic, bearer, form, hiding, secret_of
from keapbridge._json.token_answer import read_tokens
from keapbridge.customcrm.tokens import Token, Tokens
from keapbridge.errors import AuthError, StatusError
from keapbridge.model.given import keywords

__all__ = ["ApiKey", "BasicAuth", "BearerToken", "ClientCredentials"]

LIFETIME = timedelta(hours=1)  # of an access token, where the server does not say


def _token(given: str | Secret) -> Secret:
    return secret_of("token", given, 'BearerToken("…")')


def _key(given: str | Secret) -> Secret:
    return secret_of("key", given, 'ApiKey("…", header="X-API-Key")')


def _password(given: str | Secret) -> Secret:
    return secret_of("password", given, 'BasicAuth("user", "…")')


def _client_secret(given: str | Secret) -> Secret:
    return secret_of("client_secret", given, 'ClientCredentials(url, id, "…")')


@keywords()
@hiding("token")
@frozen
class BearerToken:
    """`Authorization: Bearer …`."""

    token: Secret = field(converter=_token)

    def __attrs_post_init__(self) -> None:
        check_header("the bearer token", self.token)

    def headers(self) -> Mapping[str, Secret]:
        """The header that carries the token."""
        return {"Authorization": bearer(self.token)}


@keywords()
@hiding("key")
@frozen
class ApiKey:
    """A key that goes with every request: `ApiKey("…", header="X-API-Key")` or `ApiKey("…", query="key")`.

    Prefer the header where there is a choice: servers and proxies write addresses into their logs.

    Raises:
        ValueError: when the key is empty, or not exactly one of `header` and `query` is given.
    """

    key: Secret = field(converter=_key)
    header: str | None = field(default=None, kw_only=True)
    query: str | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.key.reveal().strip():
            raise ValueError("the API key is empty; give it as in ApiKey(os.environ['CRM_KEY'], header='X-Api-Key')")
        if (self.header is None) == (self.query is None):
            raise ValueError("say where the API key goes, one of both: header='X-Api-Key' or query='api_key'")
        if self.header is not None:
            check_header("the API key", self.key)

    def headers(self) -> Mapping[str, Secret]:
        """The header that carries the key; none where it goes into the query."""
        return {} if self.header is None else {self.header: self.key}

    def parameters(self) -> Mapping[str, Secret]:
        """The parameter that carries the key; none where it goes into a header."""
        return {} if self.query is None else {self.query: self.key}


@keywords()
@hiding("password")
@frozen
class BasicAuth:
    """`Authorization: Basic …`, of a name and a password (UTF-8).

    Raises:
        ValueError: when the name holds a colon, which would end it.
    """

    username: str
    password: Secret = field(converter=_password)

    def __attrs_post_init__(self) -> None:
        if ":" in self.username:
            raise ValueError("the user name of basic authentication cannot hold a colon")

    def headers(self) -> Mapping[str, Secret]:
        """The header that carries both."""
        return {"Authorization": basic(self.username, self.password)}


@keywords()
@hiding("client_secret")
@define
class ClientCredentials:
    """OAuth 2.0 client credentials: a bearer token had with the host's own id and secret, renewed before it ends.

    Nothing needs to be kept: another token can be had at any time. One object may be shared by several clients.

    Attributes:
        token_url: where tokens are had.
        scope: what is asked for, names separated by blanks.
        secret_in: how the id and the secret are sent: as basic authentication, or in the form in the `"body"`.
    """

    token_url: str
    client_id: str
    client_secret: Secret = field(converter=_client_secret)
    scope: str | None = field(default=None, kw_only=True)
    secret_in: Literal["header", "body"] = field(default="header", kw_only=True)
    _tokens: Tokens = field(factory=Tokens, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if self.secret_in not in {"header", "body"}:
            raise ValueError(f"secret_in: must be 'header' or 'body', not {self.secret_in!r}")

    def sign(self, port: Port) -> Flow[Mapping[str, Secret]]:
        """The header with a valid access token.

        Raises:
            AuthError: when the server knows neither the id nor the secret.
        """
        return (yield from self._tokens.current(lambda _, moment: self._fresh(port, moment))).headers

    def renew(self, port: Port, refused: Mapping[str, Secret]) -> Flow[bool]:
        """Get another access token than the one that was refused."""
        yield from self._tokens.current(lambda _, moment: self._fresh(port, moment), refused)
        return True

    def _fresh(self, port: Port, moment: datetime) -> Flow[Token]:
        fields: dict[str, str | Secret] = {"grant_type": "client_credentials"}
        fields |= {"scope": self.scope} if self.scope else {}
        headers: tuple[tuple[str, str | Secret], ...] = (("Content-Type", "application/x-www-form-urlencoded"),)
        if self.secret_in == "body":  # noqa: S105 - where the secret goes, not the secret
            fields |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            # RFC 6749, 2.3.1: both are form-encoded before they are joined.
            encoded = Secret(quote(self.client_secret.reveal(), safe=""), self.client_secret)
            headers += (("Authorization", basic(quote(self.client_id, safe=""), encoded)),)
        call: Call[Mapping[str, Any]] = Call(
            "POST",
            "",
            _decode,
            headers=headers,
            body=form(fields),
            subject="an access token",
            secrets=(self.client_secret,),
        )
        try:
            answer = yield from send(port.elsewhere(self.token_url), call)
        except StatusError as error:
            if error.status in {400, 403}:
                what = f"no access token was given ({error.code or error.status}): check client_id, secret and scope"
                raise AuthError(what, method="POST", url=self.token_url, status=401) from error
            raise
        signed = {"Authorization": bearer(answer["access_token"])}
        return Token(signed, moment, _lifetime(answer.get("expires_in")))


def _decode(answer: Answer) -> Mapping[str, Any]:
    return read_tokens(answer, "the answer of token_url", "look at token_url, and at secret_in")


def _lifetime(value: Any) -> timedelta:
    try:  # some servers write the seconds as text
        seconds = float(value)
    except (TypeError, ValueError):
        return LIFETIME
    return timedelta(seconds=seconds) if 0 < seconds < 1e9 else LIFETIME
