"""Which columns are which properties, and what a table holds: scores, and the decision that they lead to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import attrs

from keapbridge.inspecting.naming import column_scores, table_scores, words_of
from keapbridge.inspecting.schema import Schema, Table
from keapbridge.inspecting.shapes import Looks, fits, looks
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

__all__ = ["PROPERTIES", "ROLES", "Guess", "assigned", "guesses", "looks_of", "scores_of"]

_ADDRESS = ("StreetAddress1", "StreetAddress2", "ZipCode", "City", "Region", "Country")
PROPERTIES: Mapping[str, tuple[str, ...]] = {
    CONTACTS: (
        *(
            "FirstName",
            "MiddleName",
            "LastName",
            "FullName",
            "Title",
            "Suffix",
            "Email",
            "Email2",
            "Phone",
            "MobilePhone",
        ),
        *("Fax", "JobTitle", "Website", "BirthDate", "CustomerId", *_ADDRESS),
    ),
    CUSTOMERS: ("Name", "Description", *_ADDRESS, "Phone", "Fax", "Email", "Website"),
    PRODUCTS: ("Name", "Sku", "Description", "ShortDescription", "Price", "Currency", "Active"),
}
"""What is looked for in a table of each kind. A whole name, the name of a company as a text and what says the opposite
of `Active` are no properties of records; they are known so that no other property is found in them."""
ROLES = ("modified", "created", "deleted", "inactive", "is_company", "CompanyName")
LEAST = 0.45  # of a score by which a column is taken for a property
BY_VALUES = {"Email": 0.5, "Website": 0.46, "Phone": 0.46}
"""What is also found by its values alone, where names say nothing, and how surely."""
_SURE = 0.9  # share of values
_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    CONTACTS: {
        "FirstName": 3,
        "LastName": 3,
        "FullName": 1.5,
        "Email": 2,
        "BirthDate": 1.5,
        "Title": 1,
        "JobTitle": 1,
        "MobilePhone": 1.5,
        "Phone": 1,
        "MiddleName": 0.5,
        "CustomerId": 0.5,
    },
    CUSTOMERS: {"Name": 2, "Website": 1, "Phone": 1, "Email": 1, "Fax": 0.5, "Description": 0.5},
    PRODUCTS: {
        "Name": 2,
        "Price": 3,
        "Sku": 2,
        "Description": 0.5,
        "ShortDescription": 0.5,
        "Active": 0.5,
        "Currency": 0.5,
    },
}
_AN_ADDRESS = 0.3  # for each part of it
BY_NAME = 4.0  # what a table's own name weighs
_LESSER = 4.0  # by which what is meant less often goes behind others
LEAST_TABLE = 5.5


@attrs.frozen(kw_only=True)
class Guess:
    """A table taken for one kind of record.

    Attributes:
        object: `contacts`, `customers` or `products`.
        table: which one.
        score: how surely; tables of one kind are compared by it.
        columns: property → column, with what is no property of a record (`FullName`).
        roles: what columns are for (`modified`).
        where: which of its rows are meant, where people and companies are in one table.
    """

    object: str
    table: Table
    score: float
    columns: Mapping[str, str]
    roles: Mapping[str, str]
    where: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def is_likely(self) -> bool:
        """Whether it is one, and not merely a table with some such columns."""
        return self.score >= LEAST_TABLE


def looks_of(table: Table) -> dict[str, Looks]:
    """What the values of each column look like."""
    return {column.name: looks(table.values(column.name)) for column in table.columns}


def _shared(table: Table) -> tuple[str, ...]:
    """The words that the names of nearly all columns of a table begin with (`p_name`, `p_price`)."""
    split = [words_of(column.name) for column in table.columns]
    if len(split) < 3:
        return ()
    begins = [words[:1] for words in split if len(words) > 1]
    most = max(set(begins), key=begins.count, default=())
    return most if most and begins.count(most) * 5 >= len(split) * 4 else ()


def scores_of(table: Table, seen: Mapping[str, Looks], wanted: Collection[str]) -> list[tuple[float, str, str]]:
    """Each property with each column that can be it: score, property, column; the best first."""
    shared, found = _shared(table), list[tuple[float, str, str]]()
    for place, column in enumerate(table.columns):
        named = column_scores(column.name, table.name, shared)
        refers = table.foreign_key_of(column.name) is not None
        for property in wanted:
            said = named.get(property, 0.0)
            if not said and property in BY_VALUES and not named:
                shape = {"Email": "email", "Website": "url", "Phone": "phone"}[property]
                looked = seen[column.name]
                said = BY_VALUES[property] if looked.filled and looked[shape] >= _SURE else 0.0
                said = 0.0 if column.family != "text" else said
            if refers and property != "CustomerId":
                said = 0.0  # the number of a row elsewhere
            score = said * fits(property, column, seen[column.name])
            if score >= LEAST:
                found.append((score - place / 10_000, property, column.name))
    return sorted(found, key=lambda each: (-each[0], each[1]))


def assigned(scores: Iterable[tuple[float, str, str]], taken: Collection[str] = ()) -> dict[str, tuple[str, float]]:
    """Property → its column and score: each column for one property, the best first.

    Args:
        taken: columns that are something else.
    """
    found: dict[str, tuple[str, float]] = {}
    columns = set(taken)
    for score, property, column in scores:
        if property not in found and column not in columns:
            found[property] = column, score
            columns.add(column)
    return found


def _guess(object: str, table: Table, seen: Mapping[str, Looks]) -> Guess:
    others = ("CompanyName",) if object == CONTACTS else ("FullName",)
    wanted = (*PROPERTIES[object], *ROLES[:5], *others)
    scores = scores_of(table, seen, wanted)
    if object == CONTACTS:
        scores = _without_lone_name(table, scores)
    if object == CUSTOMERS:  # a name that is of a company by its name is none of a person
        scores = [each for each in scores if each[1] != "FullName" or not _is_name_of_all(table, each[2])]
    elif object == PRODUCTS:
        scores = [each for each in scores if each[1] != "FullName"]
    if len(table.key) == 1:  # an article's number may be its key: where nothing else is
        elsewhere = {property for _, property, column in scores if column != table.key[0]}
        is_number = table[table.key[0]].family != "text"
        scores = [each for each in scores if each[2] != table.key[0] or not (is_number or each[1] in elsewhere)]
    found = assigned(scores)
    roles = {name: column for name, (column, _) in found.items() if name not in PROPERTIES[object]}
    columns = {name: found[name][0] for name in PROPERTIES[object] if name in found}
    weights = _WEIGHTS[object]
    score = sum(weights.get(name, _AN_ADDRESS) * min(found[name][1], 1.0) for name in columns)
    score += _by_table_name(object, table, columns, seen)
    return Guess(object=object, table=table, score=score, columns=columns, roles=roles)


def _without_lone_name(table: Table, scores: list[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Without a first or last name that stands alone, and is called as the name of anything is: `nom`, `nombre`."""
    parts = {column for _, name, column in scores if name in {"FirstName", "LastName"}}
    if len(parts) != 1 or not any(_is_name_of_all(table, column) for column in parts):
        return scores
    return [each for each in scores if each[1] not in {"FirstName", "LastName"}]


