"""Habits: one value for how a Keap behaves; a client that knows none of them does only what is right under all."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from laws import examples
from random_habits import drawn_habits, habits_of_seed

import keapbridge as kb
from keapbridge.keap.clearing import habit_of
from keapbridge.keap.habits import Habits
from keapbridge.testing import KeapEmulator

PERSON: dict[str, Any] = {"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]}


@given(drawn_habits())
@examples(30)
def test_habits_are_read_as_they_were_written(habits: Habits) -> None:
    assert Habits.from_toml(habits.to_toml()) == habits


def test_what_is_not_known_is_not_written(tmp_path: Path) -> None:
    assert Habits.from_toml(Habits.unknown().to_toml()) == Habits.unknown() == Habits()
    habits = Habits(null="ignored", longest_page=200)
    habits.save(tmp_path / "habits.toml")
    assert Habits.load(tmp_path / "habits.toml") == habits
    assert "since" not in (tmp_path / "habits.toml").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[habits]\nempty_txt = "clears"', "no habit 'empty_txt'; is 'empty_text' meant"),
        ('[habits]\nnull = "cleared"', "null must be one of 'clears', 'ignored', 'refused'"),
        ("[habits]\nlongest_page = 0", "longest_page takes a whole number"),
        ("habits = 1", r"\[habits\] must be a table"),
        ("[habits", "habits.toml"),
    ],
)
def test_what_is_no_habit_is_refused_with_the_name_of_the_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "habits.toml").write_text(text)
    with pytest.raises((ValueError, TypeError), match=message):
        Habits.load(tmp_path / "habits.toml")


def test_habits_over_others_keep_what_they_know() -> None:
    known = Habits(null="ignored").over(Habits(null="refused", since="exclusive"))
    assert (known.null, known.since, known.times) == ("ignored", "exclusive", None)
    assert all(getattr(Habits.assumed(), name) is not None for name in Habits.fields())


def test_a_client_refuses_what_is_no_habits() -> None:
    with pytest.raises(TypeError, match="habits"):
        kb.KeapClient(auth=kb.KeapApiKey("k"), base_url="http://127.0.0.1:1", habits="habits.toml")  # type: ignore[arg-type]


CLEARED = {"job_title": None, "birth_date": None, "company": None}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
def test_properties_are_cleared_in_whichever_way_a_keap_takes(seed: int, is_known: bool) -> None:
    habits = habits_of_seed(seed)
    with (
        KeapEmulator(habits=habits) as server,
        kb.KeapClient(
            auth=kb.KeapApiKey(server.api_key), base_url=server.base_url, habits=habits if is_known else None
        ) as keap,
    ):
        company = server.state.companies.add({"company_name": "Acme"})
        filled = {"job_title": "Boss", "birth_date": "1985-03-15", "company": {"id": company}, "spouse_name": "Bo"}
        clearable: dict[str, bool] = {}
        before = 0
        for _ in range(2):
            id = server.state.contacts.add(PERSON | filled)
            before = len(server.requests)
            try:
                keap.contacts.update(id, given_name="Ada L.", **CLEARED)
            except kb.errors.StatusError:
                refused = True
            else:
                refused = False
            document = server.state.contacts[id]
            clearable = {
                name: any(getattr(habits, habit_of(name, way)) == "clears" for way in ("empty", "null", "mask"))
                for name in CLEARED
            }
            assert document["spouse_name"] == "Bo"
            if all(clearable.values()):
                assert not refused
            for name in CLEARED:
                assert (name not in document) == clearable[name] or refused
        if all(clearable.values()):
            assert len(server.requests) - before == 1, "what was learned is known the second time"


def test_a_client_learns_what_its_answers_show() -> None:
    habits = Habits(empty_text="ignored", null="refused", mask_alone="clears")
    with (
        KeapEmulator(habits=habits) as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
    ):
        id = server.state.contacts.add(PERSON | {"job_title": "Boss", "birth_date": "1985-03-15"})
        assert keap.habits == Habits.unknown()
        assert not keap.contacts.update(id, job_title=None).job_title
        assert "job_title" not in server.state.contacts[id]
        assert (keap.habits.empty_text, keap.habits.null) == ("ignored", "refused")
        assert keap.contacts.get(id).birth_date == date(1985, 3, 15)


def test_what_no_answer_shows_is_looked_at_and_cleared_in_another_way() -> None:
    with (
        KeapEmulator(habits=Habits(empty_text="ignored", empty_object="ignored")) as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
    ):
        filled = {"company_name": "Acme", "notes": "n", "email_address": {"email": "a@x.org", "field": "EMAIL1"}}
        first, second = server.state.companies.add_many([filled, filled])
        keap.companies.update(first, notes=None, email_address=None, website="https://x.org")
        assert server.state.companies[first].keys().isdisjoint({"notes", "email_address"})
        assert keap.habits == Habits(null="clears"), "that it is still shown may be a delay"
        before = len(server.requests)
        keap.companies.update(second, notes=None)
        assert [r.method for r in server.requests[before:]] == ["PATCH", "GET"]
        assert "notes" not in server.state.companies[second]


def test_a_keap_that_shows_late_what_was_cleared_is_asked_a_few_times_only() -> None:
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
    ):
        id = server.state.companies.add({"company_name": "Acme", "notes": "n"})
        server.faults.randomly(1.0, kinds=["stale"])
        keap.companies.update(id, notes=None)
        assert [r.method for r in server.requests] == ["PATCH", "GET"] * 3
        assert "notes" not in server.state.companies[id]
        assert keap.habits == Habits.unknown()
