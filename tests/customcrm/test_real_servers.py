"""REST APIs that somebody else wrote, each in a process of its own, kept in sync both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from other_servers import (
    ADMIN,
    OBJECTS,
    PASSWORD,
    Datasette,
    Drf,
    FastCrud,
    JsonApi,
    Other,
    cap,
    directus,
    json_server,
    of_python,
)
from two_way_story import filled, kept_in_sync

import keapbridge as kb
from keapbridge import presets
from keapbridge.customcrm.schema import wire_path

MAPPED = {
    "companies": ("Name", "City", "Country", "Phone", "Description"),
    "contacts": ("FirstName", "LastName", "Email", "Phone", "JobTitle", "City", "Country", "BirthDate", "CustomerId"),
    "products": ("Name", "Sku", "Price", "Description", "ShortDescription"),
}
LEAST = 18  # checks, by what both systems hold themselves
Opened = Callable[[Path], AbstractContextManager[Other]]


def drf(style: str, folder: Path) -> AbstractContextManager[Other]:
    return of_python(Drf, "drf", style, needs=["rest_framework"])


def other(kind: type[Other], app: str, needs: list[str], folder: Path) -> AbstractContextManager[Other]:
    below = "/crm" if kind is Datasette else ""
    return of_python(kind, app, str(folder), needs=needs, below=below)


def of_drf(style: Any) -> kb.CustomcrmSchema:
    return presets.drf(paging=style, size=None if style == "limit_offset" else "page_size", most=3)


FROM_PRESETS: dict[str, tuple[Opened, kb.CustomcrmSchema]] = {
    style: (partial(drf, style), of_drf(style)) for style in ("page", "limit_offset", "cursor")
}
DETECTED: dict[str, tuple[Opened, Callable[[dict[str, str]], kb.CustomcrmSchema] | None]] = {
    # style → how it is opened, and the preset that says the same, where there is one
    "jsonapi": (
        partial(other, JsonApi, "jsonapi", ["rest_framework_json_api"]),
        lambda paths: presets.jsonapi(**paths, slash=True, most=3),  # type: ignore[arg-type]
    ),
    "fastcrud": (partial(other, FastCrud, "fastcrud", ["fastcrud", "aiosqlite"]), None),
    "datasette": (partial(other, Datasette, "datasette", ["datasette"]), lambda _: presets.datasette()),
}
ON_NODE: dict[str, tuple[Opened, Callable[[dict[str, str]], kb.CustomcrmSchema] | None]] = {
    "json-server": (json_server, None),
    "directus": (directus, lambda paths: presets.directus(**paths)),  # type: ignore[arg-type]
    "cap": (cap, lambda paths: presets.odata(**paths, id="ID", modified="modifiedAt", keys="guid")),  # type: ignore[arg-type]
}


def auth_of(there: Other) -> Any:
    if "directus" in type(there).__name__.lower():
        return kb.PasswordLogin(
            f"{there.url}/auth/login",
            ADMIN,
            PASSWORD,
            body={"email": "{username}", "password": "{password}", "mode": "json"},
            token="data.access_token",
            lifetime="data.expires",
            lifetime_in="milliseconds",
        )
    return kb.BearerToken(there.token) if there.token else None


def client(there: Other, schema: kb.CustomcrmSchema) -> kb.CustomcrmClient:
    return kb.CustomcrmClient(there.url, auth=auth_of(there), schema=schema, timeout=60)


def detected(there: Other, preset: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[kb.CustomcrmSchema, dict[str, Any]]:
    """The schema and the mappings of the program that was printed; the preset, where there is one, says the same."""
    paths: Any = {object: there.path(object) for object in OBJECTS}
    found = kb.detect_api(there.url, auth=auth_of(there), **paths)
    assert found.schema is not None, str(found)
    monkeypatch.setenv("CRM_TOKEN", there.token)
    monkeypatch.setenv("CRM_PASSWORD", PASSWORD)
    names: dict[str, Any] = {}
    exec(found.as_python(), names)
    names["crm"].close()
    assert names["schema"] == found.schema
    if preset is not None:
        wanted = preset(paths)
        for object in OBJECTS:
            ours, theirs = found.schema.of(object), wanted.of(object)
            assert (ours.envelope, getattr(ours, object).one) == (theirs.envelope, getattr(theirs, object).one)
            assert type(ours.paging) is type(theirs.paging)
        ours, theirs = found.schema.of("contacts"), wanted.of("contacts")  # of which there are enough to see it
        assert (ours.gone, ours.batch, ours.changed_since) == (theirs.gone, theirs.batch, theirs.changed_since)
        assert wire_path(ours, "contacts", "updated_at") == wire_path(theirs, "contacts", "updated_at")
    return found.schema, {name: names[name] for name in ("companies", "contacts", "products") if name in names}


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Other, Any]]:
    open_it, declared = request.param
    with open_it(tmp_path) as there:
        yield there, declared


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("opened", FROM_PRESETS.values(), ids=FROM_PRESETS, indirect=True)
def test_django_rest_framework_by_its_preset(opened: tuple[Other, kb.CustomcrmSchema]) -> None:
    there, schema = opened
    mappings = {name: getattr(kb.mapping, name).only(*fields) for name, fields in MAPPED.items()}
    ids = filled(there)
    with client(there, schema) as crm:
        checks = kept_in_sync(there, ids, crm, mappings)
    assert checks >= LEAST


def _by_what_was_detected(there: Other, preset: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    ids = filled(there)
    schema, mappings = detected(there, preset, monkeypatch)
    with client(there, schema) as crm:
        return kept_in_sync(there, ids, crm, mappings)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("opened", DETECTED.values(), ids=DETECTED, indirect=True)
def test_what_was_detected(opened: tuple[Other, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    checks = _by_what_was_detected(*opened, monkeypatch)
    assert checks >= LEAST


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("opened", ON_NODE.values(), ids=ON_NODE, indirect=True)
def test_what_was_detected_of_servers_on_node(opened: tuple[Other, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    checks = _by_what_was_detected(*opened, monkeypatch)
    assert checks >= LEAST
