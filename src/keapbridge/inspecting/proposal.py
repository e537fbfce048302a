"""What is proposed of a database, as a value: tables, findings, and what the kinds make of the data. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from keapbridge.customcrm.sql import SqlJoin, SqlLookup, SqlTable
from keapbridge.inspecting.applications import recognised
from keapbridge.inspecting.declaring import declared, missing
from keapbridge.inspecting.joins import belonging
from keapbridge.inspecting.mappings import Mapped, mapped
from keapbridge.inspecting.printing import as_python, as_toml
from keapbridge.inspecting.profile import Profile
from keapbridge.inspecting.profile import findings_of as of_data
from keapbridge.inspecting.schema import Schema
from keapbridge.inspecting.scoring import Guess, guesses
from keapbridge.inspecting.structure import findings_of
from keapbridge.model.finding import Finding, Findings
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS
from keapbridge.model.proposal_display import show_proposal

__all__ = ["Proposal", "propose", "with_profiles"]

_ORDER = (CUSTOMERS, PRODUCTS, CONTACTS)
_TITLES: Mapping[str, str] = {CUSTOMERS: "companies", PRODUCTS: "products", CONTACTS: "contacts"}


@attrs.frozen(repr=False)
class Proposal:
    """How a database can be declared as the Customcrm, and what is to be known before a first run.

    Attributes:
        tables: `contacts`, `customers` and `products`, as `SqlCustomcrm` takes them; those for which a table was found.
        findings: what is to be known: of the tables and of the rows that were read.
        profiles: of each of them, what the kinds make of the rows that were read.
        others: further tables that look like one of the three, the likeliest first.
        url: of the database; `None` where it has a password, which is not shown.
        mappings: of each of them, how its records are mapped, where the default mapping does not say it.
        schema: what was read.
    """

    tables: Mapping[str, SqlTable] = attrs.field(factory=dict)
    findings: Findings = attrs.field(factory=Findings)
    profiles: Mapping[str, Profile] = attrs.field(factory=dict)
    others: Mapping[str, Sequence[str]] = attrs.field(factory=dict)
    url: str | None = None
    mappings: Mapping[str, Mapped] = attrs.field(factory=dict)
    schema: Schema = attrs.field(factory=lambda: Schema(dialect=""), eq=False)

    @property
    def one_way(self) -> bool:
        """Whether its tables are better only read, as those of some applications: what is printed writes nothing."""
        return any(mapping.one_way for mapping in self.mappings.values())

    def as_python(self) -> str:
        """`SqlCustomcrm(…)`, ready to be pasted. A URL with a password comes from the environment, `CRM_DATABASE`."""
        return as_python(self.url, self.tables, self.mappings) if self.tables else ""

    def as_toml(self) -> str:
        """`[customcrm]` of a configuration file, and the mappings that go with it, ready to be pasted."""
        return as_toml(self.url, self.tables, self.mappings) if self.tables else ""

    def __str__(self) -> str:
        lines: list[str] = []
        for object in _ORDER:
            table = self.tables.get(object)
            if table is None:
                lines.append(f"{_TITLES[object]}: no table looks like it")
            else:
                lines.append(f"{_TITLES[object]}: {table.name}{self._read(object)}")
                lines += [f"  {name:<16} {where}" for name, where in _shown(table)]
            also = self.others.get(object)
            lines += [f"  also looks like it: {', '.join(also)}"] if also else []
        python = self.as_python()
        return "\n".join([*lines, "", str(self.findings), *(["", python] if python else [])])

    def _read(self, object: str) -> str:
        profile = self.profiles.get(object)
        return f" ({profile.records} rows read)" if profile else ""

    def __repr__(self) -> str:
        found = ", ".join(f"{object}={table.name!r}" for object, table in self.tables.items())
        return f"<Proposal: {found or 'no table'}; {len(self.findings)} findings>"

    def _repr_html_(self) -> str:
        places = {
            _TITLES[object]: (table.name, list(_rows(table, self.profiles.get(object))))
            for object, table in self.tables.items()
        }
        return show_proposal(
            [_TITLES[object] for object in _ORDER], places, "no table looks like it", self.findings, self.as_python()
        )


def _shown(table: SqlTable) -> Iterator[tuple[str, str]]:
    yield "id", ", ".join(table.ids)
    for name, column in table.columns.items():
        if column is not None:
            yield name, column
    parts: tuple[SqlJoin | SqlLookup, ...] = (*table.joins, *table.lookups)
    for part in parts:
        for name, column in part.columns.items():
            yield name, f"{part.table}.{column}"
    for role in ("modified", "created", "deleted"):
        column = getattr(table, role)
        if column is not None:
            yield role, column


def _rows(table: SqlTable, profile: Profile | None) -> Iterator[tuple[str, str, str]]:
    fields = {field.name: field for field in profile.fields} if profile else {}
    for name, column in _shown(table):
        field = fields.get(name)
        yield name, column, f"{field.filled} filled, {field.held} held" if field else "\u00a0"


def propose(schema: Schema, *, currency: str | None = None, url: str | None = None) -> Proposal:
    """The proposal for what was read of a database, without its profiles.

    Args:
        currency: of prices that do not tell theirs; `USD` by default, with a finding.
        url: of the database, as it may be shown.
    """
    found = guesses(schema)
    tables: dict[str, SqlTable] = {}
    findings: list[Finding] = []
    others: dict[str, Sequence[str]] = {}
    chosen: dict[str, Guess] = {}
    own = {guess.table.name for some in found.values() for guess in some}
    for object in _ORDER:
        for guess in found[object]:
            table = declared(schema, guess, chosen.get(CUSTOMERS), currency or "USD")
            if table is None and object not in chosen:
                findings += findings_of(schema, guess, None)
            elif table is not None and object not in chosen:
                company = chosen[CUSTOMERS].table if object == CONTACTS and CUSTOMERS in chosen else None
                beside = belonging(schema, guess, missing(guess, table), own - {guess.table.name}, company)
                full = declared(schema, guess, chosen.get(CUSTOMERS), currency or "USD", beside)
                table = full or table
                findings += beside.findings
                tables[object], chosen[object] = table, guess
                about = findings_of(schema, guess, table)
                findings += [f for f in about if currency is None or "currency of prices" not in f.what]
        rest = [guess.table.title for guess in found[object] if guess is not chosen.get(object)]
        if rest:
            others[object] = tuple(rest)
    applications = recognised(schema)
    if tables:
        findings += [application.finding for application in applications]
    else:
        what = "no table looks like contacts, companies or products"
        if schema.others:
            what += f"; there are other schemas: {', '.join(schema.others[:6])}"
        advice = "inspect one of them with schema=" if schema.others else "declare the tables by hand: kb.SqlTable(…)"
        findings.append(Finding("error", "", what, advice))
    one_way = any(application.one_way for application in applications)
    mappings = {
        object: mapped(object, table, chosen[object].table, currency or "USD", one_way=one_way)
        for object, table in tables.items()
    }
    return Proposal(
        tables=tables,
        findings=Findings(findings),
        others=others,
        url=url,
        mappings=mappings,
        schema=schema,
    )


def with_profiles(proposal: Proposal, profiles: Sequence[Profile], more: Sequence[Finding] = ()) -> Proposal:
    """The proposal with what the kinds make of the data."""
    data: list[Any] = [found for profile in profiles for found in of_data(profile)]
    return attrs.evolve(
        proposal,
        profiles={profile.object: profile for profile in profiles},
        findings=Findings([*proposal.findings, *more, *data]),
    )
