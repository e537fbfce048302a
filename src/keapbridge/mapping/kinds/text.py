"""Texts: any, e-mail addresses, addresses in the web, names of people. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

from attrs import field, frozen

from keapbridge.decide.spelling import blind, decoded
from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, carriable, line, within
from keapbridge.mapping.kinds.times import moment_text
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Email", "FullName", "Text", "Url", "plain_text"]


# What no text of people has: all control characters but the tab and the end of a line.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain_text(raw: str) -> str | None:
    """A text in its canonical form: no white space around it, one sort of line end, Unicode NFC.

    Raises:
        UnfitError: when it has control characters or half of a surrogate pair in it.
    """
    if raw.isascii() and raw.isprintable():  # as most are: no ends of lines, no control characters
        return raw.strip() or None
    text = raw.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        return None
    if not text.isprintable():
        stray = _CONTROL.search(text)
        if stray is not None:
            raise UnfitError(f"a control character (U+{ord(stray[0]):04X})")
        carriable(text)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_encoded(value: Canonical, clean: Canonical) -> bool:
    """Whether a text is another one with HTML entities in it, encoded once or twice."""
    if not isinstance(value, str) or not isinstance(clean, str) or "&" not in value or value == clean:
        return False
    once = html.unescape(value)
    return " ".join(clean.split()) in (" ".join(once.split()), " ".join(html.unescape(once).split()))


def _one_of(*allowed: object) -> Callable[[Any, Any, object], None]:
    def check(kind: Any, attribute: Any, value: object) -> None:
        if value not in allowed:
            raise MappingError(f"{attribute.name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")

    return check


@frozen
class Text(Kind):
    """Text without surrounding white space, in Unicode NFC.

    Attributes:
        on_too_long: `"truncate"` (the other side keeps the whole text) or `"error"`.
    """

    on_too_long: str = field(default="truncate", validator=_one_of("truncate", "error"))
    is_text: ClassVar[bool] = True
    plain: ClassVar[re.Pattern[str] | None] = re.compile("(?! )[ -~]+(?<! )")

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None:
            return None
        if not isinstance(raw, str):
            if isinstance(raw, (int, float, Decimal)) and not isinstance(raw, bool):
                return str(raw)
            if isinstance(raw, datetime):
                return moment_text(raw)
            if isinstance(raw, date):
                return raw.isoformat()
            raise UnfitError("not a text")
        return plain_text(raw)

    def encodes(self, value: Canonical, clean: Canonical) -> bool:
        return is_encoded(value, clean)

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if self.on_too_long == "truncate" and limit is not None and isinstance(value, str):
            return value[:limit].rstrip()
        return within(value, limit)

    def sample(self, asked: Asked) -> Sample | None:
        value = f"{asked.number}{'ab'[asked.turn]} {asked.name}"[: min(60, asked.limit or 60)].strip()
        return Sample(value, value)


_LONGEST_EMAIL = 320
_PLAIN_EMAIL = re.compile(
    r"(?!.{65})[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.[a-z]{2,}"
)


@frozen
class Email(Kind):
    """An e-mail address, in lower case: systems differ in the case they keep, mailboxes do not."""

    takes_opt_in_reason: ClassVar[bool] = True
    plain: ClassVar[re.Pattern[str] | None] = _PLAIN_EMAIL

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or not (text := line(raw, _LONGEST_EMAIL).strip()):
            return None
        text = text.lower()
        if _PLAIN_EMAIL.fullmatch(text):
            return text
        found = _normal(text) or _normal(decoded(text).strip().lower())
        if found is None:
            raise UnfitError("not a valid e-mail address")
        return found

    def encodes(self, value: Canonical, clean: Canonical) -> bool:
        if not isinstance(value, str) or not isinstance(clean, str) or "xn--" not in value or "xn--" in clean:
            return False
        return blind(value) == blind(clean)

    def style_of(self, raw: str, value: Canonical) -> str | None:
        return "upper" if raw.isupper() else "lower"

    def spell(self, value: Canonical, style: str, scope: Canonical, context: Context) -> Any:
        return str(value).upper() if style == "upper" else None

    def sample(self, asked: Asked) -> Sample | None:
        value = f"qa-{asked.number}{'ab'[asked.turn]}@example.org"
        return Sample(value, value, "EMAIL")


def _normal(text: str) -> str | None:
    """An address as mail is sent to it; `None` when it is none."""
    from email_validator import validate_email

    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except ValueError:  # its own error is one, and so is what it lets pass for letters of no alphabet
        return None
    return found.normalized.lower()


_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d+(/|$))")
_HOST = re.compile(r"(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))+\.?")
_LONGEST_URL = 8000


@frozen
class Url(Kind):
    """The address of a web page: scheme and host in lower case, without a lone slash behind the host.

    One without a scheme is taken for `https`.
    """

    plain: ClassVar[re.Pattern[str] | None] = re.compile(
        r"(?!.{2000})https?://([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([/?#][!-~]+)?"
    )

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or not (text := plain_text(line(raw, _LONGEST_URL)) or ""):
            return None
        found = _SCHEME.match(text)
        kind, rest = (found[1].lower(), text[found.end() :]) if found else ("https", f"//{text.removeprefix('//')}")
        if kind not in {"http", "https"} or not rest.startswith("//") or any(c.isspace() for c in text):
            raise UnfitError("not the address of a web page")
        host, mark, path = _split(rest[2:])
        name, colon, port = host.rpartition("@")[2].partition(":")
        if not _HOST.fullmatch(name) or (colon and not (port.isascii() and port.isdecimal())):
            raise UnfitError("not the address of a web page")
        user = host[: -len(name + colon + port)]
        # A letter that grows in lower case may be decomposed by it.
        small = unicodedata.normalize("NFC", f"{user}{name.lower()}{colon}{port}")
        return f"{kind}://{small}{'' if mark + path == '/' else mark + path}"

    def sample(self, asked: Asked) -> Sample | None:
        value = f"https://qa{asked.number}.example.org/{'ab'[asked.turn]}"
        return Sample(value, value)


def _split(text: str) -> tuple[str, str, str]:
    """The host, what ends it, and the rest."""
    end = re.search(r"[/?#]", text)
    return (text, "", "") if end is None else (text[: end.start()], end[0], text[end.end() :])


@frozen
class FullName(Kind):
    """A person's whole name in one property of Customcrm, and in two of Keap: the given names and the family name.

    Canonical is the whole name as Customcrm writes it. Where the family name begins is a guess when a whole name in the
    order "given family" is split: at its last word, and at the words in lower case before that ("van", "de la"). Keap's
    own parts are left as they are while the whole name is the same.

    Attributes:
        order: how Customcrm writes it.
        longest: the most characters of each of Keap's parts.
    """

    order: Literal["given family", "family, given"] = field(
        default="given family", validator=_one_of("given family", "family, given")
    )
    longest: int = 40
    fits_custom_field: ClassVar[bool] = False
    keeps_spelling: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if side is Side.KEAP:
            given, family = (_words(part) for part in (*raw, None)[:2]) if isinstance(raw, tuple) else (_words(raw), "")
            return self._whole(given, family)
        return self._whole(*self._parts(_words(raw)))

    def _whole(self, given: str, family: str) -> str | None:
        if self.order == "given family":
            return f"{given} {family}".strip() or None
        if "," in family:
            raise UnfitError("a comma in a family name")
        return (f"{family}, {given}" if family and given else family or (f", {given}" if given else "")) or None

    def _parts(self, whole: str) -> tuple[str, str]:
        if self.order == "family, given":
            family, _, given = whole.partition(",")
            return given.strip(), family.strip()
        words = whole.split(" ")
        begin = len(words) - 1
        while begin > 1 and words[begin - 1][:1].islower():
            begin -= 1
        return (whole, "") if begin < 1 else (" ".join(words[:begin]), " ".join(words[begin:]))

    def encodes(self, value: Canonical, clean: Canonical) -> bool:
        return is_encoded(value, clean)

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None or side is Side.CUSTOMCRM:
            return value
        given, family = self._parts(str(value))
        return (given or None, family or None)

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if side is Side.KEAP and isinstance(value, str):
            for part in self._parts(value):
                within(part, self.longest)
        return value

    def sample(self, asked: Asked) -> Sample | None:
        given, family = f"Ada{asked.number}", ("Lovelace", "King")[asked.turn]
        return Sample(f"{given} {family}" if self.order == "given family" else f"{family}, {given}", (given, family))


def _words(raw: Any) -> str:
    """A name with one space between its words."""
    if raw is None or raw is UNSET:
        return ""
    if not isinstance(raw, str):
        raise UnfitError("not a text")
    return " ".join((plain_text(raw) or "").split())
