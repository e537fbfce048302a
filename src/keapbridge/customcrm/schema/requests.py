"""How single operations are asked for, where an API does not do so by the usual methods and paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from keapbridge._toml.reading import unknown
from keapbridge.customcrm.schema.checks import below_base, filled, flag, texts
from keapbridge.customcrm.schema.checks import path as a_path
from keapbridge.model.given import keywords, kind

__all__ = ["OPERATIONS", "Operations", "Request", "operations"]

OPERATIONS = ("list", "get", "create", "update", "delete", "batch")


@keywords()
@frozen
class Request:
    """One operation, as far as it is otherwise than the schema says by itself.

    Attributes:
        method: `"POST"`; a list or a batch that is sent with a body has its parameters in the body, under their paths.
        path: with `{id}` in it or in the body, where it is about one record; a query may follow:
            `"/contacts?id=eq.{id}"`.
        query: what goes along in the query.
        headers: what goes along in the headers.
        body: what is sent, as a template of tables, lists and texts. `"{record}"` stands for the record, `"{ids}"` for
            a list of the ids, `{id}` in a text for the id; of a list with one member in which `{id}` stands there is
            one for each id. Without it the record is sent as `envelope` says. Where `ids` of the schema are integers,
            a text that is no more than `"{id}"` becomes one.
        success: where its answers say whether it was done; as in `Envelope`, which counts where this is `None`.
        id: where the answer to a create has the id, where it is no record; the record is read then.
    """

    method: str | None = field(default=None, validator=filled)
    path: str | None = field(default=None, validator=below_base)
    query: Mapping[str, str] = field(factory=dict, validator=texts, kw_only=True)
    headers: Mapping[str, str] = field(factory=dict, validator=texts, kw_only=True)
    body: Any = field(default=None, kw_only=True)
    success: str | None = field(default=None, validator=flag, kw_only=True)
    id: str | None = field(default=None, validator=a_path, kw_only=True)

    def over(self, common: Request) -> Request:
        """What is declared here, and else there."""
        return Request(
            self.method or common.method,
            self.path or common.path,
            query={**common.query, **self.query},
            headers={**common.headers, **self.headers},
            body=common.body if self.body is None else self.body,
            success=self.success or common.success,
            id=self.id or common.id,
        )


Operations = Mapping[str, Request]
"""`"list"`, `"get"`, `"create"`, `"update"`, `"delete"` or `"batch"` → how it is asked for."""


def operations(_: Any, attribute: Any, value: Operations) -> None:
    if not isinstance(value, Mapping):
        wanted = "operations with how they are asked for, {'get': kb.customcrm.Request(…)}"
        raise ValueError(f"{attribute.name}: must be {wanted}, not {kind(value)}")  # noqa: TRY004 - as all of a schema
    for name, request in value.items():
        if name not in OPERATIONS:
            raise ValueError(f"{attribute.name}.{unknown(name, OPERATIONS)}")
        if not isinstance(request, Request):
            raise ValueError(f"{attribute.name}.{name}: must be a Request(…), not {request!r}")  # noqa: TRY004 - a wrong value
        names_one = "{id}" in f"{request.path} {request.query} {request.body}"
        if request.path is not None and name in {"get", "update", "delete"} and not names_one:
            raise ValueError(f"{attribute.name}.{name}.path: must have {{id}} in it, or the body must")
