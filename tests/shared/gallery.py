"""Every display that there is for notebooks, of things in whose every text somebody has planted something."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

import attrs

import keapbridge as kb
from keapbridge.customcrm.sql import SqlTable
from keapbridge.detecting.declaring import Fields
from keapbridge.detecting.proposal import ApiProposal
from keapbridge.events.live import Picture, as_html
from keapbridge.events.values import Progress
from keapbridge.fleet.status import FleetStatus, TenantStatus
from keapbridge.inspecting.proposal import Proposal
from keapbridge.keap.limits import KeapLimits, Window
from keapbridge.model.finding import Finding, Findings
from keapbridge.tables import Rows

T = TypeVar("T")

PLANTED = (
    "<script>window.ran=1</script>",
    "<img src=x onerror='window.ran=1'>",
    "'\"><svg onload=window.ran=1>",
    "</style></td></table></details><iframe srcdoc='<script>parent.ran=1</script>'>",
    "&lt;b&gt;&#60;i>",
    "javascript:window.ran=1//",
)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def planted(value: T, what: str) -> T:
    """A value with something behind each text in it, however deep; what checks the values of a class is passed over."""
    grown: Any = _planted(value, what)
    return grown  # type: ignore[no-any-return]


def _planted(value: Any, what: str) -> Any:
    if isinstance(value, (Enum, type)) or callable(value):
        return value
    if isinstance(value, str):
        return f"{value}{what}"
    if isinstance(value, Mapping):
        return {_planted(key, what): _planted(its, what) for key, its in value.items()}
    if attrs.has(type(value)):
        new = copy.copy(value)
        for field in attrs.fields(type(value)):
            object.__setattr__(new, field.name, _planted(getattr(value, field.name), what))
        return new
    if isinstance(value, (list, tuple)):
        return type(value)(_planted(each, what) for each in value)
    if isinstance(value, frozenset):
        return frozenset(_planted(each, what) for each in value)
    return value


def galleries(session: kb.SyncSession, what: str) -> Mapping[str, str]:
    """Name → HTML.

    Args:
        session: one that has planned, synced, failed and met a conflict; `contacts` 1 of Keap is linked.
        what: is planted.
    """
    plan, report = session.plan(full=True), session.report(session.runs()[0].run_id)
    actions, lines = planted(list(plan.actions), what), planted(list(report.lines), what)
    plan, report = planted(plan, what), planted(report, what)
    for of, names, rows in ((plan, ("_load", "_some"), actions), (report, ("_load",), lines)):
        for name in names:
            object.__setattr__(of, name, lambda *_, rows=rows: iter(enumerate(rows) if _ else rows))
    things: dict[str, Any] = {
        "plan": plan,
        "report": report,
        "lines": Rows(lines),
        "conflicts": Rows(planted(list(session.conflicts()), what)),
        "failures": Rows(planted(list(session.failures()), what)),
        "links": Rows(planted(list(session.contacts.links()), what)),
        "runs": Rows(planted(list(session.runs()), what)),
        "plans": Rows(planted(list(session.plans()), what)),
        "history": Rows(planted(list(session.history("contacts", keap="1")), what)),
        "explanation": planted(session.explain("contacts", keap="1"), what),
        "finding": planted(Finding("error", "contacts.Email", "what", "advice"), what),
        "findings": _findings(what),
        "mapper": kb.mapping.contacts.with_lenses(kb.text(f"X{what}", keap=kb.custom_field(what))),
        "policy": kb.Policy(conflicts={"Email": "keap"}),
        "session": session,
        "limits": KeapLimits(minute=Window(240, 10, None)),
        "client": kb.KeapClient(auth=kb.KeapApiKey("key"), base_url="http://127.0.0.1/crm"),
        "fleet": planted(_fleet(), what),
        "database": _database(what),
        "API": _api(what),
    }
    things |= {
        f"record {type(each).__module__}.{type(each).__name__}": planted(each, what)
        for each in (
            kb.keap.Contact(id="1", given_name="Ada", extra={"own": {"deep": ["x"]}}),
            kb.keap.Company(id="1", company_name="Acme"),
            kb.keap.Product(id="1", name="Kite"),
            kb.customcrm.Contact(id="A1", first_name="Ada", extra={"Shoe": "x"}),
            kb.customcrm.Customer(id="C1", name="Acme"),
            kb.customcrm.Product(id="P1", name="Kite"),
        )
    }
    things["client"].close()
    return {name: thing._repr_html_() for name, thing in things.items()} | {"progress": _progress(what)}


def _fleet() -> FleetStatus:
    tenant = TenantStatus(
        "acme", "due", NOON, "failed", "no answer", 3, timedelta(hours=1), timedelta(minutes=5), 7, 1, 2, 3
    )
    return FleetStatus((tenant,), NOON)


def _database(what: str) -> Proposal:
    tables = {"contacts": planted(SqlTable("people", id="id", columns={"FirstName": "given"}), what)}
    return Proposal(tables, _findings(what), url=f"sqlite:///{what}")


def _api(what: str) -> ApiProposal:
    contacts = copy.copy(kb.CustomcrmSchema().contacts)
    object.__setattr__(contacts, "path", f"/contacts{what}")
    schema = kb.CustomcrmSchema(contacts=contacts)
    seen = {"contacts.FirstName": f"given{what}: {what}", f"contacts.{what}": f"{what}: 1 of 2"}
    return ApiProposal(schema=schema, fields={"contacts": Fields()}, findings=_findings(what), seen=seen, url=what)


def _findings(what: str) -> Findings:
    return Findings((Finding("warning", f"contacts.Email{what}", f"what{what}", f"advice{what}"),))


def _progress(what: str) -> str:
    picture = Picture()
    picture.add(planted(Progress(object="contacts", doing="reading Keap", done=1, total=None), what))
    return as_html(picture, is_last=False)
