"""The state, as tests see it and edit it."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Any

from keapbridge.testing.customcrm._ledger import Ledger, Row
from keapbridge.testing.customcrm._shapes import SHAPES, Shape
from keapbridge.testing.customcrm._wire import Wire, decode, decode_plain, encode


class CustomcrmTable(Mapping[str, Wire]):
    """The live records of one object, id to record in wire form, with the edits a user of the CRM could make.

    Reading gives copies. Edits obey the system's rules: a record that it would refuse raises `ValueError`, an id
    that is unknown or deleted raises `KeyError`. Safe to use while the server serves; everything read by one call
    belongs to one moment.
    """

    def __init__(self, ledger: Ledger, shape: Shape) -> None:
        self._ledger = ledger
        self._shape = shape

    def __getitem__(self, id_: str) -> Wire:
        with self._ledger.transaction():
            return self._plain(self._live(id_).document)

    def __iter__(self) -> Iterator[str]:
        with self._ledger.transaction():
            return iter(self._ledger.documents(self._shape, live=True))

    def __len__(self) -> int:
        with self._ledger.transaction():
            return self._ledger.count(self._shape)

    def __repr__(self) -> str:
        return f"<{len(self)} {self._shape.name}>"

    def values(self) -> ValuesView[Wire]:
        return self._read().values()

    def items(self) -> ItemsView[str, Wire]:
        return self._read().items()

    @property
    def deleted(self) -> set[str]:
        """The ids of the records that were deleted."""
        with self._ledger.transaction():
            return set(self._ledger.documents(self._shape, live=False))

    def add(self, record: Mapping[str, Any]) -> str:
        """Creates a record from its properties and returns the id that the system gave it."""
        return self.add_many([record])[0]

    def add_many(self, records: Iterable[Mapping[str, Any]]) -> list[str]:
        """Creates records, all or none, and returns their ids in the same order.

        Each has an `UpdatedAt` of its own, a millisecond apart. They end at the present where no request has come
        in that late; where one has, they begin there, and may reach into the future.
        """
        # Before the lock is taken, because the iterable may itself read the state; as text, because that is small.
        texts = [encode(dict(record)) for record in records]
        with self._ledger.transaction():
            return self._ledger.insert(self._shape, map(decode, texts), len(texts))

    def edit(self, id_: str, **changes: Any) -> None:
        """Saves a record with these properties changed, or with none; `UpdatedAt` and `ETag` move either way."""
        with self._ledger.transaction():
            row = self._live(id_)
            # Through JSON, for a copy in which Python's own types are JSON's.
            wire = decode(encode(changes))
            self._ledger.rewrite(self._shape, row, self._ledger.checked(self._shape, wire, decode(row.document)))

    def delete(self, id_: str) -> None:
        """Deletes a record; its tombstone stays in the list of changes."""
        with self._ledger.transaction():
            self._ledger.bury(self._shape, self._live(id_))

    def corrupt(self, id_: str, **raw: Any) -> None:
        """Overrides properties in what is served, whatever they are, without moving `UpdatedAt` or `ETag`."""
        with self._ledger.transaction():
            self._ledger.override(self._live(id_), raw)

    def _live(self, id_: str) -> Row:
        row = self._ledger.find(self._shape, id_)
        if row is None or not row.live:
            raise KeyError(f"the emulator has no record {id_!r} of the {self._shape.name}")
        return row

    def _read(self) -> dict[str, Wire]:
        with self._ledger.transaction():
            documents = self._ledger.documents(self._shape, live=True)
        return {id_: self._plain(document) for id_, document in documents.items()}

    @staticmethod
    def _plain(document: bytes) -> Wire:
        plain: Wire = decode_plain(document)
        return plain


class CustomcrmState:
    """The records of the emulated Customcrm.

    Attributes:
        contacts: The contacts; ids are `A1`, `A2`, …
        customers: The customers; ids are `C1`, `C2`, …
        products: The products; ids are `P1`, `P2`, …
    """

    def __init__(self, ledger: Ledger) -> None:
        self.contacts = CustomcrmTable(ledger, SHAPES["contacts"])
        self.customers = CustomcrmTable(ledger, SHAPES["customers"])
        self.products = CustomcrmTable(ledger, SHAPES["products"])

    def snapshot(self) -> dict[str, dict[str, Wire]]:
        """Every live record: object (`contacts`, …) to id to record."""
        return {name: dict(getattr(self, name).items()) for name in SHAPES}