def _is_name_of_all(table: Table, column: str) -> bool:
    return column_scores(column, table.name, _shared(table)).get("Name", 0) >= LEAST


def _names_a_company(table: Table) -> bool:
    """Whether a column is called as the name of a company is, and no person's."""
    shared = _shared(table)
    return any(
        named.get("Name", 0) >= LEAST and named.get("CompanyName", 0) >= LEAST
        for named in (column_scores(column.name, table.name, shared) for column in table.columns)
    )


def _by_table_name(object: str, table: Table, columns: Mapping[str, str], seen: Mapping[str, Looks]) -> float:
    named = table_scores(table.name)
    score = BY_NAME * named.get(object, 0.0) - 2 * BY_NAME * named.get("none", 0.0)
    if object == CONTACTS:
        person = "FirstName" in columns or "LastName" in columns
        score += 0 if person or "FullName" in columns or "Email" in columns else -2 * BY_NAME
        name = columns.get("FullName")
        if name and not person and (seen[name]["company"] > 0.3 or named.get(CUSTOMERS, 0) > named.get(CONTACTS, 0)):
            score -= BY_NAME
        if not person and _names_a_company(table):
            score -= BY_NAME  # with somebody to ask for
        if not person and not ({"Email", "Phone", "MobilePhone"} & columns.keys()):
            score -= BY_NAME
    if object == CUSTOMERS:
        score += 0 if "Name" in columns else -3 * BY_NAME
        reachable = {"Phone", "Email", "Website", "StreetAddress1", "City"} & columns.keys()
        score -= 0 if reachable or named.get(CUSTOMERS, 0) > named.get(CONTACTS, 0) else BY_NAME
    if object == PRODUCTS:
        score += 0 if "Name" in columns else -3 * BY_NAME
        score -= 0 if {"Price", "Sku"} & columns.keys() else BY_NAME / 2
    if table.rows and table.key and len(table.key) > 1:
        score -= BY_NAME / 2  # a relation between others, for the most part
    return score


