"""A CRM that speaks JSON:API, made of Django REST Framework: `python jsonapi_app.py`.

It tells its port in its first line, and serves until it is ended. Pages have three records.
"""

from __future__ import annotations

import sys
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.conf import settings

settings.configure(
    SECRET_KEY="not secret",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["rest_framework", "rest_framework_json_api"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
        "EXCEPTION_HANDLER": "rest_framework_json_api.exceptions.exception_handler",
        "DEFAULT_PARSER_CLASSES": ["rest_framework_json_api.parsers.JSONParser"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework_json_api.renderers.JSONRenderer"],
        "DEFAULT_METADATA_CLASS": "rest_framework_json_api.metadata.JSONAPIMetadata",
    },
)

import django  # noqa: E402 - once the settings are there

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - once the settings are there
from django.db import connection, models  # noqa: E402 - once the settings are there
from rest_framework import routers  # noqa: E402 - once the settings are there
from rest_framework_json_api import pagination, serializers, views  # noqa: E402 - once the settings are there


def _text() -> Any:
    return models.CharField(max_length=200, null=True, blank=True)


FIELDS: dict[str, dict[str, Any]] = {
    "customers": {name: _text() for name in ("name", "city", "country", "phone", "description")},
    "products": {name: _text() for name in ("name", "sku", "currency", "description", "short_description")}
    | {"price": models.DecimalField(max_digits=12, decimal_places=2, null=True)},
    "contacts": {
        name: _text() for name in ("first_name", "last_name", "email", "phone", "job_title", "city", "country")
    }
    | {"birth_date": models.DateField(null=True), "customer_id": models.BigIntegerField(null=True)},
}


class Pages(pagination.JsonApiPageNumberPagination):
    page_size = max_page_size = 3


def _views(name: str, fields: dict[str, Any]) -> Any:
    stamps = {
        "created_at": models.DateTimeField(auto_now_add=True),
        "updated_at": models.DateTimeField(auto_now=True),
    }
    meta = type("Meta", (), {"app_label": "crm"})
    model: Any = type(name.title(), (models.Model,), {"__module__": __name__, "Meta": meta, **stamps, **fields})
    with connection.schema_editor() as editor:
        editor.create_model(model)
    shown = type("Meta", (), {"model": model, "fields": "__all__", "resource_name": name})
    serializer = type("Serializer", (serializers.ModelSerializer,), {"Meta": shown})
    queryset = model.objects.order_by("id")
    own = {"queryset": queryset, "serializer_class": serializer, "pagination_class": Pages, "resource_name": name}
    return type("Views", (views.ModelViewSet,), own)


router = routers.SimpleRouter()
urlpatterns: list[Any] = []


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    for each, fields in FIELDS.items():
        router.register(each, _views(each, fields), basename=each)
    urlpatterns += router.urls
    application: Any = get_wsgi_application()
    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
