"""A schema as Python and as TOML, with what opens the API, to be pasted. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from keapbridge._io.secret import Secret
from keapbridge._python import Python, literal
from keapbridge._toml.writing import dumps, told
from keapbridge.customcrm.auth import ApiKey, BasicAuth, BearerToken, ClientCredentials
from keapbridge.customcrm.log_in import PasswordLogin
from keapbridge.customcrm.schema import CustomcrmSchema
from keapbridge.detecting.declaring import DEFAULTS, Fields
from keapbridge.mapping.toml_written import mapper_table

__all__ = ["as_python", "as_toml"]

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
    lines = [imports, "", f"schema = {Python(_name).of(schema)}"]
    lines += [f"crm = kb.CustomcrmClient({literal(url)}{given}, schema=schema)", ""]
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
            where = f"header={literal(header)}" if header is not None else f"query={literal(query)}"
            return f'kb.ApiKey(os.environ["{KEY}"], {where})'
        case BasicAuth(username=username):
            return f'kb.BasicAuth({literal(username)}, os.environ["{PASSWORD}"])'
        case ClientCredentials(token_url=url, client_id=id, scope=scope, secret_in=secret_in):
            more = "" if scope is None else f", scope={literal(scope)}"
            more += "" if secret_in == "header" else f", secret_in={literal(secret_in)}"  # noqa: S105 - where it goes
            return f'kb.ClientCredentials({literal(url)}, {literal(id)}, os.environ["{SECRET}"]{more})'
        case PasswordLogin():
            return Python(_name, lambda value: f'os.environ["{PASSWORD}"]' if isinstance(value, Secret) else None).of(
                auth
            )
        case _:
            return "…"


def _name(cls: type) -> str:
    return f"kb.{cls.__name__}" if cls in {CustomcrmSchema, PasswordLogin} else f"kb.customcrm.{cls.__name__}"


def as_toml(url: str, auth: Any, schema: CustomcrmSchema, fields: Mapping[str, Fields]) -> str:
    """The same as `[customcrm]` of a configuration file, and the mappings that go with it."""
    held: dict[str, Any] = {"url": url}
    opened = _auth_table(auth)
    if opened:
        held["auth"] = opened
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
        case PasswordLogin():
            return {"login": {**told(auth), "password": {"env": PASSWORD}}}
        case _:
            return {}
