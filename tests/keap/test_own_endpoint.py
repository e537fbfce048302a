"""A further endpoint of Keap is a value: opportunities are listed, read and written by the flows that there are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge._io.bounds import Bounds
from keapbridge._io.calls import Answer, Call
from keapbridge._io.circuit import Circuit
from keapbridge._io.listing import items
from keapbridge._io.retries import RetryPolicy
from keapbridge._json.codec import NO_EXTRA, Codec
from keapbridge.keap.endpoints import Endpoint
from keapbridge.keap.operations import KeapResource
from keapbridge.model.maybe import UNSET, Maybe

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@attrs.frozen
class Opportunity:
    """A chance to sell something."""

    id: Maybe[str] = UNSET
    title: Maybe[str] = UNSET
    stage: Maybe[str] = UNSET
    create_time: Maybe[datetime] = UNSET
    update_time: Maybe[datetime] = UNSET
    extra: Mapping[str, Any] = attrs.field(default=NO_EXTRA, repr=False)


OPPORTUNITIES: Endpoint[Opportunity] = Endpoint(
    name="opportunities",
    singular="opportunity",
    codec=Codec(Opportunity),
    read_only=frozenset({"id", "create_time", "update_time"}),
    choosable=True,
    answers_all=False,
    since="since_time",
    ids="ids",
    id_above="opportunity_id",
)


@attrs.define
class Port:
    """A Keap that has opportunities, two of them on a page; `calls` are what it was asked for."""

    base_url: str = "https://keap.example.org"
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    credentials: Any = None
    pace: Any = None
    ear: Any = None
    circuit: Circuit = attrs.field(factory=lambda: Circuit(12, timedelta(seconds=30)))
    bounds: Bounds = attrs.field(factory=Bounds)
    records: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    calls: list[tuple[str, str, dict[str, str]]] = attrs.field(factory=list)

    def add(self, **values: Any) -> str:
        id = str(len(self.records) + 1)
        self.records[id] = {"id": int(id), "update_time": NOON.isoformat(), **values}
        return id

    def exchange(self, call: Call[Any]) -> Answer:
        query = dict(call.query)
        self.calls.append((call.method, call.path, query))
        body = json.loads(call.body) if call.body else {}
        return Answer(200, {}, json.dumps(self._answer(call.method, call.path, query, body)).encode())

    def _answer(self, method: str, path: str, query: Mapping[str, str], body: dict[str, Any]) -> Any:
        id = path.removeprefix("/v2/opportunities").strip("/")
        match method:
            case "POST":
                return self.records[self.add(**body)]
            case "PATCH":
                self.records[id] |= body
                return self.records[id]
            case "DELETE":
                return self.records.pop(id)
            case _ if id:
                return self.records[id]
        name, _, value = query.get("filter", "").partition("==")
        wanted = set(value.split(",")) if name == "ids" else self.records.keys()
        found = [record for id, record in self.records.items() if id in wanted]
        first = int(query.get("page_token", 0))
        onward = {"next_page_token": str(first + 2)} if len(found) > first + 2 else {}
        return {"opportunities": found[first : first + 2], **onward}


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def opportunities(port: Port) -> KeapResource[Opportunity]:
    return KeapResource(port, OPPORTUNITIES)


def run(flow: Flow[Any]) -> Any:
    return SyncDriver().run(flow)


def test_they_are_listed_page_by_page_with_every_field(port: Port, opportunities: KeapResource[Opportunity]) -> None:
    for title in ("Bike", "Boat", "Kite"):
        port.add(title=title, stage="new", colour="red")
    listed = list(items(SyncDriver(), opportunities.list(updated_since=NOON)))
    assert [(item.id, item.title, item.extra) for item in listed] == [
        ("1", "Bike", {"colour": "red"}),
        ("2", "Boat", {"colour": "red"}),
        ("3", "Kite", {"colour": "red"}),
    ]
    assert len(port.calls) == 2
    [query, onward] = [query for _, _, query in port.calls]
    assert query["fields"] == "id,title,stage,create_time,update_time"
    assert query["filter"] == "since_time==2026-01-01T12:00:00.000Z"
    assert onward == {**query, "page_token": "2"}


def test_they_can_be_left_unread_and_read_later(port: Port, opportunities: KeapResource[Opportunity]) -> None:
    port.add(title="Bike")
    page = run(opportunities.scan())
    assert (page.items, page.unread.ids) == ((), ("1",))
    assert [item.title for item in page.read().items] == ["Bike"]


def test_some_of_them_are_read_in_one_call(port: Port, opportunities: KeapResource[Opportunity]) -> None:
    for title in ("Bike", "Boat", "Kite"):
        port.add(title=title)
    found = run(opportunities.get_many(["1", "3", "99"]))
    assert [item.title for item in found] == ["Bike", "Kite"]
    assert len(port.calls) == 1


def test_what_is_not_shown_is_unset(port: Port, opportunities: KeapResource[Opportunity]) -> None:
    port.add(title="Bike")
    assert run(opportunities.get("1")).stage is kb.UNSET


def test_one_is_made_changed_and_deleted(port: Port, opportunities: KeapResource[Opportunity]) -> None:
    made = run(opportunities.create(Opportunity(title="Bike", stage=None)))
    assert (made.id, port.records["1"].keys()) == ("1", {"id", "update_time", "title"})
    run(opportunities.update("1", {"stage": "won"}))
    assert (port.records["1"]["title"], port.records["1"]["stage"]) == ("Bike", "won")
    assert port.calls[-1] == ("PATCH", "/v2/opportunities/1", {"update_mask": "stage"})
    run(opportunities.delete("1"))
    assert port.records == {}


def test_what_is_read_only_is_refused_before_a_call(port: Port, opportunities: KeapResource[Opportunity]) -> None:
    with pytest.raises(TypeError, match="opportunities have no writable field 'update_time'"):
        opportunities.update("1", {"update_time": NOON})
    assert port.calls == []


def test_what_has_another_form_is_an_error_that_names_its_place(
    port: Port, opportunities: KeapResource[Opportunity]
) -> None:
    port.add(title=["Bike"])
    with pytest.raises(kb.ShapeError) as caught:
        run(opportunities.get("1"))
    assert caught.value.paths == ("$.title",)
