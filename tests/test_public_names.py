"""What `import keapbridge` brings: little, and every public name when it is first used."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import keapbridge as kb


def for_who_reads_types() -> dict[str, str]:
    """Each name that is imported for those who read types, and the module it is imported from."""
    tree = ast.parse(Path(kb.__file__).read_text("utf-8"))
    [seen] = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(seen.test) == "TYPE_CHECKING"
    return {
        alias.name: str(node.module) for node in seen.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


@pytest.mark.parametrize("name", kb.__all__)
def test_a_name_is_what_those_who_read_types_are_told(name: str) -> None:
    home = for_who_reads_types().get(name, "keapbridge._version")
    found = getattr(kb, name)
    if isinstance(found, ModuleType):
        assert found is import_module(f"{home}.{name}")
    else:
        assert found is getattr(import_module(home), name)


def test_the_names_are_those_that_are_public() -> None:
    assert set(for_who_reads_types()) | {"__version__"} == set(kb.__all__) == set(dir(kb))
    assert len(kb.__all__) == len(set(kb.__all__))
    assert set(kb.mapping.declare.__all__) <= set(kb.__all__)


def test_a_name_that_is_not_public_is_not_found() -> None:
    with pytest.raises(AttributeError, match="module 'keapbridge' has no attribute 'SyncSesion'"):
        kb.SyncSesion  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize(
    ("statement", "without"),
    [
        ("import keapbridge", {"attrs", "keapbridge.errors", "keapbridge.keap", "keapbridge.mapping"}),
        ("import keapbridge; keapbridge.errors", {"keapbridge.keap", "keapbridge.customcrm", "keapbridge.mapping"}),
        ("from keapbridge import keap; keap.Contact", {"keapbridge.customcrm", "keapbridge.mapping", "sqlalchemy"}),
        ("from keapbridge import KeapClient, CustomcrmClient", {"keapbridge.mapping", "sqlalchemy"}),
        ("from keapbridge import *; Policy, text, keap.Contact", set[str]()),
    ],
)
def test_what_is_not_used_is_not_imported(statement: str, without: set[str]) -> None:
    code = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not without & set(json.loads(told))
