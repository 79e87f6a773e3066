"""Contract 2.1, 6.7: `basket.checkout` places the order now and closes the basket, once."""

import pytest
from outside.claims import OPERATOR, SERVICE
from outside.furnishing import HOME, elements, filled, item_ids, of, product, quote
from outside.listener import Listener
from outside.shop import BENQ, GROUND, PROBOOK, open_shop, put, usd
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result, command, unique

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ADDRESS = {"commonShipToAddress": HOME, "invoiceToAddress": HOME, "commonShippingMethod": {"id": GROUND}}


def placed(events: Listener, key: str) -> list[Result]:
    return [event for event in events.by_key().get(key, []) if event.type == "order.placed"]


def test_the_reply_is_the_order_and_so_is_the_event(upstream: Upstream, events: Listener) -> None:
    key = filled(upstream, PROBOOK, BENQ)
    upstream.ask("basket.update", key, {**ADDRESS, "department": "Sales", "taxationID": "0123"})
    message = upstream.expecting(command("basket.checkout", key, headers={"traceparent": TRACE}))
    reply = upstream.ask_for(message)
    assert (reply.type, reply.status, reply.version) == ("command.completed", 201, 4)
    assert events.until(lambda: bool(placed(events, key)))
    (event,) = placed(events, key)
    assert event.body == reply.body == events.answer(message).body
    assert [said.type for said in events.by_key()[key]][-2:] == ["command.completed", "order.placed"]
    assert dict(event.headers) == {
        "key": key, "channel": "shop", "version": 3, "contract-version": 1,
        "causation-id": message.message_id, "traceparent": TRACE,
    }  # fmt: skip


def test_an_order_says_all_that_its_basket_said(upstream: Upstream) -> None:
    key = filled(upstream, PROBOOK, BENQ)
    fields = {**ADDRESS, "department": "Sales", "taxationID": "0123", "externalOrderReferenceID": "007"}
    shown = upstream.ask("basket.update", key, fields).json
    order = upstream.ask("basket.checkout", key).json
    assert (order.pop("type"), order.pop("basketId"), order.pop("channel")) == ("Order", key, "shop")
    assert order.pop("id")
    assert order.pop("number").isdigit()
    assert order.pop("placedAt").endswith("Z")
    assert [(line["sku"], line["quantity"], line["total"]["value"]) for line in order.pop("lineItems")] == [
        (PROBOOK, 1, 999), (BENQ, 1, 210.28)
    ]  # fmt: skip
    assert order["totals"]["basketTotal"]["value"] == 1226.22
    shared = {name: value for name, value in shown.items() if name in order}
    assert order == shared
    assert set(shown) - set(order) == {
        "name", "type", "id", "version", "multipleShippmentsSupported", "shippingBuckets"
    }  # fmt: skip


def test_with_multiple_shipments_an_order_says_what_goes_where(upstream: Upstream) -> None:
    channel = unique("channel")
    open_shop(upstream, channel, multipleShipmentsSupported=True)
    key = filled(upstream, PROBOOK, BENQ, channel=channel)
    items = item_ids(upstream.ask("basket.get", key, channel=channel))
    body = {"itemId": items[BENQ], "shippingMethod": {"id": GROUND}, "shipToAddress": HOME}
    shown = upstream.ask("basket.item.update", key, body, channel=channel).json
    order = upstream.ask("basket.checkout", key, channel=channel).json
    assert len(order["shippingBuckets"]) == 2
    assert order["shippingBuckets"] == shown["shippingBuckets"]
    assert order["totals"]["shippingTotal"]["value"] == 16.94


