"""Logging in with a name and a password: where, with what, and where the answer has the token. As data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from attrs import define, field, frozen

from keapbridge._flow.effects import Flow
from keapbridge._io.calling import send
from keapbridge._io.calls import Answer, Call
from keapbridge._io.port import Port
from keapbridge._io.secret import Secret, form, hiding, secret_of
from keapbridge._json.codec import dump_json, load_json
from keapbridge.customcrm.paths import dig
from keapbridge.customcrm.schema.checks import filled, one_of, path
from keapbridge.customcrm.tokens import Token, Tokens
from keapbridge.errors import AuthError, ShapeError, StatusError
from keapbridge.model.given import keywords

__all__ = ["PasswordLogin", "Refresh"]

USERNAME, PASSWORD, REFRESH = "{username}", "{password}", "{refresh_token}"
MOST = 1e9  # seconds; no token lives longer


def _password(given: str | Secret) -> Secret:
    return secret_of("password", given, 'PasswordLogin(url, "name", "…")')


def _address(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str) or urlsplit(value).scheme not in {"http", "https"}:
        raise ValueError(f"{attribute.name}: must be a whole address, 'https://crm.example.com/login', not {value!r}")


def _holding(*wanted: str) -> Callable[[Any, Any, Any], None]:
    def check(_: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, Mapping) or not all(each in str(value) for each in wanted):
            raise ValueError(f"{attribute.name}: must be a table with {' and '.join(wanted)} in it")

    return check


@keywords()
@frozen
class Refresh:
    """How another token is had without the password.

    Attributes:
        url: where.
        token: where answers, also that of the log-in, have the token that this takes.
        body: what is sent, with `{refresh_token}` in it.
    """

    url: str = field(validator=_address)
    token: str = field(default="refresh_token", validator=path, kw_only=True)
    body: Mapping[str, Any] = field(
        factory=lambda: {"refresh_token": REFRESH}, validator=_holding(REFRESH), kw_only=True
    )


@keywords()
@hiding("password")
@define
class PasswordLogin:
    """A log-in with a name and a password; its token is renewed before it ends, and where it is refused.

    ```python
    auth = kb.PasswordLogin(
        "https://crm.example.com/auth/login",
        "sync@example.com",
        os.environ["CRM_PASSWORD"],
        body={"email": "{username}", "password": "{password}"},
        token="data.access_token",
        lifetime="data.expires",
        lifetime_in="milliseconds",
        refresh=kb.customcrm.Refresh("https://crm.example.com/auth/refresh", token="data.refresh_token"),
    )
    ```

    One caller logs in, and all who wait share what came of it, also a refusal: so a wrong password is sent once. One
    object may be shared by several clients.

    Attributes:
        url: where one logs in.
        body: what is sent, with `{username}` and `{password}` in it.
        sent_as: `"json"`, or a `"form"`.
        token: where the answer has the token.
        header: the header that carries it then.
        value: what that holds, with `{token}` in it.
        lifetime: where the answer says how long the token is good for; `None` for nowhere: until it is refused.
        lifetime_in: what that is told in.
        refresh: how another token is had without the password; `None`: by logging in again, as where that fails.
    """

    url: str = field(validator=_address)
    username: str = field(validator=filled)
    password: Secret = field(converter=_password)
    body: Mapping[str, Any] = field(
        factory=lambda: {"username": USERNAME, "password": PASSWORD},
        validator=_holding(USERNAME, PASSWORD),
        kw_only=True,
    )
    sent_as: Literal["json", "form"] = field(default="json", validator=one_of("json", "form"), kw_only=True)
    token: str = field(default="access_token", validator=path, kw_only=True)
    header: str = field(default="Authorization", validator=filled, kw_only=True)
    value: str = field(default="Bearer {token}", kw_only=True)
    lifetime: str | None = field(default="expires_in", validator=path, kw_only=True)
    lifetime_in: Literal["seconds", "milliseconds"] = field(
        default="seconds", validator=one_of("seconds", "milliseconds"), kw_only=True
    )
    refresh: Refresh | None = field(default=None, kw_only=True)
    _tokens: Tokens = field(factory=Tokens, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if "{token}" not in self.value:
            raise ValueError("value: must have {token} in it")

    def sign(self, port: Port) -> Flow[Mapping[str, Secret]]:
        """The header with a valid token.

        Raises:
            AuthError: when the name and the password are refused.
        """
        return (yield from self._tokens.current(lambda held, moment: self._have(port, held, moment))).headers

    def renew(self, port: Port, refused: Mapping[str, Secret]) -> Flow[bool]:
        """Get another token than the one that was refused."""
        yield from self._tokens.current(lambda held, moment: self._have(port, held, moment), refused)
        return True

    def _have(self, port: Port, held: Token | None, moment: datetime) -> Flow[Token]:
        if self.refresh is not None and held is not None and held.refresh is not None:
            try:
                return (yield from self._asked(port, self.refresh.url, self.refresh.body, held.refresh, moment))
            except StatusError as error:
                if error.status is None or not 400 <= error.status < 500 or error.status == 429:
                    raise
        try:
            return (yield from self._asked(port, self.url, self.body, self.password, moment))
        except StatusError as error:
            if error.status in {400, 401, 403, 404, 422}:
                why = f": {error.said}" if error.said else ""
                what = f"the log-in was refused ({error.status}{why}): check the name, the password and the address"
                raise AuthError(what, method="POST", url=self.url, status=401) from error
            raise

    def _asked(
        self, port: Port, url: str, template: Mapping[str, Any], secret: Secret, moment: datetime
    ) -> Flow[Token]:
        texts: dict[str, str | Secret] = {USERNAME: self.username, PASSWORD: secret, REFRESH: secret}
        kind = "application/json" if self.sent_as == "json" else "application/x-www-form-urlencoded"
        call: Call[Token] = Call(
            "POST",
            "",
            lambda answer: self._decoded(answer, moment),
            headers=(("Content-Type", kind),),
            body=(dump_json if self.sent_as == "json" else form)(_with(template, texts)),
            subject="a log-in",
            secrets=(secret,),
        )
        return (yield from send(port.elsewhere(url), call))

    def _decoded(self, answer: Answer, moment: datetime) -> Token:
        found = load_json(answer)
        given = {name: dig(found, at) for name, at in self._places().items()}
        del found  # a reporter would show it
        if not isinstance(given["token"], str) or not given["token"]:
            given.clear()
            what = (
                f"the answer to the log-in holds no token at {self.token!r}: look there, at the name and the password"
            )
            raise ShapeError(what, paths=[f"$.{self.token}"])
        token = Secret(given.pop("token"))
        refresh = given.pop("refresh", None)
        return Token(
            {self.header: Secret(self.value.replace("{token}", token.reveal()), token)},
            moment,
            self._life(given.get("lifetime")),
            Secret(refresh) if isinstance(refresh, str) and refresh else None,
        )

    def _places(self) -> Mapping[str, str]:
        places = {"token": self.token}
        places |= {} if self.lifetime is None else {"lifetime": self.lifetime}
        return places | ({} if self.refresh is None else {"refresh": self.refresh.token})

    def _life(self, told: Any) -> timedelta | None:
        try:  # some servers write the number as text
            seconds = float(told) / (1000 if self.lifetime_in == "milliseconds" else 1)
        except (TypeError, ValueError):
            return None
        return timedelta(seconds=seconds) if 0 < seconds < MOST else None


def _with(template: Any, texts: Mapping[str, str | Secret]) -> Any:
    """A template with what it stands for."""
    if isinstance(template, Mapping):
        return {name: _with(value, texts) for name, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [_with(value, texts) for value in template]
    if not isinstance(template, str):
        return template
    for name, text in texts.items():
        if name in template:
            template = template.replace(name, text.reveal() if isinstance(text, Secret) else text)
    return template
