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

from keapbridge._version import __version__

if TYPE_CHECKING:
    from keapbridge import console, customcrm, errors, events, keap, mapping, webhooks
    from keapbridge._io.bounds import Bounds
    from keapbridge._io.retries import RetryPolicy
    from keapbridge._io.secret import Secret
    from keapbridge.configuration.opening import load, load_async
    from keapbridge.customcrm import presets
    from keapbridge.customcrm.adapter import AdapterCapabilities, AdapterPage, CustomcrmAdapter
    from keapbridge.customcrm.auth import ApiKey, BasicAuth, BearerToken, ClientCredentials
    from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
    from keapbridge.customcrm.log_in import PasswordLogin
    from keapbridge.customcrm.schema import CustomcrmSchema
    from keapbridge.customcrm.sql import SqlCustomcrm, SqlJoin, SqlLookup, SqlTable
    from keapbridge.decide.policy import Contest, Policy, Value
    from keapbridge.detecting import ApiProposal, detect_api
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
    from keapbridge.inspecting import Proposal, inspect_database
    from keapbridge.keap.auth import KeapApiKey
    from keapbridge.keap.client import AsyncKeapClient, KeapClient
    from keapbridge.keap.habits import Habits
    from keapbridge.keap.oauth import KeapOAuth
    from keapbridge.keap.probe import probe_keap
    from keapbridge.keap.tokens import FileTokenStore
    from keapbridge.keap.turns import Pacing
    from keapbridge.mapping.custom import custom_field
    from keapbridge.mapping.declare import (
        address,
        boolean,
        choice,
        choices,
        company_name,
        constant,
        country,
        date,
        date_time,
        decimal,
        email,
        fax,
        field,
        full_name,
        integer,
        lead_source,
        lens,
        money,
        opt_out,
        owner,
        phone,
        reference,
        region,
        tags,
        text,
        url,
    )
    from keapbridge.model.finding import Finding, Findings
    from keapbridge.model.maybe import UNSET
    from keapbridge.model.pair_in_doubt import PairInDoubt
    from keapbridge.model.plan import Plan
    from keapbridge.model.report import Report
    from keapbridge.model.side import Side
    from keapbridge.model.summaries import PlanSummary, RunSummary
    from keapbridge.store.migrating import migrate, without_store
    from keapbridge.store.rekey import rekey
    from keapbridge.store.tokens import SqlTokenStore
    from keapbridge.sync.afterwards.open_conflicts import OpenConflict
    from keapbridge.sync.aio import AsyncSyncSession
    from keapbridge.sync.session import SyncSession
    from keapbridge.tables import Approvals, read_approvals, to_csv, to_dicts, to_excel, to_pandas, to_polars

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
    "address",
    "boolean",
    "choice",
    "choices",
    "company_name",
    "console",
    "constant",
    "country",
    "custom_field",
    "customcrm",
    "date",
    "date_time",
    "decimal",
    "detect_api",
    "email",
    "errors",
    "events",
    "fax",
    "field",
    "full_name",
    "inspect_database",
    "integer",
    "keap",
    "lead_source",
    "lens",
    "load",
    "load_async",
    "mapping",
    "migrate",
    "money",
    "opt_out",
    "owner",
    "phone",
    "presets",
    "probe_keap",
    "read_approvals",
    "reference",
    "region",
    "rekey",
    "tags",
    "text",
    "to_csv",
    "to_dicts",
    "to_excel",
    "to_pandas",
    "to_polars",
    "url",
    "webhooks",
    "without_store",
]

# What is imported above for those who read types is imported for those who run it when it is first used (PEP 562): the
# public modules, and what stands in others.
_MODULES = {
    **{name: name for name in ("console", "customcrm", "errors", "events", "keap", "mapping", "webhooks")},
    "presets": "customcrm.presets",
}
_NAMES = {
    "_io.bounds": "Bounds",
    "_io.retries": "RetryPolicy",
    "_io.secret": "Secret",
    "configuration.opening": "load load_async",
    "customcrm.adapter": "AdapterCapabilities AdapterPage CustomcrmAdapter",
    "customcrm.auth": "ApiKey BasicAuth BearerToken ClientCredentials",
    "customcrm.client": "AsyncCustomcrmClient CustomcrmClient",
    "customcrm.log_in": "PasswordLogin",
    "customcrm.schema": "CustomcrmSchema",
    "customcrm.sql": "SqlCustomcrm SqlJoin SqlLookup SqlTable",
    "decide.policy": "Contest Policy Value",
    "detecting": "ApiProposal detect_api",
    "errors": (
        "ApiError AuthError BoundError BrakeError ConfigurationError ConflictError KeapbridgeError LinkStoreError "
        "MappingError NoAnswerError NotFoundError OtherSystemError QuotaExhaustedError RateLimitedError "
        "ServerError SessionBusyError ShapeError StalePlanError StatusError StoppedError SyncError TransportError "
        "TryLaterError UnavailableError UncertainError UnfitError"
    ),
    "inspecting": "Proposal inspect_database",
    "keap.auth": "KeapApiKey",
    "keap.client": "AsyncKeapClient KeapClient",
    "keap.habits": "Habits",
    "keap.oauth": "KeapOAuth",
    "keap.probe": "probe_keap",
    "keap.tokens": "FileTokenStore",
    "keap.turns": "Pacing",
    "mapping.custom": "custom_field",
    "mapping.declare": (
        "address boolean choice choices company_name constant country date date_time decimal email fax field "
        "full_name integer lead_source lens money opt_out owner phone reference region tags text url"
    ),
    "model.finding": "Finding Findings",
    "model.maybe": "UNSET",
    "model.pair_in_doubt": "PairInDoubt",
    "model.plan": "Plan",
    "model.report": "Report",
    "model.side": "Side",
    "model.summaries": "PlanSummary RunSummary",
    "store.migrating": "migrate without_store",
    "store.rekey": "rekey",
    "store.tokens": "SqlTokenStore",
    "sync.afterwards.open_conflicts": "OpenConflict",
    "sync.aio": "AsyncSyncSession",
    "sync.session": "SyncSession",
    "tables": "Approvals read_approvals to_csv to_dicts to_excel to_pandas to_polars",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        found = importlib.import_module(f"keapbridge.{_MODULES[name]}")
    elif name in _HOMES:
        found = getattr(importlib.import_module(f"keapbridge.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
