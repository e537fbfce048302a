"""A second page server, written from Keap's contract alone: `GET /v2/contacts` over the data set of `strangers`.

It is a process of its own (`python -m benchmarks.contract_server --records 100000 [--odd]`) that prints its port, and
ends with its standard input. Pages are made before they are measured, and kept.
"""

from __future__ import annotations

import argparse
import json
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks import strangers
from benchmarks.server import end_with_parent

__all__ = ["Listing"]

PATH = "/rest/v2/contacts"
MOST, USUAL = 1000, 50  # contacts on a page
KEPT = 200  # pages


class Listing:
    """Pages of contacts, in the order of their ids."""

    def __init__(self, records: int, seed: int, *, odd: bool) -> None:
        self._records, self._seed, self._odd = records, seed, odd
        self._made = lru_cache(KEPT)(self._make)

    def page(self, query: dict[str, list[str]]) -> bytes:
        """The body for a query; `page_token` says how many were shown already, and so does `contact_id>`."""
        size = min(MOST, int(query.get("page_size", [str(USUAL)])[0]))
        above = query.get("filter", [""])[0].rpartition("contact_id>")[2]
        return self._made(int(query.get("page_token", [above or "0"])[0]), size)

    def _make(self, first: int, size: int) -> bytes:
        end = min(first + size, self._records)
        token = json.dumps(str(end) if end < self._records else None).encode()
        items = strangers.page(first, end, self._seed, odd=self._odd)
        return b'{"next_page_token":%b,"contacts":%b}' % (token, items)


def handler(listing: Listing) -> type[BaseHTTPRequestHandler]:
    """What answers requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            found = asked.path.endswith(PATH)
            body = listing.page(parse_qs(asked.query)) if found else b'{"message":"there is nothing else"}'
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json;charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--odd", action="store_true")
    given = parser.parse_args()
    end_with_parent()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(Listing(given.records, given.seed, odd=given.odd)))
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
