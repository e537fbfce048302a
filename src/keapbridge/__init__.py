"""Keep your own CRM ("Customcrm") and Keap in sync: contacts, companies and products, both ways.

```python
import keapbridge as kb

crm = kb.CustomcrmClient("https://crm.example.com/api", auth=kb.BearerToken("…"))
keap = kb.KeapClient(auth=kb.KeapApiKey("KeapAK-…"))
with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
    print(session.plan())
    print(session.sync())
```
"""

from typing import TYPE_CHECKING, Any

from keapbridge import customcrm, errors, keap, mapping
from keapbridge._flow import UNSET
from keapbridge._retry import RetryPolicy
from keapbridge._side import Side
from keapbridge._version import __version__
from keapbridge.customcrm import AsyncCustomcrmClient, BearerToken, CustomcrmClient
from keapbridge.errors import (
    ApiError,
    AuthError,
    BrakeError,
    ConflictError,
    KeapbridgeError,
    LinkStoreError,
    MappingError,
    NotFoundError,
    QuotaExhaustedError,
    RateLimitedError,
    ServerError,
    SessionBusyError,
    ShapeError,
    StalePlanError,
    StatusError,
    SyncError,
    TransportError,
    UnfitError,
)
from keapbridge.keap import AsyncKeapClient, KeapApiKey, KeapClient
from keapbridge.mapping import (
    boolean,
    country,
    date,
    email,
    fax,
    money,
    phone,
    reference,
    region,
    text,
)
from keapbridge.sync.plan import Plan
from keapbridge.sync.policy import Contest, Policy, Settle
from keapbridge.sync.report import Report
from keapbridge.sync.resolve import OpenConflict
from keapbridge.sync.session import AsyncSyncSession, SyncSession

if TYPE_CHECKING:
    from keapbridge import webhooks

__all__ = [
    "UNSET",
    "ApiError",
    "AsyncCustomcrmClient",
    "AsyncKeapClient",
    "AsyncSyncSession",
    "AuthError",
    "BearerToken",
    "BrakeError",
    "ConflictError",
    "Contest",
    "CustomcrmClient",
    "KeapApiKey",
    "KeapClient",
    "KeapbridgeError",
    "LinkStoreError",
    "MappingError",
    "NotFoundError",
    "OpenConflict",
    "Plan",
    "Policy",
    "QuotaExhaustedError",
    "RateLimitedError",
    "Report",
    "RetryPolicy",
    "ServerError",
    "SessionBusyError",
    "Settle",
    "ShapeError",
    "Side",
    "StalePlanError",
    "StatusError",
    "SyncError",
    "SyncSession",
    "TransportError",
    "UnfitError",
    "__version__",
    "boolean",
    "country",
    "customcrm",
    "date",
    "email",
    "errors",
    "fax",
    "keap",
    "mapping",
    "money",
    "phone",
    "reference",
    "region",
    "text",
    "webhooks",
]


def __getattr__(name: str) -> Any:
    # Loaded when it is asked for: who receives no webhooks does not pay for them.
    if name == "webhooks":
        import importlib

        return importlib.import_module("keapbridge.webhooks")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
