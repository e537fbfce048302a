"""The endpoints of Keap's custom fields as values: the model of contacts and of companies. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from keapbridge._io.calls import Answer, Call
from keapbridge._json.codec import Codec, dump_json, load_json
from keapbridge.errors import ShapeError
from keapbridge.keap.endpoints import Endpoint
from keapbridge.keap.fields import CustomField, Model
from keapbridge.model.given import several_texts, text

__all__ = ["create_field", "get_model"]

_FIELDS: Codec[CustomField] = Codec(CustomField, lambda name: "field_type" if name == "type" else name)


def get_model(endpoint: Endpoint[Any]) -> Call[Model]:
    """The custom fields of a resource, and what it answers only when it is asked for."""
    return Call("GET", f"{endpoint.path}/model", _model, subject=f"the custom fields of {endpoint.name}")


def create_field(
    endpoint: Endpoint[Any],
    label: str,
    type: str,
    options: Collection[str],
    group_id: str | None,
    user_group_id: str | None,
) -> Call[CustomField]:
    """A new custom field. Never repeated blindly: Keap would make a second one with the same label."""
    text("label", label, example="Shoe size")
    several_texts("options", options, example="Small")
    body: dict[str, Any] = {"label": label, "field_type": type}
    if options:
        body["options"] = [{"label": option} for option in options]
    body |= {k: v for k, v in (("group_id", group_id), ("user_group_id", user_group_id)) if v is not None}
    return Call(
        "POST",
        f"{endpoint.path}/model/customFields",
        lambda answer: _FIELDS.load(load_json(answer)),
        body=dump_json(body),
        subject=f"a new custom field of {endpoint.name}",
        repeatable=False,
    )


def _model(answer: Answer) -> Model:
    data = load_json(answer)
    if not isinstance(data, dict):
        raise ShapeError("the model is not an object", paths=["$"])
    found, malformed = _FIELDS.load_many(data.get("custom_fields") or [], path="$.custom_fields")
    for item in malformed:
        raise item.error
    optional = data.get("optional_properties")
    return Model(found, tuple(str(name) for name in optional) if isinstance(optional, list) else ())
