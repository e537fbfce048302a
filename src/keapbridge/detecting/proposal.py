"""What is proposed of an API, as a value: a schema, mappings, findings, and where each property was seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from keapbridge.customcrm.schema import CustomcrmSchema
from keapbridge.detecting.declaring import Fields, declared, fields_of, settled
from keapbridge.detecting.findings import findings_of, joined
from keapbridge.detecting.looked import Looked
from keapbridge.detecting.printing import as_python, as_toml
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.finding import Finding, Findings
from keapbridge.model.names import CONTACTS, CUSTOMCRM_OBJECTS, CUSTOMERS, PRODUCTS
from keapbridge.model.proposal_display import show_proposal

__all__ = ["ApiProposal", "proposed"]

_ORDER = (CUSTOMERS, PRODUCTS, CONTACTS)
_TITLES: Mapping[str, str] = {CUSTOMERS: "companies", PRODUCTS: "products", CONTACTS: "contacts"}


@attrs.frozen(repr=False, kw_only=True)
class ApiProposal:
    """How a REST API can be declared as the Customcrm, and what is to be known before a first run.

    Attributes:
        schema: as `CustomcrmClient` takes it; `None` where no list of records was found.
        fields: of each kind of record that was found, the fields that it has a place for.
        findings: what is to be known.
        seen: of each property that was recognised, as `"contacts.Email"`, where it is and in how many records.
        calls: how many calls were made.
        url: the base URL of the API.
        auth: what it was opened with. It is never shown.
    """

    schema: CustomcrmSchema | None = None
    fields: Mapping[str, Fields] = attrs.field(factory=dict)
    findings: Findings = attrs.field(factory=Findings)
    seen: Mapping[str, str] = attrs.field(factory=dict)
    calls: int = 0
    url: str = ""
    auth: Any = attrs.field(default=None, eq=False)

    @property
    def mappings(self) -> dict[str, Mapper]:
        """The mappings that a session takes with it, by synchronization; those that are not as by default."""
        names = {object: name for name, object in CUSTOMCRM_OBJECTS.items()}
        return {names[object]: each.mapper(object) for object, each in self.fields.items() if each.source}

    def as_python(self) -> str:
        """`CustomcrmClient(…)` with its schema, ready to be pasted. Secrets come from the environment."""
        return "" if self.schema is None else as_python(self.url, self.auth, self.schema, self.fields)

    def as_toml(self) -> str:
        """`[customcrm]` of a configuration file, and the mappings that go with it, ready to be pasted."""
        return "" if self.schema is None else as_toml(self.url, self.auth, self.schema, self.fields)

    def _rows(self, object: str) -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = []
        for name, told in self.seen.items():
            kind, _, property = name.partition(".")
            if kind == object:
                path, _, where = told.partition(": ")
                found.append((property, path, where))
        return found

    def __str__(self) -> str:
        lines: list[str] = []
        for object in _ORDER:
            if self.schema is None or object not in self.fields:
                lines.append(f"{_TITLES[object]}: no list looks like it")
                continue
            lines.append(f"{_TITLES[object]}: {getattr(self.schema, object).path}")
            lines += [f"  {name:<16} {path:<24} {where}".rstrip() for name, path, where in self._rows(object)]
        python = self.as_python()
        calls = f"{self.calls} call{'s' * (self.calls != 1)}, all of them reading"
        return "\n".join([*lines, "", f"{calls}: {self.findings}", *(["", python] if python else [])])

    def __repr__(self) -> str:
        found = ", ".join(_TITLES[object] for object in _ORDER if object in self.fields)
        return f"<ApiProposal: {found or 'no list of records'}; {len(self.findings)} findings>"

    def _repr_html_(self) -> str:
        there = [] if self.schema is None else [object for object in _ORDER if object in self.fields]
        places = {_TITLES[object]: (getattr(self.schema, object).path, self._rows(object)) for object in there}
        titles = [_TITLES[object] for object in _ORDER]
        return show_proposal(titles, places, "no list looks like it", self.findings, self.as_python())


def proposed(
    looked: Mapping[str, Looked], *, url: str, auth: Any, calls: int, currency: str | None, more: list[Finding]
) -> ApiProposal:
    """The proposal for what was seen.

    Args:
        currency: of prices that do not tell theirs; `USD` by default, with a finding.
        more: findings of what was not seen.
    """
    findings = list(more)
    if not looked:
        what = "no list of contacts, companies or products was found"
        advice = "name their paths, contacts='/people', or declare the API by hand: kb.CustomcrmSchema(…)"
        findings.append(Finding("error", "", what, advice))
        return ApiProposal(findings=Findings(findings), url=url, auth=auth, calls=calls)
    schema = declared(looked)
    fields = {
        object: fields_of(looked[object], schema.names, currency or "USD") for object in _ORDER if object in looked
    }
    seen: dict[str, str] = {}
    for object in fields:
        seen |= {f"{object}.{name}": f"{p.path}: {p}" for name, p in settled(looked[object], schema.names).items()}
        about = findings_of(looked[object], schema, currency or "USD")
        findings += [f for f in about if currency is None or "currency of prices" not in f.what]
    return ApiProposal(
        schema=schema, fields=fields, findings=Findings(joined(findings)), seen=seen, calls=calls, url=url, auth=auth
    )
