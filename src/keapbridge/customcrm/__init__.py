"""Customcrm, the host's own CRM: its records, what its REST API looks like as data, and the clients."""

from keapbridge.customcrm.adapter import AdapterCapabilities, AdapterPage, CustomcrmAdapter
from keapbridge.customcrm.auth import ApiKey, BasicAuth, BearerToken, ClientCredentials
from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
from keapbridge.customcrm.log_in import PasswordLogin, Refresh
from keapbridge.customcrm.records import Contact, Customer, Product, SavedContact, SavedCustomer, SavedProduct
from keapbridge.customcrm.schema import (
    BatchRead,
    Capabilities,
    ChangedSince,
    CursorPaging,
    CustomcrmObject,
    CustomcrmSchema,
    DeletedMark,
    Envelope,
    LinkPaging,
    NextUrlPaging,
    OffsetPaging,
    PagePaging,
    Property,
    Request,
    Update,
)

__all__ = [
    "AdapterCapabilities",
    "AdapterPage",
    "ApiKey",
    "AsyncCustomcrmClient",
    "BasicAuth",
    "BatchRead",
    "BearerToken",
    "Capabilities",
    "ChangedSince",
    "ClientCredentials",
    "Contact",
    "CursorPaging",
    "CustomcrmAdapter",
    "CustomcrmClient",
    "CustomcrmObject",
    "CustomcrmSchema",
    "Customer",
    "DeletedMark",
    "Envelope",
    "LinkPaging",
    "NextUrlPaging",
    "OffsetPaging",
    "PagePaging",
    "PasswordLogin",
    "Product",
    "Property",
    "Refresh",
    "Request",
    "SavedContact",
    "SavedCustomer",
    "SavedProduct",
    "Update",
]
