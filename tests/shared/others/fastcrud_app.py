"""A CRM whose API FastCRUD has made: `python fastcrud_app.py FOLDER`.

It tells its port in its first line, and serves until it is ended. It speaks FastAPI's dialect: a document of OpenAPI,
`{"data": […], "total_count": …}`, and answers to changes that hold nothing.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastcrud import crud_router
from pydantic import create_model
from sqlalchemy import Date, DateTime, Float, Integer, String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column


class Base(DeclarativeBase):
    """All tables."""


def _now() -> datetime:
    return datetime.now(UTC)


FIELDS: dict[str, dict[str, Any]] = {
    "customers": dict.fromkeys(("name", "city", "country", "phone", "description"), str),
    "products": dict.fromkeys(("name", "sku", "currency", "description", "short_description"), str) | {"price": float},
    "contacts": dict.fromkeys(("first_name", "last_name", "email", "phone", "job_title", "city", "country"), str)
    | {"birth_date": date, "customer_id": int},
}
_COLUMNS = {str: String, float: Float, int: Integer, date: Date}


def _model(name: str, fields: dict[str, Any]) -> Any:
    columns = {field: mapped_column(_COLUMNS[kind], nullable=True) for field, kind in fields.items()}
    own = {
        "id": mapped_column(Integer, primary_key=True),
        "created_at": mapped_column(DateTime(timezone=True), default=_now),
        "updated_at": mapped_column(DateTime(timezone=True), default=_now, onupdate=_now),
    }
    return type(name, (Base,), {"__tablename__": name, **own, **columns})


# A file: requests that come at once must not end each other's transactions, as on the one connection of a memory.
engine = create_async_engine(f"sqlite+aiosqlite:///{sys.argv[1]}/crm.db", connect_args={"timeout": 60})
sessions = async_sessionmaker(engine, expire_on_commit=False)


async def session() -> AsyncIterator[AsyncSession]:
    """One for each request."""
    async with sessions() as opened:
        yield opened


@asynccontextmanager
async def _life(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=_life)
for each, fields in FIELDS.items():
    stamps: Any = {"created_at": (datetime, ...), "updated_at": (datetime, ...)}
    taken: Any = {field: (kind | None, None) for field, kind in fields.items()}
    app.include_router(
        crud_router(
            session=session,
            model=_model(each, fields),
            create_schema=create_model(f"Create{each}", **taken),
            update_schema=create_model(f"Update{each}", **taken),
            select_schema=create_model(f"Select{each}", id=(int, ...), **taken, **stamps),
            path=f"/{each}",
            tags=[each],
        )
    )

if __name__ == "__main__":
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    asyncio.run(server.serve(sockets=[listener]))
