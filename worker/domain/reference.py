"""Reference data: what upstream systems tell us and baskets must know (contract, section 5)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET

from contracts.durations import parse_duration
from contracts.errors import ErrorKey, Problem
from worker.domain import money
from worker.domain.basket import Value
from worker.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts import commands


_LEAST_MISSED_AFTER = timedelta(minutes=1)


class Channel(Value, frozen=True, kw_only=True):
    """A sales channel's settings, with the contract's defaults; durations are ISO 8601 as sent."""

    recurring_orders_enabled: bool = False
    supports_multiple_shipments: bool = False
    pickup_in_store: bool = False
    price_type: Literal["gross", "net"] = "gross"
    currency: str = "USD"
    shipping_tax_rate: Decimal = Decimal(0)
    missed_after: str = "PT1H"
    catch_up_limit: int = 100
    upcoming_notice: str = ""
    basket_lifetime: str = "P90D"


class Product(Value, frozen=True, kw_only=True):
    name: str
    price: Money
    tax_rate: Decimal
    is_available: bool = True


class ShippingMethod(Value, frozen=True, kw_only=True):
    name: str
    price: Money
    description: str = ""
    time_min: int | None = None
    time_max: int | None = None


class Catalog(Value, frozen=True, kw_only=True):
    """What a command may look up, of its own channel."""

    products: Mapping[str, Product]
    shipping_methods: Mapping[str, ShippingMethod]


def channel(put: commands.ChannelPut) -> Channel | list[Problem]:
    problems = []
    for name, text in (
        ("missedAfter", put.missed_after),
        ("upcomingNotice", put.upcoming_notice),
        ("basketLifetime", put.basket_lifetime),
    ):
        if text is not UNSET and parse_duration(text) is None:
            problems.append(_malformed(f"$.{name}", "an ISO 8601 duration such as PT1H or P90D is expected"))
    missed_after = parse_duration(put.missed_after)
    if missed_after is not None and missed_after < _LEAST_MISSED_AFTER:
        # A scheduler looks once a second; what it finds a moment late is not missed.
        problems.append(_malformed("$.missedAfter", "missedAfter is at least PT1M"))
    if not money.is_currency(put.currency):
        problems.append(_malformed("$.currency", f"{put.currency} is no ISO 4217 currency"))
    return problems or Channel(
        recurring_orders_enabled=put.recurring_orders_enabled,
        supports_multiple_shipments=put.multiple_shipments_supported,
        pickup_in_store=put.pickup_in_store,
        price_type=put.price_type,
        currency=put.currency,
        shipping_tax_rate=Decimal(put.shipping_tax_rate),
        missed_after=put.missed_after,
        catch_up_limit=put.catch_up_limit,
        upcoming_notice=put.upcoming_notice or "",
        basket_lifetime=put.basket_lifetime,
    )


def product(put: commands.ProductPut) -> Product | list[Problem]:
    return _price_problems(put.price) or Product(
        name=put.name, price=_price(put.price), tax_rate=Decimal(put.tax_rate), is_available=put.available
    )


def shipping_method(put: commands.ShippingMethodPut) -> ShippingMethod | list[Problem]:
    return _price_problems(put.price) or ShippingMethod(
        name=put.name,
        price=_price(put.price),
        description=put.description,
        time_min=put.shipping_time_min if put.shipping_time_min is not UNSET else None,
        time_max=put.shipping_time_max if put.shipping_time_max is not UNSET else None,
    )


def _price(price: commands.Money) -> Money:
    return Money(price.currency_mnemonic, Decimal(price.value))


def _price_problems(price: commands.Money) -> list[Problem]:
    if not money.is_currency(price.currency_mnemonic):
        message = f"{price.currency_mnemonic} is no ISO 4217 currency"
        return [_malformed("$.price.currencyMnemonic", message)]
    if price.value < 0 or not money.fits(price.value, price.currency_mnemonic):
        message = f"a price is not negative and has no more decimals than {price.currency_mnemonic}"
        return [_malformed("$.price.value", message)]
    return []


def _malformed(path: str, message: str) -> Problem:
    return Problem(code=ErrorKey.MALFORMED, message=message, path=path)
