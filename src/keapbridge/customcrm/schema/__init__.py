"""What a host declares about the REST API of its CRM, as data: in Python or in TOML.

Only values live here, and how they are read and written; `endpoints` turns them into requests. All defaults
together are the default REST profile.
"""

from keapbridge.customcrm.schema.capabilities import Capabilities
from keapbridge.customcrm.schema.checks import alternatives
from keapbridge.customcrm.schema.names import OBJECTS, SYSTEM, attribute_of, wire_path
from keapbridge.customcrm.schema.objects import CustomcrmObject
from keapbridge.customcrm.schema.paging import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    OffsetPaging,
    PagePaging,
    Paging,
)
from keapbridge.customcrm.schema.parts import BatchRead, ChangedSince, DeletedMark, Envelope, Update
from keapbridge.customcrm.schema.properties import Properties, Property, path_of
from keapbridge.customcrm.schema.requests import OPERATIONS, Request
from keapbridge.customcrm.schema.times import date_text, moment_of, time_text
from keapbridge.customcrm.schema.whole import CustomcrmSchema

__all__ = [
    "OBJECTS",
    "OPERATIONS",
    "SYSTEM",
    "BatchRead",
    "Capabilities",
    "ChangedSince",
    "CursorPaging",
    "CustomcrmObject",
    "CustomcrmSchema",
    "DeletedMark",
    "Envelope",
    "LinkPaging",
    "NextUrlPaging",
    "OffsetPaging",
    "PagePaging",
    "Paging",
    "Properties",
    "Property",
    "Request",
    "Update",
    "alternatives",
    "attribute_of",
    "date_text",
    "moment_of",
    "path_of",
    "time_text",
    "wire_path",
]
