"""A CRM that is a Datasette over one SQLite file, with its write API: `python datasette_app.py FOLDER`.

It tells its port and a token in its first line, and serves until it is ended. Triggers stamp its rows.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import sys
from pathlib import Path

sys.modules["rich"] = None  # type: ignore[assignment] # it draws each 404 with all locals, for half a minute

import uvicorn  # noqa: E402 - without what it would use
from datasette.app import Datasette  # noqa: E402

STAMP = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
TABLES = {
    "customers": "name TEXT, city TEXT, country TEXT, phone TEXT, description TEXT",
    "products": "name TEXT, sku TEXT, currency TEXT, description TEXT, short_description TEXT, price REAL",
    "contacts": "first_name TEXT, last_name TEXT, email TEXT, phone TEXT, job_title TEXT, city TEXT, country TEXT, "
    "birth_date TEXT, customer_id INTEGER",
}


def _made(path: Path) -> None:
    with sqlite3.connect(path) as database:
        for table, columns in TABLES.items():
            database.executescript(f"""
                CREATE TABLE {table} (
                    id INTEGER PRIMARY KEY, {columns},
                    created_at TEXT DEFAULT ({STAMP}), updated_at TEXT DEFAULT ({STAMP})
                );
                CREATE TRIGGER {table}_stamp AFTER UPDATE ON {table} WHEN new.updated_at IS old.updated_at
                BEGIN UPDATE {table} SET updated_at = {STAMP} WHERE id = new.id; END;
            """)
    database.close()


async def _serve(file: Path) -> None:
    site = Datasette([str(file)], secret="not secret")
    site.root_enabled = True
    await site.invoke_startup()
    token = await site.create_token("root")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]} {token}\n")
    sys.stdout.flush()
    await uvicorn.Server(uvicorn.Config(site.app(), log_level="critical")).serve(sockets=[listener])


if __name__ == "__main__":
    path = Path(sys.argv[1]) / "crm.db"
    _made(path)
    asyncio.run(_serve(path))
