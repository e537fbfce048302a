"""A date that was sent with a time of day is that date, and is written as it was sent."""

from __future__ import annotations

import copy
import pickle
from datetime import date

import pytest

from keapbridge._json.codec import dump_json
from keapbridge.model.raw import from_plain, to_plain
from keapbridge.model.timed import TimedDate

TEXT = "1980-05-01T00:00:00+02:00"


def test_it_is_the_date_of_its_day() -> None:
    day = TimedDate.of(TEXT)
    assert day == date(1980, 5, 1)
    assert hash(day) == hash(date(1980, 5, 1))
    assert day.isoformat() == str(day) == "1980-05-01"
    with pytest.raises(ValueError, match="day"):
        TimedDate.of("1980-02-30T00:00:00")


def test_its_text_stays() -> None:
    day = TimedDate.of(TEXT)
    again = from_plain(to_plain(day))
    assert [each.sent for each in (copy.deepcopy(day), pickle.loads(pickle.dumps(day)), again)] == [TEXT] * 3
    assert dump_json({"BirthDate": day}) == b'{"BirthDate":"1980-05-01T00:00:00+02:00"}'
    with pytest.raises(TypeError, match="object"):
        dump_json({"BirthDate": object()})