def test_afterwards_the_basket_is_gone_and_the_order_is_there(upstream: Upstream, stage: Stage) -> None:
    key = filled(upstream, BENQ)
    order = upstream.ask("basket.checkout", key).json
    for type_ in ("basket.get", "basket.update", "basket.checkout", "recurrence.get"):
        refused = upstream.ask(type_, key, {} if type_ == "basket.update" else None)
        assert (refused.status, refused.error_key) == (404, "basket.basket_not_found.error")
    assert upstream.ask("basket.empty", key).status == 204
    assert upstream.ask("order.get", order["id"]).json == order
    assert upstream.ask("basket.orders", key).json == {
        "orders": [
            {
                "id": order["id"],
                "number": order["number"],
                "placedAt": order["placedAt"],
                "basketTotal": {"type": "Money", **usd(210.28)},
            }
        ]
    }
    ((version, owner, is_open),) = stage.rows("select version, owner, is_open from basket where id = %s", key)
    assert (version, owner, is_open) == (3, "patricia", False)


def test_of_a_basket_that_is_ordered_a_tombstone_is_left_and_nothing_else(
    upstream: Upstream, stage: Stage
) -> None:
    headers = of("patricia", customer="acme", groups=["A"])
    key = filled(upstream, BENQ, headers=headers)
    upstream.ask("basket.update", key, ADDRESS, headers=headers)
    assert upstream.ask("basket.checkout", key, headers=headers).status == 201
    ((document,),) = stage.rows("select document from basket where id = %s", key)
    assert {name for name in document if document[name]} == {
        "channel", "id", "owner", "version", "opened_at", "content", "priced"
    }  # fmt: skip


def test_its_former_owner_begins_anew_one_version_on_and_nobody_else(upstream: Upstream) -> None:
    key = filled(upstream, BENQ)
    first = upstream.ask("basket.checkout", key).json
    for headers in (of("mallory"), of("guest", anonymous=True)):
        refused = upstream.ask("basket.create", key, headers=headers)
        assert (refused.status, refused.error_key) == (403, "basket.wrong_basket_id.error")
        assert upstream.ask("basket.orders", key, headers=headers).error_key == "basket.wrong_basket_id.error"
    again = upstream.ask("basket.create", key)
    assert (again.status, again.version) == (201, 4)
    assert "shippingBuckets" not in again.json
    upstream.ask("basket.item.add", key, elements(PROBOOK))
    second = upstream.ask("basket.checkout", key)
    assert (second.status, second.version) == (201, 6)
    assert int(second.json["number"]) > int(first["number"])
    listed = upstream.ask("basket.orders", key).json["orders"]
    assert [order["id"] for order in listed] == [second.json["id"], first["id"]]


@pytest.mark.parametrize(
    ("headers", "error_key"),
    [
        (of("mallory"), "basket.wrong_basket_id.error"),
        (of("guest", anonymous=True), "basket.login_required.error"),
        (of("catalogue", **SERVICE), "basket.wrong_basket_id.error"),
        (of("patricia", **OPERATOR), "command.forbidden.error"),
    ],
)
def test_nobody_else_orders_it(upstream: Upstream, headers: dict[str, object], error_key: str) -> None:
    key = filled(upstream, BENQ)
    refused = upstream.ask("basket.checkout", key, headers=headers)
    assert (refused.status, refused.error_key) == (403, error_key)
    assert upstream.ask("basket.get", key).version == 2


def test_a_refused_checkout_leaves_the_basket_as_it_is(
    upstream: Upstream, events: Listener, stage: Stage
) -> None:
    sku = unique("sku")
    put(upstream, "product.put", sku, product())
    key = filled(upstream, sku)
    put(upstream, "product.put", sku, product(available=False))
    refused = upstream.ask("basket.checkout", key)
    assert (refused.status, refused.error_key, refused.version) == (
        400,
        "basket.product.not_available.error",
        2,
    )
    assert upstream.ask("basket.get", key).version == 2
    assert stage.rows("select 1 from customer_order where basket_id = %s", key) == []
    put(upstream, "product.put", sku, product(2))
    order = upstream.ask("basket.checkout", key).json
    assert order["totals"]["basketTotal"]["value"] == 2, "at the prices of the day"
    assert len(placed(events, key)) <= 1


