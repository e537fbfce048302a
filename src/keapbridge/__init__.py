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
    choice,
    choices,
    country,
    custom_field,
    date,
    date_time,
    decimal,
    email,
    fax,
    integer,
    money,
    opt_out,
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
    "choice",
    "choices",
    "country",
    "custom_field",
    "customcrm",
    "date",
    "date_time",
    "decimal",
    "email",
    "errors",
    "fax",
    "integer",
    "keap",
    "mapping",
    "money",
    "opt_out",
    "phone",
    "reference",
    "region",
    "text",
]
