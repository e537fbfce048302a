"""The two Keap clients: how they are opened and closed, and what they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._io.bounds import Bounds
from keapbridge._io.http import AsyncHttpPort, HttpSettings, SyncHttpPort
from keapbridge._io.port import Credentials, Renewable, check_credentials
from keapbridge._io.retries import RetryPolicy
from keapbridge._io.secret import Secret
from keapbridge.keap.asking import MAX_PAGE, Asking
from keapbridge.keap.directory import (
    LEAD_SOURCES,
    TAGS,
    USERS,
    AsyncKeapDirectory,
    AsyncKeapTags,
    LeadSource,
    SavedLeadSource,
    SavedUser,
    SyncKeapDirectory,
    SyncKeapTags,
    User,
)
from keapbridge.keap.endpoints import COMPANIES, CONTACTS, PRODUCTS
from keapbridge.keap.habits import Habits
from keapbridge.keap.hooks import AsyncKeapHooks, KeapHooks, SyncKeapHooks
from keapbridge.keap.limits import KeapLimits, read_limits
from keapbridge.keap.oauth import oauth_of
from keapbridge.keap.of_one_object import (
    AsyncKeapAddresses,
    AsyncKeapContacts,
    AsyncKeapProducts,
    KeapAddresses,
    SyncKeapAddresses,
    SyncKeapContacts,
    SyncKeapProducts,
)
from keapbridge.keap.operations import KeapResource
from keapbridge.keap.pace import pace_for
from keapbridge.keap.records import (
    Company,
    SavedCompany,
)
from keapbridge.keap.resources import (
    AsyncKeapResourceWithFields,
    SyncKeapResourceWithFields,
)
from keapbridge.keap.turns import Pacing
from keapbridge.model.given import keywords, one_of, whole, wrong

__all__ = ["BASE_URL", "AsyncKeapClient", "KeapClient"]

BASE_URL = "https://api.infusionsoft.com/crm/rest"


def _check(auth: Any, pacing: Any, habits: Any, page_size: Any) -> None:
    if auth is None:
        raise wrong("auth", 'credentials, such as auth=kb.KeapApiKey("KeapAK-…")', auth)
    check_credentials(auth)
    if pacing is not None:
        one_of("pacing", pacing, Pacing, "how much of the limits it may use, pacing=kb.Pacing(…)")
    if habits is not None:
        one_of("habits", habits, Habits, "how this Keap behaves, habits=kb.Habits.load('habits.toml')")
    whole("page_size", page_size, least=1, most=MAX_PAGE, example=500)


@keywords()
class KeapClient:
    """Keap's REST v2 API. Thread-safe; close it, or use it as a context manager.

    Args:
        auth: `KeapApiKey("KeapAK-…")` or `KeapOAuth(…)`.
        base_url: what `/v2` and `/v1` live below.
        timeout: seconds without progress before a request is given up.
        retry: how patient it is; see `RetryPolicy`.
        bounds: what it takes from the system at most; see `Bounds`.
        habits: how this Keap behaves where its contract is silent; what is not known of it is not relied on.
        page_size: how many records a page of a list has at most, 1 to 1,000. Pages are shorter by themselves while Keap
            takes long for them.
        pacing: how much of Keap's limits it may use. Without it, all of what Keap publishes for these credentials; at
            other addresses than Keap's own, until an answer says that nothing is left.
    """

    def __init__(
        self,
        *,
        auth: Credentials | Renewable,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        pacing: Pacing | None = None,
        habits: Habits | None = None,
        page_size: int = MAX_PAGE,
    ) -> None:
        _check(auth, pacing, habits, page_size)
        pace = pace_for(auth, base_url, pacing, bounds)
        self._port = SyncHttpPort(
            HttpSettings(
                base_url,
                auth,
                timeout,
                RetryPolicy() if retry is None else retry,
                pace=pace,
                bounds=Bounds() if bounds is None else bounds,
            )
        )
        self._driver = driver = SyncDriver()
        self._asking = asking = Asking(Habits.unknown() if habits is None else habits, longest=page_size)
        self.contacts = SyncKeapContacts(driver, KeapResource(self._port, CONTACTS, asking))
        self.companies: SyncKeapResourceWithFields[Company, SavedCompany] = SyncKeapResourceWithFields(
            driver, KeapResource(self._port, COMPANIES, asking)
        )
        self.products = SyncKeapProducts(driver, KeapResource(self._port, PRODUCTS, asking))
        self.users: SyncKeapDirectory[User, SavedUser] = SyncKeapDirectory(
            driver, KeapResource(self._port, USERS, asking)
        )
        self.lead_sources: SyncKeapDirectory[LeadSource, SavedLeadSource] = SyncKeapDirectory(
            driver, KeapResource(self._port, LEAD_SOURCES, asking)
        )
        self.tags = SyncKeapTags(driver, KeapResource(self._port, TAGS, asking))
        self.email_addresses = SyncKeapAddresses(driver, KeapAddresses(self._port))
        self.hooks = SyncKeapHooks(driver, KeapHooks(self._port))

    @property
    def habits(self) -> Habits:
        """How this Keap behaves where its contract is silent, as far as that was said, or its answers have shown it."""
        return self._asking.habits

    @property
    def limits(self) -> KeapLimits:
        """What the last answer's headers said about the limits."""
        return read_limits(self._port.last_headers)

    def authorize(self, code: str | Secret, *, redirect_uri: str | None = None) -> None:
        """Sign in with the code that a person brought back from `KeapOAuth.authorization_url`.

        Args:
            redirect_uri: the same as in that address.

        Raises:
            StatusError: when Keap does not take the code: it is good for one use, and for a short time.
        """
        code = Secret.of(code)
        self._driver.run(oauth_of(self._port).authorize(self._port, code, redirect_uri))

    def close(self) -> None:
        """Close the connections."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KeapClient {self._port.settings.base_url}>"

    def _repr_html_(self) -> str:
        return self.limits.shown_of(f"KeapClient {self._port.settings.base_url}")


@keywords()
class AsyncKeapClient:
    """`KeapClient` for an event loop.

    Args:
        app: an ASGI application to call instead of the network, such as an emulator's `app`.
    """

    def __init__(
        self,
        *,
        auth: Credentials | Renewable,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        pacing: Pacing | None = None,
        habits: Habits | None = None,
        page_size: int = MAX_PAGE,
        app: Callable[..., Any] | None = None,
    ) -> None:
        _check(auth, pacing, habits, page_size)
        pace = pace_for(auth, base_url, pacing, bounds)
        self._port = AsyncHttpPort(
            HttpSettings(
                base_url,
                auth,
                timeout,
                RetryPolicy() if retry is None else retry,
                app,
                pace,
                Bounds() if bounds is None else bounds,
            )
        )
        self._driver = driver = AsyncDriver()
        self._asking = asking = Asking(Habits.unknown() if habits is None else habits, longest=page_size)
        self.contacts = AsyncKeapContacts(driver, KeapResource(self._port, CONTACTS, asking))
        self.companies: AsyncKeapResourceWithFields[Company, SavedCompany] = AsyncKeapResourceWithFields(
            driver, KeapResource(self._port, COMPANIES, asking)
        )
        self.products = AsyncKeapProducts(driver, KeapResource(self._port, PRODUCTS, asking))
        self.users: AsyncKeapDirectory[User, SavedUser] = AsyncKeapDirectory(
            driver, KeapResource(self._port, USERS, asking)
        )
        self.lead_sources: AsyncKeapDirectory[LeadSource, SavedLeadSource] = AsyncKeapDirectory(
            driver, KeapResource(self._port, LEAD_SOURCES, asking)
        )
        self.tags = AsyncKeapTags(driver, KeapResource(self._port, TAGS, asking))
        self.email_addresses = AsyncKeapAddresses(driver, KeapAddresses(self._port))
        self.hooks = AsyncKeapHooks(driver, KeapHooks(self._port))

    @property
    def habits(self) -> Habits:
        """How this Keap behaves where its contract is silent, as far as that was said, or its answers have shown it."""
        return self._asking.habits

    @property
    def limits(self) -> KeapLimits:
        """What the last answer's headers said about the limits."""
        return read_limits(self._port.last_headers)

    async def authorize(self, code: str | Secret, *, redirect_uri: str | None = None) -> None:
        """See `KeapClient.authorize`."""
        code = Secret.of(code)
        await self._driver.run(oauth_of(self._port).authorize(self._port, code, redirect_uri))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._port.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncKeapClient {self._port.settings.base_url}>"

    def _repr_html_(self) -> str:
        return self.limits.shown_of(f"AsyncKeapClient {self._port.settings.base_url}")
