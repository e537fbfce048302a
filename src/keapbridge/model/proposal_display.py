"""How a proposal for a database or an API shows itself in a notebook. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from keapbridge.model.finding import Findings
from keapbridge.showing.html import Html, badge, display, element, fold, joined, table

__all__ = ["Places", "show_proposal"]

Places: TypeAlias = Mapping[str, tuple[str, Sequence[tuple[str, str, str]]]]
"""Synchronization → the table or list that looks like it, and for each property where it is and what was seen of it."""


def show_proposal(titles: Sequence[str], places: Places, none: str, findings: Findings, python: str) -> str:
    """What was found of each synchronization, what to know of it, and the declaration.

    Args:
        titles: the synchronizations, in their order.
        none: what is said of one for which nothing was found.
        python: the declaration, ready to paste.
    """
    return display(
        "Proposal",
        *(_place(title, *places[title]) if title in places else _missing(title, none) for title in titles),
        Html(findings._repr_html_()),
        fold("as Python", element("pre", python)) if python else None,
    )


def _place(title: str, name: str, rows: Sequence[tuple[str, str, str]]) -> Html:
    return fold(joined([f"{title}: ", badge(name)]), table(("", "", ""), rows), is_open=True)


def _missing(title: str, none: str) -> Html:
    return element("p", f"{title}: {none}", cls="q")
