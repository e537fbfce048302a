"""The templates, which only lay out: what they show comes as values, and every text is escaped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from keapbridge._version import __version__

__all__ = ["plural", "render"]


def render(template: str, **context: Any) -> str:
    """A page."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("keapbridge.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.filters |= {"number": _number, "stamp": _stamp, "minute": _minute, "span": _span, "plural": plural}
    found.globals["version"] = __version__
    return found


def _number(value: float) -> str:
    return f"{value:,}"


def _stamp(moment: datetime) -> str:
    """A moment as machines read it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _minute(moment: datetime) -> str:
    """A moment as people read it, where no script tells it in their own zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and size < 86400):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def plural(number: int, one: str, many: str = "") -> str:
    """`3 conflicts`, `1 conflict`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
