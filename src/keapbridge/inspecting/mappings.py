"""The mapping that goes with a table, where the default one does not say how its columns are read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from keapbridge.customcrm.sql import SqlTable
from keapbridge.inspecting.declaring import AMOUNT, AMOUNT_CURRENCY, COMPANY_NAME, WHOLE_NAME, decimal_mark
from keapbridge.inspecting.schema import Table
from keapbridge.mapping.declare import company_name, full_name, money
from keapbridge.mapping.declared import Declared
from keapbridge.mapping.defaults import companies, contacts, products
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

__all__ = ["MAPPERS", "Mapped", "mapped"]

MAPPERS: Mapping[str, Mapper] = {CONTACTS: contacts, CUSTOMERS: companies, PRODUCTS: products}


@attrs.frozen
class _Field:
    """A field in the place of others, as it is declared and as that is written."""

    without: tuple[str, ...]
    declared: Declared
    source: str


_OF_CONTACTS: Mapping[str, _Field] = {
    WHOLE_NAME: _Field(("FirstName", "LastName"), full_name(WHOLE_NAME), f'kb.full_name("{WHOLE_NAME}")'),
    COMPANY_NAME: _Field(
        ("CustomerId",), company_name(COMPANY_NAME, create=True), f'kb.company_name("{COMPANY_NAME}", create=True)'
    ),
}


def _amounts(mark: str, currency: str, *, is_told: bool) -> _Field:
    """Prices that are texts.

    Args:
        mark: what stands before their decimals.
        currency: that of all of them, unless a column tells it.
    """
    how = {"currency": AMOUNT_CURRENCY} if is_told else {"always": currency}
    [(key, value)] = how.items()
    declared = money(AMOUNT, **how, decimal=mark, keap="price", required="keap")  # type: ignore[arg-type]
    source = f'kb.money("{AMOUNT}", {key}="{value}", decimal="{mark}", keap="price", required="keap")'
    return _Field(("Price",), declared, source)


@attrs.frozen
class Mapped:
    """How the records of a table are mapped: the default mapping, with other fields where it needs them."""

    object: str
    fields: tuple[_Field, ...] = ()
    one_way: bool = False

    @property
    def mapper(self) -> Mapper:
        """The mapping itself."""
        found = MAPPERS[self.object]
        for field in self.fields:
            found = found.without(*field.without).with_lenses(field.declared)
        return found.one_way("to_keap") if self.one_way else found

    @property
    def is_default(self) -> bool:
        """Whether nothing is to be said of it."""
        return not (self.fields or self.one_way)

    @property
    def source(self) -> str:
        """What it has otherwise, as Python behind the default mapping."""
        without = ", ".join(f'"{name}"' for field in self.fields for name in field.without)
        fields = ", ".join(field.source for field in self.fields)
        return (
            (f".without({without})" if without else "")
            + (f".with_lenses({fields})" if fields else "")
            + ('.one_way("to_keap")' if self.one_way else "")
        )


def mapped(object: str, declared: SqlTable, read: Table, currency: str, *, one_way: bool) -> Mapped:
    """The mapping for the records of a declared table.

    Args:
        read: the table with the rows that were read.
        currency: of prices that do not tell theirs.
        one_way: whether nothing is to be written there.
    """
    fields = [field for name, field in _OF_CONTACTS.items() if object == CONTACTS and declared.columns.get(name)]
    price = declared.columns.get(AMOUNT) if object == PRODUCTS else None
    mark = decimal_mark(read.values(price)) if price is not None else None
    if mark is not None:
        fields.append(_amounts(mark, currency, is_told=AMOUNT_CURRENCY in declared.columns))
    return Mapped(object, tuple(fields), one_way)
