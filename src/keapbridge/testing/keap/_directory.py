"""What contacts and companies refer to by id: users, lead sources and tags, and their endpoints."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keapbridge.testing.keap._checks import InvalidError
from keapbridge.testing.keap._documents import Document, dicts
from keapbridge.testing.keap._messages import RefusedError, json_answer, label_of, typed_body

__all__ = ["Entries", "directory_routes"]

_CLAUSE = re.compile(r"(\w+)==(.+)")


@attrs.frozen
class _Kind:
    """One list of them.

    Attributes:
        path, key: its place in the path, and its name in answers.
        written: what a POST may carry; nothing where none can be made.
        filters: the names that its list is filtered by.
        longest: the longest page.
    """

    path: str
    key: str
    written: frozenset[str]
    filters: frozenset[str]
    longest: int = 1000


USERS = _Kind(
    "users",
    "users",
    frozenset(),
    frozenset({"email", "given_name", "include_inactive", "include_partners", "user_ids"}),
    100,
)
LEAD_SOURCES = _Kind(
    "leadSources",
    "lead_sources",
    frozenset({"description", "lead_source_category_id", "medium", "message", "name", "status", "vendor"}),
    frozenset({"description", "lead_source_category_id", "medium", "message", "name", "status", "vendor"}),
)
TAGS = _Kind(
    "tags", "tags", frozenset({"category", "description", "name"}), frozenset({"category_id", "name", "tag_ids"})
)


class Entries(Mapping[str, Document]):
    """The users, the lead sources or the tags: id → document."""

    def __init__(self, lock: threading.RLock, tick: Callable[[], str], first_id: int) -> None:
        self._lock, self._tick, self._next = lock, tick, first_id
        self._held: dict[str, Document] = {}

    def __getitem__(self, id: str) -> Document:
        with self._lock:
            return dict(self._held[id])

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._held))

    def __len__(self) -> int:
        return len(self._held)

    def add(self, document: Mapping[str, Any]) -> str:
        """Adds one and answers its id."""
        with self._lock:
            id, self._next, now = str(self._next), self._next + 1, self._tick()
            self._held[id] = {"id": id, "create_time": now, "update_time": now, **document}
            return id

    def edit(self, id: str, **changes: Any) -> None:
        """Changes one.

        Raises:
            KeyError: When there is none.
        """
        with self._lock:
            self._held[id] = {**self._held[id], **changes, "update_time": self._tick()}

    def delete(self, id: str) -> None:
        """Deletes one; what refers to it is left so."""
        with self._lock:
            del self._held[id]


def directory_routes(state: Any) -> list[Route]:
    """The endpoints of all three."""
    routes: list[Route] = []
    for kind, entries in ((USERS, state.users), (LEAD_SOURCES, state.lead_sources), (TAGS, state.tags)):
        routes += _Endpoints(kind, entries).routes()
    tagging = _Tagging(state)
    return [
        *routes,
        Route("/tags/{id}/contacts:applyTags", tagging.apply, methods=["POST"]),
        Route("/tags/{id}/contacts:removeTags", tagging.remove, methods=["POST"]),
    ]


@attrs.frozen
class _Endpoints:
    kind: _Kind
    entries: Entries

    def routes(self) -> list[Route]:
        made = [Route(f"/{self.kind.path}", self._create, methods=["POST"])] if self.kind.written else []
        return [
            Route(f"/{self.kind.path}", self._list, methods=["GET"]),
            *made,
            Route(f"/{self.kind.path}/{{id}}", self._get, methods=["GET"]),
        ]

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        size = query.get("page_size", str(self.kind.longest))
        if not size.isdecimal() or int(size) > self.kind.longest:
            raise InvalidError(f"page_size must be an integer from 0 to {self.kind.longest}")
        wanted = self._wanted(query.get("filter", ""))
        found = [document for document in self.entries.values() if self._meets(document, wanted)]
        begin = int(base64.b64decode(query["page_token"])) if query.get("page_token") else 0
        end = begin + (int(size) or self.kind.longest)
        token = {"next_page_token": base64.b64encode(str(end).encode()).decode()} if end < len(found) else {}
        return json_answer({self.kind.key: found[begin:end], **token})

    def _wanted(self, text: str) -> dict[str, str]:
        wanted: dict[str, str] = {}
        for part in filter(None, text.split(";")):
            match = _CLAUSE.fullmatch(part.strip())
            if match is None or match[1] not in self.kind.filters:
                raise InvalidError(f"filter: {part} is not a field to filter by")
            wanted[match[1]] = match[2]
        return wanted

    def _meets(self, document: Document, wanted: Mapping[str, str]) -> bool:
        if self.kind is USERS and wanted.get("include_inactive") != "true" and document.get("status") == "Inactive":
            return False
        for name, value in wanted.items():
            if name.startswith("include_"):
                continue
            if name.endswith("_ids"):
                if document["id"] not in value.split(","):
                    return False
                continue
            held = str((_email_of(document) if name == "email" else document.get(name)) or "").casefold()
            told = value.casefold()
            if not (held.startswith(told[:-1]) if told.endswith("*") else held == told):
                return False
        return True

    async def _get(self, request: Request) -> Response:
        id = request.path_params["id"]
        if id not in self.entries:
            raise RefusedError(404, f"There is no {id} in {self.kind.path}")
        return json_answer(self.entries[id])

    async def _create(self, request: Request) -> Response:
        body = await typed_body(request, self.kind.written, ["name"])
        label_of(body["name"], "name")
        status = {"status": "ACTIVE"} if self.kind is LEAD_SOURCES else {}
        return json_answer(self.entries[self.entries.add(status | body)], 201)


def _email_of(document: Document) -> str:
    return next((str(item.get("email", "")) for item in dicts(document.get("email_addresses"))), "")


@attrs.frozen
class _Tagging:
    state: Any

    async def apply(self, request: Request) -> Response:
        return await self._change(request, lambda held, tag: held if tag in held else [*held, tag])

    async def remove(self, request: Request) -> Response:
        return await self._change(request, lambda held, tag: [each for each in held if each != tag])

    async def _change(self, request: Request, change: Callable[[list[str], str], list[str]]) -> Response:
        body = await typed_body(request, ("contact_ids",), ("contact_ids",))
        tag, contacts = request.path_params["id"], self.state.contacts
        if tag not in self.state.tags:
            raise RefusedError(404, f"There is no tag {tag}")
        results: dict[str, str] = {}
        with self.state.lock:
            for id in body["contact_ids"]:
                document = contacts.stored(str(id))
                results[str(id)] = "FAILURE" if document is None else "SUCCESS"
                if document is not None:
                    contacts.replace(id, {**document, "tag_ids": change(list(document.get("tag_ids") or []), tag)})
        return json_answer({"results": results})
