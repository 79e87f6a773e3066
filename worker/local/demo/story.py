"""What the demonstration does: the service's puts, then Intershop's request bodies on one basket."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib import resources
from typing import Any

import msgspec

from contracts.client import Answer

CHANNEL = "b2c-web-shop"
USER = "patricia"

# Intershop's example to the cent: items, shipping, taxes, basket.
EXPECTED_TOTALS = {
    "itemTotal": Decimal("1209.28"),
    "shippingTotal": Decimal("16.94"),
    "taxTotal": Decimal("195.78"),
    "basketTotal": Decimal("1226.22"),
}
EXPECTED_TAXES = {
    "salesTaxTotalsByTaxRate": Decimal("193.08"),
    "shippingTaxTotalsByTaxRate": Decimal("2.70"),
}

_CHANNEL = {"shippingTaxRate": 19}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One command, and the status its answer must have."""

    title: str
    type: str
    key: str | None  # None: the basket of who sends it, whose key is the sub of the token
    body: dict[str, Any] | None
    status: int
    is_by_service: bool = False


def puts() -> list[Step]:
    """What upstream services tell the basket service beforehand."""
    return [
        _put("Tell the channel", "channel", CHANNEL, _CHANNEL),
        _put("Tell a product", "product", "5079807", _product("HP ProBook 6550b Notebook PC", "849.29")),
        _put("Tell a product", "product", "1612143", _product("Benq MD300", "359.99")),
        _put(
            "Tell a shipping method",
            "shipping-method",
            "STD_5DAY",
            {
                "name": "5-Business Day",
                "price": _usd("16.94"),
                "shippingTimeMin": 3,
                "shippingTimeMax": 5,
            },
        ),
    ]


def commands(basket_id: str) -> list[Step]:
    """What a shop's front end sends for one basket."""
    elements = [{"sku": sku, "quantity": {"value": 1}} for sku in ("5079807", "1612143")]
    bodies = json.loads(resources.files(__package__).joinpath("bodies.json").read_text(encoding="utf-8"))
    return [
        Step(title="Create a basket", type="basket.create", key=basket_id, body=None, status=201),
        Step(
            title="Add two products",
            type="basket.item.add",
            key=basket_id,
            body={"elements": elements},
            status=201,
        ),
        *(
            Step(title=title, type="basket.update", key=basket_id, body=body, status=200)
            for title, body in bodies.items()
        ),
        Step(
            title="A mistake, and what it says",
            type="basket.update",
            key=basket_id,
            body={"commonShippingMethod": {"id": "OVERNIGHT"}, "colour": "blue"},
            status=400,
        ),
        Step(title="Get the basket", type="basket.get", key=basket_id, body=None, status=200),
    ]


def recurring_channel() -> Step:
    return _put("Enable recurring orders", "channel", CHANNEL, {**_CHANNEL, "recurringOrdersEnabled": True})


def unexpected_answers(steps: list[Step], answers: list[Answer]) -> list[str]:
    """Compare statuses; a sentence for each one that differs."""
    return [
        f"{step.title}: status {answer.status}, {step.status} was expected"
        for step, answer in zip(steps, answers, strict=True)
        if answer.status != step.status
    ]


def unexpected_totals(basket: dict[str, Any]) -> list[str]:
    """Compare a representation with Intershop's example; a sentence for each amount that differs."""
    found = {name: basket["totals"][name]["value"] for name in EXPECTED_TOTALS}
    found |= {name: basket[name][0]["amount"]["value"] for name in EXPECTED_TAXES}
    return [
        f"{name} is {found[name]}, Intershop's example says {amount}"
        for name, amount in (EXPECTED_TOTALS | EXPECTED_TAXES).items()
        if found[name] != amount
    ]


def _put(title: str, kind: str, key: str, body: dict[str, Any]) -> Step:
    return Step(title=title, type=f"{kind}.put", key=key, body=body, status=204, is_by_service=True)


def _product(name: str, price: str) -> dict[str, Any]:
    return {"name": name, "price": _usd(price), "taxRate": 19, "available": True}


def _usd(value: str) -> dict[str, Any]:
    return {"currencyMnemonic": "USD", "value": float(value)}
