"""Mapping as data: the three default mappers, the kinds of fields, and the dataflow document made from them."""

from collections.abc import Sequence

from keapbridge.mapping.custom import NamedField, custom_field
from keapbridge.mapping.declare import (
    LensOptions,
    address,
    boolean,
    choice,
    choices,
    constant,
    country,
    date,
    date_time,
    decimal,
    email,
    fax,
    full_name,
    integer,
    lens,
    money,
    opt_out,
    phone,
    reference,
    region,
    text,
    url,
)
from keapbridge.mapping.defaults import companies, contacts, products
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper, MatchKey

__all__ = [
    "Lens",
    "LensOptions",
    "Mapper",
    "MatchKey",
    "NamedField",
    "address",
    "boolean",
    "choice",
    "choices",
    "companies",
    "constant",
    "contacts",
    "country",
    "custom_field",
    "dataflow_document",
    "date",
    "date_time",
    "decimal",
    "email",
    "fax",
    "full_name",
    "integer",
    "lens",
    "money",
    "opt_out",
    "phone",
    "products",
    "reference",
    "region",
    "text",
    "url",
]


def dataflow_document(mappers: Sequence[Mapper], format: str = "rst") -> str:
    """The whole document: what is synchronised, and for each synchronization its properties and its checklist.

    Args:
        mappers: the mappings in force, as the session has them.
        format: `"rst"`, `"md"` or `"html"` (a fragment, to be put into a page).
    """
    from keapbridge.dataflow import document

    return document.dataflow_document(mappers, format)