def test_a_quote_that_has_been_rejected_since_is_not_ordered(upstream: Upstream) -> None:
    id_, headers = unique("quote"), of("patricia", customer="acme")
    put(upstream, "quote.put", id_, quote("acme", BENQ))
    key = filled(upstream, headers=headers)
    assert upstream.ask("basket.item.add", key, {"quoteID": id_}, headers=headers).status == 201
    put(upstream, "quote.put", id_, quote("acme", BENQ, state="rejected"))
    refused = upstream.ask("basket.checkout", key, headers=headers)
    assert (refused.status, refused.error_key) == (403, "quote.rejected.error")
    put(upstream, "quote.put", id_, quote("acme", BENQ, state="accepted"))
    assert upstream.ask("basket.checkout", key, headers=headers).json["totals"]["itemTotal"]["value"] == 5


def test_a_repeat_places_no_second_order_and_makes_no_gap(
    upstream: Upstream, events: Listener, stage: Stage
) -> None:
    key = filled(upstream, BENQ)
    message = upstream.expecting(command("basket.checkout", key))
    replies = upstream.ask_all([message] * 5)
    assert all(reply.said == replies[0].said for reply in replies)
    upstream.ask("basket.create", key)
    upstream.ask("basket.item.add", key, elements(BENQ))
    assert upstream.ask_for(message).said == replies[0].said
    assert upstream.ask("basket.get", key).version == 5
    assert len(stage.rows("select 1 from customer_order where basket_id = %s", key)) == 1
    last = upstream.expecting(command("basket.update", key, {"department": "X"}))
    upstream.ask_for(last)
    events.answer(last)
    versions = [event.version for event in events.by_key()[key] if event.type == "command.completed"]
    assert versions == [1, 2, 3, 4, 5, 6]
    assert len(placed(events, key)) == 1


def test_two_checkouts_of_one_basket_are_one_order(upstream: Upstream, stage: Stage) -> None:
    key = filled(upstream, BENQ)
    replies = upstream.ask_all([command("basket.checkout", key) for _ in range(4)])
    assert [reply.status for reply in replies] == [201, 404, 404, 404]
    assert len(stage.rows("select 1 from customer_order where basket_id = %s", key)) == 1


def test_in_one_burst_a_read_behind_a_checkout_sees_the_order(upstream: Upstream) -> None:
    """Twenty baskets at once, each from its first command to the list of its orders."""
    keys = [unique("basket") for _ in range(20)]
    upstream.ask_all(
        [
            command(type_, key, body)
            for type_, body in (
                ("basket.create", None),
                ("basket.item.add", elements(BENQ)),
                ("basket.checkout", None),
                ("basket.orders", None),
                ("basket.get", None),
                ("basket.create", None),
                ("basket.item.add", elements(PROBOOK)),
                ("basket.checkout", None),
                ("basket.orders", {"limit": 1}),
            )
            for key in keys
        ]
    )
    for key in keys:
        mine = [reply for reply in upstream.replies if reply.key == key]
        assert [reply.status for reply in mine] == [201, 201, 201, 200, 404, 201, 201, 201, 200]
        first, second, page, last = mine[2].json, mine[7].json, mine[3].json, mine[8].json
        assert [order["id"] for order in page["orders"]] == [first["id"]]
        assert [order["id"] for order in last["orders"]] == [second["id"]]
        assert last["next"] == second["id"]
        assert [reply.version for reply in mine] == [1, 2, 3, 3, None, 4, 5, 6, 6]


def test_an_order_reads_its_own_channel_alone(upstream: Upstream) -> None:
    channel = unique("channel")
    open_shop(upstream, channel)
    key = filled(upstream, BENQ, channel=channel)
    order = upstream.ask("basket.checkout", key, channel=channel).json
    assert upstream.ask("order.get", order["id"]).error_key == "order.not_found.error"
    assert upstream.ask("order.get", order["id"], channel=channel).json["channel"] == channel
