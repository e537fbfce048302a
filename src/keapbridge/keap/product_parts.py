"""What a product consists of besides texts and switches: its price, stock, options and plans, as Keap shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from attrs import frozen

from keapbridge._json.codec import NO_EXTRA, brief
from keapbridge.model.given import keywords
from keapbridge.model.maybe import UNSET, Maybe, Unreadable, UnsetType

__all__ = [
    "Extra",
    "FixedOption",
    "Money",
    "ProductInventory",
    "ProductOption",
    "SubscriptionPlan",
    "VariableSetting",
    "as_tuple",
]

Extra = Mapping[str, Any]


def as_tuple(items: Iterable[Any] | UnsetType) -> tuple[Any, ...] | UnsetType:
    """Lists are welcome; what a record holds cannot be changed."""
    given: Any = items  # in a record that is read field by field it may be `Unreadable`
    kept: tuple[Any, ...] | UnsetType = given if type(given) in {UnsetType, Unreadable} else tuple(given)
    return kept


@keywords()
@frozen
class Money:
    """An amount in the smallest unit of its currency (cents for USD, yen for JPY, fils for KWD)."""

    amount: Maybe[int] = UNSET
    currency_code: Maybe[str] = UNSET
    formatted_amount: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords()
@frozen
class ProductInventory:
    """Stock settings. The count is read only; it moves through `products.adjust_inventory`."""

    inventory_limit: Maybe[int] = UNSET
    inventory_count: Maybe[int] = UNSET
    out_of_stock_enabled: Maybe[bool] = UNSET
    email_for_inventory_notifications: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@frozen
class FixedOption:
    """One of the values of an option; its price adjustment is in the main unit of the currency."""

    value: Maybe[str] = UNSET
    code: Maybe[str] = UNSET
    price_adjustment: Maybe[float] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@frozen
class VariableSetting:
    """What may be entered for an option without fixed values."""

    contains: Maybe[str] = UNSET
    min_chars: Maybe[int] = UNSET
    max_chars: Maybe[int] = UNSET
    contain_spaces: Maybe[bool] = UNSET
    start_with: Maybe[str] = UNSET
    end_with: Maybe[str] = UNSET
    validation_msg: Maybe[str] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@frozen
class ProductOption:
    """What a buyer chooses, such as a size; read only."""

    name: Maybe[str] = UNSET
    type: Maybe[str] = UNSET
    required: Maybe[bool] = UNSET
    fixed_options: tuple[FixedOption, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    variable_setting: Maybe[VariableSetting] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@frozen
class SubscriptionPlan:
    """How a product is paid again and again; read only."""

    id: Maybe[str] = UNSET
    active: Maybe[bool] = UNSET
    prorate: Maybe[bool] = UNSET
    billing_cycle: Maybe[str] = UNSET
    billing_frequency: Maybe[int] = UNSET
    number_of_cycles: Maybe[int] = UNSET
    plan_price: Maybe[Money] = UNSET
    order_index: Maybe[int] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief
