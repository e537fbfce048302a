"""Several processes serve the console over one store: whichever is asked, people see and do the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import httpx
import pytest

if TYPE_CHECKING:
    from conftest import World

pytestmark = pytest.mark.thorough
WORKER = Path(__file__).with_name("one_worker.py")
SHARED = Path(__file__).parents[1] / "shared"
PATIENCE = 60.0


@attrs.frozen
class Worker:
    """A process, and where it serves."""

    process: subprocess.Popen[str]
    at: str

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture
def workers(world: World, tmp_path: Path, sockets: None) -> Iterator[Callable[[], Worker]]:
    """Starts a worker."""
    options = {
        "crm_url": world.crm.base_url,
        "crm_token": world.crm.token,
        "keap_url": world.keap.base_url,
        "keap_key": world.keap.api_key,
        "store": f"sqlite:///{tmp_path / 'bridge.db'}",
    }
    path = os.pathsep.join([str(SHARED), *filter(None, [os.environ.get("PYTHONPATH")])])
    with ExitStack() as stack:

        def start() -> Worker:
            process = subprocess.Popen(
                [sys.executable, str(WORKER), json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONPATH": path},
            )
            stack.enter_context(process)
            assert process.stdout is not None
            worker = Worker(process, process.stdout.readline().strip())
            stack.callback(worker.end)
            return worker

        yield start


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(headers={"x-user": "anna"}, follow_redirects=True, timeout=PATIENCE) as client:
        yield client


def _token(page: httpx.Response) -> str:
    return re.findall(r'name="token" value="([^"]+)"', page.text)[0]


def _outcome(browser: httpx.Client, page: httpx.Response) -> httpx.Response:
    """The page on which stands what came of it."""
    while "/progress" in page.url.path and "goes on without you" in page.text:
        page = browser.get(page.url)
    return page


def test_each_form_may_go_to_another_worker(world: World, workers: Callable[[], Worker], browser: httpx.Client) -> None:
    for n in range(3):
        world.crm.state.contacts.add({"FirstName": f"P{n}", "Email": f"p{n}@example.org"})
    one, other = workers().at, workers().at
    token = _token(browser.get(f"{one}/plans"))
    plan = _outcome(browser, browser.post(f"{other}/plans", data={"token": token}))
    id = plan.url.path.rpartition("/")[2]
    assert "p2@example.org" in plan.text

    refused = browser.post(f"{one}/plans/{id}/apply", data={"token": token, "which": "all"})
    assert "max_creates is 2" in refused.text
    told = browser.get(f"{other}/progress", params={"about": id})
    assert "has ended before its time" in told.text
    assert "max_creates is 2" in told.text
    assert "max_creates is 2" in browser.get(f"{other}/").text

    form = {"token": token, "which": "all", "accept": "creates"}
    done = _outcome(browser, browser.post(f"{one}/plans/{id}/apply", data=form))
    assert "decided by" in done.text
    assert len(world.keap.state.contacts) == 3
    again = browser.post(f"{other}/plans/{id}/apply", data=form)
    assert again.url.path == done.url.path, "a second click leads to what the first one did"
    bob = browser.get(f"{other}/plans", headers={"x-user": "bob"})
    late = browser.post(f"{other}/plans/{id}/apply", data={**form, "token": _token(bob)}, headers={"x-user": "bob"})
    assert late.status_code == 409
    assert "decided by <bdi>anna" in late.text


def test_another_worker_goes_on_where_one_has_ended(
    world: World, workers: Callable[[], Worker], browser: httpx.Client
) -> None:
    """A restart in between: forms that were open stay good, and nothing of what was decided is lost."""
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    one = workers()
    token = _token(browser.get(f"{one.at}/plans"))
    plan = _outcome(browser, browser.post(f"{one.at}/plans", data={"token": token})).url.path
    one.end()
    other = workers().at
    assert "ada@example.org" in browser.get(f"{other}{plan}").text
    done = _outcome(browser, browser.post(f"{other}{plan}/apply", data={"token": token, "which": "all"}))
    assert "decided by" in done.text
    assert len(world.keap.state.contacts) == 1
