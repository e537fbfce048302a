"""Mapping as data: the three default mappers, the kinds of fields, and the dataflow document made from them."""

from collections.abc import Sequence

from keapbridge.mapping import declare
from keapbridge.mapping.custom import NamedField, custom_field
from keapbridge.mapping.declare import *
from keapbridge.mapping.declared import LensOptions
from keapbridge.mapping.defaults import companies, contacts, products
from keapbridge.mapping.kinds import Asked, Context, Kind, Sample
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.match_keys import MatchKey, NearKey
from keapbridge.model.records import Canonical

__all__ = [
    "Asked",
    "Canonical",
    "Context",
    "Kind",
    "Lens",
    "LensOptions",
    "Mapper",
    "MatchKey",
    "NamedField",
    "NearKey",
    "Sample",
    "companies",
    "contacts",
    "custom_field",
    "dataflow_document",
    "products",
]
__all__ += declare.__all__


def dataflow_document(mappers: Sequence[Mapper], format: str = "rst") -> str:
    """The whole document: what is synchronised, and for each synchronization its properties and its checklist.

    Args:
        mappers: the mappings in force, as the session has them.
        format: `"rst"`, `"md"` or `"html"` (a fragment, to be put into a page).
    """
    from keapbridge.dataflow import document

    return document.dataflow_document(mappers, format)
