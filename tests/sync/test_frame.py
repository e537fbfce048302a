"""What is around every run: it is alone, and knows that its session is open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from toys import World

import keapbridge as kb


def test_one_runner_is_at_work_at_a_time(toys: World) -> None:
    assert toys.run(toys.store.lease.acquire("another", timedelta(minutes=1))) is None
    for flow in (toys.engine.plan(), toys.engine.sync(), toys.engine.apply("plan"), toys.engine.undo("run")):
        with pytest.raises(kb.SessionBusyError):
            toys.run(flow)
    assert toys.run(toys.engine.failures()) == toys.run(toys.engine.conflicts()) == [], "who only looks need not wait"


def test_nothing_is_done_once_it_is_closed(toys: World) -> None:
    frame = toys.engine.frame
    assert not frame.is_closed
    frame.close()
    frame.close()
    assert frame.is_closed
    for flow in (toys.engine.plan, toys.engine.check, toys.engine.failures):
        with pytest.raises(kb.SyncError, match="is closed: open another one"):
            toys.run(flow())
    assert toys.calls() == []
