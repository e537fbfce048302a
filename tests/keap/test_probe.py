"""The probe finds the habits of a Keap, leaves nothing behind, and touches nothing of others."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from random_habits import habits_of_seed

import keapbridge as kb
from keapbridge.command import main
from keapbridge.testing import KeapEmulator

SEEDS = [
    3,
    *(pytest.param(n, marks=pytest.mark.thorough) for n in range(4, 8)),
    *(pytest.param(n, marks=pytest.mark.slow) for n in range(8, 58)),
]


def client_of(server: KeapEmulator) -> kb.KeapClient:
    return kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url, retry=kb.RetryPolicy(base=0.01))


def left(server: KeapEmulator) -> list[Any]:
    state = server.state
    return [*state.contacts, *state.companies, *state.products, *state.companies.custom_fields]


@pytest.mark.parametrize("seed", SEEDS)
def test_it_finds_exactly_the_habits_that_there_are(seed: int, tmp_path: Path) -> None:
    habits = habits_of_seed(seed)
    with KeapEmulator(habits=habits) as server, client_of(server) as keap:
        found = kb.probe_keap(keap, journal=tmp_path / "probe.json")
        wrong = {
            name: (getattr(found, name), getattr(habits, name), found.told[name].evidence)
            for name in habits.fields()
            if getattr(found, name) != getattr(habits, name)
        }
        assert wrong == {}
        assert (left(server), list(tmp_path.iterdir())) == ([], [])
        late = "some" in (habits.get_lag, habits.list_lag, habits.since_lag)
        assert found.calls < (900 if late else 140)
    assert kb.Habits.from_toml(found.to_toml()) == habits
    assert str(found).count("\n") == len(habits.fields()) + 1


class Dying:
    """A layer over an application that lets so many calls through, and then no more."""

    def __init__(self, app: Any, calls: int) -> None:
        self.app, self.calls = app, calls

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.calls -= 1
            if self.calls < 0:
                await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body", "body": b""})
                return
        await self.app(scope, receive, send)


LATE = kb.Habits(get_lag="some", list_lag="some", since_lag="some")


@pytest.mark.parametrize(
    ("habits", "calls"),
    [
        (None, 30),
        (LATE, 32),
        *(pytest.param(None, n, marks=pytest.mark.thorough) for n in (5, 9, 15, 22, 45, 55, 65, 75, 85)),
        *(pytest.param(LATE, n, marks=pytest.mark.thorough) for n in (5, 6, 14, 60, 110, 200)),
    ],
)
def test_what_an_interrupted_one_has_left_is_deleted_by_the_next(
    habits: kb.Habits | None, calls: int, tmp_path: Path
) -> None:
    server = KeapEmulator(habits=habits)
    app, journal = server.app, tmp_path / "probe.json"
    server.app = Dying(app, calls)
    with server, client_of(server) as keap:
        theirs = server.state.contacts.add({"given_name": "Ada", "family_name": "Lovelace"})
        with pytest.raises(kb.AuthError):
            kb.probe_keap(keap, journal=journal, even_if_not_empty=True)
        assert journal.exists()
        server.app.calls = 10_000
        found = kb.probe_keap(keap, journal=journal, even_if_not_empty=True)
        assert found.told["null"].value == "clears"
        assert (left(server), journal.exists()) == ([theirs], False)
        assert server.state.contacts[theirs]["family_name"] == "Lovelace"


@pytest.mark.parametrize(
    "seed",
    [pytest.param(4, marks=pytest.mark.thorough), *(pytest.param(n, marks=pytest.mark.slow) for n in range(8, 58))],
)
def test_one_that_was_killed_anywhere_finds_all_habits_when_it_is_started_again(seed: int, tmp_path: Path) -> None:
    habits, calls = habits_of_seed(seed), random.Random(seed).randrange(2, 110)
    server = KeapEmulator(habits=habits)
    server.app = dying = Dying(server.app, calls)
    with server, client_of(server) as keap:
        with pytest.raises(kb.AuthError):
            kb.probe_keap(keap, journal=tmp_path / "probe.json")
        dying.calls = 10_000
        found = kb.probe_keap(keap, journal=tmp_path / "probe.json")
        assert {name: getattr(found, name) for name in habits.fields()} == attrs.asdict(habits)
        assert (left(server), list(tmp_path.iterdir())) == ([], [])


class Refusing:
    """A layer over an application that refuses some calls."""

    def __init__(self, app: Any, method: str, path: str) -> None:
        self.app, self.method, self.path, self.calls = app, method, path, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.calls += 1
            if scope["method"] == self.method and re.search(self.path, scope["path"]):
                body = b'{"code": 400, "message": "not here", "status": "Bad Request", "details": []}'
                head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
                await send({"type": "http.response.start", "status": 400, "headers": head})
                await send({"type": "http.response.body", "body": body})
                return
        await self.app(scope, receive, send)


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", r"/contacts/\d+$"), ("DELETE", "/customFields/"), ("GET", "/companies/model$"), ("GET", "/companies$")],
)
def test_what_cannot_be_deleted_is_told_and_stays_in_the_journal(method: str, path: str, tmp_path: Path) -> None:
    server, journal = KeapEmulator(), tmp_path / "probe.json"
    server.app = layer = Refusing(server.app, method, path)
    with server, client_of(server) as keap:
        with pytest.raises(kb.ShapeError, match=f"may still be there.*{method} .*400 not here.*probe.json"):
            kb.probe_keap(keap, journal=journal, even_if_not_empty=True)
        assert (bool(left(server)), journal.exists(), layer.calls < 200) == (True, True, True)
        layer.method = "none"
        kb.probe_keap(keap, journal=journal)
        assert (left(server), journal.exists()) == ([], False)


@pytest.mark.parametrize("kind", ["contacts", "companies", "products"])
def test_an_application_that_does_not_tell_whether_it_is_empty_is_refused(kind: str, tmp_path: Path) -> None:
    server = KeapEmulator()
    server.app = Refusing(server.app, "GET", f"/{kind}$")
    with server, client_of(server) as keap:
        with pytest.raises(ValueError, match=f"may hold {kind}"):
            kb.probe_keap(keap, journal=tmp_path / "probe.json")
        assert all(request.method == "GET" for request in server.requests)


def test_what_was_left_in_another_application_is_not_forgotten(tmp_path: Path) -> None:
    journal = tmp_path / "probe.json"
    with KeapEmulator() as server, client_of(server) as keap:
        journal.write_text('{"mark": "kbprobe1", "tenant": "another"}')
        with pytest.raises(ValueError, match="another"):
            kb.probe_keap(keap, journal=journal)
        assert journal.exists()
        assert all(request.method == "GET" for request in server.requests)


def test_an_application_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    with KeapEmulator() as server, client_of(server) as keap:
        server.state.companies.add({"company_name": "Acme"})
        with pytest.raises(ValueError, match="holds companies"):
            kb.probe_keap(keap, journal=tmp_path / "probe.json")
        assert all(request.method == "GET" for request in server.requests)
        assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_file_of_habits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, habits = tmp_path / "habits.toml", kb.Habits(null="ignored").over(kb.Habits.assumed())
    arguments = ["probe", str(path), "--journal", str(tmp_path / "probe.json"), "--url"]
    monkeypatch.delenv("KEAP_API_KEY", raising=False)
    assert main([*arguments, "http://127.0.0.1:1"]) == 2
    assert "$KEAP_API_KEY" in capsys.readouterr().err
    with KeapEmulator(habits=habits) as server:
        monkeypatch.setenv("KEAP_API_KEY", server.api_key)
        assert main([*arguments, server.base_url]) == 0
    assert kb.Habits.load(path) == habits
    shown = capsys.readouterr().out
    assert "ignored       otherwise" in shown
    assert server.api_key not in shown
