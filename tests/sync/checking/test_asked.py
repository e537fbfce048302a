"""What records show of the names that a host has given: judged of a page, without a system."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from toys import World

import keapbridge as kb
from keapbridge._io.calls import Page
from keapbridge.customcrm import Contact
from keapbridge.mapping import Mapper
from keapbridge.sync.checking.asked import (
    asks_for_records,
    shown,
    stamped,
    takes_times_for_utc,
    undated,
    zoneless,
)
from keapbridge.sync.synchronization import Synchronization

CONTACTS = kb.mapping.contacts


class Silent:
    """A system that has told nothing of its properties."""

    properties = None
    reading = ""


def judged(toys: World, mapper: Mapper, *records: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    systems = {kb.Side.CUSTOMCRM: Silent(), kb.Side.KEAP: Silent()}
    sync = Synchronization(mapper, systems, toys.store)  # type: ignore[arg-type]
    page = Page(tuple(Contact(id=str(n), extra=dict(extra)) for n, extra in enumerate(records)))
    return [(each.severity, each.place.partition(".")[2], each.what) for each in shown(sync, page)]


def test_what_no_record_shows_is_told_of_the_hosts_own_and_of_what_is_called_otherwise(toys: World) -> None:
    own = CONTACTS.with_lenses(kb.text("ShoeSize", keap="spouse_name"))
    assert judged(toys, own) == [], "without records nothing is known"
    assert judged(toys, own, {"ShoeSize": None}) == []
    assert judged(toys, own, {"Beard": "x"}, {}) == [("warning", "ShoeSize", "none of 2 records shows ShoeSize")]
    [(severity, field, what)] = judged(toys, own, {"ShoeSzie": "42"})
    assert (severity, field) == ("warning", "ShoeSize"), "it may be another one: nobody is matched by it"
    assert what.endswith("is 'ShoeSzie' meant?")
    numbered = judged(toys, own, {"ShoeSzie": None, "ShoeSize2": "x"})
    assert numbered[0][2].endswith("does not show ShoeSize; is 'ShoeSize2' meant?"), "what is empty is not meant"


def test_what_people_are_matched_by_is_an_error_and_so_is_another_spelling(toys: World) -> None:
    [(severity, field, _)] = judged(toys, CONTACTS, {"Emial": "a@example.org"})
    assert (severity, field) == ("error", "Email")
    [(severity, field, what)] = judged(toys, CONTACTS, {"job_title": "x"})
    assert (severity, field, what.endswith("is 'job_title' meant?")) == ("error", "JobTitle", True)
    inside = {"person": {"mail": "", "names": {"LastNmae": "x"}}, "tags": ["a"]}
    assert judged(toys, CONTACTS, inside) == [], "a part of an object is spelt with its path"


def test_what_a_filter_wants_and_nobody_shows(toys: World) -> None:
    where = CONTACTS.where(customcrm={"Statsu": "x", "Email": "a@example.org"})
    assert judged(toys, where, {"Status": "x"}) == [
        (
            "error",
            "where(customcrm=)",
            "the one record does not show 'Statsu', which the filter wants; is 'Status' meant?",
        )
    ]
    [(severity, _, _)] = judged(toys, where, {"Beard": "x"})
    assert severity == "warning"
    assert judged(toys, where, {"Statsu": None}) == []


def test_that_nobody_is_newest_where_no_record_tells_its_time_is_told_unless_another_rule_decides(toys: World) -> None:
    def told(rule: Any, *moments: datetime | None) -> list[str]:
        systems = {kb.Side.CUSTOMCRM: Silent(), kb.Side.KEAP: Silent()}
        sync = Synchronization(CONTACTS, systems, toys.store)  # type: ignore[arg-type]
        settings = attrs.evolve(sync.settings, policy=kb.Policy(conflicts=rule))
        page = Page(tuple(Contact(id=str(n), updated_at=moment) for n, moment in enumerate(moments)))
        return [finding.what for finding in undated(attrs.evolve(sync, settings=settings), page)]

    [what] = told("newest", None, None)
    assert "'newest' decides no conflict" in what
    assert told({"Email": "newest", "*": "keap"}, None) == [what]
    for rule in ("keap", "customcrm", "manual", lambda _: "keap"):
        assert told(rule, None) == []
    assert told("newest", None, datetime(2026, 1, 2, tzinfo=UTC)) == told("newest") == []


def test_only_names_of_the_hosts_own_are_asked_for(toys: World) -> None:
    def asks(mapper: Mapper) -> bool:
        systems = {kb.Side.CUSTOMCRM: Silent(), kb.Side.KEAP: Silent()}
        return asks_for_records(Synchronization(mapper, systems, toys.store))  # type: ignore[arg-type]

    assert not asks(CONTACTS)
    assert not asks(CONTACTS.where(customcrm={"Email": "a@example.org", "Country": "NO"}))
    assert not asks(CONTACTS.where(customcrm=lambda record: bool(record.extra["Status"])))
    assert asks(CONTACTS.where(customcrm={"Status": "x"}))
    assert asks(CONTACTS.with_lenses(kb.text("ShoeSize", keap="spouse_name")))


def test_changes_that_are_still_to_come_are_of_another_zone(toys: World) -> None:
    systems = {kb.Side.CUSTOMCRM: Silent(), kb.Side.KEAP: Silent()}
    sync = Synchronization(CONTACTS, systems, toys.store)  # type: ignore[arg-type]
    clock = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def found(*hours: float, served_at: datetime | None = clock) -> list[str]:
        records = [Contact(id=f"{n}", updated_at=clock + timedelta(hours=each)) for n, each in enumerate(hours)]
        return [each.what for each in stamped(sync, Page((*records, Contact(id="x")), served_at=served_at))]

    assert found(9, -3, 0.3) == ["UpdatedAt of 1 of 4 records is up to 9.0 h later than the clock of the answer"]
    assert found(-9, 0.3) == found() == found(9, served_at=None) == []


def test_times_that_tell_no_zone_are_told_of(toys: World) -> None:
    systems = {kb.Side.CUSTOMCRM: Silent(), kb.Side.KEAP: Silent()}
    sync = Synchronization(CONTACTS, systems, toys.store)  # type: ignore[arg-type]
    assert not takes_times_for_utc(sync)

    def found(*written: Any) -> list[str]:
        return [each.what for each in zoneless(sync, written)]

    naive = "2026-03-01T12:00:00"
    assert found(naive, f"{naive}Z", None, "") == ["UpdatedAt of 1 of 4 records tells no zone, and is taken for UTC"]
    assert found(f"{naive}Z", f"{naive}+05:30", f"{naive}-0500", 1772366400, "Sun, 01 Mar 2026 12:00:00 GMT") == []
