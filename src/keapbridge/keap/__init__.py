"""Keap: its records, its endpoints as values, and the clients."""

from keapbridge.keap.auth import KeapApiKey
from keapbridge.keap.client import AsyncKeapClient, KeapClient
from keapbridge.keap.directory import LeadSource, Tag, User
from keapbridge.keap.fields import CustomField, FieldOption, Model
from keapbridge.keap.habits import Habits
from keapbridge.keap.hooks import Hook, HookReport
from keapbridge.keap.limits import KeapLimits
from keapbridge.keap.oauth import KeapOAuth, OAuthTokens, TokenStore
from keapbridge.keap.of_one_object import EmailStatus
from keapbridge.keap.records import (
    Address,
    BasicCompany,
    Company,
    Contact,
    CustomFieldValue,
    EmailAddress,
    FaxNumber,
    FixedOption,
    Link,
    Money,
    Origin,
    PhoneNumber,
    Product,
    ProductInventory,
    ProductOption,
    SavedCompany,
    SavedContact,
    SavedProduct,
    SocialAccount,
    SubscriptionPlan,
    VariableSetting,
)
from keapbridge.keap.slots import find_item, put_item, put_items, remove_item
from keapbridge.keap.tokens import FileTokenStore
from keapbridge.keap.turns import Pacing

__all__ = [
    "Address",
    "AsyncKeapClient",
    "BasicCompany",
    "Company",
    "Contact",
    "CustomField",
    "CustomFieldValue",
    "EmailAddress",
    "EmailStatus",
    "FaxNumber",
    "FieldOption",
    "FileTokenStore",
    "FixedOption",
    "Habits",
    "Hook",
    "HookReport",
    "KeapApiKey",
    "KeapClient",
    "KeapLimits",
    "KeapOAuth",
    "LeadSource",
    "Link",
    "Model",
    "Money",
    "OAuthTokens",
    "Origin",
    "Pacing",
    "PhoneNumber",
    "Product",
    "ProductInventory",
    "ProductOption",
    "SavedCompany",
    "SavedContact",
    "SavedProduct",
    "SocialAccount",
    "SubscriptionPlan",
    "Tag",
    "TokenStore",
    "User",
    "VariableSetting",
    "find_item",
    "put_item",
    "put_items",
    "remove_item",
]
