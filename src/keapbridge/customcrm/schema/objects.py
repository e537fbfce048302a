"""What is declared for one of the three objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from keapbridge.customcrm.schema.checks import below_base, paths, texts
from keapbridge.model.given import keywords

__all__ = ["CustomcrmObject"]


@keywords()
@frozen
class CustomcrmObject:
    """One of the three objects.

    Attributes:
        path: of the list, below the base URL.
        record: of one record, with `{id}` in it; `None` for `{id}` below `path`.
        properties: property of the default profile (`"FirstName"` or `first_name`), or any further name, → property of
            the CRM; names joined by dots go into objects (`"name.given"`). What is not here follows `names`.
        find: property → parameter of the list that looks for its value, the most telling one first.
        query: what every list is asked with: `{"sort": "id"}`.
        differs: keys of the schema that are otherwise for this object, with their values: `{"changed_since": None}`.
    """

    path: str = field(validator=below_base)
    record: str | None = field(default=None, validator=below_base, kw_only=True)
    properties: Mapping[str, str] = field(factory=dict, validator=paths, kw_only=True)
    find: Mapping[str, str] = field(factory=dict, validator=texts, kw_only=True)
    query: Mapping[str, str] = field(factory=dict, validator=texts, kw_only=True)
    differs: Mapping[str, Any] = field(factory=dict, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.record is not None and "{id}" not in self.record:
            raise ValueError("record: must have {id} in it")

    def path_of(self, id: str) -> str:
        """The path of one record; the id is percent-encoded already."""
        return self.record.replace("{id}", id) if self.record else f"{self.path.rstrip('/')}/{id}"
