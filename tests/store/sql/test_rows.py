"""Rows and values: each comes back as it went in, and with keys nothing of a person can be read in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from kept import CUSTOMCRM, KEAP, NOON, TOYS

from keapbridge._seal import seal_for
from keapbridge.errors import LinkStoreError
from keapbridge.model.actions import Action, Adopt, Conflict, Create, Delete, Skip, TellApart, Unlink, Update
from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.kept_in_store import Commit
from keapbridge.model.records import Link
from keapbridge.model.report import Line
from keapbridge.store.sql.rows import CHUNK, Rows, chunks, is_keyed, key_digest, keyed_digest, to_moment, to_text

OLD, NEW = Fernet.generate_key(), Fernet.generate_key()
PERSON = "Ada Lovelace"
VALUES = {"name": PERSON, "note": 'é 🦉 "quoted"\n', "empty": "", "gone": None, "age": 36, "large": 2**60, "vip": True}
CHANGE = Change("name", KEAP, None, PERSON, "first contact")
HELD = Held("phone", CUSTOMCRM, "no number")

ACTIONS: list[Action] = [
    Create(TOYS, KEAP, "a", VALUES, (HELD,)),
    Update(TOYS, "a", "A", (CHANGE, Change("age", CUSTOMCRM, 36, 37)), (HELD,)),
    Adopt(TOYS, "a", "A", "name", (CHANGE,), (HELD,), "B"),
    Adopt(TOYS, "a", "A", "name"),
    Delete(TOYS, KEAP, "A", "a", archive=True),
    Unlink(TOYS, "a", "A", KEAP, "it is gone", anew=True),
    Conflict(TOYS, "a", "A", FieldConflict("name", PERSON, None, "both were edited")),
    Skip(TOYS, CUSTOMCRM, "a", "it has twins", ((KEAP, "A"), (KEAP, "B")), "name"),
    Skip(TOYS, CUSTOMCRM, "a", "it is not allowed"),
    TellApart(TOYS, (CUSTOMCRM, "a"), (KEAP, "A")),
    TellApart(TOYS, (KEAP, "A"), (KEAP, "B"), back=True),
]


@pytest.fixture(params=[(), (NEW, OLD)], ids=["plain", "encrypted"])
def rows(request: pytest.FixtureRequest) -> Rows:
    return Rows("toys", seal_for(request.param))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_an_action_of_any_kind_comes_back(rows: Rows, action: Action) -> None:
    assert rows.to_action(rows.action("plan", 0, action)["body"]) == action


def test_an_action_is_found_by_the_records_it_is_about(rows: Rows) -> None:
    found = [(row["kind"], row["customcrm_id"], row["keap_id"]) for row in (rows.action("p", 0, a) for a in ACTIONS)]
    both = ("a", "A")
    assert found == [
        ("create", "a", None),
        ("update", *both),
        ("adopt", *both),
        ("link", *both),
        ("delete", None, "A"),
        ("unlink", *both),
        ("conflict", *both),
        ("doubt", "a", None),
        ("skip", "a", None),
        ("tellapart", *both),
        ("tellapart", None, "A"),
    ]


@pytest.mark.parametrize("line", [Line(TOYS, "linked"), Line(TOYS, "failed", KEAP, "a", "A", ("name",), "refused")])
def test_a_line_comes_back(rows: Rows, line: Line) -> None:
    assert rows.to_line(rows.line("run", line)["body"]) == line


@pytest.mark.parametrize("value", [VALUES, {}, ["London", None], None, 0, False])
def test_any_value_comes_back(rows: Rows, value: object) -> None:
    assert rows.open(rows.close(value)) == value


def test_a_moment_is_kept_in_utc_and_to_the_microsecond() -> None:
    there = datetime(2026, 5, 4, 5, 0, 0, 1, tzinfo=timezone(timedelta(hours=-7)))
    assert to_moment(to_text(there)) == there
    assert to_text(there) == to_text(there.astimezone(UTC)) == "2026-05-04T12:00:00.000001+00:00"
    assert to_moment(to_text(None)) is None


def test_texts_of_moments_are_in_the_order_of_the_moments() -> None:
    moments = [NOON + timedelta(microseconds=n) for n in (0, 1, 10, 1_000_000, 1_000_001)]
    assert sorted(str(to_text(moment)) for moment in moments) == [to_text(moment) for moment in moments]


@pytest.mark.parametrize("number", [0, 1, CHUNK, CHUNK + 1])
def test_chunks_are_all_there_is_and_none_is_too_large(number: int) -> None:
    parts = list(chunks(range(number)))
    assert [n for part in parts for n in part] == list(range(number))
    assert all(1 <= len(part) <= CHUNK for part in parts)


def test_a_match_key_is_kept_as_a_digest() -> None:
    assert key_digest("ada@example.org") == key_digest("ada@example.org") != key_digest("bob@example.org")
    assert "ada" not in key_digest("ada@example.org")


def test_a_match_key_can_be_guessed_by_nobody_who_has_not_the_hash_key() -> None:
    plain, one, two = (Rows(TOYS, seal_for(()), secret).key_digest("ada@example.org") for secret in (b"", b"1", b"2"))
    assert len({plain, one, two}) == 3
    assert one == keyed_digest(plain, b"1")  # so it can be made of the plain one
    assert [is_keyed(each) for each in (plain, one, two)] == [False, True, True]


@pytest.mark.parametrize("stored", ["{x", "", '{"action": "dance"}', "17"])
def test_what_is_broken_is_said_to_be(stored: str) -> None:
    rows = Rows(TOYS, seal_for(()))
    for read in (rows.to_action, rows.to_line):
        with pytest.raises(LinkStoreError, match="broken"):
            read(stored)
    with pytest.raises(LinkStoreError, match="broken"):
        to_moment("tomorrow")


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        ("customcrm_base", "[]"),
        ("customcrm_base", "null"),
        ("keap_base", "7"),
        ("aside", '{"keap": 7}'),
        ("aside", '{"x": {}}'),
    ],
)
def test_a_broken_link_is_said_to_be(column: str, stored: str) -> None:
    rows = Rows(TOYS, seal_for(()))
    row = rows.link(Commit("toys", Link("1", "901", {"Colour": "red"}, {}, aside={KEAP: {"Name": "Top"}}), {}))
    assert rows.to_link(SimpleNamespace(**row)).aside == {KEAP: {"Name": "Top"}}  # type: ignore[arg-type]
    with pytest.raises(LinkStoreError, match="broken"):
        rows.to_link(SimpleNamespace(**{**row, column: stored}))  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [(), (NEW,)], ids=["plain", "sealed"])
@pytest.mark.parametrize("theirs", [{"Colour": "red"}, {"Colour": None}, {}, {"Colour": "red", "Size": 1}])
def test_what_both_sides_hold_is_written_once(keys: tuple[bytes, ...], theirs: dict[str, Any]) -> None:
    rows = Rows(TOYS, seal_for(keys))
    row = rows.link(Commit("toys", Link("1", "901", {"Colour": "red"}, theirs), {}))
    assert (rows.open(row["keap_base"]) is None) == (theirs == {"Colour": "red"})
    link = rows.to_link(SimpleNamespace(**row))  # type: ignore[arg-type]
    assert (link.customcrm_base, link.keap_base) == ({"Colour": "red"}, theirs)


def test_one_and_true_are_not_the_same_base() -> None:
    rows = Rows(TOYS, seal_for(()))
    row = rows.link(Commit("toys", Link("1", "901", {"Opted": True}, {"Opted": 1}), {}))
    assert rows.to_link(SimpleNamespace(**row)).keap_base["Opted"] is not True  # type: ignore[arg-type]


def test_who_has_no_keys_reads_nothing_that_is_encrypted() -> None:
    stored = Rows(TOYS, seal_for([NEW])).close(VALUES)
    with pytest.raises(LinkStoreError, match="encryption_keys"):
        Rows(TOYS, seal_for(())).open(stored)
    with pytest.raises(LinkStoreError, match="decrypted"):
        Rows(TOYS, seal_for([OLD])).open(stored)
