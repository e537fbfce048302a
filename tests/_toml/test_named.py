"""Names like `package.module:name`, and what is said of those that mean nothing."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from keapbridge._toml.named import name_of, named, value_of


class Holder:
    inner = 7


def function() -> int:
    return 3


def test_a_name_means_what_has_it() -> None:
    assert named("pathlib:Path") is Path
    assert named("pathlib:Path.home") == Path.home
    assert name_of(Path) == "pathlib:Path"
    assert name_of(str.lower) == "builtins:str.lower"
    assert name_of(Path.joinpath) == "pathlib:PurePath.joinpath"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pathlib", "is no name as in 'package.module:name'"),
        ("pathlib:", "is no name as in"),
        (":Path", "is no name as in"),
        ("pathlib:Pth", "there is no 'Pth' in it; is 'pathlib:Path' meant?"),
        ("path_lib_x:Path", "there is no module 'path_lib_x'"),
        ("pathlib.inner:Path", "there is no module 'pathlib.inner'"),
        ("broken_one:x", "the module fails with RuntimeError: not today"),
        ("lacking_one:x", "the module needs 'no_such_thing_here', which is not installed"),
    ],
)
def test_what_means_nothing_is_told(name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_one.py").write_text("raise RuntimeError('not today')")
    (tmp_path / "lacking_one.py").write_text("import no_such_thing_here")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=name) as error:
        named(name)
    assert said in str(error.value)


def test_a_value_or_a_function_that_returns_it(monkeypatch: pytest.MonkeyPatch) -> None:
    host = types.ModuleType("values_of_a_host")
    host.three, host.make, host.text = 3, lambda: 3, lambda: "3"  # type: ignore[attr-defined]
    host.fails = lambda: 1 / 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "values_of_a_host", host)
    assert value_of("values_of_a_host:three", int, "a number") == 3
    assert value_of("values_of_a_host:make", int, "a number") == 3
    for name, said in (
        ("text", "returns a str, and not a number"),
        ("fails", "fails with ZeroDivisionError"),
        ("__name__", "is a str, and neither a number nor a function that returns one"),
    ):
        with pytest.raises(ValueError, match=said):
            value_of(f"values_of_a_host:{name}", int, "a number")


def test_what_has_no_name_of_its_own_cannot_be_named() -> None:
    for nameless in (lambda: 1, [].append, types.SimpleNamespace()):
        with pytest.raises(ValueError, match="has no name of its own"):
            name_of(nameless)  # type: ignore[arg-type]
