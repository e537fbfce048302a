"""What a configuration file holds, as values: each table a class, each key an attribute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

import attrs

from keapbridge._io.bounds import Bounds
from keapbridge._io.retries import RetryPolicy
from keapbridge._io.secret import Secret
from keapbridge.customcrm.log_in import PasswordLogin
from keapbridge.customcrm.schema import CustomcrmSchema
from keapbridge.customcrm.sql import SqlTable
from keapbridge.decide.policy import Policy
from keapbridge.keap.habits import Habits
from keapbridge.keap.turns import Pacing
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.meant import is_meant

__all__ = ["Auth", "Configuration", "Customcrm", "Keap", "Named", "Schedule", "Url"]


class Url(str):
    """The URL of a database, which may hold a password."""

    __slots__ = ()


@attrs.frozen
class Named:
    """Something of the host's by its name, `package.module:name`."""

    name: str


@attrs.frozen(kw_only=True)
class Keap:
    """`[keap]`: a key, or the id and secret of an application with the file of its tokens.

    Attributes:
        key: a Personal Access Token or a Service Account Key.
        header: the header that the key goes into.
        tokens: the file that keeps the tokens of OAuth.
        habits: how this Keap behaves: a table, or the path of the file that a probe has written.
    """

    key: Secret | None = None
    header: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    tokens: str | None = None
    base_url: str | None = None
    timeout: float | None = None
    bounds: Bounds | None = None
    retry: RetryPolicy | None = None
    pacing: Pacing | None = None
    habits: Habits | None = None
    page_size: int | None = None

    def __attrs_post_init__(self) -> None:
        by_key, by_oauth = self.key is not None, self.client_id is not None
        if by_key is by_oauth:
            raise ValueError('key: say who calls: key = {env = "KEAP_API_KEY"}, or client_id, client_secret and tokens')
        if by_oauth and (self.client_secret is None or self.tokens is None):
            missing = "client_secret" if self.client_secret is None else "tokens"
            raise ValueError(f"{missing}: is missing; an application has client_id, client_secret and tokens")
        if by_key and (self.client_secret is not None or self.tokens is not None):
            raise ValueError("key: is instead of client_secret and tokens, not beside them")


@attrs.frozen(kw_only=True)
class Auth:
    """How a REST API learns who calls: `token`, `key`, `username`, `token_url` or `login`.

    Attributes:
        token: a bearer token.
        key: an API key, in a `header` or in the `query`.
        username: of basic authentication, with its `password`.
        token_url: where tokens of OAuth client credentials are had, with `client_id` and `client_secret`.
        login: a log-in whose answer has a token; see `PasswordLogin`.
    """

    token: Secret | None = None
    key: Secret | None = None
    header: str | None = None
    query: str | None = None
    username: str | None = None
    password: Secret | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    scope: str | None = None
    secret_in: Literal["header", "body"] = "header"  # noqa: S105 - where it goes
    login: PasswordLogin | None = None

    def __attrs_post_init__(self) -> None:
        ways = {
            "token": (),
            "key": ("header", "query"),
            "username": ("password",),
            "token_url": ("client_id", "client_secret", "scope"),
            "login": (),
        }
        given = {f.name for f in attrs.fields(Auth) if getattr(self, f.name) is not None} - {"secret_in"}
        chosen = [way for way in ways if way in given]
        if len(chosen) != 1:
            raise ValueError(f'token: there must be one of {", ".join(ways)}, as in token = {{env = "CRM_TOKEN"}}')
        for name in sorted(given - {chosen[0], *ways[chosen[0]]}):
            raise ValueError(f"{name}: does not go with {chosen[0]}")
        for name in ways[chosen[0]]:
            if name in {"password", "client_id", "client_secret"} and name not in given:
                raise ValueError(f"{name}: is missing; it goes with {chosen[0]}")


