"""Customcrm, the host's own CRM: its records, the default REST profile as values, and the clients."""

from keapbridge.customcrm.auth import BearerToken
from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
from keapbridge.customcrm.models import Contact, Customer, Product

__all__ = ["AsyncCustomcrmClient", "BearerToken", "Contact", "CustomcrmClient", "Customer", "Product"]
