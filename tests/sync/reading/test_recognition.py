"""A Customcrm at another address: the same one is told and remembered, another one refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge.model.actions import Skip
from keapbridge.testing import KeapEmulator

TABLE = kb.SqlTable(
    "people",
    id="id",
    modified="updated_at",
    columns={"FirstName": "first_name", "Email": "email", "JobTitle": "job"},
)


@attrs.define
class Move:
    """A CRM that is a file, which moves."""

    folder: Path
    keap: KeapEmulator
    stack: ExitStack

    def crm(self, name: str, people: int = 0, word: str = "a") -> str:
        """Make a CRM, or go to one that is there."""
        url = f"sqlite:///{self.folder / name}"
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, first_name TEXT, email TEXT, job TEXT,"
                " updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')))"
            )
            for n in range(people):
                connection.exec_driver_sql(
                    "INSERT INTO people (first_name, email) VALUES (?, ?)", (f"{word}{n}", f"{word}{n}@example.org")
                )
        engine.dispose()
        return url

    def execute(self, name: str, statement: str) -> None:
        engine = sa.create_engine(f"sqlite:///{self.folder / name}")
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def session(self, url: str, **options: Any) -> kb.SyncSession:
        enter = self.stack.enter_context
        return enter(
            kb.SyncSession(
                customcrm=enter(kb.SqlCustomcrm(url, contacts=TABLE)),
                keap=enter(kb.KeapClient(auth=kb.KeapApiKey(self.keap.api_key), base_url=self.keap.base_url)),
                store=f"sqlite:///{self.folder / 'bridge.db'}",
                **options,
            )
        )


@pytest.fixture
def move(tmp_path: Path) -> Iterator[Move]:
    with ExitStack() as stack:
        yield Move(tmp_path, stack.enter_context(KeapEmulator()), stack)


def test_a_file_that_moved_is_told_once_and_remembered(move: Move) -> None:
    assert move.session(move.crm("crm.db", people=30)).sync().ok
    (move.folder / "new").mkdir()
    shutil.copy(move.folder / "crm.db", move.folder / "new" / "crm.db")
    move.execute("new/crm.db", "UPDATE people SET job = 'Cook' WHERE id < 10")  # people go on meanwhile
    session = move.session(move.crm("new/crm.db"))
    for _ in range(2):  # a check remembers nothing of it
        [checked] = [each for each in session.check() if each.place == "Customcrm"]
        assert checked.severity == "info"
    [told] = [action for action in session.plan().actions if isinstance(action, Skip)]
    assert told.reason == (
        "Customcrm is at sqlite crm.db now, before at sqlite crm.db: 20 of 20 linked records hold what is known of "
        "them, so it is the same"
    )
    assert checked.what == told.reason
    assert session.sync().ok
    assert len(move.keap.state.contacts) == 30
    assert list(session.plan().actions) == []


def test_another_crm_is_refused_before_anything_is_planned(move: Move) -> None:
    move.session(move.crm("crm.db", people=3)).sync()
    before = move.keap.state.snapshot()
    other = move.session(move.crm("other.db", people=3, word="b"))
    for do in (other.sync, other.plan, lambda: other.contacts.sync_ids(customcrm=["1"])):
        with pytest.raises(kb.OtherSystemError, match=r"sqlite other\.db: 0 of 3 linked records hold") as caught:
            do()
        assert caught.value.side is kb.Side.CUSTOMCRM
    [found] = other.check().errors
    assert (found.severity, found.place) == ("error", "Customcrm")
    assert "sqlite other.db: 0 of 3 linked records hold" in found.what
    assert "session.rebind()" in found.advice
    assert move.keap.state.snapshot() == before
    # An empty one, as a wrong path makes it, is no proof that all were deleted.
    with pytest.raises(kb.OtherSystemError, match="0 of 3"):
        move.session(move.crm("empty.db")).sync(full=True)
    assert move.session(move.crm("crm.db")).sync(full=True).ok
    assert move.keap.state.snapshot() == before


def test_what_a_few_records_cannot_tell_is_for_a_person_to_say(move: Move) -> None:
    move.session(move.crm("crm.db", people=2)).sync()
    (move.folder / "crm.db").rename(move.folder / "moved.db")
    move.execute(
        "moved.db", "UPDATE people SET first_name = 'Edited', email = 'x' || id || '@example.org' WHERE id = 1"
    )
    moved = move.session(move.crm("moved.db"), identity="acme")
    with pytest.raises(kb.OtherSystemError, match=r"1 of 2 linked records hold.*so few tell little.*rebind\(\)"):
        moved.sync()
    moved.rebind()
    assert moved.sync().ok
    with pytest.raises(kb.OtherSystemError) as caught:
        move.session(move.crm("empty.db"), identity="other").sync()
    assert "so few" in str(caught.value)


def test_without_links_nothing_of_the_first_one_is_left(move: Move) -> None:
    move.session(move.crm("wrong.db", people=3)).plan()
    assert move.session(move.crm("crm.db", people=2, word="b")).sync().ok
    assert sorted(each["given_name"] for each in move.keap.state.contacts.values()) == ["b0", "b1"]


def test_a_crm_that_its_host_names_is_the_same_at_any_address(move: Move) -> None:
    move.session(move.crm("crm.db", people=3), identity="acme").sync()
    shutil.copy(move.folder / "crm.db", move.folder / "two.db")
    move.execute("two.db", "UPDATE people SET first_name = 'Zed', email = 'zed' || id || '@example.org'")
    assert move.session(move.crm("two.db"), identity="acme").sync().ok
    with pytest.raises(kb.OtherSystemError, match="belongs to the Customcrm at acme, and this one is at other"):
        move.session(move.crm("empty.db"), identity="other").sync()
