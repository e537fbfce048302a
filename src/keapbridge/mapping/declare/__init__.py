"""The kinds of fields as a host declares them: each of these functions makes one pair of fields, as data. Pure.

All that is in `__all__` is public, in `keapbridge` and in `keapbridge.mapping`.
"""

from keapbridge.mapping.declare.own import lens
from keapbridge.mapping.declare.places import address, country, region
from keapbridge.mapping.declare.texts import email, fax, full_name, opt_out, phone, text, url
from keapbridge.mapping.declare.values import (
    boolean,
    choice,
    choices,
    company_name,
    constant,
    date,
    date_time,
    decimal,
    integer,
    lead_source,
    money,
    owner,
    reference,
    tags,
)
from keapbridge.mapping.declared import field

__all__ = [
    "address",
    "boolean",
    "choice",
    "choices",
    "company_name",
    "constant",
    "country",
    "date",
    "date_time",
    "decimal",
    "email",
    "fax",
    "field",
    "full_name",
    "integer",
    "lead_source",
    "lens",
    "money",
    "opt_out",
    "owner",
    "phone",
    "reference",
    "region",
    "tags",
    "text",
    "url",
]
