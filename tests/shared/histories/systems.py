"""Systems with one face: records by the names of the mapping, a stamp where there is one, and a state to go back to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa
from crm_variants import CrmVariant
from sqlalchemy.pool import StaticPool

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapBehaviour, KeapEmulator

__all__ = ["CONTACTS", "CRMS", "PRODUCTS", "STATUS", "Keap", "System", "Values"]

CONTACTS, PRODUCTS = "contacts", "products"
Values = Mapping[str, Any]
Clock = Callable[[], datetime]

TEXTS = {  # property → Keap's
    "FirstName": "given_name",
    "LastName": "family_name",
    "JobTitle": "job_title",
    "Website": "website",
    "Status": "contact_type",
    "Owner": "owner_id",
}
ADDRESS = {
    "StreetAddress1": "line1",
    "City": "locality",
    "Country": "country_code",
    "Region": "region_code",
    "ZipCode": "postal_code",
}
FIELDS = {
    CONTACTS: (*TEXTS, *ADDRESS, "Email", "Phone"),
    PRODUCTS: ("Name", "Sku", "Price", "Currency", "Active", "ShortDescription"),
}
STATUS = {"Lead": "Prospect", "Customer": "Client", "Former": "Former"}  # and what Keap calls it
COUNTRIES = {"NO": "NOR", "SE": "SWE"}
NUMBERS = "Price"  # in cents, as all systems can say it


class System(Protocol):
    """One of the two systems, as its users and its administrators know it."""

    def add(self, kind: str, values: Values) -> str: ...

    def edit(self, kind: str, id: str, values: Values, *, stamp: datetime | None = None) -> None:
        """Somebody saves a record; `stamp` is for an edit that was made elsewhere, and carries its own time."""

    def delete(self, kind: str, id: str) -> None: ...

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        """Id → what the record holds, without what is empty."""

    def backup(self) -> Any: ...

    def restore(self, backup: Any) -> None:
        """All is as it was, time stamps and versions, too."""

    def close(self) -> None: ...


def _shown(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: record.get(name) for name in FIELDS[kind]}
    if found.get(NUMBERS) is not None:
        found[NUMBERS] = round(100 * float(found[NUMBERS]))
    if found.get("Active") is not None:
        found["Active"] = bool(found["Active"])
    return {name: value for name, value in found.items() if value not in {None, ""}}


def _written(values: Values) -> dict[str, Any]:
    written = dict(values)
    if written.get(NUMBERS) is not None:
        written[NUMBERS] = f"{written[NUMBERS] / 100:.2f}"
    return written


class Copy(sqlite3.Connection):
    """What a database held; it ends with the last who knows it."""

    def __del__(self) -> None:
        self.close()


def _copy(database: sqlite3.Connection) -> Copy:
    copy = sqlite3.connect(":memory:", factory=Copy, check_same_thread=False)
    database.backup(copy)
    return copy


# --- Keap -----------------------------------------------------------------------------------------------------------


class Keap:
    """Keap's emulator."""

    def __init__(self, clock: Clock, behaviour: KeapBehaviour | None = None, habits: kb.Habits | None = None) -> None:
        self.emulator = KeapEmulator(clock=clock, habits=habits, **({"behaviour": behaviour} if behaviour else {}))

    def _table(self, kind: str) -> Any:
        return getattr(self.emulator.state, kind)

    def add(self, kind: str, values: Values) -> str:
        return str(self._table(kind).add(self._document(kind, {}, values)))

    def edit(self, kind: str, id: str, values: Values, *, stamp: datetime | None = None) -> None:
        table = self._table(kind)
        changes = self._document(kind, table[id], values)
        table.edit(id, **changes)
        if stamp is not None:
            text = stamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            table.corrupt(id, update_time=text)
            self.emulator.state._db.execute(f"UPDATE {kind} SET update_time = ? WHERE id = ?", (text, int(id)))

    def delete(self, kind: str, id: str) -> None:
        self._table(kind).delete(id)

    def merge(self, winner: str, loser: str) -> None:
        self.emulator.state.contacts.merge(winner, loser)

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        return {id: self._read(kind, document) for id, document in self._table(kind).items()}

    def backup(self) -> Any:
        state = self.emulator.state
        fields = {name: deepcopy(self._table(name).custom_fields) for name in (CONTACTS,)}
        return _copy(state._db), deepcopy(state.consents), fields

    def restore(self, backup: Any) -> None:
        state = self.emulator.state
        content, consents, fields = backup
        content.backup(state._db)
        state.consents = deepcopy(consents)
        for name, known in fields.items():
            self._table(name).custom_fields = deepcopy(known)

    def close(self) -> None:
        self.emulator.close()

    def _document(self, kind: str, before: Values, values: Values) -> dict[str, Any]:
        if kind == PRODUCTS:
            names = {"Name": "name", "Sku": "sku", "Active": "active", "ShortDescription": "short_description"}
            document = {names[name]: value for name, value in values.items() if name in names}
            return document | ({"price": values[NUMBERS]} if NUMBERS in values else {})
        document = {theirs: values[ours] for ours, theirs in TEXTS.items() if ours in values}
        document |= {name: value for name, value in values.items() if name.islower()}  # Keap's own
        if document.get("contact_type"):
            document["contact_type"] = STATUS[document["contact_type"]]
        if "Email" in values:
            document["email_addresses"] = self._slot(before, "email_addresses", "EMAIL1", "email", values["Email"])
        if "Phone" in values:
            document["phone_numbers"] = self._slot(before, "phone_numbers", "PHONE1", "number", values["Phone"])
        if ADDRESS.keys() & values.keys():
            old = next((a for a in before.get("addresses", []) if a["field"] == "BILLING"), {})
            new = old | {ADDRESS[name]: values[name] for name in ADDRESS if name in values}
            new |= (
                {"country_code": COUNTRIES.get(new["country_code"], new["country_code"])} if "Country" in values else {}
            )
            new = {name: value for name, value in new.items() if value is not None} | {"field": "BILLING"}
            document["addresses"] = [new] if len(new) > 1 else []
        return document

    @staticmethod
    def _slot(before: Values, array: str, field: str, name: str, value: Any) -> list[Any]:
        others = [item for item in before.get(array, []) if item["field"] != field]
        return others if value is None else [{name: value, "field": field}, *others]

    def _read(self, kind: str, document: Values) -> dict[str, Any]:
        if kind == PRODUCTS:
            price = document.get("price") or {}
            read = {
                "Name": document.get("name"),
                "Sku": document.get("sku"),
                "Price": price.get("amount"),
                "Currency": price.get("currency_code"),
                "Active": document.get("active"),
                "ShortDescription": document.get("short_description"),
            }
        else:
            read = {ours: document.get(theirs) for ours, theirs in TEXTS.items()}
            address = next((a for a in document.get("addresses", []) if a["field"] == "BILLING"), {})
            read |= {ours: address.get(theirs) for ours, theirs in ADDRESS.items()}
            read["Country"] = next((o for o, t in COUNTRIES.items() if t == read["Country"]), read["Country"])
            emails, phones = document.get("email_addresses", []), document.get("phone_numbers", [])
            read["Email"] = next((item["email"] for item in emails if item["field"] == "EMAIL1"), None)
            read["Phone"] = next((item["number"] for item in phones if item["field"] == "PHONE1"), None)
            read["Status"] = next((ours for ours, theirs in STATUS.items() if theirs == read["Status"]), read["Status"])
        return {name: value for name, value in read.items() if value not in {None, ""}}


