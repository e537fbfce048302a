"""Mapping as data: the three default mappers, the kinds of fields, and the dataflow document made from them."""

from keapbridge.mapping.defaults import (
    boolean,
    companies,
    contacts,
    country,
    date,
    email,
    fax,
    money,
    phone,
    products,
    reference,
    region,
    text,
)
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper, MatchKey
from keapbridge.mapping.tables import dataflow_document

__all__ = [
    "Lens",
    "Mapper",
    "MatchKey",
    "boolean",
    "companies",
    "contacts",
    "country",
    "dataflow_document",
    "date",
    "email",
    "fax",
    "money",
    "phone",
    "products",
    "reference",
    "region",
    "text",
]
