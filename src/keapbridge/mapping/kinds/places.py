"""Countries and their regions. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import field, frozen

from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.geography import (
    alpha2,
    country_name,
    country_of,
    is_standard,
    language_of,
    region_name,
    region_of,
    sign,
)
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, line, within
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Country", "Region"]


def _is_notation(*known: str) -> Callable[[Any, Any, str | None], None]:
    def check(_: Any, __: Any, value: str | None) -> None:
        form, _, language = (value or known[0]).partition(" ")
        if form not in known or (language and form != "name"):
            raise MappingError(f"notation must be one of {', '.join(map(repr, known))}, not {value!r}")

    return check


@frozen
class Country(Kind):
    """A country, ISO 3166-1 alpha-3. Read from names and codes; written as alpha-3 to Keap, alpha-2 to Customcrm.

    Attributes:
        notation: how Customcrm writes it: `"alpha-2"`, `"alpha-3"`, `"name"`, or the name in a language (`"name nb"`).
    """

    notation: str | None = field(default=None, validator=_is_notation("alpha-2", "alpha-3", "name"))
    fits_custom_field: ClassVar[bool] = False
    is_named: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        for text in raw if isinstance(raw, tuple) else (raw,):
            if text is None or not (name := line(text)).strip():
                continue
            found = country_of(name)
            if found is None:
                raise UnfitError("not a known country")
            return found
        return None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        return (value, None) if side is Side.KEAP else alpha2(str(value))

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if side is Side.KEAP and isinstance(value, str) and not is_standard(value):
            raise UnfitError(f"{country_name(value)} has no code in ISO 3166-1, whose countries Keap takes")
        return within(value, limit)

    def style_of(self, raw: str, value: Canonical) -> str | None:
        text, code = raw.strip(), str(value)
        if text.upper() == code:
            return "alpha-3"
        if len(text) == 1:
            return "sign"
        return "alpha-2" if text.upper() == alpha2(code) else f"name {language_of(text, code)}".strip()

    def spell(self, value: Canonical, style: str, scope: Canonical, context: Context) -> Any:
        form, _, language = style.partition(" ")
        match form:
            case "alpha-3":
                return value
            case "name":
                return country_name(str(value), language)
            case "sign":
                return sign(str(value)) or alpha2(str(value))
            case _:
                return alpha2(str(value))

    def sample(self, asked: Asked) -> Sample | None:
        return (Sample("NO", ("NOR", None)), Sample("US", ("USA", None)))[asked.turn]


@frozen
class Region(Kind):
    """A state or province, ISO 3166-2 (`US-AZ`). Its scope is the country: a bare `AZ` or a name belongs to it.

    Without a country it belongs to the default region.

    Attributes:
        notation: how Customcrm writes it: `"code"` (`US-AZ`), `"short"` (`AZ`) or `"name"`.
    """

    notation: str | None = field(default=None, validator=_is_notation("code", "short", "name"))
    fits_custom_field: ClassVar[bool] = False
    is_named: ClassVar[bool] = True
    needs_scope: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        for text in raw if isinstance(raw, tuple) else (raw,):
            if text is None or not (name := line(text)).strip():
                continue
            country = alpha2(scope) if isinstance(scope, str) else (context.default_region or "").upper()
            if not country and not isinstance(scope, str):
                raise UnfitError("a region without a country")
            found = region_of(country or "", name)
            if found is None:
                raise UnfitError("not a known region of its country")
            return found
        return None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return (value, None) if side is Side.KEAP and value is not None else value

    def style_of(self, raw: str, value: Canonical) -> str | None:
        text, code = raw.strip().upper(), str(value)
        return "code" if text == code else "short" if text == code.partition("-")[2] else "name"

    def spell(self, value: Canonical, style: str, scope: Canonical, context: Context) -> Any:
        code = str(value)
        return code.partition("-")[2] if style == "short" else region_name(code) if style == "name" else code

    def sample(self, asked: Asked) -> Sample | None:
        code = ("NO-03", "NO-46")[asked.turn]
        return Sample(code, (code, None))