@attrs.frozen(kw_only=True)
class Customcrm:
    """`[customcrm]`: a REST API (`url`), a database (`database`), or an adapter of the host's (`adapter`).

    Attributes:
        url: the base URL of a REST API.
        schema: how that API is, where it is not the default profile: a table, or the path of a TOML file.
        database: the SQLAlchemy URL of a database.
        contacts: its table with the contacts; `customers` and `products` alike.
        adapter: `module:name` of an adapter, or of a function that returns one.
    """

    url: str | None = None
    auth: Auth | None = None
    schema: CustomcrmSchema | None = None
    timeout: float | None = None
    bounds: Bounds | None = None
    retry: RetryPolicy | None = None
    per_minute: int | None = None
    verify: str | None = None
    proxy: str | None = attrs.field(default=None, repr=False)
    database: Url | None = attrs.field(default=None, repr=False)
    contacts: SqlTable | None = None
    customers: SqlTable | None = None
    products: SqlTable | None = None
    page_size: int | None = None
    adapter: Named | None = None

    def __attrs_post_init__(self) -> None:
        ways = {
            "url": ("auth", "schema", "timeout", "bounds", "retry", "per_minute", "verify", "proxy"),
            "database": ("contacts", "customers", "products", "page_size"),
            "adapter": (),
        }
        given = [f.name for f in attrs.fields(Customcrm) if getattr(self, f.name) is not None]
        chosen = [way for way in ways if way in given]
        if len(chosen) != 1:
            found = f"not {' and '.join(chosen)}" if chosen else "there is none"
            raise ValueError(
                f"url: there must be one of url, database and adapter, {found}; as in "
                'url = "https://crm.example.com/api", database = "sqlite:///crm.db" or adapter = "my_crm.adapter:open"'
            )
        for name in given:
            if name not in {chosen[0], *ways[chosen[0]]}:
                raise ValueError(f"{name}: does not go with {chosen[0]}")
        if chosen == ["database"] and not set(given) & {"contacts", "customers", "products"}:
            raise ValueError('contacts: a database needs a table at least: contacts = {name = "people", id = "id"}')


@attrs.frozen(kw_only=True)
class Schedule:
    """`[schedule]`: how often `keapbridge sync --repeat` syncs.

    Attributes:
        every: from the beginning of one run to that of the next.
        full_every: how often everything is read; `None`: never by itself.
        deadline: how long one run may take.
    """

    every: timedelta = timedelta(minutes=5)
    full_every: timedelta | None = timedelta(days=1)
    deadline: timedelta | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("every", "full_every", "deadline"):
            value = getattr(self, name)
            if value is not None and value <= timedelta(0):
                raise ValueError(f'{name}: must be longer than nothing, as in "5 minutes"')


@attrs.frozen(kw_only=True)
class Configuration:
    """A whole file.

    Attributes:
        store: the SQLAlchemy URL of the store.
        mapping: the host's own mappings by synchronization.
        options: what else a session takes, by its own names; see `SessionOptions`.
    """

    keap: Keap
    customcrm: Customcrm
    store: str = attrs.field(repr=False)
    mapping: Mapping[str, Mapper] = attrs.field(factory=dict)
    policy: Policy | None = None
    schedule: Schedule = attrs.field(factory=Schedule)
    options: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


def duration(value: Any, where: str) -> timedelta:
    """A duration: `"90 seconds"`, `"5 minutes"`, `"1 hour"`, `"90 days"`.

    Raises:
        ValueError: naming the key, for anything else.
    """
    units = ("seconds", "minutes", "hours", "days", "weeks")
    number, _, unit = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    plural = unit.strip() if unit.strip().endswith("s") else f"{unit.strip()}s"
    try:
        amount = float(number)
        found = timedelta(**{plural: amount}) if plural in units else None
    except (ValueError, OverflowError):
        found = None
    if found is None:
        meant = is_meant(plural, units) if unit else ""
        raise ValueError(f'{where}: must be a duration, as in "5 minutes", "1 hour" or "90 days", not {value!r}{meant}')
    return found
