"""Whether MySQL or MariaDB refuses what a column cannot hold, or makes another value of it without a word."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from keapbridge.model.finding import Finding

__all__ = ["refuse_what_does_not_fit"]

_STRICT = ("STRICT_ALL_TABLES", "STRICT_TRANS_TABLES")
_SET = "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES')"


def refuse_what_does_not_fit(engine: sa.Engine, *, is_owned: bool) -> list[Finding]:
    """Have our own connections refuse values that would be cut, be changed to `?`, or become the date 0000-00-00.

    A host's engine is left as it is; that it does not refuse them is a finding.
    """
    if engine.dialect.name not in {"mysql", "mariadb"}:
        return []
    with engine.connect() as connection:
        mode = str(connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar())
    if any(each in mode.split(",") for each in _STRICT):
        return []
    if not is_owned:
        what = "its sql_mode is not strict: a value that a column cannot hold is changed without a word"
        return [
            Finding("warning", "customcrm", what, "add STRICT_ALL_TABLES to the sql_mode of the engine's connections")
        ]
    event.listen(engine, "connect", _make_strict)
    engine.dispose()  # those that are open are as they were
    return []


def _make_strict(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(_SET)
    cursor.close()
