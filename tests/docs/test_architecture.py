"""The page on the architecture is true: its picture, its floors, and its walks, which the code is seen to take."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
import threading
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import CodeType, FrameType, ModuleType
from typing import Any

import httpx
import pytest
from named_places import ROOMS, ROOT, found, named

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Gather
from keapbridge.testing import CustomcrmEmulator, KeapEmulator
from keapbridge.webhooks import threads

Sessions = Callable[..., kb.SyncSession]

PAGE = (ROOT / "docs" / "maintaining" / "architecture.md").read_text("utf-8")
PICTURE = ET.parse(ROOT / "docs" / "maintaining" / "rooms.svg")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
LAYERS = {tuple(c.get("containers", ())): c["layers"] for c in CONTRACTS if c["type"] == "layers"}


def drawn(of: str) -> list[str]:
    """The names of a class in the picture."""
    texts = PICTURE.iter("{http://www.w3.org/2000/svg}text")
    return [text.text or "" for text in texts if of in (text.get("class") or "").split()]


def floors(title: str) -> list[set[str]]:
    """The floors of a block of the page, from above."""
    [body] = re.findall(rf'```text title="{title}"\n(.*?)```', PAGE, re.DOTALL)
    return [set(re.split(r" {2,}", line)[0].split(" | ")) for line in body.splitlines()]


def contract(*containers: str) -> list[set[str]]:
    """The floors of a contract of import-linter, from above."""
    rooms = [re.findall(r"[\w.]+", layer) for layer in LAYERS[containers]]
    return [{room.removeprefix("keapbridge.") for room in floor} for floor in rooms]


# --- the picture and the floors -------------------------------------------------------------------------------------


def test_the_picture_has_every_room_once_and_no_other() -> None:
    assert sorted(drawn("room")) == sorted(ROOMS)


def test_the_picture_has_every_part_of_the_engine_once_and_no_other() -> None:
    assert sorted(drawn("part")) == sorted(set().union(*contract("keapbridge.sync")))


def test_the_floors_are_those_that_the_linter_holds() -> None:
    assert floors("floors") == contract()
    assert floors("floors of sync") == contract("keapbridge.sync")


def test_the_picture_has_the_floors_in_their_order() -> None:
    assert [room for floor in contract() for room in sorted(floor)] == drawn_by_floor()


def drawn_by_floor() -> list[str]:
    texts = PICTURE.iter("{http://www.w3.org/2000/svg}text")
    rooms = [text for text in texts if text.get("class") == "room"]
    return [text.text or "" for text in sorted(rooms, key=lambda text: (float(text.get("y", 0)), text.text or ""))]


# --- the walks ------------------------------------------------------------------------------------------------------


def steps(heading: str) -> list[list[str]]:
    """The functions that each step of a walk names."""
    section = PAGE.split(f"## A walk: {heading}\n")[1].split("\n## ")[0]
    items = re.findall(r"^\d+\. (.*?)(?=^\d+\. |^\S|\Z)", section, re.MULTILINE | re.DOTALL)
    return [[place for place in named(item) if not isinstance(found(place), (ModuleType, type))] for item in items]


WALKS = {"one edit": steps("one edit"), "one webhook": steps("one webhook")}


@pytest.mark.parametrize("walk", WALKS)
def test_each_step_of_a_walk_names_a_function(walk: str) -> None:
    assert len(WALKS[walk]) > 5
    assert [number for number, places in enumerate(WALKS[walk], 1) if not places] == []


class Track:
    """Which functions were called, in the order of their first calls; on all threads."""

    def __init__(self) -> None:
        self.codes: dict[CodeType, None] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code not in self.codes:
            self.codes[frame.f_code] = None

    def of(self, places: list[str]) -> list[str]:
        """Those of the places that were called, in that order."""
        code = {inspect.unwrap(found(place)).__code__: place for place in places}
        return [code[each] for each in self.codes if each in code]


@contextmanager
def tracked() -> Iterator[Track]:
    track = Track()
    threading.setprofile(track)
    sys.setprofile(track)
    try:
        yield track
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


class OneByOne(SyncDriver):
    """Runs flows that go side by side one after the other, so that the order is always the same."""

    def _gather(self, effect: Gather) -> list[Any]:
        return [self.run(flow) for flow in effect.flows]


@pytest.fixture
def linked(crm_server: CustomcrmEmulator, sessions: Sessions) -> tuple[kb.SyncSession, str]:
    """A session, and the Customcrm id of a contact that is linked."""
    ada = crm_server.state.contacts.add({"FirstName": "Ada", "LastName": "L", "Email": "ada@example.org"})
    session = sessions()
    assert session.sync().ok
    return session, ada


def test_the_walk_of_an_edit_is_the_way_it_takes(
    linked: tuple[kb.SyncSession, str], keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    session, ada = linked
    crm_server.state.contacts.edit(ada, JobTitle="Chief")
    session.contacts._driver = OneByOne()
    with tracked() as track:
        assert session.contacts.sync().count("updated") == 1
    [contact] = keap_server.state.snapshot()["contacts"].values()
    assert contact["job_title"] == "Chief"
    assert_walked(track, WALKS["one edit"])


async def deliver(app: kb.webhooks.WebhookApp, keap_id: str) -> int:
    body = {
        "event_key": "contact.edit",
        "object_type": "contact",
        "object_keys": [{"id": keap_id, "timestamp": datetime.now(UTC).isoformat()}],
    }
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooks") as client:
        headers = {"Content-Type": "application/json"}
        answer = await client.post(app.keap_path, content=json.dumps(body), headers=headers)
    await app.drain()
    await app.aclose()
    return answer.status_code


def test_the_walk_of_a_webhook_is_the_way_it_takes(
    linked: tuple[kb.SyncSession, str],
    keap_server: KeapEmulator,
    crm_server: CustomcrmEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "_pools", {})  # threads from before are not tracked
    session, ada = linked
    [keap_id] = keap_server.state.snapshot()["contacts"]
    keap_server.state.contacts.edit(keap_id, job_title="Chief")
    app = kb.webhooks.asgi_app(session, delay=0)
    with tracked() as track:
        assert asyncio.run(deliver(app, keap_id)) == 200
    assert crm_server.state.snapshot()["contacts"][ada]["JobTitle"] == "Chief"
    assert_walked(track, WALKS["one webhook"])


def assert_walked(track: Track, walk: list[list[str]]) -> None:
    """Everything that a walk names was called; the first function of each step after that of the step before it."""
    places = [place for step in walk for place in step]
    assert [place for place in places if place not in track.of(places)] == []
    first = [step[0] for step in walk]
    assert track.of(first) == first
