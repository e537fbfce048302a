"""Customcrm, the host's own CRM: its records, the default REST profile as values, and the clients."""

from keapbridge.customcrm.adapter import AdapterCapabilities, AdapterPage, CustomcrmAdapter
from keapbridge.customcrm.auth import BearerToken
from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
from keapbridge.customcrm.models import Contact, Customer, Product

__all__ = [
    "AdapterCapabilities",
    "AdapterPage",
    "AsyncCustomcrmClient",
    "BearerToken",
    "Contact",
    "CustomcrmAdapter",
    "CustomcrmClient",
    "Customer",
    "Product",
]
