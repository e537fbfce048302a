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

import importlib
from typing import TYPE_CHECKING, Any

from keapbridge import customcrm, errors, events, keap, mapping
from keapbridge._io.bounds import Bounds
from keapbridge._io.retries import RetryPolicy
from keapbridge._io.secret import Secret
from keapbridge._version import __version__
from keapbridge.customcrm import (
    AdapterCapabilities,
    AdapterPage,
    ApiKey,
    AsyncCustomcrmClient,
    BasicAuth,
    BearerToken,
    ClientCredentials,
    CustomcrmAdapter,
    CustomcrmClient,
    CustomcrmSchema,
    PasswordLogin,
)
from keapbridge.errors import (
    ApiError,
    AuthError,
    BoundError,
    BrakeError,
    ConfigurationError,
    ConflictError,
    KeapbridgeError,
    LinkStoreError,
    MappingError,
    NoAnswerError,
    NotFoundError,
    OtherSystemError,
    QuotaExhaustedError,
    RateLimitedError,
    ServerError,
    SessionBusyError,
    ShapeError,
    StalePlanError,
    StatusError,
    StoppedError,
    SyncError,
    TransportError,
    TryLaterError,
    UnavailableError,
    UncertainError,
    UnfitError,
)
from keapbridge.keap import AsyncKeapClient, FileTokenStore, Habits, KeapApiKey, KeapClient, KeapOAuth, Pacing
from keapbridge.mapping import custom_field
from keapbridge.mapping import declare as _declare
from keapbridge.mapping.declare import *
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side

if TYPE_CHECKING:
    from keapbridge import console, webhooks
    from keapbridge.configuration.opening import load, load_async
    from keapbridge.customcrm import presets
    from keapbridge.customcrm.sql import SqlCustomcrm, SqlJoin, SqlLookup, SqlTable
    from keapbridge.decide.policy import Contest, Policy, Value
    from keapbridge.detecting import ApiProposal, detect_api
    from keapbridge.inspecting import Proposal, inspect_database
    from keapbridge.keap.probe import probe_keap
    from keapbridge.model.finding import Finding, Findings
    from keapbridge.model.pair_in_doubt import PairInDoubt
    from keapbridge.model.plan import Plan
    from keapbridge.model.report import Report
    from keapbridge.model.summaries import PlanSummary, RunSummary
    from keapbridge.store.migrating import migrate, without_store
    from keapbridge.store.rekey import rekey
    from keapbridge.store.tokens import SqlTokenStore
    from keapbridge.sync.afterwards.open_conflicts import OpenConflict
    from keapbridge.sync.aio import AsyncSyncSession
    from keapbridge.sync.session import SyncSession
    from keapbridge.tables import (
        Approvals,
        read_approvals,
        to_csv,
        to_dicts,
        to_excel,
        to_pandas,
        to_polars,
    )

__all__ = [
    "UNSET",
    "AdapterCapabilities",
    "AdapterPage",
    "ApiError",
    "ApiKey",
    "ApiProposal",
    "Approvals",
    "AsyncCustomcrmClient",
    "AsyncKeapClient",
    "AsyncSyncSession",
    "AuthError",
    "BasicAuth",
    "BearerToken",
    "BoundError",
    "Bounds",
    "BrakeError",
    "ClientCredentials",
    "ConfigurationError",
    "ConflictError",
    "Contest",
    "CustomcrmAdapter",
    "CustomcrmClient",
    "CustomcrmSchema",
    "FileTokenStore",
    "Finding",
    "Findings",
    "Habits",
    "KeapApiKey",
    "KeapClient",
    "KeapOAuth",
    "KeapbridgeError",
    "LinkStoreError",
    "MappingError",
    "NoAnswerError",
    "NotFoundError",
    "OpenConflict",
    "OtherSystemError",
    "Pacing",
    "PairInDoubt",
    "PasswordLogin",
    "Plan",
    "PlanSummary",
    "Policy",
    "Proposal",
    "QuotaExhaustedError",
    "RateLimitedError",
    "Report",
    "RetryPolicy",
    "RunSummary",
    "Secret",
    "ServerError",
    "SessionBusyError",
    "ShapeError",
    "Side",
    "SqlCustomcrm",
    "SqlJoin",
    "SqlLookup",
    "SqlTable",
    "SqlTokenStore",
    "StalePlanError",
    "StatusError",
    "StoppedError",
    "SyncError",
    "SyncSession",
    "TransportError",
    "TryLaterError",
    "UnavailableError",
    "UncertainError",
    "UnfitError",
    "Value",
    "__version__",
    "console",
    "custom_field",
    "customcrm",
    "detect_api",
    "errors",
    "events",
    "inspect_database",
    "keap",
    "load",
    "load_async",
    "mapping",
    "migrate",
    "presets",
    "probe_keap",
    "read_approvals",
    "rekey",
    "to_csv",
    "to_dicts",
    "to_excel",
    "to_pandas",
    "to_polars",
    "webhooks",
    "without_store",
]
__all__ += _declare.__all__


# What takes long to import, imported when it is first used: who uses a client does not pay for the engine.
_LATER = {
    "ApiProposal": "detecting",
    "Approvals": "tables",
    "AsyncSyncSession": "sync.aio",
    "Contest": "decide.policy",
    "Finding": "model.finding",
    "Findings": "model.finding",
    "PairInDoubt": "model.pair_in_doubt",
    "OpenConflict": "sync.afterwards.open_conflicts",
    "Plan": "model.plan",
    "PlanSummary": "model.summaries",
    "Policy": "decide.policy",
    "Proposal": "inspecting",
    "Report": "model.report",
    "RunSummary": "model.summaries",
    "SqlCustomcrm": "customcrm.sql",
    "SqlJoin": "customcrm.sql",
    "SqlLookup": "customcrm.sql",
    "SqlTable": "customcrm.sql",
    "SqlTokenStore": "store.tokens",
    "SyncSession": "sync.session",
    "Value": "decide.policy",
    "detect_api": "detecting",
    "inspect_database": "inspecting",
    "load": "configuration.opening",
    "probe_keap": "keap.probe",
    "load_async": "configuration.opening",
    "migrate": "store.migrating",
    "rekey": "store.rekey",
    "read_approvals": "tables",
    "to_csv": "tables",
    "to_dicts": "tables",
    "to_excel": "tables",
    "to_pandas": "tables",
    "to_polars": "tables",
    "without_store": "store.migrating",
}


def __getattr__(name: str) -> Any:
    if name in {"console", "webhooks"}:
        return importlib.import_module(f"keapbridge.{name}")
    if name == "presets":
        return importlib.import_module("keapbridge.customcrm.presets")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(importlib.import_module(f"keapbridge.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
