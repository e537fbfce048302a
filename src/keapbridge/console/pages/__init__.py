"""The pages: a module for each. It makes a value of what is shown, which a template lays out."""

from collections.abc import Mapping
from typing import Final

from keapbridge.console.pages import (
    check,
    conflicts,
    dataflow,
    failures,
    hooks,
    overview,
    pairs,
    plans,
    progress,
    records,
    runs,
    tenants,
    undo,
)
from keapbridge.console.pages.page import Page

__all__ = ["FLEET", "SESSION", "Page"]

SESSION: Final[Mapping[str, Page]] = {
    "/": Page(overview.show),
    "/progress": Page(progress.show),
    "/check": Page(check.show, check.look, decides=False),
    "/conflicts": Page(conflicts.show, conflicts.decide),
    "/conflicts/many": Page(post=conflicts.decide_many),
    "/conflicts/{object}/{id}": Page(conflicts.show_one),
    "/dataflow": Page(dataflow.show),
    "/dataflow/{format}": Page(dataflow.download),
    "/failures": Page(failures.show, failures.retry),
    "/hooks": Page(post=hooks.look, decides=False),
    "/pairs": Page(pairs.show, pairs.decide),
    "/plans": Page(plans.show, plans.make),
    "/plans/{plan_id}": Page(plans.show_one, plans.show_one, decides=False),
    "/plans/{plan_id}/apply": Page(post=plans.apply),
    "/records": Page(records.ask, records.find, decides=False),
    "/records/{object}/{side}/{id}": Page(records.show),
    "/runs": Page(runs.show),
    "/runs/{run_id}": Page(runs.show_one),
    "/runs/{run_id}/undo": Page(undo.preview, undo.undo),
}
"""The pages of a session by their addresses."""

FLEET: Final[Mapping[str, Page]] = {
    "/": Page(tenants.show, tenants.change),
    "/find": Page(post=tenants.find, decides=False),
}
"""Those of a fleet that are about no tenant."""
