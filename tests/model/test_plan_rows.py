"""Rows of a plan: every kind of action says the same things under the same names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keapbridge.model.actions import Action, Adopt, Conflict, Create, Delete, Skip, Unlink, Update
from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.plan_rows import flat_action, row_of_action
from keapbridge.model.side import Side

OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP
PAIR = ("contacts", "A1", "7")
CITY = Change("City", THEIRS, "Bergen", "Oslo")
MAIL = Change("Email", OURS, None, "a@example.org", "newest")
FAX = Held("Fax", THEIRS, "why")
EMPTY: dict[str, Any] = dict.fromkeys(("fields", "before", "after", "held", "reason"), "")
EXPECTED: list[tuple[Action, dict[str, Any]]] = [
    (
        Create("contacts", THEIRS, "A1", {"FirstName": "Ada", "OptIn": True}, (FAX,)),
        {"what": "create", "side": "keap", "customcrm_id": "A1", "keap_id": None, "fields": "FirstName, OptIn"}
        | {"after": "FirstName: Ada\nOptIn: yes", "held": "Fax: why"},
    ),
    (Create("contacts", OURS, "7", {}), {"what": "create", "side": "customcrm", "customcrm_id": None}),
    (
        Update(*PAIR, (CITY,)),
        {"what": "update", "side": "keap", "fields": "City", "before": "City: Bergen", "after": "City: Oslo"},
    ),
    (
        Update(*PAIR, (CITY, MAIL)),
        {"what": "update", "side": None, "fields": "City, Email", "before": "City in Keap: Bergen"}
        | {"after": "City in Keap: Oslo\nEmail in Customcrm: a@example.org"},
    ),
    (Adopt(*PAIR, "Email"), {"what": "link", "side": None, "reason": "same Email"}),
    (
        Adopt(*PAIR, "Email", (CITY,)),
        {"what": "link", "side": "keap", "fields": "City", "before": "City: Bergen", "after": "City: Oslo"}
        | {"reason": "same Email"},
    ),
    (Adopt(*PAIR, "merged", replaces="6"), {"what": "link", "side": None, "reason": "merged"}),
    (Delete("contacts", THEIRS, "7", "A1"), {"what": "delete", "side": "keap", "reason": "deleted in Customcrm"}),
    (
        Delete("contacts", OURS, "A1", "7", archive=True),
        {"what": "archive", "side": "customcrm", "reason": "deleted in Keap"},
    ),
    (Unlink(*PAIR, OURS, "gone"), {"what": "unlink", "side": None, "reason": "gone"}),
    (
        Conflict(*PAIR, FieldConflict("City", "Oslo", None, "manual")),
        {"what": "conflict", "side": None, "fields": "City", "before": "City in Customcrm: Oslo", "reason": "manual"},
    ),
    (
        Skip("contacts", THEIRS, "7", "could be two", ((OURS, "A1"), (OURS, "A2"))),
        {"what": "skip", "side": "keap", "customcrm_id": None, "reason": "could be two: Customcrm A1; Customcrm A2"},
    ),
    (
        Skip("contacts", OURS, "A1", "why", (), "Fax"),
        {"what": "hold", "side": "customcrm", "keap_id": None, "held": "Fax: why", "reason": "why"},
    ),
]


@pytest.mark.parametrize(("action", "told"), EXPECTED)
def test_a_row_says_what_an_action_does(action: Action, told: dict[str, Any]) -> None:
    row = row_of_action("p1", 3, action)
    ids = {"customcrm_id": "A1", "keap_id": "7"}
    known = {"plan": "p1", "action": 3, "synchronization": "contacts", **EMPTY, **ids, **told}
    assert flat_action(row) == known
    assert json.loads(json.dumps(row)) == row


def test_a_row_has_the_values_themselves_beside_the_lines_for_people() -> None:
    row = row_of_action("p1", 0, Update(*PAIR, (CITY,), (FAX,)))
    assert row["changes"] == [
        {"field": "City", "side": "keap", "before": "Bergen", "after": "Oslo", "cause": "edit"},
    ]
    assert row["held"] == [{"field": "Fax", "side": "keap", "reason": "why"}]
