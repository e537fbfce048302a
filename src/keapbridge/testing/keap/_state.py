"""What the emulator remembers, and how a test looks at it and edits it like a user of Keap would.

Documents are rows of SQLite in memory. One lock guards the one connection: the server's thread and the test's may use
the state at the same time.
"""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from keapbridge.testing.keap._checks import money
from keapbridge.testing.keap._consents import Consent, Consents
from keapbridge.testing.keap._directory import Entries
from keapbridge.testing.keap._documents import Document, dicts
from keapbridge.testing.keap._fields import FIELD_TYPES, made_field
from keapbridge.testing.keap._filters import Condition, Order, stamp
from keapbridge.testing.keap._journal import Journal
from keapbridge.testing.keap._resources import COMPANIES, CONTACTS, PRODUCTS, RESOURCES, Resource, stock
from keapbridge.testing.keap._rows import Rows, begin, company_names, first_seen
from keapbridge.testing.keap._writing import complete, merged

Clock = Callable[[], datetime]


class KeapState:
    """The emulator's records: `contacts`, `companies` and `products`, and the consent of email addresses.

    Beside them are the `users`, `lead_sources` and `tags` that records refer to.
    """

    def __init__(self, *, currency: str, clock: Clock | None, lags: bool = False) -> None:
        self.lock = threading.RLock()
        self.currency = currency
        self.now: Clock = clock or (lambda: datetime.now(UTC))
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._last_write = datetime.min.replace(tzinfo=UTC)
        self.consents = Consents()
        self._last_field_id = 0
        # Called with the table, what was done, the ids and the time, while somebody wants to know.
        self.changed: Callable[[str, str, Sequence[str], str], None] | None = None
        begin(self._db)
        self.contacts = Contacts(self, CONTACTS)
        self.companies = Table(self, COMPANIES)
        self.products = Table(self, PRODUCTS)
        self.users = Entries(self.lock, self.tick, 71)
        self.lead_sources = Entries(self.lock, self.tick, 3001)
        self.tags = Entries(self.lock, self.tick, 101)
        tables = {resource.name: self.table(resource).rows.columns for resource in RESOURCES}
        self._journal = Journal(self._db, tables, {"contact_emails": ("rowid", "record_id", "email")})
        self._lags = lags
        self.keep_journal(False)

    def close(self) -> None:
        """Frees the memory; everything after it fails."""
        with self.lock:
            self._journal.stop()
            self._db.close()

    def table(self, resource: Resource) -> Table:
        """The records of one object."""
        return {CONTACTS.name: self.contacts, COMPANIES.name: self.companies, PRODUCTS.name: self.products}[
            resource.name
        ]

    def snapshot(self) -> dict[str, dict[str, Document]]:
        """Copies of all records: object → id → document."""
        with self.lock:
            return {resource.name: dict(self.table(resource).items()) for resource in RESOURCES}

    def tick(self) -> str:
        """The time of a write: now, and at least a millisecond after the write before it."""
        with self.lock:
            self._last_write = max(self.now().astimezone(UTC), self._last_write + timedelta(milliseconds=1))
            # Cut to what is shown, so that the next one is later as a text too.
            whole = self._last_write.microsecond // 1000 * 1000
            self._last_write = self._last_write.replace(microsecond=whole)
            return stamp(self._last_write)

    # --- stale reads

    def keep_journal(self, on: bool) -> None:
        """Begins or ends to remember the last writes, so that reads can be stale."""
        with self.lock:
            (self._journal.start if on or self._lags else self._journal.stop)()

    @property
    def has_news(self) -> bool:
        """Whether something was written so recently that a read may not see it."""
        with self.lock:
            return self._journal.has_news

    @contextmanager
    def reading(self, hidden: int) -> Iterator[None]:
        """Holds the lock for a read that does not see the last `hidden` writes, as far as they are recent."""
        with self.lock, self._journal.reading(hidden):
            yield

    # --- consent

    def consent(self, email: str) -> Consent:
        """What is known of an address; addresses never seen are not marketable."""
        return self.consents.of(email)

    def set_email_status(self, email: str, status: str) -> None:
        """What Keap or the owner of the address does: an unsubscribe, a bounce, a confirmation."""
        with self.lock:
            self.consents.set_status(email, status)

    def ask_opt_in(self, email: str, reason: str) -> bool:
        """Opts the address in as far as Keap lets a reason do that; whether it changed anything."""
        with self.lock:
            return self.consents.ask_opt_in(email, reason)

    def opt_out(self, email: str, reason: str) -> None:
        """Opts a marketable address out by hand."""
        with self.lock:
            self.consents.opt_out(email, reason)

    def forget_consent(self, email: str) -> None:
        """Knows nothing of an address any more, unless somebody has it still."""
        with self.lock:
            if self.first_seen(email) is None:
                self.consents.forget(email)

    def first_seen(self, email: str) -> str | None:
        """When the first record with this address was made; `None` when no contact and no company has it."""
        with self.lock:
            return first_seen(self._db, email)

    # --- custom fields

    def next_field_id(self) -> str:
        self._last_field_id += 1
        return str(self._last_field_id)


