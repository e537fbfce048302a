"""What a database says of an error, in words that show no value: it repeats what it was sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["words_of_database"]

_STATES: Final[Mapping[str, str]] = {  # SQLSTATE, as PostgreSQL and others have it
    "22001": "a text is too long for its column",
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
    "57014": "it took too long, and was cancelled",
    "57P01": "it is being shut down",
    "57P03": "it is starting, or being shut down",
}
_NUMBERS: Final[Mapping[int, str]] = {  # of MySQL and MariaDB
    1040: _STATES["53300"],
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
    2003: "nothing answers at its address",
    2005: "its host is not known",
    2006: "the connection was lost",
    2013: "the connection was lost",
    3024: _STATES["57014"],
}
_SAID: Final[Mapping[str, str]] = {  # what SQLite says, and drivers of connections that are not made
    "readonly": _STATES["25006"],
    "read-only": _STATES["25006"],
    "is locked": "it is locked by another program",
    "disk is full": _STATES["53100"],
    "disk i/o": "its disk fails",
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


def words_of_database(error: BaseException | None) -> str:
    """What is known of a driver's error; the name of its type where nothing is.

    Args:
        error: the driver's own.
    """
    given: Any = error
    state = getattr(given, "sqlstate", None) or getattr(given, "pgcode", None)
    number = next(iter(getattr(given, "args", ())), None)
    found = _STATES.get(state) if isinstance(state, str) else None
    if found is None and type(number) is int:
        found = _NUMBERS.get(number)
    if found is None:
        said = str(given).casefold()
        found = next((words for part, words in _SAID.items() if part in said), None)
    name = type(given).__name__
    return name if found is None else f"{found} ({name})"
