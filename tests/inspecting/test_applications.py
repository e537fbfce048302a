"""Applications whose tables are not meant to be written past them are recognised, and told of."""

from __future__ import annotations

import pytest

from keapbridge.inspecting.applications import recognised
from keapbridge.inspecting.schema import Column, Schema, Table


def schema(*names: str) -> Schema:
    columns = (Column(name="id", family="integer", counts=True),)
    return Schema(dialect="mysql", tables=tuple(Table(name=name, columns=columns) for name in names))


@pytest.mark.parametrize(
    ("tables", "application"),
    [
        ("res_partner ir_model ir_model_fields product_template", "Odoo"),
        ("accounts contacts email_addresses email_addr_bean_rel", "SuiteCRM or SugarCRM"),
        ("vtiger_crmentity vtiger_contactdetails vtiger_account", "vTiger"),
        ("llx_societe llx_socpeople llx_c_country", "Dolibarr"),
        ("account contact email_address entity_email_address", "EspoCRM"),
        ("shop_posts shop_postmeta shop_wc_product_meta_lookup", "WooCommerce"),
        ("auth_user django_migrations", "Django"),
    ],
)
def test_it_is_known_by_its_tables(tables: str, application: str) -> None:
    [found] = recognised(schema(*tables.split()))
    assert found.name == application
    assert found.finding.advice


def test_some_of_the_tables_are_not_enough() -> None:
    assert recognised(schema("accounts", "contacts", "posts", "customer")) == []
