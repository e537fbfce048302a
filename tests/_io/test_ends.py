"""Whether a list that ends has shown everything."""

from __future__ import annotations

import pytest

import keapbridge as kb
from keapbridge._io.calls import Page
from keapbridge._io.ends import Shown
from keapbridge.model.maybe import Unreadable


def test_a_page_is_known_again_although_a_stamp_is_no_moment() -> None:
    odd = [kb.customcrm.Contact(id=str(n), updated_at=Unreadable("not a moment", [n])) for n in range(3)]  # type: ignore[arg-type]
    shown = Shown()
    shown.add(Page(tuple(odd), shown=("1", "2", "3")))
    with pytest.raises(kb.ShapeError, match="a page that it has shown before"):
        shown.add(Page(tuple(odd), shown=("1", "2", "3")))
