"""The hosts of the guide about schedulers and queues, as they stand there, with brokers that need no server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "schedulers.md"

pytestmark = pytest.mark.thorough  # Celery and Dramatiq are of that extra only


def _host(name: str) -> dict[str, Any]:
    """The names of a block of the page, executed."""
    [source] = re.findall(rf'```py title="{name}"\n(.*?)```', PAGE.read_text("utf-8"), re.DOTALL)
    found: dict[str, Any] = {"__name__": "tasks"}
    exec(compile(source, name, "exec"), found)
    return found


@pytest.fixture
def systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[KeapEmulator, CustomcrmEmulator]]:
    """Two systems, and the file that names them in the current folder."""
    monkeypatch.chdir(tmp_path)
    with KeapEmulator() as keap, CustomcrmEmulator() as crm:
        Path("keap.key").write_text(keap.api_key)
        Path("crm.token").write_text(crm.token)
        Path("keapbridge.toml").write_text(
            f'store = "sqlite:///bridge.db"\n[keap]\nkey = {{file = "keap.key"}}\nbase_url = "{keap.base_url}"\n'
            f'[customcrm]\nurl = "{crm.base_url}"\nauth = {{token = {{file = "crm.token"}}}}\n'
        )
        crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
        yield keap, crm


def test_celery(systems: tuple[KeapEmulator, CustomcrmEmulator]) -> None:
    keap, crm = systems
    tasks = _host("celery_tasks.py")
    tasks["app"].conf.update(task_always_eager=True, broker_url="memory://", result_backend="cache+memory://")
    plan_id = tasks["plan"].delay().get()
    assert keap.state.snapshot()["contacts"] == {}
    run_id = tasks["apply"].delay(plan_id, by="anna").get()
    [made] = keap.state.snapshot()["contacts"].values()
    assert made["given_name"] == "Ada"
    with kb.load() as session:
        assert session.report(run_id).count("created") == 1
    crm.state.contacts.edit("A1", FirstName="Augusta")
    tasks["sync"].delay().get()
    assert [c["given_name"] for c in keap.state.snapshot()["contacts"].values()] == ["Augusta"]
    [beat] = tasks["app"].conf.beat_schedule.values()
    assert beat["task"] in tasks["app"].tasks


def test_dramatiq(systems: tuple[KeapEmulator, CustomcrmEmulator]) -> None:
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    keap, _ = systems
    broker = StubBroker()
    dramatiq.set_broker(broker)
    tasks = _host("dramatiq_tasks.py")
    with kb.load() as session:
        plan_id = session.plan().id
    worker = dramatiq.Worker(broker, worker_timeout=50, worker_threads=2)
    worker.start()
    try:
        tasks["apply"].send(plan_id, "anna")
        broker.join("default", fail_fast=True)
        tasks["sync"].send()  # one of them is refused, or both come one after the other
        tasks["sync"].send()
        broker.join("default", fail_fast=True)
        worker.join()
    finally:
        worker.stop()
        broker.close()
    assert [c["given_name"] for c in keap.state.snapshot()["contacts"].values()] == ["Ada"]
