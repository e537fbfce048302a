"""The endpoints of an object's model: its custom fields."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keapbridge.keap.habits import Habits
from keapbridge.testing.keap._checks import InvalidError
from keapbridge.testing.keap._documents import Document, dicts
from keapbridge.testing.keap._fields import FIELD_TYPES
from keapbridge.testing.keap._messages import RefusedError, json_answer, label_of, named, typed_body
from keapbridge.testing.keap._playing import omitted, shown_field
from keapbridge.testing.keap._resources import COMPANIES, Resource
from keapbridge.testing.keap._state import KeapState

__all__ = ["ModelEndpoints"]


class ModelEndpoints:
    """The endpoints of one object's custom fields; products have none."""

    def __init__(self, state: KeapState, habits: Habits, resource: Resource) -> None:
        self._state = state
        self._habits = habits
        self._resource = resource
        self._table = state.table(resource)

    def routes(self) -> list[Route]:
        if not self._resource.record_type:
            return []
        model = f"/{self._resource.name}/model"
        routes = [
            Route(model, self._shown, methods=["GET"]),
            Route(f"{model}/customFields", self._create, methods=["POST"]),
            Route(f"{model}/customFields/{{id}}", self._delete, methods=["DELETE"]),
        ]
        if self._resource is COMPANIES:
            routes.append(Route(f"{model}/customFields/{{id}}", self._update, methods=["PATCH"]))
        return routes

    async def _shown(self, request: Request) -> Response:
        with self._state.lock:
            fields = [shown_field(self._habits, field) for field in self._table.custom_fields.values()]
        hidden = sorted(omitted(self._habits, self._resource))
        return json_answer({"custom_fields": fields, "optional_properties": hidden})

    async def _create(self, request: Request) -> Response:
        allowed = ("field_type", "label", "options", "group_id", "user_group_id")
        body = await typed_body(request, allowed, ("field_type", "label"))
        if body["field_type"] not in FIELD_TYPES:
            raise InvalidError(f"field_type must be one of {', '.join(FIELD_TYPES)}")
        label, group = label_of(body["label"], "label"), body.get("group_id") or "1"
        options = body.get("options") or []
        if not isinstance(group, str) or not isinstance(options, list) or len(dicts(options)) != len(options):
            raise InvalidError("group_id must be an id and options an array of objects")
        labels = [label_of(option.get("label"), "options.label") for option in options]
        with self._state.lock:
            field_id = self._table.add_custom_field(label, body["field_type"], options=labels, group_id=group)
            return json_answer(shown_field(self._habits, self._table.custom_fields[field_id]), 201)

    async def _update(self, request: Request) -> Response:
        names = ("label", "options", "group_id")
        body = await typed_body(request, names, ("group_id",))
        mask = named(request, "update_mask", names)
        options = body.get("options") or []
        if not isinstance(body["group_id"], str) or not isinstance(options, list):
            raise InvalidError("group_id must be an id and options an array of objects")
        with self._state.lock:
            field = self._field(request)
            changes: Document = {"group_id": body["group_id"]}
            if body.get("label") is not None:
                changes["label"] = label_of(body["label"], "label")
            if options:
                labels = [label_of(option.get("label"), "options.label") for option in dicts(options)]
                changes["options"] = [{"id": str(n), "label": label} for n, label in enumerate(labels, start=1)]
            field.update({n: v for n, v in changes.items() if mask is None or n in mask})
            return json_answer(shown_field(self._habits, field))

    async def _delete(self, request: Request) -> Response:
        with self._state.lock:
            self._table.delete_custom_field(self._field(request)["id"])
        return Response(status_code=204)

    def _field(self, request: Request) -> Document:
        field = self._table.custom_fields.get(request.path_params["id"])
        if field is None:
            raise RefusedError(404, f"There is no custom field {request.path_params['id']}")
        return field
