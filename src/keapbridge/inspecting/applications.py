"""Applications that are known by their tables, and what to know before writing past them. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import attrs

from keapbridge.inspecting.schema import Schema
from keapbridge.model.finding import Finding, Severity

__all__ = ["Application", "recognised"]


@attrs.frozen(kw_only=True)
class Application:
    """One of `applications.toml`.

    Attributes:
        name: what it is called.
        version: of which the facts are.
        tables: patterns of names of tables, all of which it has.
        severity: of the finding.
        what: what is so.
        advice: what to do about it.
        one_way: whether its tables are better only read.
    """

    name: str
    version: str
    tables: tuple[str, ...] = attrs.field(converter=tuple)
    severity: Severity
    what: str
    advice: str
    one_way: bool = False

    @property
    def finding(self) -> Finding:
        """What is told of it."""
        return Finding(self.severity, self.name, f"these look like its tables: {self.what}", self.advice)


@cache
def _known() -> tuple[Application, ...]:
    text = files("keapbridge.inspecting").joinpath("applications.toml").read_text("utf-8")
    return tuple(Application(**each) for each in tomllib.loads(text)["application"])


def recognised(schema: Schema) -> Sequence[Application]:
    """Those whose tables are there."""
    names = [table.name for table in schema.tables]
    return [each for each in _known() if all(any(fnmatchcase(n, t) for n in names) for t in each.tables)]
