"""The schemas that are tried."""

from __future__ import annotations

from real_schemas import (
    access,
    django,
    dolibarr,
    espocrm,
    northwind,
    odoo,
    rails,
    sakila,
    suitecrm,
    vtiger,
    woocommerce,
)

__all__ = ["CASES"]

_ALL = (northwind, access, django, dolibarr, espocrm, odoo, rails, sakila, suitecrm, vtiger, woocommerce)
CASES = {module.CASE.name: module.CASE for module in _ALL}
