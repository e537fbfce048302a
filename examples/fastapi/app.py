"""A CRM that is a web application: people in a database, kept in sync with Keap from within.

The application writes its own table, as it always did. keapbridge reads and writes the same table, remembers in a
store of its own what belongs together, and calls Keap.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Body, Depends, FastAPI, Header, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import keapbridge as kb
from keapbridge.keap.client import BASE_URL

# --- the application, as it is without keapbridge -------------------------------------------------------------------

engine = sa.create_engine(os.environ.get("DATABASE_URL", "sqlite:///crm.db"))


class Base(DeclarativeBase):
    pass


def now() -> str:
    return datetime.now(UTC).isoformat()


class Person(Base):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    updated_at: Mapped[str] = mapped_column(default=now, onupdate=now)  # what tells keapbridge of a change


Base.metadata.create_all(engine)
FIELDS = ("first_name", "last_name", "email", "phone")


def database() -> Any:
    with Session(engine) as session, session.begin():
        yield session


Database = Annotated[Session, Depends(database)]


def shown(person: Person) -> dict[str, Any]:
    return {"id": person.id, **{name: getattr(person, name) for name in FIELDS}}


# --- keapbridge -----------------------------------------------------------------------------------------------------


def open_session(stack: contextlib.ExitStack) -> kb.SyncSession:
    """The session of this process. Clients, CRM and session are closed with the stack, in the right order."""
    url = os.environ.get("KEAP_URL", BASE_URL)  # the emulator's, to try it
    keap = stack.enter_context(kb.KeapClient(auth=kb.KeapApiKey(os.environ["KEAP_API_KEY"]), base_url=url))
    crm = kb.SqlCustomcrm(
        engine,
        contacts=kb.SqlTable(
            "people",
            id="id",
            modified="updated_at",
            columns={"FirstName": "first_name", "LastName": "last_name", "Email": "email", "Phone": "phone"},
        ),
    )
    store = os.environ.get("STORE_URL", "sqlite:///bridge.db")
    session = kb.SyncSession(customcrm=crm, keap=keap, store=store, default_region="US")
    return stack.enter_context(session)


async def sync_now_and_then(session: kb.SyncSession, every: float) -> None:
    """Sync in a thread. Another process of this application, or a webhook, may be at work: the next turn comes."""
    while True:
        with contextlib.suppress(kb.TryLaterError, kb.BrakeError):  # both are in the log, and in session.runs()
            await asyncio.to_thread(session.sync)
        await asyncio.sleep(every)


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    with contextlib.ExitStack() as stack:
        session = app.state.session = await asyncio.to_thread(open_session, stack)
        receiver = kb.webhooks.asgi_app(session)
        app.mount("/webhooks", receiver)  # Keap's; the address is PUBLIC_URL + /webhooks + receiver.keap_path
        async with receiver.lifespan(app):
            task = asyncio.create_task(sync_now_and_then(session, float(os.environ.get("SYNC_EVERY", "300"))))
            yield
            session.stop()  # a run under way ends at its next call
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


app = FastAPI(lifespan=lifespan)


# --- the people, and what a person of the staff sees ----------------------------------------------------------------


@app.get("/people")
def list_people(database: Database) -> list[dict[str, Any]]:
    return [shown(person) for person in database.scalars(sa.select(Person).order_by(Person.id))]


@app.post("/people", status_code=201)
def add_person(database: Database, values: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
    person = Person(**{name: values.get(name) for name in FIELDS})
    database.add(person)
    database.flush()
    return shown(person)


@app.patch("/people/{id}")
def edit_person(database: Database, id: int, values: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
    person = database.get(Person, id)
    if person is None:
        raise HTTPException(404)
    for name in FIELDS:
        if name in values:
            setattr(person, name, values[name])
    database.flush()
    return shown(person)


def staff(authorization: Annotated[str, Header()] = "") -> str:
    """Who asks. Yours is the log-in of your application."""
    if authorization != f"Bearer {os.environ['STAFF_TOKEN']}":
        raise HTTPException(401)
    return "staff"


Staff = Annotated[str, Depends(staff)]


@app.post("/sync/plan")
def plan(_: Staff) -> dict[str, Any]:
    """What a sync would do. Nothing is written to either system."""
    found = app.state.session.plan()
    return {"id": found.id, "counts": found.counts, "is_empty": found.is_empty}


@app.get("/sync/plans/{id}", response_class=HTMLResponse)
def show_plan(_: Staff, id: str) -> str:
    """The plan as a notebook shows it: texts of people are escaped in it."""
    html: str = app.state.session.saved_plan(id)._repr_html_()
    return html


@app.post("/sync/plans/{id}/apply")
def apply(who: Staff, id: str) -> dict[str, Any]:
    report = app.state.session.apply(id, by=who)
    return {"run": report.run_id, "counts": report.counts, "ok": report.ok}


@app.get("/sync/conflicts")
def conflicts(_: Staff) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.state.session.conflicts().to_dicts()
    return found


@app.get("/sync/runs")
def runs(_: Staff) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.state.session.runs(limit=20).to_dicts()
    return found


@app.exception_handler(kb.TryLaterError)
def later(_: Any, error: kb.TryLaterError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=503)


@app.exception_handler(kb.BrakeError)
def braked(_: Any, error: kb.BrakeError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=409)
