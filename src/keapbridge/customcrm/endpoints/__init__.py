"""The REST API of a Customcrm, as values: each function returns a `Call` and performs nothing. Pure.

What an API looks like is declared by a `CustomcrmSchema`; the default one is the default profile: PascalCase JSON;
`GET /contacts?updated_since=…&limit=…&cursor=…` answers `{"Items": […], "NextCursor": …}` with tombstones among the
changes; `?ids=` reads many; POST takes an `Idempotency-Key`; PATCH and DELETE take `If-Match`.
"""

from keapbridge.customcrm.endpoints.endpoint import CONTACTS, CUSTOMERS, PRODUCTS, Endpoint, endpoint
from keapbridge.customcrm.endpoints.lists import MAX_PAGE, find, get_many, list_page
from keapbridge.customcrm.endpoints.single import (
    Current,
    changes_to_record,
    create,
    current,
    delete,
    get,
    mark_deleted,
    marks_after_reading,
    reads_before_writing,
    record_extra,
    update,
)

__all__ = [
    "CONTACTS",
    "CUSTOMERS",
    "MAX_PAGE",
    "PRODUCTS",
    "Current",
    "Endpoint",
    "changes_to_record",
    "create",
    "current",
    "delete",
    "endpoint",
    "find",
    "get",
    "get_many",
    "list_page",
    "mark_deleted",
    "marks_after_reading",
    "reads_before_writing",
    "record_extra",
    "update",
]
