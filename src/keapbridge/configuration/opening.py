"""A session is opened as a file says: its clients, its store, and what it closes in the end."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from keapbridge._toml.named import named
from keapbridge.configuration.file import Auth, Configuration, Customcrm, Keap, Named
from keapbridge.configuration.reading import read_file
from keapbridge.customcrm.auth import ApiKey, BasicAuth, BearerToken, ClientCredentials
from keapbridge.customcrm.client import CustomcrmClient
from keapbridge.customcrm.sql import SqlCustomcrm
from keapbridge.errors import ConfigurationError, MappingError
from keapbridge.keap.auth import KeapApiKey
from keapbridge.keap.client import KeapClient
from keapbridge.keap.oauth import KeapOAuth
from keapbridge.keap.tokens import FileTokenStore
from keapbridge.model.given import keywords
from keapbridge.sync.session import SyncSession, closing_too

__all__ = ["FILE", "configuration", "load", "open_session"]

FILE = "keapbridge.toml"


def configuration(path: str | os.PathLike[str] = FILE) -> Configuration:
    """What a configuration file says, without opening anything.

    Raises:
        ConfigurationError: naming the file and the key, for what cannot be.
    """
    return read_file(Path(path))


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
    return open_session(configuration(path), Path(path))


def open_session(found: Configuration, path: Path) -> SyncSession:
    """The session that a file describes.

    Args:
        path: of the file, to be named in errors.
    """
    options: dict[str, Any] = {**found.options, **found.mapping}
    if found.policy is not None:
        options["policy"] = found.policy
    with ExitStack() as stack:
        try:
            customcrm = _customcrm(found.customcrm, path.parent, stack)
            keap = stack.enter_context(_keap(found.keap, path.parent))
            session = SyncSession(customcrm=customcrm, keap=keap, store=found.store, **options)
        except (ValueError, TypeError, MappingError) as error:
            raise ConfigurationError(f"{path}: {error}") from error.__cause__
        return closing_too(session, stack.pop_all())


def _keap(given: Keap, folder: Path) -> KeapClient:
    options = _given(given, "base_url", "timeout", "bounds", "retry", "pacing")
    if given.key is not None:
        return KeapClient(auth=KeapApiKey(given.key, **_given(given, "header")), **options)
    assert given.client_id is not None
    assert given.client_secret is not None
    assert given.tokens is not None  # the file was checked
    tokens = FileTokenStore(folder / given.tokens)
    return KeapClient(auth=KeapOAuth(given.client_id, given.client_secret, tokens), **options)


def _customcrm(given: Customcrm, folder: Path, stack: ExitStack) -> Any:
    if given.url is not None:
        auth = None if given.auth is None else _auth(given.auth)
        options = _given(given, "schema", "timeout", "bounds", "retry")
        return stack.enter_context(CustomcrmClient(given.url, auth=auth, **options))
    if given.database is not None:
        tables = _given(given, "contacts", "customers", "products", "page_size")
        return stack.enter_context(SqlCustomcrm(str(given.database), **tables))
    assert given.adapter is not None  # the file was checked
    return _adapter(given.adapter, stack)


def _adapter(given: Named, stack: ExitStack) -> Any:
    """An adapter of the host's; what a function has made is closed with the session."""
    where = "customcrm.adapter"
    try:
        found: Any = named(given.name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error.__cause__
    if hasattr(found, "list_changes") and not isinstance(found, type):
        return found
    if not callable(found):
        raise ValueError(f"{where}: {given.name!r} is no adapter, and no function that returns one")
    try:
        made: Any = found()
    except Exception as error:
        raise ValueError(f"{where}: {given.name!r} fails with {type(error).__name__}: {error}") from error
    if isinstance(made, AbstractContextManager):
        return stack.enter_context(made)
    if callable(close := getattr(made, "close", None)):
        stack.callback(close)
    return made


def _auth(given: Auth) -> Any:
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
