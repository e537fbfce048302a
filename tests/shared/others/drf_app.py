"""A CRM that is a project of Django REST Framework, with one of its paginations: `python drf_app.py page`.

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
    INSTALLED_APPS=["rest_framework"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)

import django  # noqa: E402 - once the settings are there

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - once the settings are there
from django.db import connection, models  # noqa: E402 - once the settings are there
from rest_framework import pagination, routers, serializers, viewsets  # noqa: E402 - once the settings are there

_boolean: Any = models.BooleanField


def _text() -> Any:
    return models.CharField(max_length=200, blank=True, default="")


def _model(kind: str, **fields: Any) -> Any:
    stamps = {
        "created_at": models.DateTimeField(auto_now_add=True),
        "updated_at": models.DateTimeField(auto_now=True),
    }
    meta = type("Meta", (), {"app_label": "crm"})
    return type(kind, (models.Model,), {"__module__": __name__, "Meta": meta, **stamps, **fields})


_CONTACT = ("first_name", "last_name", "email", "phone", "job_title", "city", "country")
CUSTOMERS = _model("Customer", **{name: _text() for name in ("name", "city", "country", "phone", "description")})
PRODUCTS = _model(
    "Product",
    price=models.DecimalField(max_digits=12, decimal_places=2, null=True),
    active=_boolean(default=True),
    **{name: _text() for name in ("name", "sku", "currency", "description", "short_description")},
)
CONTACTS = _model(
    "Contact",
    birth_date=models.DateField(null=True, blank=True),
    customer_id=models.BigIntegerField(null=True),
    **{name: _text() for name in _CONTACT},
)


class Pages(pagination.PageNumberPagination):
    page_size = max_page_size = 3
    page_size_query_param = "page_size"


class Limits(pagination.LimitOffsetPagination):
    default_limit = max_limit = 3


class Cursors(pagination.CursorPagination):
    page_size = max_page_size = 3
    page_size_query_param = "page_size"
    ordering = "id"


PAGINATIONS = {"page": Pages, "limit_offset": Limits, "cursor": Cursors}


def _views(model: Any, style: str) -> Any:
    meta = type("Meta", (), {"model": model, "fields": "__all__"})
    serializer = type("Serializer", (serializers.ModelSerializer,), {"Meta": meta})
    return type(
        "Views",
        (viewsets.ModelViewSet,),
        {
            "queryset": model.objects.order_by("id"),
            "serializer_class": serializer,
            "pagination_class": PAGINATIONS[style],
        },
    )


router = routers.DefaultRouter()
urlpatterns: list[Any] = []


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    with connection.schema_editor() as editor:
        for model in (CUSTOMERS, PRODUCTS, CONTACTS):
            editor.create_model(model)
    for name, model in {"contacts": CONTACTS, "customers": CUSTOMERS, "products": PRODUCTS}.items():
        router.register(name, _views(model, sys.argv[1]), basename=name)
    urlpatterns += router.urls
    application: Any = get_wsgi_application()
    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
