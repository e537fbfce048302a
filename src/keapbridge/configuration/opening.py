"""A session is opened as a file says: its clients, its store, and what it closes in the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from keapbridge._toml.named import named
from keapbridge.configuration.file import Auth, Configuration, Customcrm, Keap
from keapbridge.configuration.reading import read_file
from keapbridge.customcrm.auth import ApiKey, BasicAuth, BearerToken, ClientCredentials
from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
from keapbridge.customcrm.sql import SqlCustomcrm
from keapbridge.errors import ConfigurationError, MappingError
from keapbridge.keap.auth import KeapApiKey
from keapbridge.keap.client import AsyncKeapClient, KeapClient
from keapbridge.keap.oauth import KeapOAuth
from keapbridge.keap.tokens import FileTokenStore
from keapbridge.model.given import keywords, one_of
from keapbridge.sync import aio
from keapbridge.sync.aio import AsyncSyncSession
from keapbridge.sync.session import SyncSession, closing_too

__all__ = ["FILE", "configuration", "load", "load_async", "open_async_session", "open_session"]

FILE = "keapbridge.toml"


def configuration(path: str | os.PathLike[str] = FILE) -> Configuration:
    """What a configuration file says, without opening anything.

    Raises:
        ConfigurationError: naming the file and the key, for what cannot be.
    """
    return read_file(_path(path))


@keywords()
def load(path: str | os.PathLike[str] = FILE) -> SyncSession:
    """Open a session from one file; see the [guide](../guides/configuration.md) for what is in it.

    ```python
    with kb.load("keapbridge.toml") as session:
        print(session.plan())
    ```

    The session closes the clients that were made for it. Paths in the file, and files of SQLite, go from its folder.

    Raises:
        ConfigurationError: naming the file and the key, for what cannot be.
        LinkStoreError: when the store cannot be opened.
        TransportError: when the database that is the CRM cannot be opened.
    """
    return open_session(configuration(path), _path(path))


@keywords()
def load_async(path: str | os.PathLike[str] = FILE) -> AsyncSyncSession:
    """`load` for an event loop.

    ```python
    async with kb.load_async("keapbridge.toml") as session:
        print(await session.plan())
    ```

    Raises:
        ConfigurationError: naming the file and the key, for what cannot be.
        LinkStoreError: when the store cannot be opened.
        TransportError: when the database that is the CRM cannot be opened.
    """
    return open_async_session(configuration(path), _path(path))


def _path(given: str | os.PathLike[str]) -> Path:
    one_of("path", given, (str, os.PathLike), f"the path of a file, such as kb.load({FILE!r})")
    return Path(given)


def open_session(found: Configuration, path: Path) -> SyncSession:
    """The session that a file describes.

    Args:
        path: of the file, to be named in errors.
    """
    with ExitStack() as stack:
        with _said_of(path):
            customcrm = _customcrm(found.customcrm, stack)
            keap = stack.enter_context(_keap(KeapClient, found.keap, path.parent))
            session = SyncSession(customcrm=customcrm, keap=keap, store=found.store, **_options(found))
        return closing_too(session, stack.pop_all())


def open_async_session(found: Configuration, path: Path) -> AsyncSyncSession:
    """`open_session` for an event loop. Clients that have sent nothing have nothing open."""
    later = AsyncExitStack()
    with ExitStack() as stack:
        with _said_of(path):
            customcrm = _async_customcrm(found.customcrm, stack, later)
            keap = _keap(AsyncKeapClient, found.keap, path.parent)
            session = AsyncSyncSession(customcrm=customcrm, keap=keap, store=found.store, **_options(found))
        later.push_async_callback(keap.aclose)
        later.callback(stack.pop_all().close)
        return aio.closing_too(session, later)


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """What a constructor refuses, as said by a file."""
    try:
        yield
    except (ValueError, TypeError, MappingError) as error:
        raise ConfigurationError(f"{path}: {error}") from error.__cause__


def _options(found: Configuration) -> dict[str, Any]:
    options: dict[str, Any] = {**found.options, **found.mapping}
    return options if found.policy is None else options | {"policy": found.policy}


C = TypeVar("C", KeapClient, AsyncKeapClient)


def _keap(client: type[C], given: Keap, folder: Path) -> C:
    options = _given(given, "base_url", "timeout", "bounds", "retry", "pacing", "habits", "page_size")
    if given.key is not None:
        return client(auth=KeapApiKey(given.key, **_given(given, "header")), **options)
    assert given.client_id is not None
    assert given.client_secret is not None
    assert given.tokens is not None  # the file was checked
    tokens = FileTokenStore(folder / given.tokens)
    return client(auth=KeapOAuth(given.client_id, given.client_secret, tokens), **options)


def _customcrm(given: Customcrm, stack: ExitStack) -> Any:
    if given.url is not None:
        return stack.enter_context(CustomcrmClient(given.url, **_rest(given)))
    if given.database is not None:
        return stack.enter_context(_database(given))
    made, is_ours = _adapter(given)
    return _closing(made, stack) if is_ours else made


def _async_customcrm(given: Customcrm, stack: ExitStack, later: AsyncExitStack) -> Any:
    if given.url is not None:
        client = AsyncCustomcrmClient(given.url, **_rest(given))
        later.push_async_callback(client.aclose)
        return client
    if given.database is not None:
        return stack.enter_context(_database(given))
    made, is_ours = _adapter(given)
    if not is_ours:
        return made
    close: Any = getattr(made, "aclose", None)
    if close is not None:
        later.push_async_callback(close)
        return made
    return _closing(made, stack)


def _closing(made: Any, stack: ExitStack) -> Any:
    """An adapter that a function has made, closed with the session."""
    if isinstance(made, AbstractContextManager):
        return stack.enter_context(made)
    if callable(close := getattr(made, "close", None)):
        stack.callback(close)
    return made


def _rest(given: Customcrm) -> dict[str, Any]:
    auth = None if given.auth is None else _auth(given.auth)
    return {"auth": auth, **_given(given, "schema", "timeout", "bounds", "retry", "per_minute", "verify", "proxy")}


def _database(given: Customcrm) -> SqlCustomcrm:
    return SqlCustomcrm(str(given.database), **_given(given, "contacts", "customers", "products", "page_size"))


def _adapter(given: Customcrm) -> tuple[Any, bool]:
    """An adapter of the host's, and whether a function has made it: that one is closed with the session."""
    where = "customcrm.adapter"
    assert given.adapter is not None  # the file was checked
    name = given.adapter.name
    try:
        found: Any = named(name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error.__cause__
    if hasattr(found, "list_changes") and not isinstance(found, type):
        return found, False
    if not callable(found):
        raise ValueError(f"{where}: {name!r} is no adapter, and no function that returns one")
    try:
        return found(), True
    except Exception as error:
        raise ValueError(f"{where}: {name!r} fails with {type(error).__name__}: {error}") from error


def _auth(given: Auth) -> Any:
    if given.login is not None:
        return given.login
    if given.token is not None:
        return BearerToken(given.token)
    if given.key is not None:
        return ApiKey(given.key, header=given.header, query=given.query)
    if given.username is not None:
        assert given.password is not None  # the file was checked
        return BasicAuth(given.username, given.password)
    assert given.token_url is not None
    assert given.client_id is not None
    assert given.client_secret is not None
    return ClientCredentials(
        given.token_url, given.client_id, given.client_secret, scope=given.scope, secret_in=given.secret_in
    )


def _given(table: Any, *names: str) -> dict[str, Any]:
    """Those of the keys that are there."""
    return {name: getattr(table, name) for name in names if getattr(table, name) is not None}
