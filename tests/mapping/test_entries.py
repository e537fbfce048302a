"""Names of what Keap has in a list: one however they are spelt, and the first one counts."""

from __future__ import annotations

from keapbridge.mapping.entries import Entries


def test_names_that_nobody_can_tell_apart_are_one() -> None:
    entries = Entries()
    entries.learn([("1", " Trade fair "), ("2", "TRADE\u00a0FAIR"), ("3", "Radio"), ("4", " ")])
    assert entries.told == [("1", "Trade fair"), ("2", "Trade fair"), ("3", "Radio")]
    assert entries.id_of("trade  fair") == "1"
    assert (entries.named("RADIO"), entries.named(" TV ")) == ("Radio", "TV")
    entries.add("5", "TV")
    assert entries.id_of("tv") == "5"
    entries.learn([])
    assert (entries.told, entries.id_of("tv")) == ([], None)
