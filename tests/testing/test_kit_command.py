"""`keapbridge kit`: the suite over the Customcrm of a session, with words for each promise that is not kept."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from test_contract_kit import HalfAnswers, MemoryCrm

import keapbridge as kb
from keapbridge.command import main
from keapbridge.command.codes import STOPPED, WANTS_A_PERSON
from keapbridge.testing import CustomcrmEmulator, KeapEmulator


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes `host_of_kit:open` a function that opens a session over some Customcrm."""
    with KeapEmulator() as server, kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap:

        def given(customcrm: Any) -> str:
            @contextmanager
            def opening() -> Iterator[kb.SyncSession]:
                with kb.SyncSession(customcrm=customcrm, keap=keap, store="sqlite://") as session:
                    yield session

            module: Any = ModuleType("host_of_kit")
            module.open = opening
            monkeypatch.setitem(sys.modules, "host_of_kit", module)
            return "host_of_kit:open"

        yield given
        assert len(server.state.contacts) == 0


def test_a_good_system_keeps_all_and_is_left_empty(opens: Any, capsys: pytest.CaptureFixture[str]) -> None:
    crm = MemoryCrm()
    assert main(["kit", "--session", opens(crm)]) == 0
    out = capsys.readouterr().out
    assert " 0 broken" in out
    assert "kept    contacts: a new record holds what was sent\n" in out
    assert not any(crm.tables.values())


def test_one_that_is_stopped_leaves_nothing_behind(opens: Any) -> None:
    class Stopping(MemoryCrm):  # type: ignore[misc, valid-type]
        def create(self, object: str, record: Any, key: str) -> Any:
            if not stopped:
                stopped.append(object)
                signal.raise_signal(signal.SIGTERM)
            return super().create(object, record, key)

    stopped: list[str] = []
    crm = Stopping()
    assert main(["kit", "--session", opens(crm)]) == STOPPED
    assert stopped
    assert not any(crm.tables.values())


def test_a_broken_one_is_told_by_promise_and_harm(opens: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kit", "--session", opens(HalfAnswers())]) == WANTS_A_PERSON
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BROKEN  contacts")]
    promise = "many records are all listed and all read by their ids"
    assert any(promise in line and "the others would be taken for deleted" in line for line in said)


def test_a_system_with_records_is_not_touched(opens: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with CustomcrmEmulator() as server:
        for n in range(3):
            server.state.contacts.add({"FirstName": f"F{n}", "LastName": "Lee", "Email": f"c{n}@example.org"})
        crm = kb.CustomcrmClient(server.base_url, auth=kb.BearerToken(server.token))
        with crm:
            session = opens(crm)
            assert main(["kit", "--session", session]) == 2
            assert "there are contacts" in capsys.readouterr().err
            assert main(["kit", "--session", session, "--live"]) == 0
            assert "kept    contacts: reads show what lists show\n" in capsys.readouterr().out
        assert {request.method for request in server.requests} == {"GET"}


def test_reading_alone_tells_of_lists_that_show_less(opens: Any, capsys: pytest.CaptureFixture[str]) -> None:
    class ListsLess(MemoryCrm):  # type: ignore[misc, valid-type]
        def list_changes(self, object: str, since: Any, cursor: str | None) -> Any:
            page = super().list_changes(object, since, cursor)
            bare = [{name: value for name, value in r.items() if name != "JobTitle"} for r in page.records]
            return kb.AdapterPage(bare, cursor=page.cursor, deleted=page.deleted)

    crm = ListsLess()
    crm.create("contacts", {"FirstName": "Ada", "JobTitle": "Clerk", "Email": "ada@example.org"}, "1")
    assert main(["kit", "--session", opens(crm), "--live"]) == WANTS_A_PERSON
    assert "an edit of nobody's" in capsys.readouterr().out
