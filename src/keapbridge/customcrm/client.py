"""The two Customcrm clients: how they are opened and closed, and what they have."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Self

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._io.bounds import Bounds
from keapbridge._io.http import AsyncHttpPort, HttpSettings, SyncHttpPort
from keapbridge._io.port import Credentials, Renewable, check_credentials
from keapbridge._io.retries import RetryPolicy
from keapbridge.customcrm import endpoints
from keapbridge.customcrm.operations import CustomcrmResource
from keapbridge.customcrm.pace import EvenPace
from keapbridge.customcrm.records import Contact, Customer, Product, SavedContact, SavedCustomer, SavedProduct
from keapbridge.customcrm.resources import AsyncCustomcrmResource, SyncCustomcrmResource
from keapbridge.customcrm.schema import OBJECTS, Capabilities, CustomcrmSchema
from keapbridge.model.given import keywords, one_of, whole

if TYPE_CHECKING:
    import ssl

__all__ = ["AsyncCustomcrmClient", "CustomcrmClient"]


def _pace(per_minute: int | None) -> EvenPace | None:
    return None if per_minute is None else EvenPace(whole("per_minute", per_minute, least=1, example=300))


def _schema(given: CustomcrmSchema | None) -> CustomcrmSchema:
    if given is None:
        return CustomcrmSchema()
    return one_of("schema", given, CustomcrmSchema, "what the API looks like, schema=kb.CustomcrmSchema(…)")


def _common(schema: CustomcrmSchema) -> Capabilities:
    """What a CRM is able to do with all its objects."""
    return reduce(and_, map(schema.capabilities, OBJECTS))


@keywords()
class CustomcrmClient:
    """A Customcrm with a REST API. Thread-safe; close it, or use it as a context manager.

    Args:
        base_url: what the paths of the schema (`/contacts`, `/customers` and `/products`) live below.
        auth: `BearerToken("…")`, `ApiKey(…)`, `BasicAuth(…)` or `ClientCredentials(…)`.
        schema: what the API looks like; without one it is the default profile.
        timeout: seconds without progress before a request is given up.
        retry: how patient it is; see `RetryPolicy`.
        bounds: what it takes from the system at most; see `Bounds`.
        per_minute: how many calls it makes in a minute at most, evenly spaced; the limits that answers tell of in
            `X-RateLimit-Remaining` and `X-RateLimit-Reset` are kept then, too. `None`: as many as come.
        verify: the file of the certificates that the server's is checked by, or an `ssl.SSLContext`, which may have a
            certificate of the client; `None`: those that everybody trusts.
        proxy: the URL of a proxy for all calls.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Credentials | Renewable | None = None,
        schema: CustomcrmSchema | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        per_minute: int | None = None,
        verify: str | ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        check_credentials(auth)
        self.schema: CustomcrmSchema = _schema(schema)
        self._port = SyncHttpPort(
            HttpSettings(
                base_url,
                auth,
                timeout,
                RetryPolicy() if retry is None else retry,
                bounds=Bounds() if bounds is None else bounds,
                pace=_pace(per_minute),
                verify=verify,
                proxy=proxy,
            )
        )
        driver = SyncDriver()
        self.contacts: SyncCustomcrmResource[Contact, SavedContact] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedContact, self.schema, base_url))
        )
        self.customers: SyncCustomcrmResource[Customer, SavedCustomer] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedCustomer, self.schema, base_url))
        )
        self.products: SyncCustomcrmResource[Product, SavedProduct] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedProduct, self.schema, base_url))
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the CRM is able to with all three objects; see also those of each (`crm.contacts.capabilities`)."""
        return _common(self.schema)

    def close(self) -> None:
        """Close the connections."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<CustomcrmClient {self._port.settings.base_url}>"


@keywords()
class AsyncCustomcrmClient:
    """`CustomcrmClient` for an event loop.

    Args:
        app: an ASGI application to call instead of the network, such as an emulator's `app`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Credentials | Renewable | None = None,
        schema: CustomcrmSchema | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        per_minute: int | None = None,
        verify: str | ssl.SSLContext | None = None,
        proxy: str | None = None,
        app: Callable[..., Any] | None = None,
    ) -> None:
        check_credentials(auth)
        self.schema: CustomcrmSchema = _schema(schema)
        self._port = AsyncHttpPort(
            HttpSettings(
                base_url,
                auth,
                timeout,
                RetryPolicy() if retry is None else retry,
                app,
                bounds=Bounds() if bounds is None else bounds,
                pace=_pace(per_minute),
                verify=verify,
                proxy=proxy,
            )
        )
        driver = AsyncDriver()
        self.contacts: AsyncCustomcrmResource[Contact, SavedContact] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedContact, self.schema, base_url))
        )
        self.customers: AsyncCustomcrmResource[Customer, SavedCustomer] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedCustomer, self.schema, base_url))
        )
        self.products: AsyncCustomcrmResource[Product, SavedProduct] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedProduct, self.schema, base_url))
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the CRM is able to with all three objects; see also those of each (`crm.contacts.capabilities`)."""
        return _common(self.schema)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._port.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncCustomcrmClient {self._port.settings.base_url}>"
