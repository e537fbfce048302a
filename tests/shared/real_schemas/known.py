"""The schemas that are tried."""

from __future__ import annotations

from real_schemas import django, dolibarr, espocrm, northwind, odoo, sakila, suitecrm, vtiger, woocommerce

__all__ = ["CASES"]

_ALL = (northwind, django, dolibarr, espocrm, odoo, sakila, suitecrm, vtiger, woocommerce)
CASES = {module.CASE.name: module.CASE for module in _ALL}
