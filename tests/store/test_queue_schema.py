"""The queue's tables: made once, brought along step by step, and the host's own left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

import keapbridge as kb
from keapbridge.command import main
from keapbridge.store import queue_schema
from keapbridge.store.opening import memory_engine
from keapbridge.store.queue_schema import bring_queue_up_to_date, steps_from

STEPS = ["03.01.00_01_pre_a.sql", "03.01.00_50_post_a.sql", "03.02.00_01_pre_b.sql", "03.02.00_50_post_b.sql"]

on_postgresql = [pytest.mark.thorough, pytest.mark.xdist_group("postgresql")]


@pytest.mark.parametrize(
    ("known", "finish", "taken", "left"),
    [
        (STEPS[0], False, STEPS[1:3], STEPS[3:]),
        (STEPS[0], True, STEPS[1:], []),
        (STEPS[2], False, [], STEPS[3:]),
        (STEPS[3], False, [], []),
        ("02.99", False, STEPS[:3], STEPS[3:]),
    ],
)
def test_what_only_earlier_workers_need_goes_last(known: str, finish: bool, taken: list[str], left: list[str]) -> None:
    assert steps_from(known, STEPS[::-1], finish=finish) == (taken, left)


def test_sqlite_has_no_queue() -> None:
    engine = memory_engine()
    with pytest.raises(kb.LinkStoreError, match="kept on PostgreSQL"):
        bring_queue_up_to_date(engine)
    engine.dispose()


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> object:
        raise ModuleNotFoundError("procrastinate", name="procrastinate")

    monkeypatch.setattr(queue_schema.resources, "files", missing)
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none") if _has_psycopg() else None
    if engine is None:
        pytest.skip("no psycopg")
    with pytest.raises(ImportError, match=r"keapbridge\[fleet\]"):
        bring_queue_up_to_date(engine)


def _has_psycopg() -> bool:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return False
    return True


class TestOnPostgresql:
    pytestmark = on_postgresql

    @pytest.fixture
    def engine(self, postgresql_store: str) -> Engine:
        pytest.importorskip("procrastinate")
        return create_engine(postgresql_store, poolclass=NullPool)

    def test_it_is_made_once_however_many_come(
        self, postgresql_store: str, engine: Engine, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with ThreadPoolExecutor(6) as pool:
            found = [str(each) for each in pool.map(lambda _: bring_queue_up_to_date(engine), range(6))]
        assert sum("were made" in each for each in found) == 1
        assert sum("are up to date" in each for each in found) == 5
        assert main(["migrate", postgresql_store, "--queue"]) == 0
        assert "the tables of the queue are up to date" in capsys.readouterr().out

    def test_it_is_the_same_by_steps_as_made_at_once(self, engine: Engine) -> None:
        bring_queue_up_to_date(engine)
        at_once = _shape(engine)
        with engine.begin() as c:
            for kind, names in (("TABLE", "events, periodic_defers, jobs, workers"),):
                for name in names.split(", "):
                    c.execute(text(f"DROP {kind} procrastinate_{name} CASCADE"))
            for row in c.execute(
                text("SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'procrastinate%'")
            ).all():
                c.execute(text(f"DROP FUNCTION {row[0]} CASCADE"))
            for name in ("job_status", "job_event_type", "job_to_defer_v1"):
                c.execute(text(f"DROP TYPE procrastinate_{name} CASCADE"))
            folder = resources.files("procrastinate.sql") / "migrations"
            steps = sorted(step.name for step in folder.iterdir() if step.name.endswith(".sql"))
            c.connection.driver_connection.execute((folder / steps[0]).read_text("utf-8"))  # type: ignore[union-attr]
            c.execute(text("UPDATE keapbridge_facts SET value = :step WHERE bridge = ''"), {"step": steps[0]})
        told = bring_queue_up_to_date(engine)
        assert (told.before, list(told.left)) == (steps[0], [steps[-1]])
        assert "--finish" in str(told)
        assert bring_queue_up_to_date(engine, finish=True).left == []
        assert _shape(engine) == at_once

    def test_that_of_the_host_is_left_as_it_is_or_refused(self, engine: Engine) -> None:
        schema = (resources.files("procrastinate.sql") / "schema.sql").read_text("utf-8")
        with engine.begin() as c:
            c.connection.driver_connection.execute(schema)  # type: ignore[union-attr]
        before = _shape(engine)
        assert str(bring_queue_up_to_date(engine)) == "the tables of the queue are the host's own, and fit"
        assert _shape(engine) == before
        with engine.begin() as c:
            c.execute(text("DROP FUNCTION procrastinate_fetch_job_v2"))
        with pytest.raises(kb.LinkStoreError, match="apply its migrations first"):
            bring_queue_up_to_date(engine)

    def test_a_role_that_owns_nothing_is_told_what_to_do(self, rows_only: str, postgresql_url: str) -> None:
        pytest.importorskip("procrastinate")
        kb.migrate(postgresql_url)
        engine = create_engine(rows_only, poolclass=NullPool)
        with pytest.raises(kb.LinkStoreError, match="keapbridge migrate STORE --queue"):
            bring_queue_up_to_date(engine)
        kb.migrate(postgresql_url, queue=True)
        assert bring_queue_up_to_date(engine).before is not None

    def test_it_is_in_the_schema_of_the_store(self, postgresql_url: str) -> None:
        pytest.importorskip("procrastinate")
        url = f"{postgresql_url}?schema=bridge"
        assert "the tables of the queue were made" in str(kb.migrate(url, queue=True))
        engine = create_engine(postgresql_url, poolclass=NullPool)
        with engine.connect() as c:
            found = c.execute(text("SELECT schemaname FROM pg_tables WHERE tablename = 'procrastinate_jobs'"))
            assert found.scalars().all() == ["bridge"]


def _shape(engine: Engine) -> list[str]:
    """Tables with their columns, and functions."""
    with engine.connect() as c:
        columns = c.execute(
            text(
                "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns "
                "WHERE table_name LIKE 'procrastinate%'"
            )
        ).scalars()
        functions = c.execute(text("SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%'")).scalars()
        return sorted([*columns, *functions])
