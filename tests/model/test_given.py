"""A keyword that there is not is answered with the one that is meant, by every public class and function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.model.given import keywords, missing_driver


def _called(made: Any, *given: Any, **named: Any) -> Any:
    """Out of sight of the type checker, which says the same earlier."""
    return made(*given, **named)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda made: made(kb.Policy, conflict="keap"), "Policy has no option conflict; is 'conflicts' meant?"),
        (lambda made: made(kb.customcrm.Contact, given_name="Ada"), "given_name; is 'first_name' meant?"),
        (lambda made: made(kb.keap.Contact, first_name="Ada"), "first_name; is 'given_name' meant?"),
        (lambda made: made(kb.keap.Contact, email="a@example.org"), "email; is 'email_addresses' meant?"),
        (lambda made: made(kb.text, "A", kep="prefix"), "text has no option kep; is 'keap' meant?"),
        (lambda made: made(kb.text, "A", keap="prefix", polcy="keap"), "text has no option polcy; is 'policy' meant?"),
        (lambda made: made(kb.SqlTable, "people", column={}), "SqlTable has no option column; is 'columns' meant?"),
        (lambda made: made(kb.KeapClient, key="secret"), "KeapClient has no option key; it has auth"),
        (
            lambda made: made(kb.mapping.contacts.where, Status="a"),
            "where has no option Status; it has customcrm, keap",
        ),
        (lambda made: made(kb.rekey, stor="sqlite://"), "rekey has no option stor; is 'store' meant?"),
    ],
)
def test_which_name_is_meant(call: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(_called)
    assert said in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_fails_for_another_reason_says_so_itself() -> None:
    @keywords()
    def half(number: Any) -> float:
        return number / 2  # type: ignore[no-any-return]

    assert half(number=3) == 1.5
    with pytest.raises(TypeError, match="unsupported operand"):
        half(number="3")
    with pytest.raises(TypeError, match="missing 1 required"):
        kb.text("A")  # type: ignore[call-arg]


def _of_nothing() -> bool:
    return True


def _of_two(field: Any, contest: Any) -> Any:
    return contest


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: kb.Policy(conflicts=_of_two), "Policy(conflicts=…): {module}._of_two(field: 'Any', contest: 'Any')"),  # type: ignore[arg-type]
        (lambda: kb.Policy(conflicts={"Email": _of_nothing}), "_of_nothing() -> 'bool' is called with one argument"),  # type: ignore[dict-item]
        (lambda: kb.mapping.contacts.where(keap=_of_nothing), "where(keap=…): {module}._of_nothing()"),  # type: ignore[arg-type]
        (lambda: kb.mapping.contacts.where(customcrm={"Email": _of_two}), "where(customcrm={{'Email': …}}): "),
        (lambda: kb.lens(_of_nothing, str, customcrm="A", keap="notes"), "lens(get=…): {module}._of_nothing()"),  # type: ignore[arg-type]
    ],
)
def test_a_function_that_cannot_be_called_as_it_will_be_is_named_before_anything_runs(
    call: Callable[[], object], said: str
) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert said.format(module=__name__) in str(caught.value)


def test_a_function_with_defaults_or_without_a_signature_is_taken() -> None:
    kb.Policy(conflicts=lambda _, side="keap": side)
    kb.mapping.contacts.where(customcrm={"Email": bool}, keap={"tag_ids": max})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("psycopg", 'there is no psycopg; pip install "keapbridge[postgresql]"'),
        ("psycopg2", "say postgresql+psycopg://"),
        ("pymysql", 'there is no pymysql; pip install "keapbridge[mysql]"'),
        ("MySQLdb", "say mysql+pymysql://"),
        ("oracledb.thin", "there is no oracledb; pip install oracledb"),
    ],
)
def test_a_missing_driver_is_told_with_what_to_install(name: str, said: str) -> None:
    assert said in missing_driver(ImportError(name=name))
