"""The schemas that are tried."""

from __future__ import annotations

from real_schemas import django, dolibarr, northwind, woocommerce

__all__ = ["CASES"]

CASES = {case.name: case for case in (northwind.CASE, django.CASE, dolibarr.CASE, woocommerce.CASE)}
