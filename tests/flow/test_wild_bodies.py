"""Bodies that nobody should send, of every command, in bursts: each is answered, and never by a 500."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outside.claims import SERVICE
from outside.furnishing import AS_SERVICE, HOME, IN_2030, elements, of, quote
from outside.listener import Listener
from outside.processes import WorkerProcess
from outside.shop import BENQ, GROUND, open_shop, put, usd
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, Result, command, unique

from contracts import commands
from tests.contracts import wild

CHANNEL = "wild"
WILD = of("wild", customer="acme", **SERVICE)
RULE = {
    "interval": "P1M",
    "startDate": IN_2030,
    "endDate": 1924992000000,
    "repetitions": 3,
    "timeZone": "Europe/Rome",
}
UPDATE = {
    "type": "Basket",
    "name": "basket",
    "recurrence": RULE,
    "commonShipToAddress": {"urn": "urn:address:customer:wild:home"},
    "invoiceToAddress": {**HOME, "type": "Address"},
    "commonShippingMethod": {"id": GROUND, "name": "Ground"},
    "promotions": [{"code": "SPRING"}],
    "department": "Sales",
    "taxExempt": True,
    "purchaseCurrency": "USD",
    "newOwnerAuthenticationToken": "",
    "costCenterID": "511288",
}
# A body of each command that is taken as it is; those without one here take none, or an empty one.
GOOD: dict[str, Any] = {
    "channel.put": {"currency": "EUR", "shippingTaxRate": 7.5, "missedAfter": "PT2H", "catchUpLimit": 3},
    "product.put": {"name": "Mouse", "price": usd(1.25), "taxRate": 19, "available": True},
    "shipping-method.put": {"name": "Post", "price": usd(3), "description": "slow", "shippingTimeMin": 1},
    "promotion.put": {"target": "item", "amount": usd(2), "validFrom": 0, "minimum": usd(9)},
    "user.put": {"groups": ["A"], "customer": "acme"},
    "customer.put": {"business": True},
    "address.put": {**HOME, "owner": "wild", "shipTo": True, "invoiceTo": True},
    "store.put": {"address": HOME},
    "cost-center.put": {"customer": "acme", "active": True},
    "quote.put": quote("acme", BENQ),
    "basket.create": {"purchaseCurrency": "USD"},
    "basket.list": {"limit": 3, "after": "a"},
    "basket.update": UPDATE,
    "basket.item.add": elements(BENQ, BENQ),
    "basket.item.update": {
        "itemId": "x",
        "quantity": {"value": 2},
        "shippingMethod": {"id": GROUND},
        "shipToAddress": {"id": "home"},
    },
    "basket.item.remove": {"itemId": "x"},
    "basket.orders": {"limit": 3, "before": "a"},
    "recurrence.preview": {"count": 3, "recurrence": RULE},
    "recurrence.pause": {"until": IN_2030},
    "recurrence.resume": {"missed": 7},
}
# What is refused for the state of things has no place in the body.
PLACELESS = {
    "basket.basket_not_found.error",
    "basket.empty.error",
    "order.not_found.error",
    "recurrence.not_found.error",
    "error.recurring_orders.order_not_possible",
    "error.recurring_orders.enable-not-possible",
}
IN_A_BURST = 60


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL, recurringOrdersEnabled=True)
        put(upstream, "address.put", "home", GOOD["address.put"], channel=CHANNEL)
        put(upstream, "customer.put", "acme", {"business": True}, channel=CHANNEL)
        put(upstream, "cost-center.put", "511288", {"customer": "acme"}, channel=CHANNEL)
        put(upstream, "promotion.put", "SPRING", GOOD["promotion.put"], channel=CHANNEL)


@st.composite
def bodies(draw: st.DrawFn, type_: str) -> bytes:
    """Draw a body of a command: spoiled in a place or two, or repeated in a key, or no object at all."""
    tree: Any = GOOD.get(type_, {})
    how = draw(st.integers(0, 9))
    if how == 0:
        return draw(wild.json_values.map(json.dumps).map(str.encode) | st.binary(max_size=40))
    for _ in range(draw(st.integers(1, 2))):
        tree = wild.changed(tree, draw)
    text = json.dumps(tree)
    if how == 1 and len(text) > 2:
        return f"{text[:-1]}, {text[1:]}".encode()
    return text.encode()


bursts = st.lists(
    st.sampled_from(sorted(commands.BY_TYPE)).flatmap(lambda type_: st.tuples(st.just(type_), bodies(type_))),
    min_size=IN_A_BURST,
    max_size=IN_A_BURST,
)


def sent(type_: str, body: bytes, basket: str) -> Message:
    """Send baskets' commands to one basket, everything else to an id of its own."""
    is_about_a_basket = type_.startswith(("basket.", "recurrence.")) and type_ != "basket.list"
    key = basket if is_about_a_basket else "wild" if type_ == "basket.list" else unique("wild")
    return command(type_, key, body, channel=CHANNEL, headers=WILD)


def check(type_: str, body: bytes, reply: Result) -> None:
    told = (type_, body[:500], reply.body[:500])
    assert 200 <= reply.status < 300 or 400 <= reply.status < 500, told
    if reply.type == "command.completed":
        return
    assert reply.error_key == reply.codes[0], told
    for error in reply.json["errors"]:
        assert error["message"], told
        assert len(error["message"]) < 1000, told
        assert error["code"] in PLACELESS or error["path"].startswith("$"), told


@settings(
    max_examples=14,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(bursts)
def test_each_is_answered_once_with_a_place_for_every_problem(
    upstream: Upstream, stage: Stage, burst: list[tuple[str, bytes]]
) -> None:
    basket = unique("basket")
    setup = [command("basket.create", basket, channel=CHANNEL, headers=WILD)]
    setup.append(command("basket.item.add", basket, elements(BENQ), channel=CHANNEL, headers=WILD))
    messages = [sent(type_, body, basket) for type_, body in burst]
    replies = upstream.ask_all([*setup, *messages])[2:]
    answered = {reply.correlation_id: reply for reply in replies}
    assert len(answered) == len(messages)
    for message, (type_, body) in zip(messages, burst, strict=True):
        check(type_, body, answered[message.message_id])


def test_every_command_is_among_them_and_its_good_body_is_taken(upstream: Upstream) -> None:
    """Else the wild ones would be refused for nothing but their beginning."""
    assert set(GOOD) <= set(commands.BY_TYPE)
    basket = unique("basket")
    for type_ in ("basket.create", "basket.item.add", "basket.update", *sorted(GOOD)):
        reply = upstream.ask_for(upstream.expecting(sent(type_, json.dumps(GOOD[type_]).encode(), basket)))
        assert (type_, reply.error_key) in (
            (type_, None),
            ("basket.item.remove", "basket.lineitem.not_found.error"),
            ("basket.item.update", "basket.shipping_method_not_allowed.error"),
        ), reply.body


def test_afterwards_nothing_is_parked_or_pending(upstream: Upstream, events: Listener, stage: Stage) -> None:
    events.answer(upstream.tell("channel.put", CHANNEL, {}, channel=CHANNEL, headers=AS_SERVICE))
    assert stage.rows("select cause, detail from dead_letter where channel = %s", CHANNEL) == []
    assert events.until(lambda: not stage.rows("select 1 from outbox where published_at is null"))
    unanswered = stage.rows(
        "select message_id from inbox left join outbox using (channel, key, event_id)"
        " where channel = %s and outbox.event_id is null",
        CHANNEL,
    )
    assert unanswered == []