class Table(Mapping[str, Document]):
    """The records of one object, id → document (a copy, complete, as Keap would answer it with every field asked for).

    Reading is that of a mapping; the methods below are what users of Keap do. They check nothing but the types they
    need, and move `update_time`.
    """

    def __init__(self, state: KeapState, resource: Resource) -> None:
        self._state = state
        self._resource = resource
        self.rows = Rows(state._db, resource)
        self._last_id = resource.first_id - 1
        self.custom_fields: dict[str, Document] = {}
        self.deleted: dict[str, Document] = {}  # as they were

    # --- reading

    def __getitem__(self, record_id: str) -> Document:
        with self._state.lock:
            found = self.stored(record_id)
            if found is None:
                raise KeyError(f"the emulator has no record {record_id!r} of the {self._resource.name}")
            return self.shown([found])[0]

    def __contains__(self, record_id: object) -> bool:
        with self._state.lock:
            return self.rows.has(record_id)

    def __iter__(self) -> Iterator[str]:
        with self._state.lock:
            return iter(self.rows.ids())

    def __len__(self) -> int:
        with self._state.lock:
            return self.rows.count()

    def values(self) -> list[Document]:  # type: ignore[override]
        """Copies of all documents, by id."""
        return [document for _, document in self.items()]

    def items(self) -> list[tuple[str, Document]]:  # type: ignore[override]
        """Ids and copies of all documents, by id."""
        with self._state.lock:
            rows = self.rows.all()
            documents = self.shown([document for _, document in rows])
        return [(record_id, document) for (record_id, _), document in zip(rows, documents, strict=True)]

    def __repr__(self) -> str:
        return f"<{len(self)} {self._resource.name}>"

    # --- what users do

    def add(self, document: Mapping[str, Any]) -> str:
        """Adds a record.

        Args:
            document: Its properties as Keap answers them; anything else is kept and answered too. `id`, `create_time`
                and `update_time` may be given. A product's `price` is also taken as an integer in the smallest unit.

        Returns:
            Its id.

        Raises:
            ValueError: When there is a record with the given id.
        """
        return self.add_many([document])[0]

    def add_many(self, documents: Iterable[Mapping[str, Any]]) -> list[str]:
        """Adds records as one import does, with the same `create_time` and `update_time` unless they bring their own.

        Returns:
            Their ids, in order.
        """
        with self._state.lock:
            now = self._state.tick()
            # Looked up once, not for each of perhaps 100,000 contacts.
            companies = frozenset(self._state.companies) if self._resource is CONTACTS else frozenset()
            prepared = [self._prepared(document, now, companies) for document in documents]
            self.rows.insert(prepared)
            ids = [str(document["id"]) for document in prepared]
            self._tell("add", ids, now)
            return ids

    def edit(self, record_id: str, **changes: Any) -> None:
        """Sets properties of a record, `None` clears; arrays and objects are replaced as a whole.

        Raises:
            KeyError: When there is no such record.
        """
        with self._state.lock:
            document = self.required(record_id)
            for name, value in _copied(changes).items():
                if value is None:
                    document.pop(name, None)
                else:
                    document[name] = value
            self.replace(record_id, document)

    def delete(self, record_id: str) -> None:
        """Deletes a record.

        Raises:
            KeyError: When there is no such record.
        """
        with self._state.lock:
            self._remove(record_id)
            if self._state.changed is not None:
                self._tell("delete", [record_id], self._state.tick())

    def corrupt(self, record_id: str, **raw: Any) -> None:
        """Overrides what is answered for stored properties, unchecked and without moving `update_time`.

        Lists are searched and ordered as before. `...` removes the property; a later write may repair what it writes.
        """
        with self._state.lock:
            document = self.required(record_id)
            for name, value in raw.items():
                if value is ...:
                    document.pop(name, None)
                else:
                    document[name] = value
            self.rows.override(record_id, document)

    def add_custom_field(
        self, label: str, field_type: str = "TEXT", *, options: Sequence[str] = (), group_id: str = "1"
    ) -> str:
        """Adds a custom field to the object.

        Returns:
            Its id.

        Raises:
            ValueError: On an unknown type, or an object that has no custom fields.
        """
        if field_type not in FIELD_TYPES or not self._resource.record_type:
            raise ValueError(f"no custom fields of type {field_type} on {self._resource.name}")
        with self._state.lock:
            field_id = self._state.next_field_id()
            taken = {field["field_name"].lower() for field in self.custom_fields.values()}
            about: Document = {"id": field_id, "label": label, "field_type": field_type, "group_id": group_id}
            about["record_type"] = self._resource.record_type
            self.custom_fields[field_id] = made_field(about, options, taken)
            return field_id

    def delete_custom_field(self, field_id: str) -> None:
        """Deletes a custom field and its values in all records.

        Raises:
            KeyError: When there is no such field.
        """
        with self._state.lock:
            del self.custom_fields[field_id]
            for record_id, document in self.rows.with_custom_field(field_id):
                document["custom_fields"] = [f for f in dicts(document["custom_fields"]) if f.get("id") != field_id]
                self.rows.override(record_id, document)

    # --- what the server does

    def stored(self, record_id: str) -> Document | None:
        """The document without what is looked up when it is answered."""
        with self._state.lock:
            return self.rows.get(record_id)

    def required(self, record_id: str) -> Document:
        """The stored document; `KeyError` when there is none."""
        document = self.stored(record_id)
        if document is None:
            raise KeyError(f"the emulator has no record {record_id!r} of the {self._resource.name}")
        return document

    def _tell(self, what: str, ids: Sequence[str], moment: str) -> None:
        if self._state.changed is not None and ids:
            self._state.changed(self._resource.name, what, ids, moment)

    def _remove(self, record_id: str) -> None:
        self.deleted[record_id] = self.required(record_id)
        self.rows.remove(record_id)

    def replace(self, record_id: str, document: Document) -> None:
        """Stores a changed record; without any difference, nothing is written and `update_time` stays."""
        with self._state.lock:
            before = self.required(record_id)
            opted_in = self._state.consents.absorb(document)
            self._normalized(document, self._state.companies)
            if document == before and not opted_in:
                return
            document["update_time"] = now = self._state.tick()
            self.rows.replace(record_id, document)
            self._tell("edit", [record_id], now)

    def select(self, conditions: Sequence[Condition], order: Order, limit: int) -> list[tuple[int, Any, Document]]:
        """Id, value ordered by and stored document of the first records that meet all conditions."""
        with self._state.lock:
            return self.rows.select(conditions, order, limit)

    def shown(self, documents: Sequence[Document]) -> list[Document]:
        """Stored documents, completed in place with defaults, consent and the names of companies."""
        with self._state.lock:
            names = company_names(self._state._db, _company_ids(documents)) if self._resource is CONTACTS else {}
            for document in documents:
                for name, value in self._resource.defaults.items():
                    if name not in document:
                        document[name] = copy.copy(value)
                self._state.consents.show(document)
                company = document.get("company")
                if isinstance(company, dict) and isinstance(company.get("id"), str) and company["id"] in names:
                    company["company_name"] = names[company["id"]]
        return list(documents)

    def _prepared(self, given: Mapping[str, Any], now: str, companies: Container[str]) -> Document:
        document = {name: value for name, value in _copied(given).items() if value is not None}
        record_id = int(document.pop("id", self._last_id + 1))
        self._last_id = max(self._last_id, record_id)
        times = {n: _normal(document.pop(n)) if n in document else now for n in ("create_time", "update_time")}
        document = {"id": str(record_id), **document, **times}
        if self._resource is PRODUCTS:
            document["inventory"] = stock(document)
        self._state.consents.absorb(document)
        return self._normalized(document, companies)

    def _normalized(self, document: Document, companies: Container[str]) -> Document:
        """Brings what a user may give in several ways into the one that is stored."""
        price, company = document.get("price"), document.get("company")
        if isinstance(price, int):
            document["price"] = money(price, self._state.currency)
        if isinstance(company, dict) and isinstance(company.get("id"), str) and company["id"] in companies:
            # Its name is looked up when it is shown: it may change.
            document["company"] = {"id": company["id"]}
        return complete(document)


class Contacts(Table):
    """The contacts: a `Table` whose records can be merged."""

    def merge(self, winner: str, loser: str) -> None:
        """Fills what the winner lacks from the loser, and deletes the loser.

        Raises:
            KeyError: When one of them does not exist.
            ValueError: When they are the same.
        """
        if winner == loser:
            raise ValueError("a contact cannot be merged with itself")
        with self._state.lock:
            document = merged(self.required(winner), self.required(loser))
            # No event tells of the loser.
            self._remove(loser)
            # The winner counts as changed even when it lacked nothing.
            document["update_time"] = ""
            self.replace(winner, document)


def _copied(value: Mapping[str, Any]) -> Document:
    copied: Document = msgspec.json.decode(msgspec.json.encode(value))
    return copied


def _normal(time: str) -> str:
    return stamp(datetime.fromisoformat(time))


def _company_ids(documents: Sequence[Document]) -> set[str]:
    companies = (document.get("company") for document in documents)
    return {c["id"] for c in companies if isinstance(c, dict) and isinstance(c.get("id"), str)}
