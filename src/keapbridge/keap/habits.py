"""Habits: how a given Keap behaves where its contract is silent. Pure.

The contract says nothing about two dozen things that matter to whoever writes to Keap and reads it again. Each is a
habit here. One profile of them tells the client how to write and what to ask for, and the emulator how to behave; what
is not known is `None`, and the client then does only what is safe whichever way it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

import attrs

from keapbridge.model import given
from keapbridge.model.given import keywords
from keapbridge.model.meant import is_meant

__all__ = ["Cleared", "Habits"]

Cleared = Literal["clears", "ignored", "refused"]
"""What becomes of a value that is written empty."""
Lag = Literal["none", "some"]
"""Whether what was before a write is shown for a while after it."""

_TABLE: Final = "habits"


def _choice(*, of: Any, assumed: str, says: str) -> Any:
    choices = get_args(of)

    def check(_: object, attribute: Any, value: Any) -> None:
        if value is not None and value not in choices:
            listed = ", ".join(map(repr, choices))
            raise ValueError(f"{attribute.name} must be one of {listed}, or None where it is not known, not {value!r}")

    return attrs.field(default=None, validator=check, metadata={"of": choices, "assumed": assumed, "says": says})


def _number(*, of: tuple[int, ...], assumed: int, says: str) -> Any:
    check = given.checks(given.optional(partial(given.whole, least=1, most=1000, example=100)))
    return attrs.field(default=None, validator=check, metadata={"of": of, "assumed": assumed, "says": says})


@keywords()
@attrs.frozen(kw_only=True)
class Habits:
    """How a Keap behaves where its contract is silent; `None` where that is not known.

    Attributes:
        null: what `null` does in a PATCH.
        mask_alone: what a property does that `update_mask` names and the body leaves out.
        empty_text, empty_date, empty_object, empty_link: what `""` does for a text and for a date, `{}` for an object
            such as an address, and `{"id": ""}` for the company of a contact.
        arrays: whether a PATCH of a contact replaces all of an array (its e-mail addresses), or those that it lists.
        company_custom_fields: whether a PATCH of a company replaces all custom fields, or those that it lists.
        company_answers: how much the answer to a write of a company shows.
        zip_wins: which of the two counts where `postal_code` and `zip_code` contradict each other.
        zip_shown: whether an address that was written with a `postal_code` shows a `zip_code`, too.
        region_wins: which counts where `region_code` and `region` contradict each other.
        default_fields: what a contact shows where no `fields` are asked for: little more than its name, or most of it.
        unknown_fields: what a name in `fields` does that Keap does not know.
        since: whether a list of changes since a moment shows what was changed at that moment.
        page_tokens: whether a page begins after the record that the last one ended with, or after so many records.
        longest_page: how many records a page has at most.
        ids_at_once: how many ids a filter takes.
        default_order: the order of a list that is asked for in none.
        no_change: whether a PATCH that changes nothing moves `update_time`.
        deleted: what a `GET` of a deleted record answers: 404, 410, or the record.
        emails, phones, names: whether an e-mail address, a phone number and a name is kept as it was written.
        too_long: what becomes of a text that is too long.
        times: how exact the times are that Keap shows.
        empty_shown: how an empty text is shown.
        same_email: whether a new contact with the address of another one is a second contact, or a write to that one.
        get_lag, list_lag, since_lag: whether a single read, a list, and a list of changes may show for a while what was
            before a write.
        consent: whether Keap remembers the consent of an address that was removed and is written again.
    """

    null: Cleared | None = _choice(of=Cleared, assumed="clears", says="`null` in a PATCH")  # noqa: RUF009
    mask_alone: Literal["clears", "ignored"] | None = _choice(
        of=Literal["clears", "ignored"], assumed="ignored", says="a property in update_mask that the body leaves out"
    )
    empty_text: Cleared | None = _choice(of=Cleared, assumed="clears", says='`""` for a text')  # noqa: RUF009
    empty_date: Cleared | None = _choice(of=Cleared, assumed="clears", says='`""` for a date')  # noqa: RUF009
    empty_object: Cleared | None = _choice(of=Cleared, assumed="clears", says="`{}` for an address, a phone number")  # noqa: RUF009
    empty_link: Cleared | None = _choice(of=Cleared, assumed="clears", says='`{"id": ""}` for the company of a contact')  # noqa: RUF009
    arrays: Literal["replace", "merge"] | None = _choice(
        of=Literal["replace", "merge"],
        assumed="replace",
        says="e-mail addresses that a PATCH of a contact does not list",
    )
    company_custom_fields: Literal["replace", "merge"] | None = _choice(
        of=Literal["replace", "merge"], assumed="replace", says="custom fields that a PATCH of a company does not list"
    )
    company_answers: Literal["little", "everything"] | None = _choice(
        of=Literal["little", "everything"], assumed="little", says="the answer to a write of a company"
    )
    zip_wins: Literal["postal_code", "zip_code"] | None = _choice(
        of=Literal["postal_code", "zip_code"], assumed="postal_code", says="postal_code against another zip_code"
    )
    zip_shown: Literal["alone", "together"] | None = _choice(
        of=Literal["alone", "together"], assumed="alone", says="zip_code beside a postal_code that was written"
    )
    region_wins: Literal["code", "name"] | None = _choice(
        of=Literal["code", "name"], assumed="code", says="region_code against another region"
    )
    default_fields: Literal["few", "most"] | None = _choice(
        of=Literal["few", "most"], assumed="few", says="a contact that is asked for without `fields`"
    )
    unknown_fields: Literal["refused", "ignored"] | None = _choice(
        of=Literal["refused", "ignored"], assumed="refused", says="a name in `fields` that Keap does not know"
    )
    since: Literal["inclusive", "exclusive"] | None = _choice(
        of=Literal["inclusive", "exclusive"], assumed="inclusive", says="a change at the very moment of a filter"
    )
    page_tokens: Literal["key", "offset"] | None = _choice(
        of=Literal["key", "offset"], assumed="key", says="a page token after a deletion before it"
    )
    longest_page: int | None = _number(of=(1000, 200, 100), assumed=1000, says="the longest page")
    ids_at_once: int | None = _number(of=(1000, 50, 20), assumed=1000, says="the most ids of a filter")
    default_order: Literal["oldest_first", "newest_first"] | None = _choice(
        of=Literal["oldest_first", "newest_first"], assumed="oldest_first", says="a list without order_by"
    )
    no_change: Literal["stays", "moves"] | None = _choice(
        of=Literal["stays", "moves"], assumed="stays", says="update_time after a PATCH without a change"
    )
    deleted: Literal["404", "410", "shown"] | None = _choice(
        of=Literal["404", "410", "shown"], assumed="404", says="a GET of a deleted record"
    )
    emails: Literal["kept", "lower_case"] | None = _choice(
        of=Literal["kept", "lower_case"], assumed="kept", says="capitals in an e-mail address"
    )
    phones: Literal["kept", "national"] | None = _choice(
        of=Literal["kept", "national"], assumed="kept", says="the notation of a phone number"
    )
    names: Literal["kept", "trimmed"] | None = _choice(
        of=Literal["kept", "trimmed"], assumed="kept", says="spaces round a name"
    )
    too_long: Literal["refused", "cut"] | None = _choice(
        of=Literal["refused", "cut"], assumed="refused", says="a text that is too long"
    )
    times: Literal["milliseconds", "seconds"] | None = _choice(
        of=Literal["milliseconds", "seconds"], assumed="milliseconds", says="how exact update_time is"
    )
    empty_shown: Literal["left_out", "null", "empty"] | None = _choice(
        of=Literal["left_out", "null", "empty"], assumed="left_out", says="an empty text in an answer"
    )
    same_email: Literal["second", "same"] | None = _choice(
        of=Literal["second", "same"], assumed="second", says="a new contact with the address of another one"
    )
    get_lag: Lag | None = _choice(of=Lag, assumed="none", says="a GET right after a write")  # noqa: RUF009
    list_lag: Lag | None = _choice(of=Lag, assumed="none", says="a list right after a write")  # noqa: RUF009
    since_lag: Lag | None = _choice(of=Lag, assumed="none", says="a list of changes right after one")  # noqa: RUF009
    consent: Literal["remembered", "forgotten"] | None = _choice(
        of=Literal["remembered", "forgotten"], assumed="remembered", says="the consent of an address that comes back"
    )

    @classmethod
    def unknown(cls) -> Self:
        """Nothing is known: what a client assumes without a word."""
        return cls()

    @classmethod
    def assumed(cls) -> Self:
        """What the emulator does without a word: the contract where it speaks, and what is most likely elsewhere."""
        return cls(**{name: field.metadata["assumed"] for name, field in cls.fields().items()})

    @classmethod
    def fields(cls) -> Mapping[str, attrs.Attribute[Any]]:
        """The habits by name, each with what it can be (`of`), what is assumed, and what it says in words."""
        return {field.name: field for field in attrs.fields(cls) if "of" in field.metadata}

    def over(self, others: Habits) -> Self:
        """These habits, and those of others where these are not known."""
        filled = {name: getattr(others, name) for name in self.fields() if getattr(self, name) is None}
        return attrs.evolve(self, **filled)

    # --- kept in a file -----------------------------------------------------------------------------------------

    def to_toml(self) -> str:
        """The habits as TOML; those that are not known are not in it."""
        from keapbridge._toml.writing import dumps

        known = {name: value for name in self.fields() if (value := getattr(self, name)) is not None}
        return dumps({_TABLE: known})

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """The habits of a text that `to_toml` made.

        Raises:
            ValueError: for what is no TOML, names no habit, or is none of those that there are.
        """
        import tomllib

        table = tomllib.loads(text).get(_TABLE, {})
        if not isinstance(table, dict):
            raise ValueError(f"[{_TABLE}] must be a table")  # noqa: TRY004 - it is the text that is wrong
        for name in table:
            if name not in cls.fields():
                raise ValueError(f"[{_TABLE}] has no habit {name!r}{is_meant(name, tuple(cls.fields()))}")
        return cls(**table)

    def save(self, path: str | PathLike[str]) -> None:
        """Write them into a file."""
        Path(path).write_text(self.to_toml(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read them from a file that `save` wrote.

        Raises:
            ValueError: where it holds something else; the message names the file.
        """
        try:
            return cls.from_toml(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
