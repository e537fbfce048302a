"""What tells the three synchronizations apart beside their mappers, in one table: a blueprint of each.

A further one has its line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from keapbridge.keap import records as keap_records
from keapbridge.mapping import defaults
from keapbridge.mapping.kinds import is_currency
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.maybe import Unreadable
from keapbridge.model.names import COMPANIES, CONTACTS, PRODUCTS
from keapbridge.sync.synchronization import AddressHolder, Traits
from keapbridge.sync.systems import System

__all__ = ["BLUEPRINTS", "Blueprint"]


@attrs.frozen
class Blueprint:
    """One of the three synchronizations.

    Attributes:
        asked_for_consent: the synchronizations among whose Keap records the owner of an e-mail address may be.
        fixed: traits that need no system.
    """

    default: Mapper
    asked_for_consent: tuple[str, ...] = ()
    fixed: Traits = attrs.field(factory=Traits)

    def traits(self, keap: Mapping[str, System]) -> Traits:
        holders = tuple(AddressHolder(keap[name], *_ADDRESSES[name]) for name in self.asked_for_consent)
        return attrs.evolve(self.fixed, address_holders=holders)


def _company_addresses(record: keap_records.Company) -> tuple[Any, ...]:
    return (record.email_address,) if record.email_address else ()


def _contact_addresses(record: keap_records.Contact) -> tuple[Any, ...]:
    shown = record.email_addresses or ()
    return (shown,) if isinstance(shown, Unreadable) else tuple(shown)


def _currency(record: keap_records.Product) -> str | None:
    told = record.price.currency_code if isinstance(record.price, keap_records.Money) else None
    return told if isinstance(told, str) and is_currency(told) else None


# How records with an e-mail address are found, and what addresses they have.
_ADDRESSES: Mapping[str, tuple[Any, Any]] = {
    COMPANIES: (
        lambda address: keap_records.Company(email_address=keap_records.EmailAddress(address)),
        _company_addresses,
    ),
    CONTACTS: (
        lambda address: keap_records.Contact(email_addresses=(keap_records.EmailAddress(address, "EMAIL1"),)),
        _contact_addresses,
    ),
}

BLUEPRINTS: Mapping[str, Blueprint] = {
    COMPANIES: Blueprint(defaults.companies, (CONTACTS, COMPANIES)),
    PRODUCTS: Blueprint(defaults.products, fixed=Traits(currency_of=_currency)),
    CONTACTS: Blueprint(defaults.contacts, (CONTACTS,), Traits(merges_in_keap=True)),
}
