"""Countries and their regions. Pure."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.mapping.geography import alpha2, countries, plain, regions
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, line
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Country", "Region"]


@frozen
class Country(Kind):
    """A country, ISO 3166-1 alpha-3. Read from names and codes; written as alpha-3 to Keap, alpha-2 to Customcrm."""

    fits_custom_field: ClassVar[bool] = False

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        for text in raw if isinstance(raw, tuple) else (raw,):
            if text is None or not (name := line(text)).strip():
                continue
            found = countries().get(plain(name))
            if found is None:
                raise UnfitError("not a known country")
            return found
        return None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        return (value, None) if side is Side.KEAP else alpha2(str(value))

    def sample(self, asked: Asked) -> Sample | None:
        return (Sample("NO", ("NOR", None)), Sample("US", ("USA", None)))[asked.turn]


@frozen
class Region(Kind):
    """A state or province, ISO 3166-2 (`US-AZ`). Its scope is the country: a bare `AZ` or a name belongs to it.

    Without a country it belongs to the default region.
    """

    fits_custom_field: ClassVar[bool] = False
    needs_scope: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        for text in raw if isinstance(raw, tuple) else (raw,):
            if text is None or not (name := line(text)).strip():
                continue
            country = alpha2(scope) if isinstance(scope, str) else (context.default_region or "").upper()
            if not country and not isinstance(scope, str):
                raise UnfitError("a region without a country")
            found = regions(country or "").get(plain(name))
            if found is None:
                raise UnfitError("not a known region of its country")
            return found
        return None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return (value, None) if side is Side.KEAP and value is not None else value

    def sample(self, asked: Asked) -> Sample | None:
        code = ("NO-03", "NO-46")[asked.turn]
        return Sample(code, (code, None))
