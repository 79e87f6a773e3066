"""The seed's shop, as its upstream systems publish it: channel, two products, a shipping method."""

from typing import Any

from outside.claims import SERVICE, bearer
from outside.upstream import Upstream
from outside.wire import SHOP, Result

PROBOOK, BENQ = "5079807", "1612143"
GROUND = "STD_GROUND"
GROSS_AT_19 = {"priceType": "gross", "currency": "USD", "shippingTaxRate": 19}


def usd(value: float) -> dict[str, Any]:
    return {"currencyMnemonic": "USD", "value": value}


def put(upstream: Upstream, type_: str, id_: str, body: object, *, channel: str = SHOP) -> Result:
    """Publish reference data as a service and expect it to be taken."""
    headers = {"authorization": bearer("catalogue", **SERVICE)}
    reply = upstream.ask(type_, id_, body, channel=channel, headers=headers)
    assert reply.status == 204, reply.body
    return reply


def open_shop(upstream: Upstream, channel: str = SHOP, **settings: object) -> None:
    """Open a channel with everything the seed's basket needs."""
    put(upstream, "channel.put", channel, {**GROSS_AT_19, **settings}, channel=channel)
    put(
        upstream,
        "product.put",
        PROBOOK,
        {"name": "HP ProBook 6550b Notebook PC", "price": usd(999.00), "taxRate": 19, "available": True},
        channel=channel,
    )
    put(
        upstream,
        "product.put",
        BENQ,
        {"name": "Benq MD300", "price": usd(210.28), "taxRate": 19, "available": True},
        channel=channel,
    )
    put(
        upstream,
        "shipping-method.put",
        GROUND,
        {
            "name": "Standard Ground",
            "description": "3-7 Day Ground - Delivered to you 3-7 business days after we process your order.",
            "shippingTimeMin": 3,
            "shippingTimeMax": 7,
            "price": usd(16.94),
        },
        channel=channel,
    )