# --- three CRMs -----------------------------------------------------------------------------------------------------


class EmulatedCrm:
    """The emulator of the default profile."""

    def __init__(self, clock: Clock, **_: Any) -> None:
        self.emulator = CustomcrmEmulator(clock=clock)
        self.app = self.emulator.app

    def client(self) -> Any:
        return kb.CustomcrmClient(self.emulator.base_url, auth=kb.BearerToken(self.emulator.token))

    def _table(self, kind: str) -> Any:
        return getattr(self.emulator.state, kind)

    def add(self, kind: str, values: Values) -> str:
        return str(self._table(kind).add(_written(values)))

    def edit(self, kind: str, id: str, values: Values, *, stamp: datetime | None = None) -> None:
        self._table(kind).edit(id, **_written(values))
        if stamp is not None:
            moment = int(stamp.timestamp() * 1000)
            ledger = self.emulator._ledger
            text = stamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._table(kind).corrupt(id, UpdatedAt=text)
            with suppress(sqlite3.IntegrityError):  # another record has that moment: its stamp says it all the same
                ledger._connection.execute(
                    "UPDATE record SET updated = ? WHERE object = ? AND id = ?", (moment, kind, id)
                )

    def delete(self, kind: str, id: str) -> None:
        self._table(kind).delete(id)

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        return {id: _shown(kind, record) for id, record in self._table(kind).items()}

    def backup(self) -> Any:
        ledger = self.emulator._ledger
        return _copy(ledger._connection), dict(ledger._issued)

    def restore(self, backup: Any) -> None:
        backup[0].backup(self.emulator._ledger._connection)
        self.emulator._ledger._issued = dict(backup[1])

    def close(self) -> None:
        self.emulator.close()


