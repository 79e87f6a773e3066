"""Reading the reference data that was sent: what it means, or everything that is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from contracts.durations import parse_duration
from contracts.errors import ErrorKey, Problem
from contracts.instants import parse_instant
from worker.domain import addresses, money, quantities
from worker.domain.money import Money
from worker.domain.reference import (
    Channel,
    CostCenter,
    Customer,
    KnownAddress,
    Product,
    Promotion,
    Quote,
    QuoteItem,
    ShippingMethod,
    Store,
    Target,
    User,
)

if TYPE_CHECKING:
    from contracts import reference_data as sent
    from contracts.body import Money as SentMoney

_LEAST_MISSED_AFTER = timedelta(minutes=1)


def channel(put: sent.ChannelPut) -> Channel | list[Problem]:
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
    if parse_duration(put.basket_lifetime) == timedelta(0):
        problems.append(_malformed("$.basketLifetime", "basketLifetime is longer than nothing"))
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


def product(put: sent.ProductPut) -> Product | list[Problem]:
    return _money_problems(put.price, "$.price") or Product(
        name=put.name, price=_money(put.price), tax_rate=Decimal(put.tax_rate), is_available=put.available
    )


def shipping_method(put: sent.ShippingMethodPut) -> ShippingMethod | list[Problem]:
    problems = _money_problems(put.price, "$.price")
    time_min = put.shipping_time_min if put.shipping_time_min is not UNSET else None
    time_max = put.shipping_time_max if put.shipping_time_max is not UNSET else None
    if time_min is not None and time_max is not None and time_max < time_min:
        problems.append(_malformed("$.shippingTimeMax", "shippingTimeMax is less than shippingTimeMin"))
    return problems or ShippingMethod(
        name=put.name,
        price=_money(put.price),
        description=put.description,
        time_min=time_min,
        time_max=time_max,
    )


def promotion(put: sent.PromotionPut) -> Promotion | list[Problem]:
    problems: list[Problem] = []
    if (put.percentage is UNSET) == (put.amount is UNSET):
        problems.append(_malformed("$", "either a percentage or an amount is needed, and not both"))
    for name, given in (("amount", put.amount), ("minimum", put.minimum)):
        if given is not UNSET:
            problems.extend(_money_problems(given, f"$.{name}"))
    valid_from = _instant(put.valid_from, "$.validFrom", problems)
    valid_to = _instant(put.valid_to, "$.validTo", problems)
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        problems.append(_malformed("$.validTo", "validTo lies before validFrom"))
    return problems or Promotion(
        target=Target(put.target),
        percentage=None if put.percentage is UNSET else Decimal(put.percentage),
        amount=None if put.amount is UNSET else _money(put.amount),
        valid_from=valid_from,
        valid_to=valid_to,
        minimum=None if put.minimum is UNSET else _money(put.minimum),
    )


def user(put: sent.UserPut) -> User:
    return User(
        groups=None if put.groups is UNSET else put.groups,
        customer=None if put.customer is UNSET else put.customer,
    )


def customer(put: sent.CustomerPut) -> Customer:
    return Customer(is_business=put.business)


def address(put: sent.AddressPut) -> KnownAddress | list[Problem]:
    read = addresses.full(put, "$")
    if isinstance(read, list):
        return read
    return KnownAddress(owner=put.owner, is_ship_to=put.ship_to, is_invoice_to=put.invoice_to, address=read)


def store(put: sent.StorePut) -> Store | list[Problem]:
    read = addresses.full(put.address, "$.address")
    return read if isinstance(read, list) else Store(address=read)


def cost_center(put: sent.CostCenterPut) -> CostCenter:
    return CostCenter(customer=put.customer, is_active=put.active)


def quote(put: sent.QuotePut) -> Quote | list[Problem]:
    problems: list[Problem] = []
    valid_to = _instant(put.valid_to, "$.validTo", problems)
    items = []
    for index, given in enumerate(put.items):
        path = f"$.items[{index}]"
        found = _money_problems(given.price, f"{path}.price")
        quantity = quantities.read(given.quantity)
        if quantity is None:
            found.append(quantities.problem(f"{path}.quantity"))
        problems.extend(found)
        if quantity is not None and not found:
            items.append(QuoteItem(sku=given.sku, quantity=quantity, price=_money(given.price)))
    if len({given.price.currency_mnemonic for given in put.items}) > 1:
        problems.append(_malformed("$.items", "all prices of a quote are in one currency"))
    if problems or valid_to is None:
        return problems or [_malformed("$.validTo", "this field is required")]
    return Quote(customer=put.customer, state=put.state, valid_to=valid_to, items=tuple(items))


def _instant(given: Any, path: str, problems: list[Problem]) -> datetime | None:
    """Read an instant; one without an offset is in UTC."""
    if given in (UNSET, ""):
        return None
    read = parse_instant(given, may_be_never=True)
    if read is None:
        problems.append(_malformed(path, "an ISO 8601 instant such as 2026-06-01T12:00:00Z is expected"))
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def _money(given: SentMoney) -> Money:
    return Money(given.currency_mnemonic, Decimal(given.value))


def _money_problems(given: SentMoney, path: str) -> list[Problem]:
    if not money.is_currency(given.currency_mnemonic):
        message = f"{given.currency_mnemonic} is no ISO 4217 currency"
        return [_malformed(f"{path}.currencyMnemonic", message)]
    if given.value < 0 or not money.fits(given.value, given.currency_mnemonic):
        message = f"an amount is not negative and has no more decimals than {given.currency_mnemonic}"
        return [_malformed(f"{path}.value", message)]
    return []


def _malformed(path: str, message: str) -> Problem:
    return Problem(code=ErrorKey.MALFORMED, message=message, path=path)
