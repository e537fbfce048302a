"""The schemas that are tried."""

from __future__ import annotations

from real_schemas import django, dolibarr, northwind, sakila, suitecrm, woocommerce

__all__ = ["CASES"]

_ALL = (northwind, django, dolibarr, sakila, suitecrm, woocommerce)
CASES = {module.CASE.name: module.CASE for module in _ALL}
