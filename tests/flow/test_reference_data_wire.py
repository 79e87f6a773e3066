"""Contract 5: every kind is put and deleted, again without effect, by services alone; used from then on."""

from typing import Any

import pytest
from outside.claims import SERVICE, bearer
from outside.furnishing import AS_SERVICE, HOME, IN_2030, elements, filled, item_ids, of, product, quote
from outside.listener import Listener
from outside.shop import BENQ, GROUND, open_shop, put, usd
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import SHOP, Message, Result, command, unique

from flow.together import together

METHOD = {"name": "By hand", "price": usd(3)}
KINDS: dict[str, dict[str, Any]] = {
    "product": product(),
    "shipping-method": METHOD,
    "promotion": {
        "target": "basket",
        "percentage": 10,
        "validFrom": "2020-01-01T00:00:00Z",
        "validTo": IN_2030,
    },
    "user": {"groups": ["A", "B"], "customer": "acme"},
    "customer": {"business": True},
    "address": {**HOME, "owner": "patricia", "shipTo": True, "invoiceTo": True},
    "store": {"address": HOME},
    "cost-center": {"customer": "acme", "active": True},
    "quote": quote("acme", BENQ),
    "channel": {"currency": "EUR"},
    "dataset": {"label": "Sentinel-2", "groups": ["observers"]},
    "process": {"forbidSplit": True, "limit": {"type": "FILES", "value": 10}},
}


def remove(upstream: Upstream, kind: str, id_: str, *, channel: str = SHOP) -> Result:
    return put(upstream, f"{kind}.delete", id_, None, channel=channel)


