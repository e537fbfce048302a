"""Reading approvals: a yes is a yes, and what is no plan's file is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from keapbridge.tables.approvals import edited, read_approvals

HEAD = "approve,plan,action,what\n"


def file(folder: Path, text: str) -> Path:
    path = folder / "plan.csv"
    path.write_text(text, "utf-8")
    return path


def test_ticked_rows_are_read_with_what_they_say(tmp_path: Path) -> None:
    rows = "x,p1,0,create\n,p1,1,create\nNo,p1,2,link\n YES ,p1,3,update\n✓,p1,4,link\n,,,\n"
    approvals = read_approvals(file(tmp_path, HEAD + rows))
    assert (approvals.plan_id, list(approvals)) == ("p1", [0, 3, 4])
    assert approvals.rows[3] == {"plan": "p1", "action": "3", "what": "update"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column 'approve'"),
        ("plan,action\np,1\n", "no column 'approve'"),
        ("approve,plan\n,p\n", "no column 'action'"),
        ("approve,plan,action,action\n,p,1,1\n", "two columns"),
        (HEAD, "no row of a plan"),
        (HEAD + "x,p1,0,a\nx,p2,1,a\n", "rows of several plans"),
        (HEAD + "x,p1,0,a\n,p1,0,a\n", "row 3: action 0 is there twice"),
        (HEAD + "maybe,p1,0,a\n", "row 2: approve is 'yes', 'no' or empty, not 'maybe'"),
        (HEAD + "x,p1,,a\n", "row 2: the number of an action is missing"),
        (HEAD + "x,p1,1.5,a\n", "row 2: the number"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_approvals_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_approvals(file(tmp_path, text))


def test_a_row_that_was_edited_is_noticed() -> None:
    told = {"after": "City: Oslo", "keap_id": "12"}
    assert edited({"after": "City: Oslo ", "keap_id": "12", "own note": "fine"}, told) == []
    assert edited({"after": "City: Bergen", "keap_id": "13"}, told) == ["after", "keap_id"]
