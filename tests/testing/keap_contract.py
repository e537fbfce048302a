"""Checks recorded exchanges against Keap's OpenAPI document, which lies beside the project where it is there."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import attrs
import pytest

from keapbridge.testing._server import Recorded

if TYPE_CHECKING:
    from openapi_core import OpenAPI
    from openapi_core.datatypes import RequestParameters
    from werkzeug.datastructures import Headers, ImmutableMultiDict

_CONTRACT = Path(__file__).parents[2].parent / "shared" / "keap" / "openapi-v2.json"
AVAILABLE = _CONTRACT.exists() and find_spec("openapi_core") is not None
UNAVAILABLE = "Keap's OpenAPI document (../shared/keap/openapi-v2.json) or openapi-core is not here"
_BASE = "/crm"
# What a request was refused for may be just what the contract forbids.
_REFUSED = frozenset({400, 404, 405})
# Repeated by the contract; the emulator takes them comma-separated, too.
_REPEATED = frozenset({"update_mask"})


@attrs.define
class _Request:
    """A recorded request as openapi-core wants it."""

    method: str
    path: str
    parameters: RequestParameters
    body: bytes | None
    content_type: str
    host_url: str = "https://api.keap.com"


@attrs.define
class _Response:
    status_code: int
    data: bytes
    content_type: str
    headers: Headers


@cache
def specification() -> dict[str, Any]:
    """The contract; not to be changed."""
    if not AVAILABLE:
        pytest.skip(UNAVAILABLE)
    specification: dict[str, Any] = json.loads(_CONTRACT.read_text())
    # It knows OAuth only; keys have a header of their own.
    del specification["security"]
    return specification


@cache
def _contract() -> OpenAPI:
    from openapi_core import OpenAPI

    return OpenAPI.from_dict(specification())


@cache
def _operation(method: str, path: str) -> dict[str, Any] | None:
    """The contract's operation; the path with the most literal segments wins."""
    wanted = path.removeprefix(_BASE).split("/")
    fitting: list[tuple[int, dict[str, Any]]] = [
        (sum("{" not in part for part in parts), found)
        for template, found in specification()["paths"].items()
        if len(parts := template.split("/")) == len(wanted)
        and all(_fits(part, given) for part, given in zip(parts, wanted, strict=True))
    ]
    operations: dict[str, Any] = max(fitting, key=lambda each: each[0], default=(0, {}))[1]
    return operations.get(method.lower())


def _fits(part: str, given: str) -> bool:
    if "{" not in part:
        return part == given
    suffix = part.rpartition("}")[2]
    return given.endswith(suffix) and (":" in given) == (":" in suffix)


def validate_exchange(recorded: Recorded, *, request: bool = True, answer: bool = True, nulls: bool = False) -> None:
    """Raises openapi-core's error when the answer, or a request that was not refused, breaks the contract.

    An answer that the contract does not know for the operation (a gateway's 429, an outage) is not looked at; neither
    is a body that is no JSON.

    Args:
        recorded: The exchange, as a server recorded it.
        request: Check the request too, not only the answer.
        answer: Check the answer too, not only the request.
        nulls: Let `null` pass for any property of a request: no type of the contract admits it.
    """
    from openapi_core.datatypes import RequestParameters
    from werkzeug.datastructures import Headers

    operation = _operation(recorded.method, recorded.path)
    if operation is None:
        assert recorded.status in _REFUSED | {0, 401}, f"{recorded.method} {recorded.path} is not in the contract"
        return
    asked = _Request(
        method=recorded.method.lower(),
        path=recorded.path,
        parameters=RequestParameters(query=_query(recorded), header=Headers(recorded.headers)),
        body=(_without_nulls(recorded.body) if nulls else recorded.body) or None,
        content_type=recorded.headers.get("content-type", "application/json"),
    )
    if request and recorded.status not in _REFUSED:
        unknown = recorded.query.keys() - {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        assert not unknown, f"{recorded.method} {recorded.path} has no parameter {', '.join(unknown)}"
        _contract().validate_request(asked)
    known = str(recorded.status) in operation["responses"] and recorded.response_content_type == "application/json"
    if answer and known:
        answered = _Response(recorded.status, recorded.response_body, recorded.response_content_type, Headers())
        _contract().validate_response(asked, answered)


def _without_nulls(body: bytes) -> bytes:
    content = json.loads(body) if body else None
    if not isinstance(content, dict):
        return body
    return json.dumps({name: value for name, value in content.items() if value is not None}).encode()


def _query(recorded: Recorded) -> ImmutableMultiDict[str, str]:
    from werkzeug.datastructures import ImmutableMultiDict

    given = parse_qsl(recorded.raw_query, keep_blank_values=True)
    return ImmutableMultiDict(
        [(name, part) for name, text in given for part in (text.split(",") if name in _REPEATED else [text])]
    )
