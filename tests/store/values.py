"""Any value the domain may want to keep, by Hypothesis, and plain ones for tests that need some."""

from decimal import Decimal
from uuid import uuid4

from hypothesis import strategies as st

from worker.domain.basket import (
    Address,
    Basket,
    Content,
    Item,
    Line,
    Priced,
    Shipping,
    Tax,
    Totals,
)
from worker.domain.money import Money
from worker.domain.reference import Channel, Product, ShippingMethod
from worker.store.inbox import Entry, Identity
from worker.store.outbox import Event

# What somebody once forgot to quote; no NUL and no half surrogates: these never come this far.
LETTERS = "aZ09 ,;{}[]()\"'\\/%&<>\t\n\r\x01\x7f\x85äß€\u0301\u2028\ufeff\uffff😀\U0010ffff"
texts = st.text(LETTERS, max_size=12)
decimals = st.decimals(
    Decimal(-(10**18)), Decimal(10**18), places=4, allow_nan=False, allow_infinity=False
) | st.sampled_from([Decimal("0.00"), Decimal("1E+5"), Decimal("-0"), Decimal("2.70"), Decimal("1E-12")])

address_fields = [name for name in Address.__struct_fields__ if name != "origin"]
addresses = st.builds(
    Address,
    origin=st.sampled_from(["", "address", "store"]),
    **dict.fromkeys(address_fields, texts),
)
items = st.builds(
    Item,
    id=texts,
    sku=texts,
    quantity=st.integers(1, 100_000),
    position=st.integers(1, 500),
    quote_id=texts,
    agreed_price=st.none() | decimals,
    shipping_method_id=texts,
    ship_to=st.none() | addresses,
)
contents = st.builds(
    Content,
    currency=texts,
    items=st.lists(items, max_size=3).map(tuple),
    ship_to=st.none() | addresses,
    invoice_to=st.none() | addresses,
    shipping_method_id=texts,
    department=texts,
    tax_exempt=st.none() | st.booleans(),
    promotions=st.lists(texts, max_size=2).map(tuple),
    cost_center_id=texts,
)
lines = st.builds(
    Line, name=texts, price=decimals, total=decimals, tax_rate=decimals, list_price=st.none() | decimals
)
taxes = st.lists(st.builds(Tax, rate=decimals, amount=decimals), max_size=3).map(tuple)
totals = st.builds(
    Totals,
    basket=decimals,
    items=decimals,
    shipping=decimals,
    tax=decimals,
    basket_rebate=decimals,
    shipping_rebate=decimals,
    sales_taxes=taxes,
    shipping_taxes=taxes,
)
shippings = st.builds(
    Shipping,
    id=texts,
    name=texts,
    price=decimals,
    description=texts,
    time_min=st.none() | st.integers(0, 365),
)
priced = st.builds(
    Priced,
    lines=st.lists(lines, max_size=3).map(tuple),
    totals=totals,
    methods=st.lists(shippings, max_size=2).map(tuple),
    supports_multiple_shipments=st.booleans(),
)
baskets = st.builds(
    Basket,
    channel=st.just("default"),
    id=st.uuids().map(str),
    owner=texts,
    owner_is_anonymous=st.booleans(),
    customer=st.none() | texts,
    groups=st.lists(texts, max_size=3).map(tuple),
    version=st.integers(1, 2**62),
    is_open=st.booleans(),
    content=contents,
    priced=priced,
)
money = st.builds(Money, texts, decimals)
channels = st.builds(
    Channel,
    recurring_orders_enabled=st.booleans(),
    supports_multiple_shipments=st.booleans(),
    price_type=st.sampled_from(["gross", "net"]),
    currency=texts,
    shipping_tax_rate=decimals,
    upcoming_notice=texts,
    catch_up_limit=st.integers(0, 10**6),
)
products = st.builds(Product, name=texts, price=money, tax_rate=decimals, is_available=st.booleans())
methods = st.builds(
    ShippingMethod, name=texts, price=money, description=texts, time_max=st.none() | st.integers(0, 365)
)

NOTHING = Totals(basket=Decimal(0), items=Decimal(0), shipping=Decimal(0), tax=Decimal(0))


def basket(id_: str, *, version: int = 1, owner: str = "patricia", channel: str = "default") -> Basket:
    return Basket(
        channel=channel,
        id=id_,
        owner=owner,
        version=version,
        content=Content(currency="USD"),
        priced=Priced(lines=(), totals=NOTHING),
    )


def entry(identity: Identity, *, body_hash: bytes = b"h" * 32, caller: str | None = "patricia") -> Entry:
    return Entry(identity=identity, body_hash=body_hash, caller=caller, event_id=uuid4())


def event(key: str, *, number: int = 0, channel: str = "default") -> Event:
    return Event(
        event_id=uuid4(),
        channel=channel,
        key=key,
        type="command.completed",
        correlation_id=None,
        headers={"status": 200, "number": number},
        body="{}",
    )
