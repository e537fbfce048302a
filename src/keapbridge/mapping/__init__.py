"""Mapping as data: the three default mappers, the kinds of fields, and the dataflow document made from them."""

from keapbridge.mapping.custom import NamedField, custom_field
from keapbridge.mapping.defaults import (
    boolean,
    choice,
    choices,
    companies,
    contacts,
    country,
    date,
    date_time,
    decimal,
    email,
    fax,
    integer,
    money,
    opt_out,
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
    "NamedField",
    "boolean",
    "choice",
    "choices",
    "companies",
    "contacts",
    "country",
    "custom_field",
    "dataflow_document",
    "date",
    "date_time",
    "decimal",
    "email",
    "fax",
    "integer",
    "money",
    "opt_out",
    "phone",
    "products",
    "reference",
    "region",
    "text",
]
