"""The tables of a fleet's queue: those of procrastinate, which brings its schema and the steps from each version on.

It does not note which of them a database has, so that is noted among the facts of the store. Tables that are there and
of which nothing is noted are the host's own: they are used as they are.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import attrs
from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from keapbridge.store import schema
from keapbridge.store.engines import cannot, reason, schema_of
from keapbridge.store.opening import url_of
from keapbridge.store.upgrading import is_not_allowed, lock

__all__ = ["NOBODY", "Address", "Queue", "address_of", "bring_queue_up_to_date", "steps_from"]

LOGGER = logging.getLogger("keapbridge.store")

NOBODY = ""  # whose facts those of the whole store are: no session is called so
FACT = "queue_schema"
JOBS = "procrastinate_jobs"
NEEDED = ("procrastinate_defer_jobs_v1", "procrastinate_fetch_job_v2", "procrastinate_register_worker_v1")
_NAME = re.compile(r"\d\d\.\d\d\.\d\d_\d\d_\w+\.sql")
_GRANTS = "SELECT, INSERT, UPDATE, DELETE on its tables, USAGE on its sequences and EXECUTE on its functions"


@attrs.frozen
class Queue:
    """What became of the queue's tables.

    Attributes:
        before: the last step that they had come by; `None` for those that have been made now.
        after: the last step of the installed procrastinate that they have.
        left: steps that wait until no worker of an earlier procrastinate is left.
        hosts: whether they are the host's own, and were left as they are.
    """

    before: str | None
    after: str
    left: Sequence[str] = ()
    hosts: bool = False

    def __str__(self) -> str:
        if self.hosts:
            return "the tables of the queue are the host's own, and fit"
        left = (
            "; once no worker of an earlier procrastinate is left: keapbridge migrate STORE --queue --finish"
            if self.left
            else ""
        )
        if self.before is None:
            return f"the tables of the queue were made (procrastinate {_version(self.after)}){left}"
        if self.before == self.after:
            return f"the tables of the queue are up to date (procrastinate {_version(self.after)}){left}"
        return f"the tables of the queue were brought to procrastinate {_version(self.after)}{left}"


@attrs.frozen
class Address:
    """Where a queue is, as its driver takes it.

    Attributes:
        conninfo: may hold a password.
        schema: that its tables are in; `None`: the first one of the search path.
    """

    conninfo: str = attrs.field(repr=False)
    schema: str | None


def address_of(store: str) -> Address:
    """Where the queue of a store is.

    Raises:
        LinkStoreError: for what is no URL of a store on PostgreSQL.
    """
    url = url_of(store)
    if url.get_backend_name() != "postgresql" or url.get_driver_name() != "psycopg":
        raise cannot("a fleet takes the URL of a PostgreSQL and the driver psycopg: postgresql+psycopg://…")
    schema = url.query.get("schema")
    plain = url.difference_update_query(["schema"]).set(drivername="postgresql")
    return Address(plain.render_as_string(hide_password=False), schema if isinstance(schema, str) else None)


def steps_from(known: str, all_steps: Sequence[str], *, finish: bool) -> tuple[list[str], list[str]]:
    """The steps to take from a known one on, and those to be left: what only earlier versions need goes later. Pure."""
    coming = [step for step in sorted(all_steps) if step > known]
    left: list[str] = []
    while coming and not finish and "_post_" in coming[-1]:
        left.insert(0, coming.pop())
    return coming, left


def bring_queue_up_to_date(engine: Engine, *, finish: bool = False) -> Queue:
    """Make the queue's tables, or bring them to the installed version of procrastinate.

    Raises:
        ImportError: without the `fleet` extra.
        LinkStoreError: on SQLite, when the role may not do it, or when the host's own tables are too old.
    """
    if engine.dialect.name != "postgresql":
        raise cannot("a fleet's queue is kept on PostgreSQL: postgresql+psycopg://…")
    if engine.dialect.driver != "psycopg":
        raise cannot(f"a fleet's queue takes the driver psycopg, not {engine.dialect.driver}: postgresql+psycopg://…")
    scripts, whole = _scripts()
    try:
        with engine.connect() as connection, connection.begin():
            known = _known(connection)
            done = known is not None and not steps_from(known, list(scripts), finish=finish)[0]
            if not done and _is_there(connection) and known is None:
                return _hosts_own(connection, max(scripts))
        if done and known is not None:
            return Queue(known, known, steps_from(known, list(scripts), finish=finish)[1])
        return _upgrade(engine, scripts, whole, finish=finish)
    except SQLAlchemyError as error:
        if is_not_allowed(error):
            raise cannot(
                "the tables of its queue are not there or not up to date, or this role may not use them "
                f"({reason(error)}). Run once, with a role that owns them: keapbridge migrate STORE --queue. "
                f"The role of the workers needs {_GRANTS}"
            ) from None
        raise cannot(f"{type(error).__name__}: {reason(error)}") from None


def _upgrade(engine: Engine, scripts: dict[str, Traversable], whole: Traversable, *, finish: bool) -> Queue:
    """Each step in a transaction of its own, as they are meant; whoever comes meanwhile waits, and finds them done."""
    before: str | None = None
    looked = False
    while True:
        with engine.connect() as connection:
            connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                lock(connection, schema_of(engine))
                known = _known(connection)
                if not looked:
                    before, looked = known, True
                if known is None:
                    if _is_there(connection):
                        return _hosts_own(connection, max(scripts))
                    _run(connection, whole)
                    _note(connection, max(scripts))
                    LOGGER.info("the tables of the queue were made")
                    return Queue(None, max(scripts))
                steps, left = steps_from(known, list(scripts), finish=finish)
                if not steps:
                    return Queue(before, known, left)
                _run(connection, scripts[steps[0]])
                _note(connection, steps[0])
                LOGGER.info("the tables of the queue were changed: %s", steps[0])


def _scripts() -> tuple[dict[str, Traversable], Traversable]:
    """The steps of the installed procrastinate by name, and its whole schema."""
    try:
        folder = resources.files("procrastinate.sql")
    except ImportError as error:
        raise ImportError("a fleet needs procrastinate: pip install 'keapbridge[fleet]'", name=error.name) from error
    found = {step.name: step for step in (folder / "migrations").iterdir() if _NAME.fullmatch(step.name)}
    return found, folder / "schema.sql"


def _run(connection: Connection, script: Traversable) -> None:
    """Several statements, which SQLAlchemy would not let pass as they are."""
    driver: Any = connection.connection.driver_connection
    refusal = connection.dialect.loaded_dbapi.Error
    try:
        driver.execute(script.read_text("utf-8"))
    except refusal as error:
        raise DBAPIError.instance(script.name, None, error, refusal) from None


def _known(connection: Connection) -> str | None:
    f = schema.facts.c
    found: str | None = connection.execute(select(f.value).where(f.bridge == NOBODY, f.name == FACT)).scalar()
    return found


def _note(connection: Connection, step: str) -> None:
    new = insert(schema.facts).values(bridge=NOBODY, name=FACT, value=step)
    connection.execute(new.on_conflict_do_update(index_elements=["bridge", "name"], set_={"value": step}))


def _is_there(connection: Connection) -> bool:
    return inspect(connection).has_table(JOBS, schema=schema_of(connection.engine))


def _hosts_own(connection: Connection, latest: str) -> Queue:
    missing = [
        name for name in NEEDED if not connection.execute(select(func.count()).select_from(_functions(name))).scalar()
    ]
    if missing:
        raise cannot(
            "there are tables of procrastinate of the host's own, older than the installed version "
            f"(no {missing[0]}): apply its migrations first"
        )
    return Queue(latest, latest, hosts=True)


def _functions(name: str) -> Any:
    from sqlalchemy import column, table

    procedures = table("pg_proc", column("proname"), schema="pg_catalog")
    return select(procedures.c.proname).where(procedures.c.proname == name).subquery()


def _version(step: str) -> str:
    return ".".join(str(int(part)) for part in step.partition("_")[0].split("."))
