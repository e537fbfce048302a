"""A create is sent while its intent is new; what waited longer is written down anew, and looked for if it was sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stopping import Clock, CountingDriver, shares
from toys import Gadget, World

import keapbridge as kb
from keapbridge._flow.effects import Flow, Sleep, blocking, elapsed
from keapbridge.model.kept_in_store import Intent
from keapbridge.sync.writing.window import MOST_TURNS, FoundError, Window

LAG = timedelta(minutes=1)


class Busy:
    """A system whose calls wait before they are sent, and are refused and sent again a while later."""

    def __init__(self, world: World, waits: list[float]) -> None:
        self.box = world.gadgets
        self.waits = waits
        self.sent: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.box, name)

    def create(self, record: Any, key: str) -> Flow[Any]:
        for wait in self.waits:
            yield Sleep(wait)
            yield from blocking("create", self.sent.append, key, outward=True)
        return (yield from self.box.create(record, key))


def _send(world: World, waits: list[float]) -> tuple[Window, Busy, Flow[Any]]:
    clock = Clock(datetime.now(UTC))
    shares(world.store, clock)
    world.driver = CountingDriver(clock)
    busy = Busy(world, waits)
    world["toys"].systems[kb.Side.KEAP] = busy  # type: ignore[index]
    intent = Intent("key", "toys", kb.Side.KEAP, "1", {"Name": "Top"}, clock())
    world.run(world.store.intents.intend([intent]))
    window = Window(world["toys"], intent, world.run(elapsed()), lambda m: world.store.intents.renew("key", m))
    return window, busy, window.send(Gadget(title="Top"))


@pytest.mark.parametrize(
    ("waits", "sent", "renewed"),
    [
        ([0], 1, False),
        ([20, 20], 2, False),
        ([70], 0, True),  # it is not even sent once before it is written down anew, and then waits too long again
        ([20, 70], 1, True),
    ],
    ids=["at once", "soon", "late", "late once more"],
)
def test_what_waited_longer_is_written_down_anew(toys: World, waits: list[float], sent: int, renewed: bool) -> None:
    window, busy, sending = _send(toys, waits)
    before = window.intent.created_at
    looked: list[str] = []
    toys.gadgets.before = lambda what, _id, _values: looked.append(what)

    def calmer(moment: datetime) -> Flow[None]:
        assert len(busy.sent) == sent
        busy.waits = [0]
        return toys.store.intents.renew("key", moment)

    window.renew = calmer
    made = toys.run(sending)
    assert toys.gadgets.records.keys() == {made.id}
    [intent] = toys.run(toys.store.intents.open("toys"))
    assert (intent.created_at > before) is renewed
    assert intent.created_at == window.intent.created_at


@pytest.mark.parametrize(("waits", "sent"), [([70], False), ([20, 70], True)], ids=["never sent", "sent each time"])
def test_what_always_comes_too_late_ends(toys: World, waits: list[float], sent: bool) -> None:
    window, busy, sending = _send(toys, waits)
    with pytest.raises(kb.TransportError, match="its turn came too late") as late:
        toys.run(sending)
    assert (late.value.sent, window.sent) == (sent, sent)
    assert len(busy.sent) == MOST_TURNS * sent
    assert toys.gadgets.records == {}


def test_what_was_sent_and_is_there_is_not_sent_once_more(toys: World) -> None:
    window, busy, sending = _send(toys, [20, 70])
    toys.gadgets.put(title="Top")
    with pytest.raises(FoundError) as found:
        toys.run(sending)
    assert found.value.sent
    assert len(busy.sent) == 1
    assert window.sent


def test_a_system_that_makes_one_record_of_a_key_may_be_asked_at_any_time(toys: World) -> None:
    toys.gadgets.creates_once = True
    window, busy, sending = _send(toys, [600, 600])
    toys.run(sending)
    assert busy.sent == ["key", "key"]
    assert toys.run(toys.store.intents.open("toys")) == [window.intent]
