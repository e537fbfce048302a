"""A schema as Python and as TOML, with what opens the API, to be pasted. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import attrs

from keapbridge._toml.writing import dumps
from keapbridge.customcrm.auth import ApiKey, BasicAuth, BearerToken, ClientCredentials
from keapbridge.customcrm.schema import CustomcrmSchema
from keapbridge.detecting.declaring import DEFAULTS, Fields
from keapbridge.mapping.toml_written import mapper_table

__all__ = ["as_python", "as_toml"]

_WIDTH = 100
TOKEN, KEY, PASSWORD, SECRET = "CRM_TOKEN", "CRM_KEY", "CRM_PASSWORD", "CRM_CLIENT_SECRET"
"""The variables of the environment that have what opens the API."""


def as_python(url: str, auth: Any, schema: CustomcrmSchema, fields: Mapping[str, Fields]) -> str:
    """The program that opens the API with a schema, and the mappings that a session takes with it.

    Args:
        auth: what was given to look with; it is shown by the variables that have it.
    """
    opened = _auth(auth)
    imports = "import keapbridge as kb" if "os." not in opened else "import os\n\nimport keapbridge as kb"
    given = f", auth={opened}" if opened else ""
    lines = [imports, "", f"schema = {_value(schema, 0)}"]
    lines += [f"crm = kb.CustomcrmClient({_literal(url)}{given}, schema=schema)", ""]
    own = {object: each for object, each in fields.items() if each.source}
    for object, each in own.items():
        lines.append(f"{DEFAULTS[object].name} = kb.mapping.{DEFAULTS[object].name}{each.source}")
    options = "".join(f", {DEFAULTS[object].name}={DEFAULTS[object].name}" for object in own)
    return "\n".join([*lines, f"# kb.SyncSession(customcrm=crm{options}, keap=…, store=…)", ""])


def _auth(auth: Any) -> str:
    match auth:
        case None:
            return ""
        case BearerToken():
            return f'kb.BearerToken(os.environ["{TOKEN}"])'
        case ApiKey(header=header, query=query):
            where = f"header={_literal(header)}" if header is not None else f"query={_literal(query)}"
            return f'kb.ApiKey(os.environ["{KEY}"], {where})'
        case BasicAuth(username=username):
            return f'kb.BasicAuth({_literal(username)}, os.environ["{PASSWORD}"])'
        case ClientCredentials(token_url=url, client_id=id, scope=scope, secret_in=secret_in):
            more = "" if scope is None else f", scope={_literal(scope)}"
            more += "" if secret_in == "header" else f", secret_in={_literal(secret_in)}"  # noqa: S105 - where it goes
            return f'kb.ClientCredentials({_literal(url)}, {_literal(id)}, os.environ["{SECRET}"]{more})'
        case _:
            return "…"


def _value(value: Any, depth: int) -> str:
    if attrs.has(type(value)):
        name = type(value).__name__
        return _call("kb." if isinstance(value, CustomcrmSchema) else "kb.customcrm.", name, value, depth)
    if isinstance(value, Mapping):
        parts = [f"{_literal(key)}: {_value(item, depth + 1)}" for key, item in value.items()]
        return _several("{", parts, "}", depth)
    if isinstance(value, (list, tuple)):
        parts = [_value(item, depth + 1) for item in value]
        opening, closing = ("[", "]") if isinstance(value, list) else ("(", ",)" if len(parts) == 1 else ")")
        return _several(opening, parts, closing, depth)
    return _literal(value)


def _call(room: str, name: str, value: Any, depth: int) -> str:
    """A call that makes a value of attrs, with what is not as by default."""
    shown: list[str] = []
    for f in attrs.fields(type(value)):
        held, default = getattr(value, f.name), f.default
        usual = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
        if f.default is attrs.NOTHING or held != usual:
            text = _value(held, depth + 1)
            shown.append(f"{f.name}={text}" if f.kw_only else text)
    return _several(f"{room}{name}(", shown, ")", depth)


def _several(opening: str, parts: list[str], closing: str, depth: int) -> str:
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(line) + 4 * depth < _WIDTH - 20 and "\n" not in line:
        return line
    inside = "".join(f"{'    ' * (depth + 1)}{part},\n" for part in parts)
    return f"{opening}\n{inside}{'    ' * depth}{closing.lstrip(',')}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        text = repr(value)
        return text if '"' in value or "\\" in text or text[0] == '"' else f'"{text[1:-1]}"'
    return repr(value)


def as_toml(url: str, auth: Any, schema: CustomcrmSchema, fields: Mapping[str, Fields]) -> str:
    """The same as `[customcrm]` of a configuration file, and the mappings that go with it."""
    held: dict[str, Any] = {"url": url}
    told = _auth_table(auth)
    if told:
        held["auth"] = told
    table = tomllib.loads(schema.to_toml())
    if table:
        held["schema"] = table
    data: dict[str, Any] = {"customcrm": held}
    own = {DEFAULTS[object].name: mapper_table(each.mapper(object)) for object, each in fields.items() if each.source}
    if own:
        data["mapping"] = {name: {k: v for k, v in table.items() if k != "name"} for name, table in own.items()}
    return dumps(data)


def _auth_table(auth: Any) -> dict[str, Any]:
    match auth:
        case BearerToken():
            return {"token": {"env": TOKEN}}
        case ApiKey(header=header, query=query):
            return {"key": {"env": KEY}, **({"header": header} if header is not None else {"query": query})}
        case BasicAuth(username=username):
            return {"username": username, "password": {"env": PASSWORD}}
        case ClientCredentials(token_url=url, client_id=id, scope=scope, secret_in=secret_in):
            more = {} if scope is None else {"scope": scope}
            return {
                "token_url": url,
                "client_id": id,
                "client_secret": {"env": SECRET},
                "secret_in": secret_in,
                **more,
            }
        case _:
            return {}
