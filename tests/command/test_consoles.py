"""The console as a command: it serves whoever has the link that it prints, until it is ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.thorough  # processes of their own, which import everything

HOST = """
import keapbridge as kb


def open_session():
    crm = kb.CustomcrmClient("http://127.0.0.1:9/api", auth=kb.BearerToken("t"))
    keap = kb.KeapClient(auth=kb.KeapApiKey("k"), base_url="http://127.0.0.1:9/crm/rest")
    return kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db", name="acme")
"""


@contextmanager
def served(folder: Path, *command: str) -> Iterator[tuple[str, list[str]]]:
    """The link that a command prints, and its lines before that; it is ended by Ctrl-C."""
    whole = [sys.executable, "-m", "keapbridge", *command, "--port", "0"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(whole, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said: list[str] = []
        try:
            for line in process.stdout:
                if found := re.search(r"http://127\.0\.0\.1:\d+/open/\S+", line):
                    yield found[0], said
                    break
                said.append(line)
            else:
                raise AssertionError("".join(said))
        finally:
            process.send_signal(signal.SIGINT)


def test_a_session_of_one_s_own_is_served_to_whoever_has_the_link(tmp_path: Path) -> None:
    (tmp_path / "host_of_a_console.py").write_text(HOST, "utf-8")
    command = ("console", "--session", "host_of_a_console:open_session", "--by", "anna")
    with served(tmp_path, *command) as (link, _), httpx.Client(follow_redirects=True, trust_env=False) as client:
        home = str(httpx.URL(link).join("/"))
        assert client.get(home).status_code == 403
        page = client.get(link)
        assert str(page.url) == home
        assert page.status_code == 200
        assert "anna" in page.text
        assert "There was no run yet" in page.text
        assert client.get(home, headers={"host": "evil.example"}).status_code == 421


def test_the_demo_opens_it_on_what_it_has_left(tmp_path: Path) -> None:
    small = ("--seed", "4", "--customers", "30", "--contacts", "90", "--products", "30")
    with (
        served(tmp_path, "demo", "--console", *small) as (link, said),
        httpx.Client(follow_redirects=True, trust_env=False) as client,
    ):
        assert "NOT SO" not in "".join(said)
        assert client.get(link).status_code == 200
        shown = {page: client.get(httpx.URL(link).join(f"/{page}")).text for page in ("conflicts", "pairs", "failures")}
    for what in ("conflicts", "pairs", "failures"):
        assert 'class="empty"' not in shown[what], "something waits there"
    for value in ("Head of Sales", "Sales Director"):
        assert value in shown["conflicts"]
    assert "Zoe" in shown["pairs"]
