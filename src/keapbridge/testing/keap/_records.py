"""The endpoints of contacts, companies and products."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keapbridge.keap.habits import Habits, Lag
from keapbridge.testing.keap import _filters, _playing
from keapbridge.testing.keap._behaviour import KeapBehaviour
from keapbridge.testing.keap._checks import InvalidError, Writing
from keapbridge.testing.keap._documents import Document, in_slot
from keapbridge.testing.keap._messages import (
    HIDDEN_WRITES,
    RefusedError,
    body_of,
    json_answer,
    named,
    typed_body,
)
from keapbridge.testing.keap._model import ModelEndpoints
from keapbridge.testing.keap._resources import COMPANIES, CONTACTS, PRODUCTS, Resource, stock
from keapbridge.testing.keap._state import KeapState, Table
from keapbridge.testing.keap._writing import write

__all__ = ["RecordEndpoints"]

_CHANGES = ("start_update_time", "since_time")
_ALL = 1000
_DUPLICATE_OPTIONS = ("Email", "EmailAndName", "EmailAndNameAndCompany")


class RecordEndpoints:
    """The endpoints of one object."""

    def __init__(self, state: KeapState, behaviour: KeapBehaviour, habits: Habits, resource: Resource) -> None:
        self._state = state
        self._behaviour = behaviour
        self._habits = habits
        self._resource = resource
        self._table: Table = state.table(resource)

    def routes(self) -> list[Route]:
        name = self._resource.name
        routes = [
            Route(f"/{name}", self._list, methods=["GET"]),
            Route(f"/{name}", self._create, methods=["POST"]),
        ]
        routes += ModelEndpoints(self._state, self._habits, self._resource).routes()
        if self._resource is CONTACTS:
            routes.append(Route("/contacts:merge", self._merge, methods=["POST"]))
        if self._resource is PRODUCTS:
            routes.append(Route("/products/{id}:adjustInventory", self._adjust_inventory, methods=["POST"]))
        return [
            *routes,
            Route(f"/{name}/{{id}}", self._get, methods=["GET"]),
            Route(f"/{name}/{{id}}", self._update, methods=["PATCH"]),
            Route(f"/{name}/{{id}}", self._delete, methods=["DELETE"]),
        ]

    # --- reading

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        fields = self._fields(request)
        wanted = _filters.order(self._resource, query.get("order_by", ""), self._habits)
        size = _filters.page_size(query.get("page_size", "0"), self._habits.longest_page or _filters.MAX_PAGE)
        filters = query.get("filter", "")
        conditions = _filters.conditions(self._resource, filters, self._table.custom_fields, self._habits)
        # A token remembers the list it belongs to by a short hash: it stays short and says nothing.
        asked = hashlib.sha256(f"{self._resource.name}|{filters}|{wanted.sql}".encode()).hexdigest()[:12]
        start = 0
        if (page_token := query.get("page_token")) and self._habits.page_tokens == "offset":
            start = _filters.offset(page_token, asked)
        elif page_token:
            conditions.append(_filters.after(page_token, asked, wanted))
        since = any(name in filters for name in _CHANGES)
        with self._state.reading(self._hidden(request, self._habits.since_lag if since else self._habits.list_lag)):
            rows = self._table.select(conditions, wanted, start + size + 1)[start:]
            documents = self._answered([document for *_, document in rows[:size]], fields)
        if self._resource is PRODUCTS:
            for document in documents:
                _without_count(document)
        answer: Document = {self._resource.name: documents}
        if len(rows) > size:
            record_id, value, _ = rows[size - 1]
            is_offset = self._habits.page_tokens == "offset"
            answer["next_page_token"] = (
                _filters.token(asked, "", start + size) if is_offset else _filters.token(asked, value, record_id)
            )
        return json_answer(answer)

    async def _get(self, request: Request) -> Response:
        fields = self._fields(request)
        with self._state.reading(self._hidden(request, self._habits.get_lag)):
            found = self._left_of(request.path_params["id"])
            return json_answer(self._answered([found or self._stored(request.path_params["id"])], fields)[0])

    def _hidden(self, request: Request, lag: Lag | None) -> int:
        """How many of the last writes a read does not see, as far as they are recent."""
        return _ALL if lag == "some" else request.scope.get(HIDDEN_WRITES, 0)

    def _left_of(self, record_id: str) -> Document | None:
        """What a record that was deleted still shows."""
        return copy.deepcopy(self._table.deleted.get(record_id)) if self._habits.deleted == "shown" else None

    def _fields(self, request: Request) -> frozenset[str] | None:
        if not self._resource.fields:
            return None
        return named(request, "fields", self._resource.fields, strict=self._habits.unknown_fields == "refused")

    def _stored(self, record_id: str) -> Document:
        document = self._table.stored(record_id)
        if document is None:
            status = 410 if self._habits.deleted == "410" and record_id in self._table.deleted else 404
            raise RefusedError(status, f"There is no record {record_id} in {self._resource.name}")
        return document

    def _answered(self, documents: Sequence[Document], fields: frozenset[str] | None) -> list[Document]:
        shown = self._table.shown(documents)
        if fields is not None:
            asked = fields | {"id"}
            shown = [{n: v for n, v in document.items() if n in asked} for document in shown]
        elif omitted := _playing.omitted(self._habits, self._resource):
            shown = [{n: v for n, v in document.items() if n not in omitted} for document in shown]
        for document in shown:
            _playing.shown(self._habits, self._resource, document, fields)
        if self._behaviour.lose_milliseconds:
            for document in shown:
                for name in ("create_time", "update_time"):
                    if isinstance(document.get(name), str):
                        document[name] = document[name].partition(".")[0].removesuffix("Z") + "Z"
        return shown

    # --- writing

    async def _create(self, request: Request) -> Response:
        body = await body_of(request)
        fields = self._write_fields(request)
        option = request.query_params.get("duplicate_option") if self._resource is CONTACTS else None
        if option is not None and option not in _DUPLICATE_OPTIONS:
            raise InvalidError(f"duplicate_option must be one of {', '.join(_DUPLICATE_OPTIONS)}")
        with self._state.lock:
            body, _ = _playing.heard(self._habits, self._resource, body, None, new=True)
            new = write(self._resource, {}, body, self._writing(), new=True)
            if option is None and self._resource is CONTACTS and self._habits.same_email == "same":
                option = "Email"
            known = self._duplicate_of(new, option) if option else None
            if known is None:
                if isinstance(new.get("origin"), dict):
                    new["origin"]["date"] = self._state.tick()
                record_id = self._table.add(new)
                return json_answer(self._answered([self._stored(record_id)], fields)[0], 201)
            self._table.replace(known, write(self._resource, self._stored(known), body, self._writing(), new=False))
            return json_answer(self._answered([self._stored(known)], fields)[0])

    async def _update(self, request: Request) -> Response:
        body = await body_of(request)
        fields = self._write_fields(request)
        mask = named(request, "update_mask", self._resource.mask)
        record_id = request.path_params["id"]
        with self._state.lock:
            before = self._stored(record_id)
            body, emptied = _playing.heard(self._habits, self._resource, body, mask, new=False)
            after = write(self._resource, before, body, self._writing(), new=False, mask=mask)
            after = {name: value for name, value in after.items() if name not in emptied}
            after = _playing.completed(self._habits, before, after)
            if self._habits.no_change == "moves":
                after["update_time"] = ""
            self._table.replace(record_id, after)
            if self._habits.consent == "forgotten":
                for address in _playing.gone_addresses(before, after):
                    self._state.forget_consent(address)
            return json_answer(self._answered([self._stored(record_id)], fields)[0])

    async def _delete(self, request: Request) -> Response:
        record_id = request.path_params["id"]
        with self._state.lock:
            self._stored(record_id)
            self._table.delete(record_id)
        return Response(status_code=204)

    def _write_fields(self, request: Request) -> frozenset[str] | None:
        if self._resource is not COMPANIES:
            return self._fields(request)
        # The writes of companies have no such parameter.
        return self._resource.fields if self._behaviour.company_writes_answer_everything else None

    def _writing(self) -> Writing:
        return Writing(
            self._behaviour, self._state.currency, self._state.companies.__contains__, self._table.custom_fields
        )

    def _duplicate_of(self, document: Document, option: str) -> str | None:
        """The oldest contact with the same first email, and as the option says name and company."""
        email = in_slot(document.get("email_addresses"), "EMAIL1", "email")
        if not email:
            return None
        conditions = [_filters.Condition("r.email = ?", (email,))]
        if option != "Email":
            conditions += [
                _filters.Condition(
                    f"coalesce(json_extract(r.doc, '$.{name}'), '') = ? COLLATE NOCASE", (document.get(name, ""),)
                )
                for name in ("given_name", "family_name")
            ]
        if option == "EmailAndNameAndCompany":
            company = document.get("company", {}).get("id", "")
            conditions.append(_filters.Condition("r.company_id = ?", (company,)))
        found = self._table.select(conditions, _filters.Order("id", descending=False), 1)
        return str(found[0][0]) if found else None

    async def _merge(self, request: Request) -> Response:
        names = ("contact_id", "duplicate_contact_id")
        body = await typed_body(request, names, names)
        fields = self._fields(request)
        winner, loser = (str(body[name]) for name in names)
        if winner == loser:
            raise InvalidError("a contact cannot be merged with itself")
        with self._state.lock:
            for record_id in (winner, loser):
                self._stored(record_id)
            self._state.contacts.merge(winner, loser)
            return json_answer(self._answered([self._stored(winner)], fields)[0])

    async def _adjust_inventory(self, request: Request) -> Response:
        body = await typed_body(request, ("type", "quantity"), ("type", "quantity"))
        kind, quantity = body["type"], body["quantity"]
        if kind not in ("INCREASE", "DECREASE"):
            raise InvalidError("type must be one of INCREASE, DECREASE")
        if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 < quantity < 2**31:
            raise InvalidError("quantity must be an integer greater than 0")
        record_id = request.path_params["id"]
        with self._state.lock:
            document = self._stored(record_id)
            inventory = stock(document)
            before = inventory["inventory_count"] if isinstance(inventory["inventory_count"], int) else 0
            count = before + (quantity if kind == "INCREASE" else -quantity)
            if not 0 <= count < 2**31:
                raise InvalidError("the inventory count must not become negative or too large")
            self._table.replace(record_id, document | {"inventory": inventory | {"inventory_count": count}})
            return json_answer(self._answered([self._stored(record_id)], None)[0])


def _without_count(product: Document) -> None:
    # Lists leave the count out; it costs the real Keap a look-up per product.
    inventory = product.get("inventory")
    if isinstance(inventory, dict):
        product["inventory"] = {n: v for n, v in inventory.items() if n != "inventory_count"}
