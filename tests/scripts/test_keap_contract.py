"""The script that compares what is known of Keap with its published contract, on a contract made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from script_modules import script

from keapbridge.keap.endpoints import COMPANIES, CONTACTS, PRODUCTS

compare = script("keap_contract")


def contract() -> dict[str, Any]:
    """One that has all that this library knows, and no more."""
    schemas: dict[str, Any] = {}

    def add(name: str, properties: Any) -> None:
        schemas[name] = {"properties": {key: {} for key in properties}}

    paths: dict[str, Any] = {}
    for endpoint in (CONTACTS, COMPANIES, PRODUCTS):
        add(compare.READ[endpoint.name], endpoint.asked)
        add(compare.WRITTEN[endpoint.name], endpoint.writable)
        said = {
            "filter": f"{endpoint.since} {endpoint.ids} {endpoint.id_above}",
            "order_by": " ".join(f"`{o.split()[0]}`" for o in (endpoint.by_id, endpoint.newest_first) if o),
            **({"fields": ""} if endpoint.choosable else {}),
        }
        parameters = [{"name": name, "description": text} for name, text in said.items()]
        paths[f"/rest/v2/{endpoint.name}"] = {"get": {"parameters": parameters}}
    from keapbridge.keap import records

    for ours, theirs in compare.PARTS.items():
        fields = (f.name for f in getattr(records, ours).__attrs_attrs__)
        add(theirs, [name for name in fields if name not in {"extra", "opt_in_reason"}])
    return {"components": {"schemas": schemas}, "paths": paths}


def run(found: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(found))
    return compare.main([str(path)]), capsys.readouterr().out


def test_what_agrees_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(contract(), tmp_path, capsys) == (0, "")


def test_what_the_contract_has_beside_is_told_and_what_it_lacks_is_drift(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = contract()
    properties = found["components"]["schemas"]["Contact"]["properties"]
    properties["soul"] = properties.pop("job_title")
    [_, order_by, *_] = found["paths"]["/rest/v2/companies"]["get"]["parameters"]
    order_by["description"] = "`name`"
    del found["paths"]["/rest/v2/products"]
    code, told = run(found, tmp_path, capsys)
    assert code == 1
    assert [" ".join(line.split()) for line in told.splitlines()] == [
        "not modelled contacts, read: soul",
        "drift contacts, read: job_title is not in the contract",
        "drift companies: no order by id",
        "drift products: the contract has no such list",
    ]
