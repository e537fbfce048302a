"""REST APIs that somebody else wrote, each in a process of its own, and how they are spoken to without keapbridge."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import attrs
import httpx
import pytest
from ports import reserved_port

APPS = Path(__file__).parent / "others"
OBJECTS = ("contacts", "customers", "products")
PATIENCE = 300.0  # seconds until a server is up, on a machine that has much else to do
JSONAPI = "application/vnd.api+json"
NODE = "KEAPBRIDGE_NODE"  # names the folder that packages of npm are kept in


@attrs.define
class Other:
    """A server as its people use it. What differs from the plainest style is overridden."""

    cleared: ClassVar[Any] = None
    url: str
    http: httpx.Client
    token: str = ""

    def rows(self, object: str) -> dict[str, dict[str, Any]]:
        """All records by id, without what is empty."""
        found: list[dict[str, Any]] = []
        following: str | None = f"{self.url}{self.list(object)}"
        while following:
            body = self.http.get(following).raise_for_status().json()
            found += map(self.plain, self.shown(body))
            following = self.following(body)
        return {str(each["id"]): {n: v for n, v in each.items() if v not in (None, "")} for each in found}

    def add(self, object: str, **values: Any) -> str:
        """A new record."""
        answer = self.http.post(f"{self.url}{self.at(object)}", json=self.sent(object, values, None))
        return str(self.plain(self.alone(answer.raise_for_status().json()))["id"])

    def edit(self, object: str, id: str, **values: Any) -> None:
        """What a person changes there."""
        self.http.patch(f"{self.url}{self.at(object, id)}", json=self.sent(object, values, id)).raise_for_status()

    def remove(self, object: str, id: str) -> None:
        """What a person deletes there."""
        self.http.delete(f"{self.url}{self.at(object, id)}").raise_for_status()

    # --- what differs ---------------------------------------------------------------------------------------------

    def path(self, object: str) -> str:
        """The path of a list, as keapbridge is told."""
        return f"/{object}"

    def list(self, object: str) -> str:
        return self.path(object)

    def at(self, object: str, id: str | None = None) -> str:
        return self.path(object) if id is None else f"{self.path(object)}/{id}"

    def shown(self, body: Any) -> Sequence[Any]:
        return body["data"]  # type: ignore[no-any-return]

    def alone(self, body: Any) -> Any:
        return body

    def following(self, body: Any) -> str | None:
        return None

    def plain(self, record: Any) -> dict[str, Any]:
        return dict(record)

    def sent(self, object: str, values: Mapping[str, Any], id: str | None) -> Any:
        numbers = {"customer_id"} & values.keys()
        return {**values, **{name: int(values[name]) for name in numbers if values[name] is not None}}


class Drf(Other):
    """Django REST Framework, whose texts are `blank=True` and never null."""

    cleared = ""

    def path(self, object: str) -> str:
        return f"/{object}/"

    def at(self, object: str, id: str | None = None) -> str:
        return self.path(object) if id is None else f"{self.path(object)}{id}/"

    def shown(self, body: Any) -> Sequence[Any]:
        return body["results"]  # type: ignore[no-any-return]

    def following(self, body: Any) -> str | None:
        return body["next"]  # type: ignore[no-any-return]


class JsonApi(Drf):
    """djangorestframework-jsonapi, whose texts may be null."""

    cleared = None

    def shown(self, body: Any) -> Sequence[Any]:
        return body["data"]  # type: ignore[no-any-return]

    def following(self, body: Any) -> str | None:
        return body["links"]["next"]  # type: ignore[no-any-return]

    def alone(self, body: Any) -> Any:
        return body["data"]

    def plain(self, record: Any) -> dict[str, Any]:
        return {"id": record["id"], **record["attributes"]}

    def sent(self, object: str, values: Mapping[str, Any], id: str | None) -> Any:
        own = {} if id is None else {"id": id}
        return {"data": {"type": object, **own, "attributes": super().sent(object, values, id)}}


class FastCrud(Other):
    """FastAPI with FastCRUD."""

    def list(self, object: str) -> str:
        return f"/{object}?itemsPerPage=100&page=1"


class Datasette(Other):
    """Datasette with its write API."""

    def path(self, object: str) -> str:
        return f"/{object}.json"

    def list(self, object: str) -> str:
        return f"/{object}.json?_size=100"

    def shown(self, body: Any) -> Sequence[Any]:
        return body["rows"]  # type: ignore[no-any-return]

    def _said(self, path: str, body: Any) -> Any:
        return self.http.post(f"{self.url}{path}", json=body).raise_for_status().json()

    def add(self, object: str, **values: Any) -> str:
        row = self.sent(object, values, None)
        return str(self._said(f"/{object}/-/insert", {"row": row, "return": True})["rows"][0]["id"])

    def edit(self, object: str, id: str, **values: Any) -> None:
        self._said(f"/{object}/{id}/-/update", {"update": self.sent(object, values, id)})

    def remove(self, object: str, id: str) -> None:
        self._said(f"/{object}/{id}/-/delete", {})


class JsonServer(Other):
    """json-server, which has no times at all."""

    def shown(self, body: Any) -> Sequence[Any]:
        return body  # type: ignore[no-any-return]


class Directus(Other):
    """Directus over SQLite; its stamps are empty until the first edit."""

    def path(self, object: str) -> str:
        return f"/items/{object}"

    def list(self, object: str) -> str:
        return f"{self.path(object)}?limit=-1"

    def alone(self, body: Any) -> Any:
        return body["data"]


class Cap(Other):
    """SAP CAP, which speaks OData 4 and answers for keys that are UUIDs."""

    def path(self, object: str) -> str:
        return f"/{object.title()}"

    def at(self, object: str, id: str | None = None) -> str:
        return self.path(object) if id is None else f"{self.path(object)}({id})"

    def shown(self, body: Any) -> Sequence[Any]:
        return body["value"]  # type: ignore[no-any-return]

    def plain(self, record: Any) -> dict[str, Any]:
        return {_snake(name): value for name, value in record.items() if not name.startswith("@")}

    def sent(self, object: str, values: Mapping[str, Any], id: str | None) -> Any:
        return {"".join(part.title() for part in name.split("_")): value for name, value in values.items()}


def _snake(name: str) -> str:
    return name.lower() if name.isupper() else "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


# --- processes ------------------------------------------------------------------------------------------------------


@contextmanager
def of_python(kind: type[Other], app: str, *arguments: str, needs: Sequence[str], below: str = "") -> Iterator[Other]:
    """An app of `tests/shared/others`, which tells its port, and perhaps a token, in its first line."""
    if any(importlib.util.find_spec(name) is None for name in needs):
        pytest.skip(f"{', '.join(needs)} are not installed: they come with the extra 'thorough'")
    command = [sys.executable, str(APPS / f"{app}_app.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port, _, token = server.stdout.readline().strip().partition(" ")
            with _spoken_to(kind, f"http://127.0.0.1:{port}{below}", token) as other:
                yield other
        finally:
            server.kill()


@contextmanager
def _spoken_to(kind: type[Other], url: str, token: str = "") -> Iterator[Other]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Content-Type": JSONAPI} if kind is JsonApi else {}
    with httpx.Client(headers=headers, timeout=60, transport=httpx.HTTPTransport(retries=20)) as http:
        yield kind(url, http, token)


def packages(name: str, *specs: str) -> Path:
    """The folder with some packages of npm, which are installed once; skips where that cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node here")
    kept = Path(os.environ.get(NODE) or Path.home() / ".cache" / "keapbridge" / "node") / name
    mark = kept / "installed.txt"
    wanted = "\n".join(specs)
    if not mark.is_file() or mark.read_text() != wanted:
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--legacy-peer-deps", *specs]
        done = subprocess.run(command, cwd=kept, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install {' '.join(specs)} here: {done.stderr.strip()[-300:]}")
        mark.write_text(wanted)
    return kept / "node_modules"


@contextmanager
def of_node(
    kind: type[Other], command: Sequence[str], folder: Path, env: Mapping[str, str], url: str, asked: str
) -> Iterator[Other]:
    """A program of node; it is up when it answers a path."""
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, **env}, stdout=log, stderr=log)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            assert server.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < end, (folder / "log").read_text()[-2000:]
            try:
                httpx.get(f"{url}{asked}", timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        with _spoken_to(kind, url) as other:
            yield other
    finally:
        server.kill()
        server.wait()


@contextmanager
def json_server(folder: Path) -> Iterator[Other]:
    """json-server over one file."""
    modules = packages("json-server", "json-server@0.17.4")
    (folder / "db.json").write_text('{"contacts": [], "customers": [], "products": []}')
    command = ["node", str(modules / "json-server" / "lib" / "cli" / "bin.js"), "--quiet", "--host", "127.0.0.1"]
    with (
        reserved_port() as port,
        of_node(
            JsonServer,
            [*command, "--port", str(port), "db.json"],
            folder,
            {},
            f"http://127.0.0.1:{port}",
            "/contacts",
        ) as other,
    ):
        yield other


MODEL = """
using { cuid, managed } from '@sap/cds/common';
@path: '/odata/v4/crm'
service CRM {
  entity Customers : cuid, managed {
    Name : String; City : String; Country : String; Phone : String; Description : String;
  }
  entity Products : cuid, managed {
    Name : String; Sku : String; Currency : String; Description : String; ShortDescription : String;
    Price : Decimal(12,2);
  }
  entity Contacts : cuid, managed {
    FirstName : String; LastName : String; Email : String; Phone : String; JobTitle : String; City : String;
    Country : String; BirthDate : Date; CustomerId : UUID;
  }
}
"""
CAP = """{"private": true, "cds": {"requires": {
  "auth": {"kind": "dummy"}, "db": {"kind": "sqlite", "credentials": {"url": ":memory:"}}}}}"""


@contextmanager
def cap(folder: Path) -> Iterator[Other]:
    """A service of SAP CAP over SQLite in memory."""
    modules = packages("cap", "@sap/cds@9", "@cap-js/sqlite@2", "express@4")
    (folder / "srv").mkdir()
    (folder / "srv" / "crm.cds").write_text(MODEL)
    (folder / "package.json").write_text(CAP)
    (folder / "node_modules").symlink_to(modules)
    command = ["node", str(modules / "@sap" / "cds" / "bin" / "serve.js"), "all", "--in-memory"]
    with (
        reserved_port() as port,
        of_node(
            Cap, command, folder, {"PORT": str(port)}, f"http://127.0.0.1:{port}/odata/v4/crm", "/Contacts"
        ) as other,
    ):
        yield other


ADMIN, PASSWORD = "admin@example.com", "pass-w0rd"


@contextmanager
def directus(folder: Path) -> Iterator[Other]:
    """Directus over one SQLite file, with the collections of a CRM."""
    with reserved_port() as port, _directus(folder, str(port)) as other:
        yield other


@contextmanager
def _directus(folder: Path, port: str) -> Iterator[Other]:
    modules = packages("directus", "directus@11.3.5")
    env = {
        "DB_CLIENT": "sqlite3",
        "DB_FILENAME": str(folder / "crm.db"),
        "SECRET": "0123456789abcdef0123456789abcdef",
        "ADMIN_EMAIL": ADMIN,
        "ADMIN_PASSWORD": PASSWORD,
        "HOST": "127.0.0.1",
        "PORT": port,
        "TELEMETRY": "false",
        "LOG_LEVEL": "error",
        "SERVE_APP": "false",
        "STORAGE_LOCATIONS": "local",
        "STORAGE_LOCAL_ROOT": str(folder),
        "EXTENSIONS_PATH": str(folder / "extensions"),
        "PRESSURE_LIMITER_ENABLED": "false",
    }
    program = str(modules / "directus" / "cli.js")
    made = ["node", program, "bootstrap"]
    subprocess.run(made, cwd=folder, env={**os.environ, **env}, check=True, capture_output=True)
    url = f"http://127.0.0.1:{port}"
    with of_node(Directus, ["node", program, "start"], folder, env, url, "/server/ping") as other:
        given = {"email": ADMIN, "password": PASSWORD, "mode": "json"}
        token = other.http.post(f"{url}/auth/login", json=given).raise_for_status().json()["data"]["access_token"]
        other.http.headers["Authorization"] = f"Bearer {token}"
        for collection in OBJECTS:
            other.http.post(f"{url}/collections", json=_collection(collection)).raise_for_status()
        yield other


TEXTS = {
    "customers": ("name", "city", "country", "phone", "description"),
    "products": ("name", "sku", "currency", "description", "short_description"),
    "contacts": ("first_name", "last_name", "email", "phone", "job_title", "city", "country"),
}


def _collection(name: str) -> dict[str, Any]:
    key = {"field": "id", "type": "integer", "schema": {"is_primary_key": True, "has_auto_increment": True}}
    stamps = [
        {"field": f"date_{what}", "type": "timestamp", "meta": {"special": [f"date-{what}"]}, "schema": {}}
        for what in ("created", "updated")
    ]
    own = [{"field": each, "type": "string", "schema": {}} for each in TEXTS[name]]
    if name == "contacts":
        own += [{"field": "birth_date", "type": "date", "schema": {}}]
        own += [{"field": "customer_id", "type": "integer", "schema": {}}]
    if name == "products":
        scale = {"numeric_precision": 12, "numeric_scale": 2}
        own += [{"field": "price", "type": "decimal", "schema": scale}]
    return {"collection": name, "schema": {}, "meta": {}, "fields": [key, *stamps, *own]}