class SqlCrm:
    """A database whose triggers stamp what is saved."""

    app = None

    def __init__(self, clock: Clock, *, modified: bool = True, created: bool = True, seconds: bool = False) -> None:
        self._clock = clock
        self._seconds = seconds
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._db.create_function("crm_now", 0, self._now)
        columns = {CONTACTS: FIELDS[CONTACTS], PRODUCTS: FIELDS[PRODUCTS]}
        self.tables = {
            kind: kb.SqlTable(
                kind,
                id="id",
                columns={"Status": "Status", "Owner": "Owner"} if kind == CONTACTS else {},
                modified="updated_at" if modified else None,
                created="created_at" if created else None,
                touch=False,
            )
            for kind in columns
        }
        for kind, names in columns.items():
            self._db.execute(
                f"CREATE TABLE {kind} (id INTEGER PRIMARY KEY, {', '.join(f'{n} TEXT' for n in names)}, "
                "created_at TEXT DEFAULT (crm_now()), updated_at TEXT DEFAULT (crm_now()))"
            )
            self.stamp(kind)

    def stamp(self, kind: str) -> None:
        """Let the database stamp what is saved, by all columns that there are now."""
        names = [row[1] for row in self._db.execute(f"PRAGMA table_info({kind})")]
        saved = ", ".join(name for name in names if name not in {"id", "created_at", "updated_at"})
        self.run(f"DROP TRIGGER IF EXISTS {kind}_touch")
        self.run(
            f"CREATE TRIGGER {kind}_touch AFTER UPDATE OF {saved} ON {kind} WHEN new.updated_at IS old.updated_at "
            f"BEGIN UPDATE {kind} SET updated_at = crm_now() WHERE id = new.id; END"
        )

    def _now(self) -> str:
        return self._text(self._clock())

    def _text(self, moment: datetime) -> str:
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" + ("" if self._seconds else ".%f"))

    def client(self) -> Any:
        engine = sa.create_engine("sqlite://", creator=lambda: self._db, poolclass=StaticPool)
        return kb.SqlCustomcrm(engine, **self.tables)

    def run(self, statement: str, *values: Any) -> list[Any]:
        """What an administrator does."""
        return self._db.execute(statement, values).fetchall()

    def add(self, kind: str, values: Values) -> str:
        written = _written(values)
        names, marks = ", ".join(written), ", ".join("?" * len(written))
        self.run(f"INSERT INTO {kind} ({names}) VALUES ({marks})", *written.values())
        return str(self.run("SELECT last_insert_rowid()")[0][0])

    def edit(self, kind: str, id: str, values: Values, *, stamp: datetime | None = None) -> None:
        written = _written(values) | ({"updated_at": self._text(stamp)} if stamp is not None else {})
        changes = ", ".join(f"{name} = ?" for name in written)
        self.run(f"UPDATE {kind} SET {changes} WHERE id = ?", *written.values(), int(id))

    def delete(self, kind: str, id: str) -> None:
        self.run(f"DELETE FROM {kind} WHERE id = ?", int(id))

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        found = self._db.execute(f"SELECT * FROM {kind} ORDER BY id")
        names = [column[0] for column in found.description]
        records = [dict(zip(names, row, strict=True)) for row in found]
        for record in records:
            if record.get("Active") is not None:
                record["Active"] = str(record["Active"]).lower() in {"1", "true"}
        return {str(record["id"]): _shown(kind, record) for record in records}

    def backup(self) -> Any:
        return _copy(self._db)

    def restore(self, backup: Any) -> None:
        backup.backup(self._db)

    def close(self) -> None:
        self._db.close()


