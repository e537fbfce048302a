"""A small JSON server on loopback, whose answers are a function: for one habit of an API, or a whole API of its own."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import attrs


@attrs.frozen
class Asked:
    """One request: names of headers are in lower case, the last value of a parameter counts."""

    method: str
    path: str
    query: Mapping[str, str]
    queries: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any


@attrs.frozen
class Said:
    """One answer; `None` is a body of its own (`null`), and `UNSAID` is none."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = attrs.field(factory=dict)


UNSAID: Any = object()


class SmallServer:
    """Answers each request with what a function makes of it, and keeps both."""

    def __init__(self, answer: Callable[[Asked], Said], tls: Any = None) -> None:
        self.requests: list[Asked] = []
        self.lock = threading.RLock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("content-length") or 0)
                raw = self.rfile.read(length) if length else b""
                queries = parse_qs(parts.query, keep_blank_values=True)
                kind = self.headers.get("content-type", "")
                body = parse_qs(raw.decode()) if "urlencoded" in kind else json.loads(raw) if raw else None
                named = {name.lower(): value for name, value in self.headers.items()}
                query = {name: values[-1] for name, values in queries.items()}
                asked = Asked(self.command, unquote(parts.path), query, queries, named, body)
                with outer.lock:
                    outer.requests.append(asked)
                    said = answer(asked)
                data = b"" if said.body is UNSAID else json.dumps(said.body).encode()
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if data:
                    self.send_header("Content-Type", said.headers.get("Content-Type", "application/json"))
                if said.status != 204:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - their names

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                if not isinstance(sys.exception(), ConnectionError):  # a client that had enough may go
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def asked(self, path: str) -> list[Asked]:
        """The requests to a path."""
        return [each for each in self.requests if each.path == path]
