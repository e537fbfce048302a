"""A griffe extension: the constructors of attrs classes, which are written nowhere, appear in the reference."""  # noqa: INP001 - loaded by path

from __future__ import annotations

from typing import Any

import griffe

_DECORATORS = frozenset({"attrs.define", "attrs.frozen"})


class AttrsConstructors(griffe.Extension):
    """Gives each attrs class the `__init__` that attrs generates."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Called once for every class, when all of the package is known."""
        decorators = [d.value for d in cls.decorators if isinstance(d.value, griffe.Expr)]
        made = [d for d in decorators if d.canonical_path in _DECORATORS]
        fields = [m for m in cls.attributes.values() if not m.is_alias and m.annotation and "property" not in m.labels]
        # A class with a private field is made by the library only.
        if not made or "__init__" in cls.members or any(field.name.startswith("_") for field in fields):
            return
        named = griffe.ParameterKind.keyword_only
        plain = griffe.ParameterKind.positional_or_keyword
        kind = named if "kw_only=True" in str(made[0]) else plain
        parameters = [griffe.Parameter("self", kind=plain)]
        for field in fields:
            options = _options(field.value)
            if options.get("init") != "False":
                default = options.get("default", field.value if not options else None)
                default = f"{options['factory']}()" if "factory" in options else default
                parameters.append(griffe.Parameter(field.name, annotation=field.annotation, kind=kind, default=default))
        init = griffe.Function("__init__", parameters=griffe.Parameters(*parameters), parent=cls, returns="None")
        cls.set_member("__init__", init)


def _options(value: Any) -> dict[str, Any]:
    """The arguments of `attrs.field(…)`; `{}` for any other value."""
    if not isinstance(value, griffe.ExprCall) or value.canonical_path != "attrs.field":
        return {}
    named = (a for a in value.arguments if isinstance(a, griffe.ExprKeyword))
    found: dict[str, Any] = {a.name: a.value for a in named}
    plain = {name: str(v) if name in {"init", "factory"} else v for name, v in found.items()}
    return plain or {"init": "True"}