def _by_flag(table: Table, flag: str) -> Iterator[Guess]:
    """The people and the companies of one table, which a column tells apart."""
    values = table.values(flag)
    for object, wanted in ((CONTACTS, False), (CUSTOMERS, True)):
        rows = tuple(row for row, value in zip(table.rows, values, strict=True) if bool(value) is wanted)
        some = attrs.evolve(table, rows=rows)
        told = wanted if table[flag].family == "boolean" else int(wanted)
        yield attrs.evolve(_guess(object, some, looks_of(some)), where={flag: told})


_SORTS = 6  # values of a column that tells sorts of rows apart


def _sorts(table: Table) -> tuple[str, Mapping[str, list[str]]] | None:
    """The column that tells people from companies by a word for either, with its values for each of them."""
    for column in table.columns:
        if column.family != "text" or column.name in table.single_keys:
            continue
        texts = {value for value in table.values(column.name) if isinstance(value, str) and value.strip()}
        if not 1 < len(texts) <= _SORTS:
            continue
        found: dict[str, list[str]] = {CONTACTS: [], CUSTOMERS: []}
        for text in sorted(texts):
            said = table_scores(text)
            person, company = said.get(CONTACTS, 0.0), said.get(CUSTOMERS, 0.0)
            if person != company:
                found[CONTACTS if person > company else CUSTOMERS].append(text)
        if all(found.values()):
            return column.name, found
    return None


def _by_sort(table: Table, column: str, sorts: Mapping[str, list[str]]) -> Iterator[Guess]:
    values = table.values(column)
    for object, wanted in sorts.items():
        rows = tuple(row for row, value in zip(table.rows, values, strict=True) if value in wanted)
        some = attrs.evolve(table, rows=rows)
        told: Any = wanted[0] if len(wanted) == 1 else wanted
        guess = _guess(object, some, looks_of(some))
        yield attrs.evolve(guess, score=guess.score + BY_NAME, where={column: told})


def _rank(guess: Guess) -> float:
    return guess.score - (_LESSER if "lesser" in table_scores(guess.table.name) else 0.0)


def guesses(schema: Schema) -> dict[str, list[Guess]]:
    """For each kind of record the tables that look like it, the likeliest first; a table is of one kind.

    A person has a first or a last name, a company has not.
    """
    made: list[Guess] = []
    for table in schema.tables:
        seen = looks_of(table)
        own = [_guess(object, table, seen) for object in PROPERTIES]
        flag = own[0].roles.get("is_company")
        if flag is not None:
            made += filter(lambda guess: guess.is_likely, _by_flag(table, flag))
            continue
        sorts = _sorts(table)
        if sorts is not None:
            apart = list(_by_sort(table, *sorts))
            if all(guess.is_likely for guess in apart):
                made += apart
                continue
        contact, customer = own[0], own[1]
        if {"FirstName", "LastName"} & contact.columns.keys():
            own.remove(customer)
        best = max(own, key=lambda guess: guess.score)
        if best.is_likely:
            made.append(best)
    # Of two that are as likely, tables before views, and the shorter name.
    made.sort(key=lambda guess: (-_rank(guess), guess.table.is_view, len(guess.table.name), guess.table.name))
    return {object: [guess for guess in made if guess.object == object] for object in PROPERTIES}
