"""The notebook runs from its first cell to its last, and shows what its texts say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "explore.ipynb"


def test_the_notebook_is_kept_without_what_it_has_shown() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


@pytest.mark.thorough
@pytest.mark.filterwarnings("default")  # of Jupyter's own
def test_the_notebook_shows_what_its_texts_say(tmp_path: Path) -> None:
    import nbclient
    import nbformat

    book = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = ["".join(map(_html, cell.get("outputs", ()))) for cell in book.cells if cell.cell_type == "code"]
    record, plan, report, conflicts, resolved, explained, runs, mapper, limits = (html for html in shown if html)
    assert "<h4>Contact</h4>" in record
    assert "records that are linked: 1" in plan
    assert "conflicts, which wait for a decision: 1" in plan
    assert "1 created in Customcrm" in report
    assert "by anna" in report
    assert "Chief engineer" in conflicts
    assert "1 updated in Keap" in resolved
    assert "Chief engineer" in explained
    assert "what was written" in explained
    assert "<h4>2 RunSummary</h4>" in runs
    assert "Contact ↔ Contacts" in mapper
    assert "KeapClient" in limits


def _html(output: Any) -> str:
    found: str = output.get("data", {}).get("text/html", "")
    return found