SCHEMAS = {
    # Able to list changes, with versions, in words of its own.
    "able": kb.customcrm.CustomcrmSchema(
        names="camelCase",
        time_zone="UTC",
        version="revision",
        envelope=kb.customcrm.Envelope(items="data.rows", record="data", sends="data"),
        paging=kb.customcrm.CursorPaging(following="data.after", parameter="after", size="pageSize", most=500),
        changed_since=kb.customcrm.ChangedSince("filter", template="updatedAt ge {since}"),
        deleted=kb.customcrm.DeletedMark("state", "archived"),
        delete="soft",
        idempotency="X-Request-Key",
        batch=kb.customcrm.BatchRead("id", separator=None, most=100),
        contacts=kb.customcrm.CustomcrmObject("/people", properties={"FirstName": "name.given"}),
        customers=kb.customcrm.CustomcrmObject("/orgs"),
        products=kb.customcrm.CustomcrmObject("/items"),
    ),
    # No time of a change, no versions, no births: what changed is found by content.
    "blind": kb.customcrm.CustomcrmSchema(
        names="snake_case",
        created=None,
        modified=None,
        version=None,
        conditional=False,
        decimals="number",
        paging=kb.customcrm.PagePaging(parameter="page", size="size", most=500),
        envelope=kb.customcrm.Envelope(items="records"),
        changed_since=None,
        deleted=None,
        idempotency=None,
        batch=kb.customcrm.BatchRead("ids", separator=",", most=100),
    ),
}


class DeclaredCrm:
    """An API of its own style."""

    def __init__(self, clock: Clock, *, modified: bool = True, **_: Any) -> None:
        self.server = CrmVariant(SCHEMAS["able" if modified else "blind"], lambda _: True, clock)
        self.app = self.server.app

    def client(self) -> Any:
        return kb.CustomcrmClient(self.server.base_url, auth=kb.BearerToken("t0k"), schema=self.server.schema)

    def _own(self, kind: str, values: Values) -> dict[str, Any]:
        written = _written(values)
        if self.server.schema.decimals == "number" and written.get(NUMBERS) is not None:
            written[NUMBERS] = float(written[NUMBERS])
        return written

    def add(self, kind: str, values: Values) -> str:
        return self.server.add(kind, self._own(kind, values))

    def edit(self, kind: str, id: str, values: Values, *, stamp: datetime | None = None) -> None:
        self.server.edit(kind, id, **self._own(kind, values))
        if stamp is not None:
            self.server._rows[kind][id].updated = stamp

    def delete(self, kind: str, id: str) -> None:
        self.server.remove(kind, id)

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        shown = self.server.rows(kind)
        return {id: _shown(kind, record | self._extra(kind, id)) for id, record in shown.items()}

    def _extra(self, kind: str, id: str) -> dict[str, Any]:
        raw = self.server.raw(kind, id)
        return {name: raw[own] for name in ("Status", "Owner") for own in (name, name.lower()) if own in raw}

    def backup(self) -> Any:
        return deepcopy(self.server._rows)

    def restore(self, backup: Any) -> None:
        self.server._rows = deepcopy(backup)

    def close(self) -> None:
        self.server._server._socket.close()


CRMS: dict[str, Callable[..., Any]] = {"emulator": EmulatedCrm, "database": SqlCrm, "declared": DeclaredCrm}
