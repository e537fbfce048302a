"""What an API tells of itself: a document of OpenAPI, a list of its resources. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from keapbridge.inspecting.naming import table_scores
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

__all__ = ["GUESSES", "PLACES", "Document", "Resource", "chosen", "document", "resources_of", "singular"]

PLACES = ("/openapi.json", "/swagger.json", "/schema/", "/api-docs", "/openapi", "/docs/openapi.json")
"""Where documents are, below an API."""
GUESSES: Mapping[str, tuple[str, ...]] = {
    CONTACTS: ("contacts", "people", "persons", "Contacts"),
    CUSTOMERS: ("customers", "companies", "organizations", "accounts", "Customers", "Accounts"),
    PRODUCTS: ("products", "items", "articles", "Products"),
}
"""What lists are called most often."""
LEAST = 0.5  # of what a name says
_METHODS = ("get", "post", "put", "patch", "delete")


@attrs.frozen(kw_only=True)
class Resource:
    """A list that a document tells of.

    Attributes:
        path: of the list, below the base URL.
        record: of one record, with `{id}` in it; empty where it is not told.
        query: the parameters of the list.
        methods: of one record; empty where they are not told.
        headers: what its operations take in headers, in lower case.
        most: the largest page, where it is told.
    """

    path: str
    record: str = ""
    query: tuple[str, ...] = ()
    methods: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    most: int | None = None

    @property
    def name(self) -> str:
        """What it is called: the last part of its path."""
        parts = [part for part in re.split(r"[/.]", self.path.partition("?")[0]) if part and part != "json"]
        return parts[-1] if parts else ""


@attrs.frozen
class Document:
    """A document of OpenAPI, as far as it was read.

    Attributes:
        title: of the API.
        resources: its lists.
    """

    title: str
    resources: tuple[Resource, ...]


def document(body: Any, base: str) -> Document | None:
    """A document of OpenAPI (or of Swagger); `None` for what is none.

    Args:
        base: the path of the base URL, which paths of the document may have or not.
    """
    if not isinstance(body, dict) or not (body.get("openapi") or body.get("swagger")):
        return None
    paths = body.get("paths")
    if not isinstance(paths, dict):
        return None
    info = body.get("info")
    prefix = _prefix(body, base)
    told = {prefix + path: item for path, item in paths.items() if isinstance(path, str) and isinstance(item, dict)}
    below = {path.removeprefix(base): item for path, item in told.items() if path.startswith(base)}
    title = str(info.get("title") or "")[:80] if isinstance(info, dict) else ""
    return Document(title, tuple(_resources(body, below)))


def _prefix(body: dict[str, Any], base: str) -> str:
    """What stands before all paths: of the server that the document names."""
    if isinstance(body.get("basePath"), str):
        return str(body["basePath"]).rstrip("/")
    servers = body.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else None
    url = first.get("url") if isinstance(first, dict) else None
    path = urlsplit(url).path.rstrip("/") if isinstance(url, str) else ""
    paths = [path for path in body["paths"] if isinstance(path, str)]
    if base and not path and not any(each.startswith(base) for each in paths):
        return base
    return path


def _resources(body: dict[str, Any], paths: Mapping[str, dict[str, Any]]) -> Iterable[Resource]:
    for path, item in paths.items():
        if "{" in path or not isinstance(item.get("get"), dict):
            continue
        record = next((each for each in paths if _is_one_of(path, each)), "")
        parameters = [_resolved(body, each) for each in (*_of(item), *_of(item["get"]))]
        query = {str(each.get("name")): each for each in parameters if each.get("in") == "query"}
        one = paths.get(record, {})
        methods = frozenset(name.upper() for name in _METHODS if name in one)
        operations = [each[name] for each in (item, one) for name in _METHODS if isinstance(each.get(name), dict)]
        everything = (_resolved(body, each) for operation in (item, one, *operations) for each in _of(operation))
        headers = frozenset(str(each.get("name")).lower() for each in everything if each.get("in") == "header")
        yield Resource(
            path=path,
            record=re.sub(r"\{[^}]*\}", "{id}", record),
            query=tuple(query),
            methods=methods,
            headers=headers,
            most=_most(query),
        )


def _is_one_of(path: str, other: str) -> bool:
    rest = other.removeprefix(path.rstrip("/"))
    return other != rest and re.fullmatch(r"/\{[^}/]+\}(\.json)?/?|\(\{[^}/]+\}\)|\('\{[^}/]+\}'\)", rest) is not None


def _of(operation: Mapping[str, Any]) -> list[Any]:
    found = operation.get("parameters")
    return found if isinstance(found, list) else []


def _resolved(body: dict[str, Any], parameter: Any) -> dict[str, Any]:
    reference = parameter.get("$ref") if isinstance(parameter, dict) else None
    found: Any = parameter
    if isinstance(reference, str) and reference.startswith("#/"):
        found = body
        for name in reference[2:].split("/"):
            found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _most(query: Mapping[str, dict[str, Any]]) -> int | None:
    for name, parameter in query.items():
        if re.search(r"limit|size|per_?page|top", name, re.IGNORECASE):
            schema = parameter.get("schema")
            told = schema.get("maximum") if isinstance(schema, dict) else parameter.get("maximum")
            if isinstance(told, int) and 2 <= told <= 100_000:
                return told
    return None


# --- lists of resources ---------------------------------------------------------------------------------------------


def resources_of(body: Any, base: str) -> tuple[Resource, ...]:
    """What a first page lists: names with addresses (Django REST Framework), or entity sets (OData), or tables."""
    found: list[str] = []
    if isinstance(body, dict):
        sets = body.get("value")
        if isinstance(sets, list) and "@odata.context" in body:
            found += [str(each.get("url")) for each in sets if isinstance(each, dict) and each.get("url")]
        tables = body.get("tables")
        if isinstance(tables, list):  # Datasette
            names = [str(each.get("name")) for each in tables if isinstance(each, dict) and not each.get("hidden")]
            return tuple(Resource(path=f"/{name}.json") for name in names)
        links = body.get("links")
        for part in (body, links if isinstance(links, dict) else {}):
            found += [value for value in part.values() if isinstance(value, str) and _is_address(value)]
    paths = (_path(each, base) for each in found)
    return tuple(Resource(path=path) for path in dict.fromkeys(paths) if path)


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://", "/")) and "{" not in text


def _path(address: str, base: str) -> str:
    try:
        path = urlsplit(address).path
    except ValueError:
        return ""
    path = path if path.startswith("/") else f"/{path}"
    path = path.removeprefix(base) if _is_address(address) else path
    return path if len(path) > 1 and len(path) < 200 else ""


def chosen(resources: Iterable[Resource], object: str) -> list[Resource]:
    """Those that look like one kind of record, the likeliest first."""
    scored: list[tuple[float, int, Resource]] = []
    for resource in resources:
        named = table_scores(resource.name)
        others = [score for kind, score in named.items() if kind != "lesser"]
        score = named.get(object, 0.0) - (0.1 if "lesser" in named else 0.0) - 2 * named.get("none", 0.0)
        exact = resource.name.lower() in {guess.lower() for guess in GUESSES[object]}
        if score >= LEAST and (exact or score >= max(others)):
            scored.append((score + (0.5 if exact else 0.0), len(resource.path), resource))
    return [resource for _, _, resource in sorted(scored, key=lambda each: (-each[0], each[1]))]


def singular(name: str) -> tuple[str, ...]:
    """What one of them is called, in letters only."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    return tuple(dict.fromkeys((plain, plain.removesuffix("s"), re.sub("ies$", "y", plain))))
