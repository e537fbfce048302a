"""What somebody has written into a record, a name or a reason: a display shows it, and no browser does what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from gallery import PLANTED, galleries

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

Sessions = Callable[..., kb.SyncSession]
OWN = frozenset("div style h4 span p ul li details summary table tr th td thead tbody i del ins pre".split())  # noqa: SIM905
ATTRIBUTES = frozenset({"class", "title", "style", "role", "aria-label", "open"})
WITHOUT_TEXTS = {"session", "limits", "client", "policy"}
"""In these nobody but the host writes."""


@pytest.fixture
def full(crm_server: CustomcrmEmulator, keap_server: KeapEmulator, sessions: Sessions) -> kb.SyncSession:
    """A session that has linked, written and failed, and that has met a conflict."""
    ada = crm_server.state.contacts.add({"FirstName": "Ada", "LastName": "L", "Email": "ada@example.org"})
    session = sessions(policy=kb.Policy(conflicts="manual"))
    session.sync()
    crm_server.state.contacts.edit(ada, FirstName="Augusta", JobTitle="Countess")
    keap_server.state.contacts.edit("1", given_name="Adah")
    crm_server.state.contacts.add({"FirstName": "Bo", "Email": "no address", "Phone": "22 22 22 22", "Country": "NO"})
    keap_server.faults.add(Fault(status=400), method="POST", path="/v2/contacts")
    session.sync()
    crm_server.state.contacts.add({"FirstName": "Cy", "Email": "cy@example.org"})
    return session


@pytest.fixture
def shown(full: kb.SyncSession) -> Mapping[str, str]:
    return {f"{name} {at}": html for at, what in enumerate(PLANTED) for name, html in galleries(full, what).items()}


class Seen(HTMLParser):
    """Which elements and attributes there are, and what is only text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_no_display_has_an_element_that_is_not_its_own(shown: Mapping[str, str]) -> None:
    for name, html in shown.items():
        seen = Seen(html)
        assert (name, seen.tags - OWN, seen.attributes - ATTRIBUTES) == (name, set(), set())


def test_every_display_shows_what_was_planted_as_text(shown: Mapping[str, str]) -> None:
    whole = {name: "".join(Seen(html).text) for name, html in shown.items()}
    there = {name: text for name, text in whole.items() if name.rpartition(" ")[0] not in WITHOUT_TEXTS}
    # Its beginning: cells are cut where they are long, and changes of a value are shown word by word.
    assert [name for name, text in there.items() if PLANTED[int(name.rpartition(" ")[2])][:12] not in text] == []


CHROMIUM = os.environ.get("KEAPBRIDGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.thorough
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_a_browser_runs_nothing_of_it(shown: Mapping[str, str], tmp_path: Path) -> None:
    assert CHROMIUM is not None
    page = tmp_path / "page.html"
    counted = (
        "document.title=[window.ran||0,window.canary||0,...document.querySelectorAll('main *')].map(e=>e.tagName||e)"
    )
    body = "".join(f"<main>{html}</main>" for html in shown.values())
    canary = "<img src=x onerror='window.canary=1'>"  # what is planted does run where it is not escaped
    script = f"<script>setTimeout(()=>{{{counted}}},1000)</script>"
    page.write_text(f"<!doctype html><meta charset=utf-8>{body}{canary}{script}", "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [CHROMIUM, *options, "--virtual-time-budget=5000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    title = done.stdout.partition("<title>")[2].partition("</title>")[0]
    ran, canary_ran, *tags = title.split(",")
    assert (ran, canary_ran) == ("0", "1")
    assert {tag.lower() for tag in tags} <= OWN
    assert len(tags) > 1000
