"""The documents of one object as rows of SQLite: JSON text, beside the few columns that lists go by.

Nothing here knows what Keap does with a document. Whoever asks holds the lock of the state.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from keapbridge.testing.keap._documents import Document, dicts
from keapbridge.testing.keap._filters import Condition, Order
from keapbridge.testing.keap._resources import COMPANIES, CONTACTS, Resource

__all__ = ["Rows", "begin", "company_names", "first_seen"]

_ID = re.compile(r"[1-9][0-9]{0,17}")


def begin(database: sqlite3.Connection) -> None:
    """Makes what the tables share: which contact has which addresses."""
    database.execute("CREATE TABLE contact_emails (record_id INTEGER NOT NULL, email TEXT NOT NULL COLLATE NOCASE)")
    database.execute("CREATE INDEX contact_emails_by_email ON contact_emails (email)")
    database.execute("CREATE INDEX contact_emails_by_record ON contact_emails (record_id)")


class Rows:
    """The rows of one object."""

    def __init__(self, database: sqlite3.Connection, resource: Resource) -> None:
        self._db = database
        self._resource = resource
        self._name = name = resource.name
        self.columns = ("id", "create_time", "update_time", *resource.keys, "doc")
        keys = "".join(f", {key} TEXT NOT NULL COLLATE NOCASE" for key in resource.keys)
        database.execute(
            f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, create_time TEXT NOT NULL, update_time TEXT NOT NULL{keys}, "
            "doc TEXT NOT NULL)"
        )
        for column in ("create_time", "update_time", *resource.keys):
            database.execute(f"CREATE INDEX {name}_by_{column} ON {name} ({column}, id)")

    # --- reading

    def get(self, record_id: str) -> Document | None:
        if not _ID.fullmatch(record_id):
            return None
        row = self._db.execute(f"SELECT doc FROM {self._name} WHERE id = ?", (int(record_id),)).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    def has(self, record_id: object) -> bool:
        if not isinstance(record_id, str) or not _ID.fullmatch(record_id):
            return False
        found = self._db.execute(f"SELECT 1 FROM {self._name} WHERE id = ?", (int(record_id),))
        return found.fetchone() is not None

    def ids(self) -> list[str]:
        rows = self._db.execute(f"SELECT id FROM {self._name} ORDER BY id").fetchall()
        return [str(row[0]) for row in rows]

    def count(self) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {self._name}").fetchone()[0])

    def all(self) -> list[tuple[str, Document]]:
        rows = self._db.execute(f"SELECT id, doc FROM {self._name} ORDER BY id").fetchall()
        return [(str(record_id), msgspec.json.decode(doc)) for record_id, doc in rows]

    def select(self, conditions: Sequence[Condition], order: Order, limit: int) -> list[tuple[int, Any, Document]]:
        """Id, value ordered by and document of the first that meet all conditions."""
        where = " AND ".join(f"({c.sql})" for c in conditions) or "1"
        parameters = [p for c in conditions for p in c.parameters]
        rows = self._db.execute(
            f"SELECT r.id, r.{order.column}, r.doc FROM {self._name} r WHERE {where} ORDER BY {order.sql} LIMIT ?",
            (*parameters, limit),
        ).fetchall()
        return [(record_id, value, msgspec.json.decode(doc)) for record_id, value, doc in rows]

    def with_custom_field(self, field_id: str) -> list[tuple[str, Document]]:
        """Those that hold something in a custom field."""
        rows = self._db.execute(
            f"SELECT r.id, r.doc FROM {self._name} r WHERE EXISTS (SELECT 1 FROM "
            "json_each(r.doc, '$.custom_fields') f WHERE CASE f.type WHEN 'object' "
            "THEN json_extract(f.value, '$.id') = ? END)",
            (field_id,),
        ).fetchall()
        return [(str(record_id), msgspec.json.decode(doc)) for record_id, doc in rows]

    # --- writing

    def insert(self, documents: Sequence[Document]) -> None:
        """Adds all or none.

        Raises:
            ValueError: When there is one with the same id.
        """
        marks = ", ".join("?" for _ in self.columns)
        keys = self._resource.keys.values()
        rows = (
            (int(d["id"]), d["create_time"], d["update_time"], *(key(d) for key in keys), _encoded(d))
            for d in documents
        )
        self._db.execute("BEGIN")
        try:
            self._db.executemany(f"INSERT INTO {self._name} VALUES ({marks})", rows)
            self._index_emails((int(d["id"]), d) for d in documents)
        except sqlite3.IntegrityError:
            self._db.execute("ROLLBACK")
            raise ValueError("there is a record with this id already") from None
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def replace(self, record_id: str, document: Document) -> None:
        """Stores a changed document, and what lists go by."""
        keys = [key(document) for key in self._resource.keys.values()]
        columns = ", ".join(f"{column} = ?" for column in ("update_time", *self._resource.keys, "doc"))
        self._db.execute(
            f"UPDATE {self._name} SET {columns} WHERE id = ?",
            (document["update_time"], *keys, _encoded(document), int(record_id)),
        )
        self._forget_emails(record_id)
        self._index_emails([(int(record_id), document)])

    def override(self, record_id: str, document: Document) -> None:
        """Stores another document; lists go on as before."""
        self._db.execute(f"UPDATE {self._name} SET doc = ? WHERE id = ?", (_encoded(document), int(record_id)))

    def remove(self, record_id: str) -> None:
        """Removes one, and a company from its contacts."""
        self._db.execute(f"DELETE FROM {self._name} WHERE id = ?", (int(record_id),))
        self._forget_emails(record_id)
        if self._resource is COMPANIES:
            self._db.execute(
                "UPDATE contacts SET company_id = '', doc = json_remove(doc, '$.company') WHERE company_id = ?",
                (record_id,),
            )

    def _forget_emails(self, record_id: str) -> None:
        if self._resource is CONTACTS:
            self._db.execute("DELETE FROM contact_emails WHERE record_id = ?", (int(record_id),))

    def _index_emails(self, documents: Iterable[tuple[int, Document]]) -> None:
        if self._resource is not CONTACTS:
            return
        self._db.executemany(
            "INSERT INTO contact_emails VALUES (?, ?)",
            (
                (record_id, item["email"])
                for record_id, document in documents
                for item in dicts(document.get("email_addresses"))
                if isinstance(item.get("email"), str)
            ),
        )


# --- across the tables ------------------------------------------------------------------------------------------------


def company_names(database: sqlite3.Connection, ids: Collection[str]) -> dict[str, str]:
    """The names of companies, by id."""
    if not ids:
        return {}
    rows = database.execute(
        "SELECT CAST(id AS TEXT), name FROM companies WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))",
        (_encoded(sorted(ids)),),
    )
    return dict(rows.fetchall())


def first_seen(database: sqlite3.Connection, email: str) -> str | None:
    """When the first record with an address was made; `None` when no contact and no company has it."""
    (moment,) = database.execute(
        "SELECT min(create_time) FROM (SELECT create_time FROM contacts WHERE id IN "
        "(SELECT record_id FROM contact_emails WHERE email = ?1) "
        "UNION ALL SELECT create_time FROM companies WHERE email = ?1)",
        (email,),
    ).fetchone()
    return str(moment) if moment is not None else None


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()
