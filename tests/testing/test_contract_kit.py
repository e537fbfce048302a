"""The conformance kit passes the adapter of the documentation, and tells each of many broken ones what it breaks."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
from tiers import named, variants

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.customcrm.records import wire_name
from keapbridge.testing import contract

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "adapters.md"


def _of_the_guide() -> Any:
    """The class of the guide, so that nothing is shown there that does not keep the promises."""
    [source] = [b for b in re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL) if "class Mem" in b]
    assert source.count("\n") < 100
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["MemoryCrm"]


MemoryCrm = _of_the_guide()


class TestTheAdapterOfTheGuide(contract.CustomcrmAdapterContract):
    def make_adapter(self) -> Any:
        return MemoryCrm()


class Humble(MemoryCrm):  # type: ignore[misc, valid-type]
    """The same, without any promise: no times, no versions, no keys."""

    capabilities = kb.AdapterCapabilities()

    def list_changes(self, object: str, since: Any, cursor: str | None) -> Any:
        page = super().list_changes(object, since, cursor)
        return kb.AdapterPage([_bare(r) for r in page.records], cursor=page.cursor)

    def get_many(self, object: str, ids: Any) -> Any:
        assert len(ids) == 1
        return [_bare(r) for r in super().get_many(object, ids)]

    def create(self, object: str, record: Any, key: str) -> Any:
        return _bare(super().create(object, record, f"{key} {next(self.numbers)}"))

    def update(self, object: str, id: str, changes: Any, version: str | None) -> Any:
        assert version is None
        return _bare(super().update(object, id, changes, version))


def _bare(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"UpdatedAt", "CreatedAt", "ETag"}}


@pytest.mark.thorough
class TestAnAdapterWithoutPromises(contract.CustomcrmAdapterContract):
    def make_adapter(self) -> Any:
        return Humble()


class Asynchronous:
    """The same for an event loop."""

    capabilities = MemoryCrm.capabilities

    def __init__(self) -> None:
        self.inner = MemoryCrm()

    async def list_changes(self, *given: Any) -> Any:
        await asyncio.sleep(0)
        return self.inner.list_changes(*given)

    async def get_many(self, *given: Any) -> Any:
        return self.inner.get_many(*given)

    async def create(self, *given: Any) -> Any:
        return self.inner.create(*given)

    async def update(self, *given: Any) -> Any:
        return self.inner.update(*given)

    def delete(self, *given: Any) -> Any:  # a plain one among them
        return self.inner.delete(*given)


@pytest.mark.thorough
class TestAnAsynchronousAdapter(contract.CustomcrmAdapterContract):
    async def make_adapter(self) -> Any:
        return Asynchronous()


# --- broken ones ------------------------------------------------------------------------------------------------------


class LosesExactly(MemoryCrm):
    def list_changes(self, object, since, cursor):  # changes after the moment, not at it
        return super().list_changes(object, since and since + timedelta(microseconds=1), cursor)


class CountsPages(MemoryCrm):
    def list_changes(self, object, since, cursor):  # the page number is the cursor: deletions shift the rest
        ids = [id for id, r in self.tables[object].items() if since is None or r["UpdatedAt"] >= since]
        start = int(cursor or 0)
        page = [dict(self.tables[object][id]) for id in ids[start : start + 3]]
        gone = [id for id, moment in self.deleted[object].items() if since and not start and moment >= since]
        return kb.AdapterPage(page, gone, str(start + 3) if start + 3 < len(ids) else None)


class ForgetsKeys(MemoryCrm):
    def create(self, object, record, key):
        return super().create(object, record, f"{key} {next(self.numbers)}")


class IgnoresVersions(MemoryCrm):
    def _check(self, object, id, version):
        super()._check(object, id, None)


class HidesTombstones(MemoryCrm):
    def list_changes(self, object, since, cursor):
        page = super().list_changes(object, since, cursor)
        return kb.AdapterPage(page.records, (), page.cursor)


class OnlyLatin(MemoryCrm):
    def _write(self, object, id, values):
        plain = {
            n: v.encode("latin-1", "replace").decode("latin-1") if isinstance(v, str) else v for n, v in values.items()
        }
        super()._write(object, id, plain)


class CutsInSilence(MemoryCrm):
    def _write(self, object, id, values):
        super()._write(object, id, {n: v[:255] if isinstance(v, str) else v for n, v in values.items()})


class RaisesOnUnknownIds(MemoryCrm):
    def get_many(self, object, ids):
        return [dict(self.tables[object][id]) for id in ids]


class ReplacesAll(MemoryCrm):
    def update(self, object, id, changes, version):
        self._check(object, id, version)
        record = self.tables[object][id]
        self.tables[object][id] = {n: record[n] for n in ("Id", "CreatedAt", "UpdatedAt", "ETag")}
        return super().update(object, id, changes, None)


class IgnoresNone(MemoryCrm):
    def update(self, object, id, changes, version):
        return super().update(object, id, {n: v for n, v in changes.items() if v is not None}, version)


class StampsBackwards(MemoryCrm):
    def _write(self, object, id, values):
        before = self.tables[object][id].get("UpdatedAt")
        super()._write(object, id, values)
        if before is not None:
            self.tables[object][id]["UpdatedAt"] = before - timedelta(seconds=1)


class LocalTimes(MemoryCrm):
    def create(self, object, record, key):
        made = super().create(object, record, key)
        return {**made, "UpdatedAt": made["UpdatedAt"].replace(tzinfo=None)}


class BringsToLife(MemoryCrm):
    def _check(self, object, id, version):
        if id not in self.tables[object]:
            self.tables[object][id] = {"Id": id}
        super()._check(object, id, version)


class AnswersWhatWasSent(MemoryCrm):
    def update(self, object, id, changes, version):
        super().update(object, id, {n: v for n, v in changes.items() if n != "City"}, version)
        return {**self.tables[object][id], **changes}


class IgnoresSince(MemoryCrm):
    def list_changes(self, object, since, cursor):
        return super().list_changes(object, since and since.replace(year=1990), cursor)


class Drops(MemoryCrm):
    """It does not know one property."""

    dropped: Any = "JobTitle"

    def _write(self, object, id, values):
        super()._write(object, id, {n: v for n, v in values.items() if n != self.dropped})


class DropsMobile(Drops):
    dropped = "MobilePhone"


class Swaps(MemoryCrm):
    def _write(self, object, id, values):
        names = {"Phone": "Fax", "Fax": "Phone"}
        super()._write(object, id, {names.get(n, n): v for n, v in values.items()})


class Sticks(MemoryCrm):
    def update(self, object, id, changes, version):  # what was once written stays
        held = self.tables[object].get(id, {})
        return super().update(
            object, id, {n: v for n, v in changes.items() if n != "Website" or not held.get(n)}, version
        )


class ListsWithout(MemoryCrm):
    left: Any = "Title"

    def list_changes(self, object, since, cursor):
        page = super().list_changes(object, since, cursor)
        records = [{n: v for n, v in r.items() if n != self.left} for r in page.records]
        return kb.AdapterPage(records, page.deleted, page.cursor)


class ListsWithoutDates(ListsWithout):
    left = "BirthDate"


class HalfAnswers(MemoryCrm):
    def get_many(self, object, ids):
        return super().get_many(object, ids[:10])


class CutsLists(MemoryCrm):
    def list_changes(self, object, since, cursor):
        page = super().list_changes(object, since, cursor)
        is_cut = page.cursor is not None and int(page.cursor.split(" ")[1]) > 40
        return kb.AdapterPage(page.records, page.deleted, None if is_cut else page.cursor)


class StandsStill(MemoryCrm):
    def _write(self, object, id, values):
        before = self.tables[object][id].get("UpdatedAt")
        super()._write(object, id, values)
        self.tables[object][id]["UpdatedAt"] = before or self.tables[object][id]["UpdatedAt"]


class HoursBehind(MemoryCrm):
    def _write(self, object, id, values):
        super()._write(object, id, values)
        self.tables[object][id]["UpdatedAt"] -= timedelta(hours=5)


class DropsReferences(Drops):
    dropped = "CustomerId"


class KeepsReferences(MemoryCrm):
    def update(self, object, id, changes, version):  # nobody leaves a company
        kept = {n: v for n, v in changes.items() if not (n == "CustomerId" and v is None)}
        return super().update(object, id, kept, version)


class SticksToCompanies(MemoryCrm):
    def update(self, object, id, changes, version):
        return super().update(object, id, {n: v for n, v in changes.items() if n != "CustomerId"}, version)


class ListsWithoutReferences(ListsWithout):
    left = "CustomerId"


class SwapsBatches(MemoryCrm):
    def get_many(self, object, ids):
        found = super().get_many(object, ids)
        return [{**a, "Id": b["Id"]} for a, b in zip(found, reversed(found), strict=True)]


class LosesCurrencies(Drops):
    dropped = "Currency"


class OneCurrency(MemoryCrm):
    def _write(self, object, id, values):
        super()._write(object, id, {n: "USD" if n == "Currency" else v for n, v in values.items()})


class CutsCents(MemoryCrm):
    def _write(self, object, id, values):
        super()._write(object, id, {n: v // 1 if n == "Price" and v is not None else v for n, v in values.items()})


class NumbersForYes(MemoryCrm):
    def _write(self, object, id, values):
        super()._write(object, id, {n: int(v) if isinstance(v, bool) else v for n, v in values.items()})


class AlwaysActive(MemoryCrm):
    def _write(self, object, id, values):
        super()._write(object, id, {n: True if n == "Active" else v for n, v in values.items()})


class DeletesAnyVersion(MemoryCrm):
    def delete(self, object, id, version):
        super().delete(object, id, None)


class OneVersion(MemoryCrm):
    def _write(self, object, id, values):
        before = self.tables[object][id].get("ETag")
        super()._write(object, id, values)
        self.tables[object][id]["ETag"] = before or self.tables[object][id]["ETag"]


class DaysBefore(MemoryCrm):
    def _write(self, object, id, values):
        super()._write(
            object, id, {n: v - timedelta(days=1) if n == "BirthDate" and v else v for n, v in values.items()}
        )


class ClearsNotAll(MemoryCrm):
    def update(self, object, id, changes, version):
        kept = {n: v for n, v in changes.items() if not (n == "MiddleName" and v is None)}
        return super().update(object, id, kept, version)


class ClearsTheNeighbour(MemoryCrm):
    def update(self, object, id, changes, version):
        more = {"StreetAddress2": None} if "StreetAddress1" in changes else {}
        return super().update(object, id, {**changes, **more}, version)


BROKEN: list[tuple[type, str, str]] = [
    (LosesExactly, "changes_since_a_moment_include_that_moment", "never reach Keap"),
    (CountsPages, "a_list_misses_nothing_when_records_change_meanwhile", "deletions of nobody's"),
    (ForgetsKeys, "a_create_that_is_repeated_makes_one_record", "a duplicate"),
    (IgnoresVersions, "a_write_for_another_version_is_refused", "an edit made meanwhile would be lost"),
    (HidesTombstones, "changes_tell_of_deletions", "stays until a complete run"),
    (OnlyLatin, "texts_of_all_the_world_come_back_as_they_were_sent", "Keap would get the change"),
    (CutsInSilence, "a_long_text_is_kept_or_refused", "replaced by its beginning"),
    (RaisesOnUnknownIds, "many_are_read_at_once_and_those_that_are_gone_are_missing", "KeyError"),
    (ReplacesAll, "an_update_changes_what_it_names_and_nothing_beside", "would be lost"),
    (IgnoresNone, "none_clears", "comes back"),
    (StampsBackwards, "an_edit_moves_the_time_of_change", "never seen"),
    (LocalTimes, "times_carry_a_time_zone", "missed by hours"),
    (BringsToLife, "what_is_not_there_is_not_found", "come back to life"),
    (AnswersWhatWasSent, "an_update_changes_what_it_names_and_nothing_beside", "not stored"),
    (IgnoresSince, "changes_leave_out_what_did_not_change", "reads everything"),
    (Drops, "every_property_is_stored_and_shown_alike_by_reads_and_lists", "take that for an edit"),
    (DropsMobile, "every_property_is_stored_and_shown_alike_by_reads_and_lists", "take that for an edit"),
    (Swaps, "every_property_is_stored_and_shown_alike_by_reads_and_lists", "take that for an edit"),
    (Sticks, "every_property_can_be_changed_and_emptied_alone", "never arrives"),
    (ListsWithout, "every_property_is_stored_and_shown_alike_by_reads_and_lists", "an edit of nobody's"),
    (ListsWithoutDates, "every_property_is_stored_and_shown_alike_by_reads_and_lists", "an edit of nobody's"),
    (HalfAnswers, "many_records_are_all_listed_and_all_read_by_their_ids", "taken for deleted"),
    (CutsLists, "many_records_are_all_listed_and_all_read_by_their_ids", "as duplicates"),
    (StandsStill, "the_time_of_change_is_that_of_a_clock_and_moves", "never reach Keap"),
    (HoursBehind, "the_time_of_change_is_that_of_a_clock_and_moves", "a local time?"),
    (DropsReferences, "a_reference_is_stored_moved_and_taken_away", "to another company, or to none"),
    (KeepsReferences, "a_reference_is_stored_moved_and_taken_away", "to another company, or to none"),
    (SticksToCompanies, "a_reference_is_stored_moved_and_taken_away", "to another company, or to none"),
    (ListsWithoutReferences, "a_reference_is_stored_moved_and_taken_away", "to another company, or to none"),
    (SwapsBatches, "many_records_are_all_listed_and_all_read_by_their_ids", "written over another"),
    (LosesCurrencies, "a_new_record_holds_what_was_sent", "take that for an edit"),
    (OneCurrency, "every_property_can_be_changed_and_emptied_alone", "never arrives"),
    (CutsCents, "a_new_record_holds_what_was_sent", "take that for an edit"),
    (NumbersForYes, "every_property_can_be_changed_and_emptied_alone", "edits wait"),
    (AlwaysActive, "every_property_can_be_changed_and_emptied_alone", "never arrives"),
    (DeletesAnyVersion, "a_write_for_another_version_is_refused", "an edit made meanwhile would be lost"),
    (OneVersion, "a_write_for_another_version_is_refused", "an edit made meanwhile would be lost"),
    (DaysBefore, "a_new_record_holds_what_was_sent", "take that for an edit"),
    (ClearsNotAll, "every_property_can_be_changed_and_emptied_alone", "comes back"),
    (ClearsTheNeighbour, "every_property_can_be_changed_and_emptied_alone", "would be lost"),
]


OF_PRODUCTS = {LosesCurrencies, OneCurrency, CutsCents, NumbersForYes, AlwaysActive}


def _failures(make: Callable[[], Any], object: str = "contacts") -> dict[str, str]:
    """What the kit says of one kind of records of an adapter, by test."""
    suite = contract.CustomcrmAdapterContract()
    said: dict[str, str] = {}
    for name, test in inspect.getmembers(suite, inspect.ismethod):
        for given in _arguments(name):
            try:
                test(contract.Bench(make(), object), *given)
            except pytest.skip.Exception:
                continue
            except (AssertionError, pytest.fail.Exception, kb.KeapbridgeError) as error:
                said.setdefault(name.removeprefix("test_"), str(error))
    return said


def _arguments(name: str) -> Iterator[tuple[Any, ...]]:
    if name.startswith("test_texts"):
        yield from ((what,) for what in contract.ODD_TEXTS)
    elif name.startswith("test_"):
        yield ()


# --- right ones that are odd ------------------------------------------------------------------------------------------


class EmptyPages(MemoryCrm):  # type: ignore[misc, valid-type]
    """Every second page has no record."""

    def list_changes(self, object: str, since: Any, cursor: str | None) -> Any:
        if cursor is None or not cursor.startswith("again "):
            return kb.AdapterPage([], cursor=f"again {cursor or ''}")
        return super().list_changes(object, since, cursor.removeprefix("again ") or None)


class OnlyItsOwnIds(MemoryCrm):  # type: ignore[misc, valid-type]
    """Ids are numbers; any other is refused."""

    def get_many(self, object: str, ids: Any) -> Any:
        if not all(id.isdecimal() for id in ids):
            raise kb.StatusError("an id is a number", status=400)
        return super().get_many(object, ids)


class WithoutEmpties(MemoryCrm):  # type: ignore[misc, valid-type]
    """What is empty is left out."""

    def _shown(self, record: Any) -> Any:
        return {name: value for name, value in record.items() if value not in (None, "")}

    def list_changes(self, object: str, since: Any, cursor: str | None) -> Any:
        page = super().list_changes(object, since, cursor)
        return kb.AdapterPage([self._shown(r) for r in page.records], cursor=page.cursor, deleted=page.deleted)

    def get_many(self, object: str, ids: Any) -> Any:
        return [self._shown(r) for r in super().get_many(object, ids)]

    def create(self, object: str, record: Any, key: str) -> Any:
        return self._shown(super().create(object, record, key))

    def update(self, object: str, id: str, changes: Any, version: str | None) -> Any:
        return self._shown(super().update(object, id, changes, version))


class EmptyIsEmptyText(WithoutEmpties):
    """What is empty is shown as an empty text."""

    def _shown(self, record: Any) -> Any:
        return {name: "" if value is None else value for name, value in record.items()}


class MoreThanIsKnown(WithoutEmpties):
    """Records have properties of its own."""

    def _shown(self, record: Any) -> Any:
        return {**record, "Colour": "red", "Tags": ["a", "b"], "Meta": {"Score": 1}}


class AnotherZone(WithoutEmpties):
    """Times are told in the zone of India."""

    def _shown(self, record: Any) -> Any:
        zone = timezone(timedelta(hours=5, minutes=30))

        def there(value: Any) -> Any:
            return datetime.fromisoformat(value).astimezone(zone).isoformat() if isinstance(value, str) else value

        return {n: there(v) if n in {"CreatedAt", "UpdatedAt"} else v for n, v in record.items()}


class RefusesToBeEmpty(MemoryCrm):  # type: ignore[misc, valid-type]
    """A name and an e-mail address are needed."""

    def update(self, object: str, id: str, changes: Any, version: str | None) -> Any:
        if any(changes.get(name, "x") is None for name in ("LastName", "Email", "Name")):
            raise kb.StatusError("is needed", status=422)
        return super().update(object, id, changes, version)


class WithoutSomeProperties(MemoryCrm):  # type: ignore[misc, valid-type]
    """It has no place for some properties, and says so."""

    lacks = frozenset({"Fax", "Suffix", "Email2", "StreetAddress2", "ShortDescription"})

    def properties(self, object: str) -> frozenset[str]:
        cls = {"contacts": kb.customcrm.Contact, "customers": kb.customcrm.Customer, "products": kb.customcrm.Product}
        names = [f.name for f in attrs.fields(cls[object]) if f.name != "extra"]
        return frozenset(map(wire_name, names)) - self.lacks

    def create(self, object: str, record: Any, key: str) -> Any:
        assert not self.lacks & record.keys()
        return super().create(object, record, key)


class StampedByEdits(Humble):
    """A record has no time of change before its first edit."""

    def __init__(self) -> None:
        super().__init__()
        self.edited: set[str] = set()

    def _told(self, record: Any) -> Any:
        return {**record, "UpdatedAt": "2026-03-01T10:00:00Z"} if record["Id"] in self.edited else record

    def get_many(self, object: str, ids: Any) -> Any:
        return [self._told(r) for r in super().get_many(object, ids)]

    def update(self, object: str, id: str, changes: Any, version: str | None) -> Any:
        made = super().update(object, id, changes, version)
        self.edited.add(id)
        return self._told(made)


class AnswersWithNothingMore(Humble):
    """A write answers with all of the record but what was not written."""

    def update(self, object: str, id: str, changes: Any, version: str | None) -> Any:
        made = super().update(object, id, changes, version)
        return {name: value for name, value in made.items() if name == "Id" or name in changes}


ODD: list[type] = [
    EmptyPages,
    OnlyItsOwnIds,
    WithoutEmpties,
    EmptyIsEmptyText,
    MoreThanIsKnown,
    AnotherZone,
    RefusesToBeEmpty,
    WithoutSomeProperties,
    StampedByEdits,
    AnswersWithNothingMore,
]


@pytest.mark.parametrize("odd", variants(ODD, quick=(OnlyItsOwnIds, StampedByEdits)))
@pytest.mark.parametrize("object", ["contacts", pytest.param("products", marks=pytest.mark.thorough)])
def test_the_kit_has_nothing_to_say_of_an_odd_one_that_is_right(odd: type, object: str) -> None:
    assert _failures(odd, object) == {}


def test_the_kit_has_nothing_to_say_of_a_good_adapter() -> None:
    assert _failures(MemoryCrm) == {}
    assert _failures(Humble) == {}


@pytest.mark.parametrize(
    ("broken", "test", "harm"),
    named({cls.__name__: (cls, test, harm) for cls, test, harm in BROKEN}, [cls.__name__ for cls, *_ in BROKEN[::4]]),
)
def test_the_kit_catches_a_broken_adapter(broken: type, test: str, harm: str) -> None:
    said = _failures(broken, "products" if broken in OF_PRODUCTS else "contacts")
    assert harm in said[test]


# --- what is refused at once ------------------------------------------------------------------------------------------


def test_a_session_without_an_event_loop_refuses_an_asynchronous_adapter(keap: kb.KeapClient, store: str) -> None:
    with pytest.raises(TypeError, match="Asynchronous is asynchronous: it needs an AsyncSyncSession"):
        kb.SyncSession(customcrm=Asynchronous(), keap=keap, store=store)


def test_a_driver_without_an_event_loop_refuses_to_wait() -> None:
    from keapbridge.customcrm.adapted import resources

    with pytest.raises(TypeError, match=r"Asynchronous\.list_changes is asynchronous"):
        SyncDriver().run(resources(Asynchronous())["contacts"].list())


def test_what_is_no_adapter_is_refused_naming_what_it_lacks(keap: kb.KeapClient, store: str) -> None:
    class Half:
        capabilities = kb.AdapterCapabilities()

        def list_changes(self) -> None: ...

    with pytest.raises(TypeError, match="Half is no CustomcrmAdapter: it has no get_many, create, update, delete"):
        kb.SyncSession(customcrm=Half(), keap=keap, store=store)  # type: ignore[arg-type]


# --- in a session -----------------------------------------------------------------------------------------------------


class LosesAnswers(Humble):
    """Its first create is done, and nobody learns of it."""

    answers = True

    def create(self, object: str, record: Any, key: str) -> Any:
        made = super().create(object, record, key)
        if not self.answers:
            self.answers = True
            raise OSError("the line is dead")
        return made


def test_a_create_whose_answer_was_lost_is_found_again_and_not_repeated(
    keap: kb.KeapClient, sessions: Callable[..., kb.SyncSession]
) -> None:
    crm = LosesAnswers()
    keap.companies.create(kb.keap.Company(company_name="Acme", notes="Noted"))
    crm.answers = False
    sessions(customcrm=crm).sync()
    assert len(crm.tables["customers"]) == 1
    for _ in range(2):
        sessions(customcrm=crm).sync()
    assert [record["Name"] for record in crm.tables["customers"].values()] == ["Acme"]
    [link] = sessions(customcrm=crm).companies.links()
    assert link.customcrm_id in crm.tables["customers"]
    assert sessions(customcrm=crm).plan(full=True).is_empty


def test_deletions_are_found_by_every_run_where_every_run_reads_everything(
    keap: kb.KeapClient, sessions: Callable[..., kb.SyncSession]
) -> None:
    crm = Humble()
    made = crm.create("contacts", {"FirstName": "Ada", "Email": "ada@example.org"}, "1")
    sessions(customcrm=crm).sync()
    assert len(list(keap.contacts.list())) == 1
    del crm.tables["contacts"][made["Id"]]
    sessions(customcrm=crm, policy=kb.Policy(deletions="delete")).sync()
    assert list(keap.contacts.list()) == []


def test_an_error_of_an_adapter_is_the_cause_of_one_that_the_engine_knows(
    keap: kb.KeapClient, sessions: Callable[..., kb.SyncSession]
) -> None:
    class Breaks(MemoryCrm):  # type: ignore[misc, valid-type]
        def list_changes(self, object: str, since: Any, cursor: str | None) -> Any:
            raise OSError("no such host")

    with pytest.raises(kb.TransportError, match="the list of contacts: the adapter failed with OSError") as caught:
        sessions(customcrm=Breaks()).sync()
    assert isinstance(caught.value.__cause__, OSError)


def test_an_asynchronous_adapter_is_synced_by_an_asynchronous_session(keap_server: Any, store: str) -> None:
    async def go() -> Asynchronous:
        crm = Asynchronous()
        crm.inner.create("contacts", {"FirstName": "Ada", "Email": "ada@example.org"}, "1")
        keap = kb.AsyncKeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url)
        await keap.companies.create(kb.keap.Company(company_name="Acme"))
        async with kb.AsyncSyncSession(customcrm=crm, keap=keap, store=store) as session:
            await session.sync()
            assert (await session.plan(full=True)).is_empty
        await keap.aclose()
        return crm

    crm = asyncio.run(go())
    assert [record["Name"] for record in crm.inner.tables["customers"].values()] == ["Acme"]
    assert len(keap_server.state.contacts) == 1
