"""So it is with every kind: it can be declared, it is in the reference, it has samples, and obeys the laws of kinds."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, NOWHERE, OTHERS, OURS, TABLE, THEIRS, read

from keapbridge.keap.fields import CustomField
from keapbridge.mapping import declare, kinds
from keapbridge.mapping.entries import Entries
from keapbridge.mapping.kinds import Asked, Context, Kind
from keapbridge.mapping.kinds import money as money_module
from keapbridge.mapping.kinds.choices import Choice, Choices
from keapbridge.mapping.kinds.consent import OptOut
from keapbridge.mapping.kinds.made import Made
from keapbridge.mapping.kinds.money import Money
from keapbridge.mapping.kinds.named_in_keap import Tags
from keapbridge.mapping.kinds.numbers import Integer, Number
from keapbridge.mapping.kinds.references import Reference
from keapbridge.mapping.kinds.text import FullName, Text
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "reference" / "mapping.md").read_text("utf-8")


def _classes() -> list[type[Kind]]:
    names = [f"{kinds.__name__}.{found.name}" for found in pkgutil.iter_modules(kinds.__path__)]
    modules = map(importlib.import_module, names)
    found = {cls for module in modules for cls in vars(module).values() if inspect.isclass(cls)}
    own = {cls for cls in found if issubclass(cls, Kind) and not inspect.isabstract(cls) and cls.__name__[0] != "_"}
    return sorted(own, key=lambda cls: cls.__name__)


CLASSES = _classes()
# Kinds that are not made of nothing, and further ones of those that can be.
MADE_OF: dict[type[Kind], list[Kind]] = {
    Choice: [Choice(TABLE), Choice({1: True, 0: False})],
    Choices: [Choices(), Choices(TABLE, separator=","), Choices(ordered=True)],
    FullName: [FullName(), FullName("family, given")],
    Made: [Made(str.lower, str.upper)],
    Integer: [Integer(), Integer(decimal=",")],
    Money: [Money(), Money("USD"), Money("USD", decimal=",")],
    Number: [Number(), Number(decimal=","), Number(decimal=".")],
    Reference: [Reference("companies")],
    Tags: [Tags(), Tags(separator=",")],
}
KINDS = [kind for cls in CLASSES for kind in MADE_OF.get(cls) or [cls()]]
# Nobody may write what Keap says of consent, and only the host knows what its functions take.
WITHOUT_SAMPLES = {OptOut, Made}
LINKS = {
    "companies": (("C1", "11"), ("C2", "12")),
    "users": (("anna@x.org", "71"), ("ben@x.org", "72")),
    "lead_sources": (("Fair", "31"), ("Radio", "32")),
    "tags": (("VIP", "51"), ("News", "52")),
    "company_names": (("Acme", "11"), ("Zenith", "12")),
}
ENTRIES = {name: Entries() for name in ("users", "lead_sources", "tags", "company_names")}
for _name, _entries in ENTRIES.items():
    _entries.learn((id, told) for told, id in LINKS[_name])
LINKED = Context(
    "USD", None, {"companies": {"11": "C1", "12": "C2"}}, {"companies": {"C1": "11", "C2": "12"}}, {}, ENTRIES
)


def declaring(cls: type[Kind]) -> list[str]:
    """The public functions that make a field of this kind and of no other."""
    functions = {name: getattr(declare, name) for name in declare.__all__}
    made = {name: _kinds_in(function) for name, function in functions.items()}
    return [name for name, found in made.items() if found == {cls}]


def _kinds_in(function: FunctionType) -> set[object]:
    made = inspect.unwrap(function)
    named = [made.__globals__.get(name) for name in made.__code__.co_names]
    return {cls for cls in CLASSES if any(cls is one for one in named)}


@pytest.mark.parametrize("cls", CLASSES)
def test_a_kind_is_declared_by_a_function_that_is_in_the_reference(cls: type[Kind]) -> None:
    names = declaring(cls)
    assert names, f"no function of mapping.declare makes a {cls.__name__}"
    directives = re.findall(r"^::: keapbridge\.(\w+)$", REFERENCE, re.MULTILINE)
    assert set(names) <= set(directives)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_kind_has_samples_unless_none_can_be_told(cls: type[Kind]) -> None:
    assert (cls.sample is Kind.sample) == (cls in WITHOUT_SAMPLES)


def asked(turn: int = 0, *, in_custom_field: bool = False) -> Asked:
    return Asked(turn=turn, in_custom_field=in_custom_field, links=LINKS)


SAMPLED = [kind for kind in KINDS if type(kind) not in WITHOUT_SAMPLES]


@pytest.mark.parametrize("kind", SAMPLED, ids=repr)
def test_a_sample_means_the_same_on_both_sides_and_another_one_after_the_edit(kind: Kind) -> None:
    scope = "NOR" if kind.needs_scope else None
    meanings: list[Canonical] = []
    for turn in (0, 1):
        sample = kind.sample(asked(turn))
        assert sample is not None
        ours, theirs = (kind.read(sample.on(side), side, scope, LINKED) for side in Side)
        assert ours == theirs
        assert ours is not None
        assert [kind.fit(ours, side, None, LINKED) for side in Side] == [ours, ours]
        meanings.append(ours)
    assert meanings[0] != meanings[1]


@pytest.mark.parametrize("kind", [kind for kind in SAMPLED if kind.fits_custom_field], ids=repr)
def test_a_sample_for_a_custom_field_is_held_by_one_of_its_type(kind: Kind) -> None:
    sample = kind.sample(asked(in_custom_field=True))
    assert sample is not None
    custom = CustomField("1", "Own", sample.field_type or "TEXT")
    if sample.field_type is not None:
        assert custom.read(custom.write(sample.keap)) == sample.keap
    assert read(kind, sample.keap, THEIRS) == read(kind, sample.customcrm)


def _refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("a sample is literal: it is what the kind is checked by")


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls not in WITHOUT_SAMPLES])
def test_a_sample_is_not_made_by_what_it_checks(cls: type[Kind], monkeypatch: pytest.MonkeyPatch) -> None:
    kind = (MADE_OF.get(cls) or [cls()])[0]
    expected = kind.sample(asked())
    for module in (cls.__module__, money_module.__name__):
        for name in ("exponent", "moment_text", "plain_text"):
            monkeypatch.setattr(f"{module}.{name}", _refuse, raising=False)
    for name in ("read", "write", "fit", "for_custom_field"):
        monkeypatch.setattr(cls, name, _refuse)
    assert kind.sample(asked()) == expected


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.plain is not None], ids=repr)
@LAWS
@given(st.data())
def test_what_is_read_as_what_it_is_would_be_read_as_itself(kind: Kind, data: st.DataObject) -> None:
    assert kind.plain is not None
    near = st.sampled_from((" ", "\n", "\x00", "A", "é", "\u200b", "%", "/", ".", "-", "@"))
    text = data.draw(st.from_regex(kind.plain, fullmatch=True))
    at, more = data.draw(st.integers(0, len(text))), data.draw(near)
    for drawn in (text, text[:at] + more + text[at:], text[:at] + more, more + text[at:]):
        if kind.plain.fullmatch(drawn) is not None:
            for side in Side:
                for scope in (None, "NOR"):
                    assert kind.read(drawn, side, scope, LINKED) == drawn


def test_who_reads_in_a_way_of_its_own_has_no_other_ones_plain_texts() -> None:
    class Louder(Text):
        def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
            return str(raw).upper()

    class Named(Text):
        pass

    assert Louder.plain is None
    assert Named.plain is Text.plain


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@pytest.mark.parametrize("side", Side)
def test_nothing_is_empty_in_every_kind(kind: Kind, side: Side) -> None:
    assert read(kind, None, side) is None
    assert kind.fit(None, side, 3, NOWHERE) is None
    if not (isinstance(kind, OptOut) and side is THEIRS):
        assert kind.write(None, side, NOWHERE) is None


@LAWS
@given(st.sampled_from(OTHERS), st.data())
def test_what_is_canonical_stays_so(case: tuple[Kind, st.SearchStrategy[Any], str], data: st.DataObject) -> None:
    kind, raws, _ = case
    once = read(kind, data.draw(raws))
    assert read(kind, once) == once
    assert read(kind, kind.write(once, OURS, NOWHERE)) == once
    assert read(kind, kind.write(once, THEIRS, NOWHERE), THEIRS) == once
