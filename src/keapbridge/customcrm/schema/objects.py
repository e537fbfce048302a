"""What is declared for one of the three objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from keapbridge.customcrm.schema.checks import below_base, texts
from keapbridge.customcrm.schema.properties import Property, properties
from keapbridge.customcrm.schema.requests import Operations, operations
from keapbridge.model.given import keywords

__all__ = ["CustomcrmObject"]


@keywords()
@frozen
class CustomcrmObject:
    """One of the three objects.

    Attributes:
        path: of the list, below the base URL.
        record: of one record, with `{id}` in it; `None` for `{id}` below `path`. A query may follow:
            `"/contacts?id=eq.{id}"`.
        properties: property of the default profile (`"FirstName"` or `first_name`), or any further name, → property of
            the CRM; names joined by dots go into objects (`"name.given"`), brackets into lists (`"emails[0].value"`,
            `"emails[type=work].value"`), a backslash takes a dot as it is. A `Property` says more. What is not here
            follows `names`; `None` says that the CRM has it not, so that the mapping leaves it out.
        find: property → parameter of the list that looks for its value, the most telling one first.
        query: what every list is asked with: `{"sort": "id"}`.
        requests: operations that are asked for otherwise than the schema says; see `Request`.
        differs: keys of the schema that are otherwise for this object, with their values: `{"changed_since": None}`.
    """

    path: str = field(validator=below_base)
    record: str | None = field(default=None, validator=below_base, kw_only=True)
    properties: Mapping[str, str | Property | None] = field(factory=dict, validator=properties, kw_only=True)
    find: Mapping[str, str] = field(factory=dict, validator=texts, kw_only=True)
    query: Mapping[str, str] = field(factory=dict, validator=texts, kw_only=True)
    requests: Operations = field(factory=dict, validator=operations, kw_only=True)
    differs: Mapping[str, Any] = field(factory=dict, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.record is not None and "{id}" not in self.record:
            raise ValueError("record: must have {id} in it")

    @property
    def one(self) -> str:
        """The path of one record, with `{id}` in it, and with its query."""
        path, mark, query = self.path.partition("?")
        return self.record or f"{path.rstrip('/')}/{{id}}{mark}{query}"
