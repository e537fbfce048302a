"""How far the lists of a run have come."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from keapbridge.decide.so_far import SoFar
from keapbridge.model.side import Side
from keapbridge.sync.listings import Listings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_they_are_over_once_all_of_them_are_and_a_run_begins_with_none() -> None:
    listings = Listings()
    assert listings.are_over
    part = SoFar("mapping", None, NOON, NOON, "900")
    listings.so_far = {Side.KEAP: part, Side.CUSTOMCRM: attrs.evolve(part, is_over=True)}
    assert not listings.are_over
    listings.so_far[Side.KEAP] = attrs.evolve(part, is_over=True)
    assert listings.are_over
    listings.kept.add(Side.KEAP)
    listings.begin()
    assert listings == Listings()
