"""`inspect_database`: read, propose, and try the proposal on the rows that were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from keapbridge.customcrm.sql import SqlCustomcrm, SqlTable
from keapbridge.customcrm.sql.keys import id_text
from keapbridge.errors import ApiError, MappingError
from keapbridge.inspecting.printing import target as shown_url
from keapbridge.inspecting.profile import Profile, profile_of
from keapbridge.inspecting.proposal import Proposal, propose, with_profiles
from keapbridge.inspecting.reading import opened, read_schema, with_rows
from keapbridge.inspecting.schema import Schema
from keapbridge.mapping.kinds import Context
from keapbridge.model.finding import Finding
from keapbridge.model.given import keywords, one_of, whole

__all__ = ["inspect_database"]

MOST = 10_000  # rows of a sample


@keywords()
def inspect_database(
    target: str | sa.Engine,
    *,
    schema: str | None = None,
    default_region: str | None = None,
    currency: str | None = None,
    sample: int = 200,
) -> Proposal:
    """Look at a database, and propose how it is declared as the Customcrm.

    It reads the schema and a few rows of each table that may be meant. It writes nothing, and takes no longer for large
    tables.

    ```python
    proposal = kb.inspect_database("sqlite:///crm.db")
    print(proposal)
    print(proposal.as_python())
    ```

    Args:
        target: a SQLAlchemy URL or the host's own engine. SQLite, PostgreSQL, MariaDB and MySQL are known.
        schema: the database schema to look into, where it is not the default one.
        default_region: ISO 3166-1 alpha-2 country of phone numbers without a prefix, as the session is to have it.
        currency: ISO 4217 code of prices that do not tell theirs.
        sample: how many rows of a table are read at most.

    Raises:
        TransportError: when the database cannot be opened.
    """
    one_of("target", target, (str, sa.Engine), "a SQLAlchemy URL or an Engine, such as 'sqlite:///crm.db'")
    whole("sample", sample, least=1, example=200)
    with opened(target) as engine:
        found = with_rows(engine, read_schema(engine, schema), min(sample, MOST))
        url = shown_url(sa.make_url(target) if isinstance(target, str) else target.url)
        proposal = propose(found, currency=currency, url=url)
        context = Context(default_region=default_region)
        profiles: list[Profile] = []
        refused: list[Finding] = []
        for object, table in proposal.tables.items():
            try:
                records = _records(engine, found, object, table)
                profiles.append(profile_of(object, records, context, proposal.mappings[object].mapper))
            except (ApiError, MappingError) as error:
                advice = "change the declaration until it is taken"
                refused.append(Finding("error", f"{object}: {table.name}", str(error), advice))
    return with_profiles(proposal, profiles, refused)


def _records(engine: sa.Engine, schema: Schema, object: str, table: SqlTable) -> Sequence[Any]:
    """The rows that were read, as the adapter shows them."""
    read = schema.find(table.name, table.schema)
    tables: dict[str, Any] = {object: table}
    with SqlCustomcrm(engine, **tables) as customcrm:
        keys = zip(*(read.values(name) for name in table.ids), strict=True) if read is not None else ()
        ids = [id_text(key) for key in keys if None not in key]
        return customcrm.get_many(object, list(dict.fromkeys(ids)))
