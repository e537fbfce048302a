"""What a database says of an error, in words that show no value: it repeats what it was sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["came_second", "is_refusal", "words_of_database"]

_STATES: Final[Mapping[str, str]] = {  # SQLSTATE, as PostgreSQL and others have it
    "22001": "a text is too long for its column",
    "23502": "a column that is never empty would be",
    "23503": "no row has what it refers to, or others refer to it",
    "23505": "another row has that value, which is unique",
    "23514": "a value that a CHECK does not allow",
    "22003": "a number is out of the range of its column",
    "22007": "no date or time that its column can hold",
    "22008": "no date or time that its column can hold",
    "22021": "a character that its encoding cannot hold",
    "22P02": "a value that its column cannot hold",
    "25006": "it is read-only",
    "28000": "the credentials were refused",
    "28P01": "the credentials were refused",
    "3D000": "there is no database of that name",
    "40001": "another transaction came first",
    "40P01": "another transaction came first",
    "42501": "the user of the connection may not do that",
    "42703": "there is no such column",
    "42P01": "there is no such table",
    "42804": "a value that its column cannot hold",
    "53100": "its disk is full",
    "53300": "it has too many connections",
    "55P03": "the row is locked by somebody else",
    "P0001": "a trigger of the database does not take it",
    "57014": "it took too long, and was cancelled",
    "57P01": "it is being shut down",
    "57P03": "it is starting, or being shut down",
}
_NUMBERS: Final[Mapping[int, str]] = {  # of MySQL and MariaDB
    1040: _STATES["53300"],
    1048: _STATES["23502"],
    1062: _STATES["23505"],
    1265: _STATES["22P02"],
    1364: _STATES["23502"],
    1451: "others refer to it",
    1452: "no row has what it refers to",
    3819: _STATES["23514"],
    4025: _STATES["23514"],
    1045: _STATES["28P01"],
    1049: _STATES["3D000"],
    1054: _STATES["42703"],
    1142: _STATES["42501"],
    1143: _STATES["42501"],
    1146: _STATES["42P01"],
    1205: _STATES["55P03"],
    1213: _STATES["40001"],
    1264: _STATES["22003"],
    1290: _STATES["25006"],
    1292: _STATES["22007"],
    1366: _STATES["22P02"],
    1406: _STATES["22001"],
    1836: _STATES["25006"],
    1644: _STATES["P0001"],
    2003: "nothing answers at its address",
    2005: "its host is not known",
    2006: "the connection was lost",
    2013: "the connection was lost",
    3024: _STATES["57014"],
}
_OF_VALUES: Final = frozenset({1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 1644, 3819, 4025})
"""Numbers of MySQL and MariaDB that refuse what is written, whatever its driver takes them for."""
_SECOND_STATES: Final = frozenset({"40001", "40P01"})
_SECOND_NUMBERS: Final = frozenset({1020, 1213})  # a row that has changed since it was read, a deadlock
_SAID: Final[Mapping[str, str]] = {  # what SQLite says, and drivers of connections that are not made
    "unique constraint failed": _STATES["23505"],
    "not null constraint failed": _STATES["23502"],
    "foreign key constraint failed": _STATES["23503"],
    "check constraint failed": _STATES["23514"],
    "readonly": _STATES["25006"],
    "read-only": _STATES["25006"],
    "is locked": "it is locked by another program",
    "disk is full": _STATES["53100"],
    "disk i/o": "its disk fails",
    "malformed json": _STATES["22P02"],
    "malformed": "its file is damaged",
    "not a database": "its file is no database",
    "no such table": _STATES["42P01"],
    "no such column": _STATES["42703"],
    "unable to open": "its file cannot be opened",
    "too large to convert": _STATES["22003"],
    "string or blob too big": _STATES["22001"],
    "authentication failed": _STATES["28P01"],
    "connection refused": "nothing answers at its address",
    "translate host name": "its host is not known",
    "resolve host": "its host is not known",
    "name or service not known": "its host is not known",
    "timeout": "it does not answer in time",
    "timed out": "it does not answer in time",
    "closed the connection": "the connection was lost",
    "connection is lost": "the connection was lost",
}


_PLACES: Final[Mapping[int, re.Pattern[str]]] = {
    # Where MySQL and MariaDB name a column or a constraint: behind any value that they repeat.
    1048: re.compile(r"Column '(\w+)' cannot be null$"),
    1062: re.compile(r"for key '([\w.]+)'$"),
    1264: re.compile(r"for column '?`?(?:\w+`\.`)*(\w+)`?'? at row \d+$"),
    1265: re.compile(r"for column '?`?(?:\w+`\.`)*(\w+)`?'? at row \d+$"),
    1292: re.compile(r"for column '?`?(?:\w+`\.`)*(\w+)`?'? at row \d+$"),
    1364: re.compile(r"Field '(\w+)' doesn't have a default value$"),
    1366: re.compile(r"for column '?`?(?:\w+`\.`)*(\w+)`?'? at row \d+$"),
    1406: re.compile(r"for column '(\w+)' at row \d+$"),
    1451: re.compile(r"CONSTRAINT `(\w+)` FOREIGN KEY"),
    1452: re.compile(r"CONSTRAINT `(\w+)` FOREIGN KEY"),
    3819: re.compile(r"Check constraint '(\w+)' is violated\.?$"),
    4025: re.compile(r"CONSTRAINT `([\w.]+)` failed"),
}
_OF_SQLITE: Final = re.compile(r"(?:UNIQUE|NOT NULL|CHECK) constraint failed: ([\w., ]+)$")
_BY_TRIGGER: Final = "SQLITE_CONSTRAINT_TRIGGER"  # whose text is the trigger's own
_TABLE: Final = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) [`\"\[]?([^\s`\"\](]+)")


def came_second(error: BaseException | None) -> bool:
    """Whether a transaction was ended, and undone, for the sake of another one: it may pass when it is tried again."""
    given: Any = error
    state = getattr(given, "sqlstate", None) or getattr(given, "pgcode", None)
    number = next(iter(getattr(given, "args", ())), None)
    return state in _SECOND_STATES or (type(number) is int and number in _SECOND_NUMBERS)


def is_refusal(error: BaseException | None) -> bool:
    """Whether an error refuses what was to be written, and is no trouble of the database."""
    number = next(iter(getattr(error, "args", ())), None)
    return type(number) is int and number in _OF_VALUES


def place_in(error: Any) -> str:
    """The column or the constraint that a driver names; empty where it names none."""
    told = getattr(error, "diag", None)
    names = [getattr(told, name, None) for name in ("table_name", "column_name", "constraint_name")]
    if found := ".".join(name for name in names[:2] if isinstance(name, str) and name):
        return found if not isinstance(names[2], str) else f"{found}: {names[2]}"
    number, *said = [*getattr(error, "args", ()), ""][:2]
    text = str(said[0]) if said and type(number) is int else str(number)
    pattern = _PLACES.get(number) if type(number) is int else _OF_SQLITE
    match = pattern.search(text) if pattern is not None else None
    return match[1] if match is not None else ""


def words_of_database(error: BaseException | None, statement: str | None = None) -> str:
    """What is known of a driver's error; the name of its type where nothing is.

    Args:
        error: the driver's own.
        statement: what it refuses, which names the table.
    """
    given: Any = error
    state = getattr(given, "sqlstate", None) or getattr(given, "pgcode", None)
    number = next(iter(getattr(given, "args", ())), None)
    # MariaDB's own numbers say more than the states that it sends along.
    found = _NUMBERS.get(number) if type(number) is int else None
    if found is None and isinstance(state, str):
        found = _STATES.get(state)
    if found is None and getattr(given, "sqlite_errorname", None) == _BY_TRIGGER:
        found = _STATES["P0001"]
    if found is None:
        said = str(given).casefold()
        found = next((words for part, words in _SAID.items() if part in said), None)
    name = type(given).__name__
    place = _in_table(place_in(given), statement)
    where = f"{place}, " if place else ""
    return f"{where}{name}" if found is None else f"{found} ({where}{name})"


def _in_table(place: str, statement: str | None) -> str:
    """A column or a constraint with the table that was written to."""
    written = _TABLE.match(statement or "")
    table = written[1] if written is not None else ""
    if not table or place.startswith((f"{table}.", f"{table}:")):
        return place
    return f"{table}.{place}" if place else table
