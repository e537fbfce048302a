"""Logging in with a name and a password: one caller does, all share what came of it, and nothing of it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import attrs
import pytest
from small_server import Asked, Said, SmallServer

import keapbridge as kb

PASSWORD = "pass-w0rd-planted"
PAGE = {"Items": [], "NextCursor": None}


@attrs.define
class Gatekeeper:
    """A CRM that lets in whoever has one of its tokens; the newest alone is good."""

    life: float | None = 900_000
    password: str = PASSWORD
    made: int = 0
    good: str = ""
    refresh: str = ""
    takes_refresh: bool = True

    def answer(self, asked: Asked) -> Said:
        match asked.path:
            case "/auth/login":
                given = asked.body["password"]
                if given not in (self.password, [self.password]):
                    return Said(401, {"errors": [{"message": f"{given} is wrong for {asked.body['email']}"}]})
                return self._new()
            case "/auth/refresh":
                if not self.takes_refresh or asked.body["refresh_token"] != self.refresh:
                    return Said(401, {"errors": [{"message": "Invalid refresh token"}]})
                return self._new()
            case _:
                is_in = asked.headers.get("authorization") == f"JWT {self.good}" and bool(self.good)
                return Said(200, PAGE) if is_in else Said(401, {"errors": [{"message": "Token expired."}]})

    def _new(self) -> Said:
        self.made += 1
        self.good, self.refresh = f"t0ken-{self.made}", f"refr3sh-{self.made}"
        life = {} if self.life is None else {"expires": self.life}
        return Said(200, {"data": {"access_token": self.good, "refresh_token": self.refresh, **life}})


@pytest.fixture
def gate() -> Gatekeeper:
    return Gatekeeper()


@pytest.fixture
def server(gate: Gatekeeper) -> Iterator[SmallServer]:
    with SmallServer(gate.answer) as server:
        yield server


def login(server: SmallServer, password: str = PASSWORD, **more: Any) -> kb.PasswordLogin:
    refresh = kb.customcrm.Refresh(f"{server.url}/auth/refresh", token="data.refresh_token")
    given = {
        "body": {"email": "{username}", "password": "{password}", "mode": "json"},
        "token": "data.access_token",
        "lifetime": "data.expires",
        "lifetime_in": "milliseconds",
        "value": "JWT {token}",
        "refresh": refresh,
    }
    return kb.PasswordLogin(f"{server.url}/auth/login", "sync@example.org", password, **{**given, **more})


def client(server: SmallServer, auth: kb.PasswordLogin) -> kb.CustomcrmClient:
    return kb.CustomcrmClient(server.url, auth=auth, retry=kb.RetryPolicy(base=0.001))


def ways(server: SmallServer) -> list[str]:
    return [each.path.rpartition("/")[2] for each in server.requests if each.path.startswith("/auth")]


def test_it_logs_in_once_and_refreshes_before_the_end(server: SmallServer, gate: Gatekeeper) -> None:
    gate.life = 1  # a thousandth of a second: over with every call
    with client(server, login(server)) as crm:
        list(crm.contacts.list())
        gate.life = 900_000
        list(crm.contacts.list())
        list(crm.contacts.list())
    assert ways(server) == ["login", "refresh"]
    assert server.requests[0].body == {"email": "sync@example.org", "password": PASSWORD, "mode": "json"}


@pytest.mark.parametrize(("takes_refresh", "wanted"), [(True, ["refresh"]), (False, ["refresh", "login"])])
def test_a_token_that_is_refused_is_had_anew(
    server: SmallServer, gate: Gatekeeper, takes_refresh: bool, wanted: list[str]
) -> None:
    gate.life = None  # nobody says how long it is good for
    with client(server, login(server)) as crm:
        list(crm.contacts.list())
        gate.good, gate.takes_refresh = "another", takes_refresh
        list(crm.contacts.list())
    assert ways(server) == ["login", *wanted]


def test_without_a_refresh_it_logs_in_again(server: SmallServer, gate: Gatekeeper) -> None:
    with client(server, login(server, refresh=None)) as crm:
        list(crm.contacts.list())
        gate.good = "another"
        list(crm.contacts.list())
    assert ways(server) == ["login", "login"]


@pytest.mark.parametrize("begins", ["before the first", "after a refusal"])
def test_concurrent_callers_share_one(server: SmallServer, gate: Gatekeeper, begins: str) -> None:
    callers = 8
    at_once = Barrier(callers)
    with client(server, login(server, refresh=None)) as crm:
        if begins == "after a refusal":
            list(crm.contacts.list())
            gate.good = "another"

        def call(_: int) -> int:
            at_once.wait(120)
            return len(list(crm.contacts.list()))

        with ThreadPoolExecutor(callers) as pool:
            assert list(pool.map(call, range(callers))) == [0] * callers
    assert ways(server) == ["login"] * (1 if begins == "before the first" else 2)


def test_tasks_share_one(server: SmallServer) -> None:
    import asyncio

    async def all_at_once() -> None:
        async with kb.AsyncCustomcrmClient(server.url, auth=login(server)) as crm:

            async def call() -> list[Any]:
                return [each async for each in crm.contacts.list()]

            await asyncio.gather(*(call() for _ in range(5)))

    asyncio.run(all_at_once())
    assert ways(server) == ["login"]


def test_a_wrong_password_is_sent_once_and_shown_nowhere(server: SmallServer) -> None:
    auth = login(server, "wr0ng-planted")
    with client(server, auth) as crm, pytest.raises(kb.AuthError, match="check the name, the password") as caught:
        list(crm.contacts.list())
    assert ways(server) == ["login"]
    assert "wr0ng" not in f"{caught.value} {caught.value!r} {auth!r} {caught.value.__cause__}"


def test_a_token_that_is_never_taken_is_not_had_over_and_over(server: SmallServer, gate: Gatekeeper) -> None:
    with client(server, login(server, value="Token {token}")) as crm, pytest.raises(kb.AuthError, match="401"):
        list(crm.contacts.list())
    assert ways(server) == ["login", "refresh"]


def test_an_answer_without_a_token_says_where_it_was_looked_for(server: SmallServer) -> None:
    auth = login(server, token="data.token")
    with client(server, auth) as crm, pytest.raises(kb.ShapeError, match=r"no token at 'data\.token'") as caught:
        list(crm.contacts.list())
    assert "t0ken" not in f"{caught.value}"


def test_it_may_be_a_form() -> None:
    def answer(asked: Asked) -> Said:
        if asked.path == "/token":
            assert asked.body == {"grant_type": ["password"], "username": ["ada"], "password": ["p&w"]}
            return Said(200, {"access_token": "t", "expires_in": "60"})
        return Said(200, PAGE) if asked.headers["x-session"] == "t" else Said(401)

    with SmallServer(answer) as server:
        body = {"grant_type": "password", "username": "{username}", "password": "{password}"}
        more: Any = {"sent_as": "form", "header": "X-Session", "value": "{token}", "body": body}
        auth = kb.PasswordLogin(f"{server.url}/token", "ada", "p&w", **more)
        with kb.CustomcrmClient(server.url, auth=auth) as crm:
            assert list(crm.contacts.list()) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"url": "crm.example.org"}, "url: must be a whole address"),
        ({"body": {"user": "{username}"}}, r"body: must be a table with \{username\} and \{password\}"),
        ({"value": "Bearer"}, r"value: must have \{token\}"),
        ({"lifetime_in": "hours"}, "lifetime_in: must be one of"),
        ({"sent_as": "xml"}, "sent_as: must be one of"),
    ],
)
def test_what_cannot_be_is_named(wrong: dict[str, Any], named: str) -> None:
    right: dict[str, Any] = {"url": "https://crm.example.org/login", "username": "ada", "password": PASSWORD}
    with pytest.raises(ValueError, match=named) as caught:
        kb.PasswordLogin(**{**right, **wrong})
    assert PASSWORD not in str(caught.value)
