"""Values that the host's own functions make. Pure, as far as they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from attrs import field, frozen

from keapbridge.decide.hosts import HostFunctionError, asked
from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds.base import Context, Kind, carriable, within
from keapbridge.mapping.kinds.text import Text, plain_text
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Made", "name_of"]


def name_of(function: Callable[..., Any]) -> str:
    """A function as it is told from others in every process: by its module and its name there."""
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__qualname__)}"


@frozen
class Made(Kind):
    """A value that the host's own functions make of Keap's, and the other way round. Canonical is Customcrm's.

    Attributes:
        get: Keap's value → Customcrm's.
        put: Customcrm's value → Keap's.
        loses: whether it is declared that Keap does not hold all of a value: the whole then stays in Customcrm.
    """

    get: Callable[[Any], Any] = field(repr=name_of)
    put: Callable[[Any], Any] = field(repr=name_of)
    loses: bool = False
    keeps_spelling: ClassVar[bool] = True

    @property
    def is_told(self) -> bool:
        return False

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        return self._canonical(raw) if side is Side.CUSTOMCRM else self._canonical(self._call(self.get, raw))

    def _canonical(self, value: Any) -> Canonical:
        if isinstance(value, str):
            return plain_text(value)
        if isinstance(value, (float, Decimal, date)):
            return Text().read(value, Side.CUSTOMCRM, None, Context())
        return carriable(value)

    def _call(self, function: Callable[[Any], Any], value: Any) -> Any:
        if value is None:
            return None
        try:
            return asked(function, value)
        except UnfitError:
            raise
        except Exception as error:  # noqa: BLE001 - the host's function, which one bad value must not let stop a run
            raised = error.__cause__ if isinstance(error, HostFunctionError) else error
            # Its message may tell of the value.
            raise UnfitError(f"{name_of(function)} does not take it ({type(raised).__name__})") from None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value if side is Side.CUSTOMCRM else self._call(self.put, value)

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        value = within(self._canonical(value), limit)
        if side is Side.CUSTOMCRM or value is None:
            return value
        held = self.read(self._call(self.put, value), Side.KEAP, None, context)
        if held == value:
            return held
        if not self.loses:
            raise UnfitError("read back from Keap it would be another value, and no loss is declared")
        again = self.read(self._call(self.put, held), Side.KEAP, None, context)
        if held is None or again != held:
            raise UnfitError("read back from Keap it would be another value each time")
        return held
