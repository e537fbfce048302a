"""A page server: the list endpoints of one of the two systems, over the data set, and nothing else.

It is a process of its own (`python -m benchmarks.server keap --records 100000`) that prints its port, and no part of
what is measured; so it is as small as can be: a protocol of asyncio, and pages of text that are kept as far as memory
allows. It answers

- `GET /crm/rest/v2/contacts?page_size=&page_token=&filter=` as Keap, `GET /api/contacts?limit=&cursor=&updated_since=
  &ids=` as a Customcrm; a list of changes has the first `--changed` records; other lists are empty;
- `GET /_calls` with how many calls of each kind it has answered since it was last asked.

It ends with its standard input, so that none is left behind when its parent dies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import parse_qsl

import attrs

from benchmarks import records

__all__ = ["KINDS", "Dialect", "end_with_parent"]

CACHED = 100  # pages, of which the largest have 1.3 MB
KINDS = ("page", "changes", "batch", "other")

Query = dict[str, str]


@attrs.frozen
class Asked:
    """What a list was asked for: a page, changes, or records by their indices."""

    kind: str
    first: int = 0
    size: int = 0
    indices: tuple[int, ...] = ()


@attrs.frozen
class Dialect:
    """How one of the systems asks and answers."""

    path: str
    name: str
    following: str
    items: Callable[[range | list[int], int], bytes]
    read: Callable[[Query], Asked]


def _read_keap(query: Query) -> Asked:
    terms = dict(
        term.split(sign, 1) for term in query.get("filter", "").split(";") for sign in ("==", ">") if sign in term
    )
    first, size = int(query.get("page_token", terms.get("contact_id", 0))), int(query.get("page_size", 1000))
    if "ids" in terms:
        return Asked("batch", indices=tuple(int(id) - 1 for id in terms["ids"].split(",")))
    return Asked("changes" if "start_update_time" in terms else "page", first, size)


def _read_customcrm(query: Query) -> Asked:
    if "ids" in query:
        return Asked("batch", indices=tuple(map(records.customcrm_index, query["ids"].split(","))))
    first, size = int(query.get("cursor", 0)), int(query.get("limit", 100))
    return Asked("changes" if "updated_since" in query else "page", first, size)


DIALECTS = {
    "keap": Dialect("/crm/rest/v2/contacts", "contacts", "next_page_token", records.keap_contacts, _read_keap),
    "customcrm": Dialect("/api/contacts", "Items", "NextCursor", records.customcrm_contacts, _read_customcrm),
}
_OTHERS = {
    "/crm/rest/v2/companies": b'{"companies":[]}',
    "/crm/rest/v2/products": b'{"products":[]}',
    "/api/customers": b'{"Items":[],"NextCursor":null}',
    "/api/products": b'{"Items":[],"NextCursor":null}',
}


class Pages:
    """What is answered to a target, and how often each kind was."""

    def __init__(self, dialect: Dialect, count: int, seed: int, changed: int) -> None:
        self._dialect, self._count, self._seed, self._changed = dialect, count, seed, changed
        self._calls: Counter[str] = Counter()
        self._page = lru_cache(CACHED)(self._make)

    def answer(self, target: str) -> bytes | None:
        """The body for a target; `None` where there is none."""
        path, _, query = target.partition("?")
        if path == "/_calls":
            counted, self._calls = self._calls, Counter()
            return json.dumps({kind: counted[kind] for kind in KINDS}).encode()
        if path != self._dialect.path:
            self._calls["other"] += 1
            return _OTHERS.get(path)
        asked = self._dialect.read(dict(parse_qsl(query)))
        self._calls[asked.kind] += 1
        if asked.kind == "batch":
            there = [index for index in asked.indices if index < self._count]
            return self._body(self._dialect.items(there, self._seed), None)
        return self._page(asked.first, asked.size, self._changed if asked.kind == "changes" else self._count)

    def _make(self, first: int, size: int, count: int) -> bytes:
        end = min(first + size, count)
        items = self._dialect.items(range(first, end), self._seed)
        return self._body(items, end if end < count else None)

    def _body(self, items: bytes, following: int | None) -> bytes:
        token = b"null" if following is None else b'"%d"' % following
        names = (self._dialect.name.encode(), items, self._dialect.following.encode(), token)
        return b'{"%b":[%b],"%b":%b}' % names


class _Connection(asyncio.Protocol):
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[:end], self._received[end + 4 :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            body = self._pages.answer(target) if method == "GET" else None
            status = b"404 Not Found" if body is None else b"200 OK"
            date = formatdate(usegmt=True).encode()
            length = len(body or b"{}")
            start = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\ndate: %b\r\n\r\n"
            self._transport.writelines([start % (status, length, date), body or b"{}"])


async def _serve(pages: Pages) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(pages), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


def end_with_parent() -> None:
    """End this process as soon as its standard input ends."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("system", choices=sorted(DIALECTS))
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changed", type=int, default=0)
    given = parser.parse_args()
    end_with_parent()
    asyncio.run(_serve(Pages(DIALECTS[given.system], given.records, given.seed, given.changed)))


if __name__ == "__main__":
    main()
