"""Keap: its records, its endpoints as values, and the clients."""

from keapbridge.keap.auth import KeapApiKey
from keapbridge.keap.client import AsyncKeapClient, KeapClient
from keapbridge.keap.hooks import Hook, HookReport
from keapbridge.keap.limits import KeapLimits
from keapbridge.keap.models import (
    Address,
    BasicCompany,
    Company,
    Contact,
    CustomFieldValue,
    EmailAddress,
    FaxNumber,
    Money,
    Origin,
    PhoneNumber,
    Product,
    ProductInventory,
    SocialAccount,
)
from keapbridge.keap.slots import find_item, put_item, put_items, remove_item

__all__ = [
    "Address",
    "AsyncKeapClient",
    "BasicCompany",
    "Company",
    "Contact",
    "CustomFieldValue",
    "EmailAddress",
    "FaxNumber",
    "Hook",
    "HookReport",
    "KeapApiKey",
    "KeapClient",
    "KeapLimits",
    "Money",
    "Origin",
    "PhoneNumber",
    "Product",
    "ProductInventory",
    "SocialAccount",
    "find_item",
    "put_item",
    "put_items",
    "remove_item",
]