def known(stage: Stage, kind: str, id_: str) -> list[Any]:
    return stage.rows("select document, changed_at from reference where kind = %s and id = %s", kind, id_)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_put_and_put_again_and_deleted_and_deleted_again(
    upstream: Upstream, stage: Stage, kind: str
) -> None:
    id_ = unique(kind)
    replies = [put(upstream, f"{kind}.put", id_, KINDS[kind])]
    first = known(stage, kind, id_)
    replies.append(put(upstream, f"{kind}.put", id_, KINDS[kind]))
    assert known(stage, kind, id_) == first != []
    replies += [remove(upstream, kind, id_), remove(upstream, kind, id_)]
    assert known(stage, kind, id_) == []
    assert {(reply.status, reply.body, reply.version) for reply in replies} == {(204, b"", None)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_put_and_deleted_by_services_alone(upstream: Upstream, stage: Stage, kind: str) -> None:
    id_ = unique(kind)
    put(upstream, f"{kind}.put", id_, KINDS[kind])
    for claims in ({}, {"roles": ["operator"]}, {"anonymous": True}):
        headers = of("mallory", **claims)
        for refused in (
            upstream.ask(f"{kind}.delete", id_, headers=headers),
            upstream.ask(f"{kind}.put", id_, KINDS[kind], headers=headers),
        ):
            assert (refused.status, refused.error_key) == (403, "command.forbidden.error")
    assert len(known(stage, kind, id_)) == 1


def test_a_product_that_is_deleted_keeps_its_price_in_baskets_and_cannot_be_ordered(
    upstream: Upstream,
) -> None:
    sku = unique("sku")
    put(upstream, "product.put", sku, product(7))
    key = filled(upstream, sku, BENQ)
    remove(upstream, "product", sku)
    shown = upstream.ask("basket.update", key, {"department": "Sales"})
    assert (shown.status, shown.json["totals"]["itemTotal"]["value"]) == (200, 217.28)
    refused = upstream.ask("basket.checkout", key)
    assert (refused.status, refused.error_key) == (404, "product.not_found.error")
    assert upstream.ask("basket.item.add", key, elements(sku)).error_key == "product.not_found.error"
    item = item_ids(shown)[sku]
    assert (
        upstream.ask("basket.item.remove", key, {"itemId": item}).json["totals"]["itemTotal"]["value"]
        == 210.28
    )
    assert upstream.ask("basket.checkout", key).status == 201


def test_a_shipping_method_that_is_deleted_keeps_its_price_and_cannot_be_ordered(upstream: Upstream) -> None:
    method = unique("method")
    put(upstream, "shipping-method.put", method, METHOD)
    key = filled(upstream, BENQ)
    upstream.ask("basket.update", key, {"commonShippingMethod": {"id": method}})
    remove(upstream, "shipping-method", method)
    assert (
        upstream.ask("basket.update", key, {"department": "S"}).json["totals"]["shippingTotal"]["value"] == 3
    )
    assert upstream.ask("basket.checkout", key).error_key == "basket.shipping_method_not_eligible.error"
    upstream.ask("basket.update", key, {"commonShippingMethod": {"id": GROUND}})
    assert upstream.ask("basket.checkout", key).json["totals"]["shippingTotal"]["value"] == 16.94


def test_a_deleted_channel_is_404_and_comes_back_with_what_was_in_it(upstream: Upstream) -> None:
    channel = unique("channel")
    open_shop(upstream, channel)
    key = filled(upstream, BENQ, channel=channel)
    remove(upstream, "channel", channel, channel=channel)
    for type_ in ("basket.get", "basket.checkout", "basket.create"):
        refused = upstream.ask(type_, key, channel=channel)
        assert (refused.status, refused.error_key) == (404, "channel.not_found.error")
    put(upstream, "channel.put", channel, {}, channel=channel)
    assert upstream.ask("basket.get", key, channel=channel).json["totals"]["itemTotal"]["value"] == 210.28


def test_the_default_channel_goes_back_to_its_defaults(upstream: Upstream) -> None:
    put(
        upstream,
        "channel.put",
        "default",
        {"currency": "EUR", "multipleShipmentsSupported": True},
        channel="default",
    )
    changed = upstream.ask("basket.create", unique("basket"), channel="default").json
    remove(upstream, "channel", "default", channel="default")
    back = upstream.ask("basket.create", unique("basket"), channel="default").json
    assert (changed["purchaseCurrency"], changed["multipleShippmentsSupported"]) == ("EUR", True)
    assert (back["purchaseCurrency"], back["multipleShippmentsSupported"]) == ("USD", False)


def test_what_upstream_says_of_a_user_holds_instead_of_the_token(upstream: Upstream) -> None:
    """The customer decides which quotes one sees: the token's until a put, and again after a deletion."""
    user, other, id_ = unique("user"), unique("customer"), unique("quote")
    put(upstream, "quote.put", id_, quote("acme", BENQ))
    put(upstream, "user.put", user, {"customer": other})
    headers = of(user, customer="acme")
    key = filled(upstream, headers=headers)
    assert upstream.ask("basket.item.add", key, {"quoteID": id_}, headers=headers).status == 404
    remove(upstream, "user", user)
    assert upstream.ask("basket.item.add", key, {"quoteID": id_}, headers=headers).status == 201


def service(type_: str, key: str, body: object = None, *, channel: str = SHOP) -> Message:
    return command(type_, key, body, channel=channel, headers=AS_SERVICE)


def test_a_put_and_its_use_in_one_transaction(upstream: Upstream, stage: Stage) -> None:
    """Everything that a basket can name, put, used and ordered without a commit in between."""
    sku, key, customer, user = unique("sku"), unique("basket"), unique("customer"), unique("user")
    method, promotion, center, address, quoted = (unique(kind) for kind in ("m", "p", "c", "a", "q"))
    headers = of(user)
    update = {
        "costCenterID": center,
        "commonShippingMethod": {"id": method},
        "promotions": [{"code": promotion}],
        "commonShipToAddress": {"urn": f"urn:address:customer:{customer}:{address}"},
    }
    replies = together(
        stage,
        service("product.put", sku, product(50)),
        service("quote.put", quoted, quote(customer, sku)),
        service("shipping-method.put", method, METHOD),
        service("promotion.put", promotion, {"target": "basket", "amount": usd(5)}),
        service("customer.put", customer, {"business": True}),
        service("user.put", user, {"customer": customer}),
        service("cost-center.put", center, {"customer": customer}),
        service("address.put", address, {**HOME, "owner": customer, "shipTo": True}),
        command("basket.create", key, headers=headers),
        command("basket.item.add", key, elements(sku), headers=headers),
        command("basket.item.add", key, {"quoteID": quoted}, headers=headers),
        command("basket.update", key, update, headers=headers),
        command("basket.checkout", key, headers=headers),
    )
    assert [reply.status for reply in replies] == [204] * 8 + [201, 201, 201, 200, 201], replies[-1].body
    order = replies[-1].json
    assert (order["costCenterID"], order["commonShipToAddress"]["id"]) == (center, address)
    # 50 and the agreed 5, less 5, and 3 for shipping.
    assert order["totals"]["basketTotal"]["value"] == 53


def test_a_store_that_is_deleted_is_gone_in_the_same_transaction(upstream: Upstream, stage: Stage) -> None:
    channel, store = unique("channel"), unique("store")
    open_shop(upstream, channel, pickupInStore=True)
    put(upstream, "store.put", store, {"address": HOME}, channel=channel)
    key = filled(upstream, BENQ, channel=channel)
    upstream.ask("basket.update", key, {"commonShipToAddress": {"id": store}}, channel=channel)
    _, refused = together(
        stage,
        service("store.delete", store, channel=channel),
        command("basket.checkout", key, channel=channel),
    )
    assert (refused.status, refused.error_key) == (400, "basket.address_not_found.error")


def test_a_quoted_product_that_is_deleted_is_gone_in_the_same_transaction(
    upstream: Upstream, stage: Stage
) -> None:
    sku, quoted = unique("sku"), unique("quote")
    put(upstream, "product.put", sku, product())
    put(upstream, "quote.put", quoted, quote("acme", sku))
    headers = of("patricia", customer="acme")
    key = filled(upstream, headers=headers)
    _, refused = together(
        stage,
        service("product.delete", sku),
        command("basket.item.add", key, {"quoteID": quoted}, headers=headers),
    )
    assert (refused.status, refused.error_key) == (404, "product.not_found.error")


DELETED = ["product", "shipping-method", "address", "cost-center", "customer"]


@pytest.mark.parametrize("kind", DELETED)
def test_what_a_basket_names_is_missed_in_the_transaction_that_deletes_it(
    upstream: Upstream, stage: Stage, kind: str
) -> None:
    ids = {one: unique(one) for one in (*DELETED, "quote")}
    bodies = {**KINDS, "quote": quote(ids["customer"], BENQ)}
    bodies["cost-center"] = {"customer": ids["customer"]}
    for one, id_ in ids.items():
        put(upstream, f"{one}.put", id_, bodies[one])
    headers = of("patricia", customer=ids["customer"])
    key = filled(upstream, ids["product"], headers=headers)
    update = {
        "commonShippingMethod": {"id": ids["shipping-method"]},
        "invoiceToAddress": {"id": ids["address"]},
        "costCenterID": ids["cost-center"],
    }
    assert upstream.ask("basket.update", key, update, headers=headers).status == 200
    _, refused = together(
        stage, service(f"{kind}.delete", ids[kind]), command("basket.checkout", key, headers=headers)
    )
    assert (
        refused.error_key
        == {
            "product": "product.not_found.error",
            "shipping-method": "basket.shipping_method_not_eligible.error",
            "address": "basket.address_not_found.error",
            "cost-center": "basket.cost_center.not_found.error",
            "customer": "basket.cost_center.invalid_customer.error",
        }[kind]
    )
    assert upstream.ask("basket.get", key, headers=headers).status == 200


def test_an_order_is_for_the_customer_of_the_command_before_it_also_in_one_transaction(
    upstream: Upstream, stage: Stage
) -> None:
    old, new, center = unique("customer"), unique("customer"), unique("center")
    for customer in (old, new):
        put(upstream, "customer.put", customer, {"business": True})
    put(upstream, "cost-center.put", center, {"customer": old})
    key = filled(upstream, BENQ, headers=of("patricia", customer=old))
    upstream.ask("basket.update", key, {"costCenterID": center}, headers=of("patricia", customer=old))
    put(upstream, "cost-center.put", center, {"customer": new})
    headers = of("patricia", customer=new)
    replies = together(
        stage,
        command("basket.update", key, {"department": "Sales"}, headers=headers),
        command("basket.checkout", key, headers=headers),
    )
    assert [reply.status for reply in replies] == [200, 201], replies[-1].body


def test_a_burst_of_puts_and_deletes_of_one_id_ends_with_the_last(
    upstream: Upstream, events: Listener, stage: Stage
) -> None:
    sku = unique("sku")
    sent = [
        upstream.tell(*one, headers={"authorization": bearer("catalogue", **SERVICE)})
        for number in range(10)
        for one in (("product.put", sku, product(number)), ("product.delete", sku))
    ]
    events.answer(sent[-1])
    assert [event.status for event in events.by_key()[sku]] == [204] * 20
    assert known(stage, "product", sku) == []
