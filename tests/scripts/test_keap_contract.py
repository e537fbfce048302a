"""The script that compares what is known of Keap with its published contract, on a contract made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import attrs
import keap_contract as published
import pytest
from script_modules import script

from keapbridge.keap import records
from keapbridge.keap.directory import Tag
from keapbridge.keap.fields import FieldType
from keapbridge.keap.of_one_object import EmailStatus
from keapbridge.testing.keap import _filters, _resources

compare = script("keap_contract")


def contract() -> dict[str, Any]:
    """One that has all that this library knows, and no more."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}

    def add(name: str, properties: Any) -> None:
        schemas[name] = {"properties": {key: {} for key in properties}}

    played = {each.name: each for each in _resources.RESOURCES}
    for endpoint in compare.ENDPOINTS:
        name = endpoint.name
        add(compare.READ[name], endpoint.asked)
        add(compare.CREATED[name], endpoint.writable)
        add(compare.UPDATED[name], played[name].update)
        said = {
            "filter": "\n".join(f"- (String) `{each}` - exact" for each in _filters.names(played[name])),
            "order_by": "\n".join(f"- `{each}`" for each in played[name].orders),
            **({"fields": ""} if endpoint.choosable else {}),
        }
        parameters = [{"name": key, "description": text} for key, text in said.items()]
        mask = {"name": "update_mask", "schema": {"items": {"enum": sorted(played[name].mask)}}}
        paths[f"/rest/v2/{name}"] = {"get": {"parameters": parameters}}
        paths[f"/rest/v2/{name}/{{id}}"] = {"patch": {"parameters": [mask]}}
    for ours, theirs in compare.PARTS.items():
        add(theirs, [f.name for f in attrs.fields(getattr(records, ours)) if f.name != "extra"])
    add(compare.STATUS, [f.name for f in attrs.fields(EmailStatus) if f.name != "extra"])
    add("Tag", [*(f.name for f in attrs.fields(Tag) if f.name != "extra"), "colour"])
    types = {"enum": [*get_args(FieldType)]}
    schemas["CreateCustomFieldRequest"] = {"properties": {"field_type": types}}
    for call in compare.CALLS:
        method, path = call.split()
        paths.setdefault(f"/rest{path.replace('{}', '{id}')}", {}).setdefault(method.lower(), {})
    return {"components": {"schemas": schemas}, "paths": paths}


def run(found: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(found))
    return compare.main([str(path)]), capsys.readouterr().out


def test_what_agrees_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(contract(), tmp_path, capsys) == (0, "")


def test_what_is_missing_and_what_has_drifted_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = contract()
    properties = found["components"]["schemas"]["Contact"]["properties"]
    properties["soul"] = properties.pop("job_title")
    [_, order_by, *_] = found["paths"]["/rest/v2/companies"]["get"]["parameters"]
    order_by["description"] = "- `name`\n- `mood`"
    found["paths"]["/rest/v2/companies/{id}"]["patch"]["parameters"][0]["schema"]["items"]["enum"].remove("notes")
    del found["paths"]["/rest/v2/products"]
    found["components"]["schemas"]["CreateCustomFieldRequest"]["properties"]["field_type"]["enum"][0] = "MOOD"
    found["components"]["schemas"]["Tag"]["properties"].pop("description")
    found["paths"]["/rest/v2/contacts:join"] = found["paths"].pop("/rest/v2/contacts:merge")
    for path in [path for path in found["paths"] if "/users" in path]:
        del found["paths"][path]  # what is not described at all has not drifted
    code, told = run(found, tmp_path, capsys)
    assert code == 1
    assert [" ".join(line.split()) for line in told.splitlines()] == [
        "missing contacts, read: soul",
        "drift contacts, read: job_title is not there",
        "missing contacts, shown by the emulator: soul",
        "drift contacts, shown by the emulator: job_title is not there",
        "drift companies, update_mask in the emulator: notes is not there",
        "missing companies, orders of the emulator: mood",
        "drift companies, orders of the emulator: create_time is not there",
        "drift companies, orders of the emulator: email is not there",
        "drift companies, orders of the emulator: id is not there",
        "drift companies: no order by id",
        "drift products: there is no such list",
        "drift Tag: description is not there",
        "missing custom fields: MOOD",
        "drift custom fields: CURRENCY is not there",
        "missing custom fields of the emulator: MOOD",
        "drift custom fields of the emulator: CURRENCY is not there",
        "drift no GET /v2/products",
        "drift no POST /v2/contacts:merge",
        "drift no POST /v2/products",
    ]


@pytest.mark.skipif(not published.AVAILABLE, reason=published.UNAVAILABLE)
def test_nothing_of_the_published_contract_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(published.specification(), tmp_path, capsys) == (0, "")


@pytest.mark.thorough
@pytest.mark.xdist_group("sdk")
def test_keaps_own_sdk_knows_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("keap_core_v2_client")
    assert (compare.main(["--sdk"]), capsys.readouterr().out) == (0, "")
