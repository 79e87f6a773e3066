"""Contract 1.1: everything is keyed by (channel, id); `default` is always there, others once they are put."""

from outside.claims import SERVICE, bearer
from outside.shop import BENQ, open_shop, put, usd
from outside.upstream import Upstream
from outside.wire import unique

AS_SERVICE = {"authorization": bearer("catalogue", **SERVICE)}
ONE_BENQ = {"elements": [{"sku": BENQ, "quantity": {"value": 1}}]}


def test_without_a_header_the_channel_is_default_and_it_is_there_from_the_start(upstream: Upstream) -> None:
    reply = upstream.ask("basket.create", unique("basket"), channel=None)
    assert (reply.status, reply.headers["channel"]) == (201, "default")
    assert reply.json["purchaseCurrency"] == "USD"
    assert reply.json["multipleShippmentsSupported"] is False


def test_a_channel_that_was_never_put_is_unknown_to_readers_and_writers_and_services(
    upstream: Upstream,
) -> None:
    product = {"name": "Mouse", "price": usd(1), "taxRate": 0}
    for type_, body in (("basket.create", None), ("basket.get", None), ("product.put", product)):
        refused = upstream.ask(type_, unique("key"), body, channel=unique("never"), headers=AS_SERVICE)
        assert (refused.status, refused.error_key) == (404, "channel.not_found.error")


def test_the_channel_of_a_channel_put_is_its_key(upstream: Upstream) -> None:
    channel = unique("channel")
    reply = upstream.ask("channel.put", channel, {"currency": "EUR"}, channel="other", headers=AS_SERVICE)
    assert (reply.status, reply.headers["channel"], reply.headers["key"]) == (204, channel, channel)
    assert upstream.ask("basket.create", unique("b"), channel=channel).json["purchaseCurrency"] == "EUR"
    assert upstream.ask("basket.create", unique("b"), channel="other").status == 404


def test_one_id_is_two_baskets_in_two_channels(upstream: Upstream) -> None:
    basket, channel = unique("basket"), unique("channel")
    open_shop(upstream, channel)
    assert upstream.ask("basket.create", basket).status == 201
    assert upstream.ask("basket.get", basket, channel=channel).status == 404
    assert upstream.ask("basket.create", basket, channel=channel, caller="mallory").status == 201
    upstream.ask("basket.update", basket, {"department": "Sales"})
    assert upstream.ask("basket.get", basket, channel=channel, caller="mallory").version == 1


def test_a_product_belongs_to_its_channel(upstream: Upstream) -> None:
    basket, channel, sku = unique("basket"), unique("channel"), unique("sku")
    open_shop(upstream, channel)
    put(upstream, "product.put", sku, {"name": "Mouse", "price": usd(1), "taxRate": 0}, channel=channel)
    upstream.ask("basket.create", basket)
    refused = upstream.ask("basket.item.add", basket, {"elements": [{"sku": sku, "quantity": {"value": 1}}]})
    assert (refused.status, refused.error_key) == (404, "product.not_found.error")


def test_a_channels_settings_hold_from_the_next_command_on(upstream: Upstream) -> None:
    basket, channel = unique("basket"), unique("channel")
    open_shop(upstream, channel)
    upstream.ask("basket.create", basket, channel=channel)
    gross = upstream.ask("basket.item.add", basket, ONE_BENQ, channel=channel).json["totals"]
    put(upstream, "channel.put", channel, {"priceType": "net"}, channel=channel)
    net = upstream.ask("basket.update", basket, {"department": "Sales"}, channel=channel).json["totals"]
    assert (gross["basketTotal"]["value"], gross["taxTotal"]["value"]) == (210.28, 33.57)
    assert (net["basketTotal"]["value"], net["taxTotal"]["value"]) == (250.23, 39.95)


def test_a_put_of_the_same_content_is_a_no_op_and_answered_alike(upstream: Upstream) -> None:
    sku, body = unique("sku"), {"name": "Mouse", "price": usd(1), "taxRate": 0}
    for _ in range(2):
        reply = put(upstream, "product.put", sku, body)
        assert (reply.body, reply.version) == (b"", None)
