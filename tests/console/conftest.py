"""A session, its console, and browsers that look at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import attrs
import httpx
import pytest
from starlette.testclient import TestClient

import keapbridge as kb
from keapbridge.console.pages import progress

Sessions = Callable[..., kb.SyncSession]
User = kb.console.User


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def words(page: str) -> str:
    """What a page says, in one line."""
    parser = _Words()
    parser.feed(page)
    return " ".join(" ".join(parser.found).split())


@attrs.define
class Browser:
    """What somebody does with the pages, without a script."""

    client: TestClient
    page: httpx.Response = attrs.field(init=False)

    def look(self, path: str, *, status: int = 200) -> str:
        """The words of a page."""
        self.page = self.client.get(path)
        assert self.page.status_code == status, words(self.page.text)
        return words(self.page.text)

    @property
    def token(self) -> str:
        """That of the page."""
        found = re.search(r'name="token" value="([^"]+)"', self.page.text)
        assert found, "the page has no form"
        return found[1]

    def send(self, path: str, *, status: int = 200, **fields: Any) -> str:
        """Send a form of the page that is open, and follow to where that leads."""
        self.page = self.client.post(path, data={"token": self.token, **fields})
        while "/progress" in self.page.url.path:
            self.page = self.client.get(str(self.page.url))
        assert self.page.status_code == status, words(self.page.text)
        return words(self.page.text)


@pytest.fixture
def session(sessions: Sessions) -> kb.SyncSession:
    return sessions()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for is answered once it is done, however long that takes here."""
    monkeypatch.setattr(progress, "AT_ONCE", 600.0)


@pytest.fixture
def browse(session: kb.SyncSession, patient: None) -> Iterator[Callable[..., Browser]]:
    """Opens a browser of somebody: `browse("anna")` decides, `browse("rita", can_decide=False)` reads."""
    opened: list[TestClient] = []

    def browse(name: str = "anna", *, can_decide: bool = True, **options: Any) -> Browser:
        of = options.pop("session", session)
        app = kb.console.asgi_app(of, authorize=lambda _: User(name, can_decide=can_decide), **options)
        client = TestClient(app, base_url="http://console.example")
        client.__enter__()
        opened.append(client)
        return Browser(client)

    yield browse
    for client in opened:
        client.__exit__(None, None, None)
