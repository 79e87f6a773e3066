"""Contract 2.3: a command for every error key, which deserves it alone: status, header, and path in the body.

Nothing is left to the order of refusals here; a key that has no row below is forgotten, and that fails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from outside.furnishing import AS_SERVICE, HOME, IN_2030, elements, filled, of, product, quote
from outside.listener import Listener
from outside.processes import WorkerProcess
from outside.shop import BENQ, GROUND, open_shop, put
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result, command, unique

from contracts.errors import ErrorKey
from tests.flow import test_dataset_error_keys

BUYER = of("patricia", customer="acme")
MONTHLY = {"interval": "P1M", "startDate": IN_2030}


@dataclass(frozen=True)
class Mall:
    """A channel with everything in it that a command can fail on, and somebody who tries."""

    upstream: Upstream
    events: Listener
    channel: str
    gone: str  # a product that is not available

    def ask(self, type_: str, key: str, body: object = None, **options: Any) -> Result:
        given = {"headers": BUYER, "channel": self.channel, **options}
        return self.upstream.ask(type_, key, body, **given)

    def basket(self, *skus: str, **before: object) -> str:
        """Make a basket; `before` is an update that it has had."""
        key = filled(self.upstream, *skus, channel=self.channel, headers=BUYER)
        if before:
            assert self.ask("basket.update", key, before).status == 200
        return key

    def quoted(self) -> str:
        key = self.basket()
        assert self.ask("basket.item.add", key, {"quoteID": "Q-OPEN"}).status == 201
        return key

    def over(self) -> str:
        """Make a basket whose one order has been placed early."""
        key = self.basket(BENQ, recurrence={**MONTHLY, "repetitions": 1})
        assert self.ask("basket.checkout", key).status == 201
        return key

    def overheard(self, type_: str, **options: Any) -> Result:
        """Give the event about a message that gets no reply."""
        return self.events.answer(self.upstream.tell(type_, unique("basket"), **options))


@pytest.fixture(scope="module")
def mall(stage: Stage, worker: WorkerProcess) -> Iterator[Mall]:
    channel, gone = unique("channel"), unique("sku")
    with Upstream(stage.broker_url) as upstream, Listener(stage.broker_url) as events:
        open_shop(upstream, channel, recurringOrdersEnabled=True)
        address = {**HOME, "owner": "patricia", "shipTo": True}
        for type_, id_, body in (
            ("product.put", gone, product(available=False)),
            ("address.put", "ship-only", address),
            ("store.put", "store-1", {"address": HOME}),
            ("customer.put", "acme", {"business": True}),
            ("customer.put", "consumer", {"business": False}),
            ("quote.put", "Q-OPEN", quote("acme", BENQ)),
            ("quote.put", "Q-OLD", quote("acme", BENQ, valid_to="2020-01-01T00:00:00Z")),
            ("quote.put", "Q-REJECTED", quote("acme", BENQ, state="rejected")),
        ):
            put(upstream, type_, id_, body, channel=channel)
        yield Mall(upstream, events, channel, gone)


Act = Callable[[Mall], Result]


def envelope(type_: str = "basket.create", body: object = None, **options: Any) -> Act:
    return lambda mall: mall.ask(type_, options.pop("key", unique("basket")), body, **options)


def event(type_: str, **options: Any) -> Act:
    return lambda mall: mall.overheard(type_, **options)


def on(type_: str, body: object = None, *skus: str, **options: Any) -> Act:
    """Ask something of a basket with these products."""
    return lambda mall: mall.ask(type_, mall.basket(*skus), body, **options)


def updating(*skus: str, **fields: object) -> Act:
    return on("basket.update", fields, *skus)


def adding(**body: object) -> Act:
    return on("basket.item.add", body)


def recurring(**recurrence: object) -> Act:
    return updating(recurrence=recurrence)


def reused(mall: Mall) -> Result:
    key, id_ = unique("basket"), unique("m")
    mall.ask("basket.create", key, message_id=id_)
    return mall.ask("basket.update", key, {"department": "Sales"}, message_id=id_)


def cost_center(**claims: object) -> Act:
    """Ask for a cost center as somebody with these claims."""

    def act(mall: Mall) -> Result:
        headers = of("patricia", **claims)
        key = filled(mall.upstream, channel=mall.channel, headers=headers)
        return mall.ask("basket.update", key, {"costCenterID": "511288"}, headers=headers)

    return act


def element(sku: object, quantity: object) -> dict[str, Any]:
    return {"sku": sku, "quantity": {"value": quantity}}


FIRST, CENTER = "$.elements[0]", "$.costCenterID"
CASES: list[tuple[int, str, str | None, Act]] = [
    (413, "command.too_large.error", None, envelope(body=b"{" + b" " * 262_144 + b"}")),
    (415, "command.unsupported_content_type.error", None, envelope(content_type="image/png")),
    (400, "command.unknown_type.error", None, envelope("basket.shake")),
    (400, "command.message_id_required.error", None, envelope(message_id=None)),
    (400, "basket.basket_id_required.error", None, envelope(key="two words")),
    (400, "command.reply_to_required.error", None, event("basket.list")),
    (400, "command.reply_to_forbidden.error", None, event("basket.create", reply_to="orders")),
    (400, "command.malformed.error", "$.department", updating(department=7)),
    (401, "command.unauthorized.error", None, envelope(headers={"authorization": None})),
    (404, "channel.not_found.error", None, envelope(channel="never-put")),
    (404, "basket.basket_not_found.error", None, envelope("basket.checkout")),
    (403, "basket.login_required.error", None, on("basket.empty", headers=of("guest", anonymous=True))),
    (403, "basket.wrong_basket_id.error", None, on("basket.checkout", None, BENQ, headers=of("mallory"))),
    (403, "command.forbidden.error", None, envelope("user.erase")),
    (412, "basket.version_conflict.error", None,
     on("basket.empty", headers={**BUYER, "expected-version": 9})),
    (501, "error.recurring_orders.disabled", "$.recurrence",
     lambda mall: mall.upstream.ask("basket.update", filled(mall.upstream), {"recurrence": MONTHLY})),
    (409, "command.message_id_reused.error", None, reused),
    (400, "command.unknown_field.error", "$.colour", on("basket.checkout", {"colour": "red"}, BENQ)),
    (400, "basket.limit_exceeded.error", "$.promotions",
     updating(promotions=[{"code": str(n)} for n in range(51)])),
    (400, "basket.address_not_found.error", "$.commonShipToAddress",
     updating(commonShipToAddress={"urn": "urn:address:customer:robert:ship-only"})),
    (400, "basket.invalid_address.error", "$.invoiceToAddress",
     updating(invoiceToAddress={"id": "ship-only"})),
    (400, "basket.store_addresses_not_allowed.error", "$.commonShipToAddress",
     updating(commonShipToAddress={"urn": "urn:address:store:acme:store-1"})),
    (400, "customer.address.missing_fields.error", "$.invoiceToAddress",
     updating(invoiceToAddress={**HOME, "city": ""})),
    (400, "basket.shipping_method_not_allowed.error", "$.shippingMethod",
     lambda mall: _item(mall, {"shippingMethod": {"id": GROUND}})),
    (400, "basket.shipping_method_not_eligible.error", "$.commonShippingMethod",
     updating(commonShippingMethod={"id": "BY_BALLOON"})),
    (400, "basket.purchase_currency_fixed.error", "$.purchaseCurrency",
     updating(BENQ, purchaseCurrency="EUR")),
    (400, "basket.recurrence_missing_interval.error", "$.recurrence.interval", recurring(startDate=IN_2030)),
    (400, "basket.recurrence_missing_start_date.error", "$.recurrence.startDate", recurring(interval="P1M")),
    (400, "basket.recurrence_invalid.error", "$.recurrence.interval",
     recurring(**{**MONTHLY, "interval": "PT1H"})),
    (400, "basket.recurring_not_allowed.error", "$.recurrence",
     lambda mall: mall.ask("basket.update", mall.quoted(), {"recurrence": MONTHLY})),
    (400, "basket.cost_center.no_customer.error", CENTER, cost_center()),
    (400, "basket.cost_center.invalid_customer.error", CENTER, cost_center(customer="consumer")),
    (400, "basket.cost_center.not_found.error", CENTER, cost_center(customer="acme")),
    (400, "basket.product.sku_required.error", f"{FIRST}.sku", adding(elements=[element("", 1)])),
    (400, "basket.product.quantity_invalid.error", f"{FIRST}.quantity.value",
     adding(elements=[element(BENQ, 0)])),
    (400, "basket.product.not_available.error", f"{FIRST}.sku",
     lambda mall: mall.ask("basket.item.add", mall.basket(), elements(mall.gone))),
    (404, "product.not_found.error", f"{FIRST}.sku", adding(**elements("never-put"))),
    (404, "basket.lineitem.not_found.error", "$.itemId", on("basket.item.remove", {"itemId": "x"})),
    (404, "order.not_found.error", None, envelope("order.get")),
    (404, "recurrence.not_found.error", None, on("recurrence.pause")),
    (404, "quote.not_found.error", "$.quoteID", adding(quoteID="Q-NEVER")),
    (403, "quote.expired.error", "$.quoteID", adding(quoteID="Q-OLD")),
    (403, "quote.rejected.error", "$.quoteID", adding(quoteID="Q-REJECTED")),
    (400, "basket.quote_item_fixed.error", "$.quantity",
     lambda mall: _item(mall, {"quantity": {"value": 2}})),
    (400, "basket.empty.error", None, on("basket.checkout")),
    (409, "error.recurring_orders.enable-not-possible", None,
     lambda mall: mall.ask("recurrence.resume", mall.over())),
    (409, "error.recurring_orders.order_not_possible", None,
     lambda mall: mall.ask("basket.checkout", mall.over())),
]  # fmt: skip


def _item(mall: Mall, changes: dict[str, Any]) -> Result:
    """Change the first item of a basket; its quantity, one of a quote."""
    key = mall.quoted() if "quantity" in changes else mall.basket(BENQ)
    (bucket,) = mall.ask("basket.get", key).json["shippingBuckets"]
    item_id = bucket["lineItems"][0]["uri"].rpartition("/")[2]
    return mall.ask("basket.item.update", key, {"itemId": item_id, **changes})


@pytest.mark.parametrize(("status", "error_key", "path", "act"), CASES, ids=[case[1] for case in CASES])
def test_every_error_key_has_its_status_and_says_where(
    mall: Mall, status: int, error_key: str, path: str | None, act: Act
) -> None:
    refused = act(mall)
    assert (refused.type, refused.status, refused.error_key) == ("command.rejected", status, error_key)
    assert [(error["code"], error.get("path")) for error in refused.json["errors"]] == [(error_key, path)]
    assert all(error["message"] for error in refused.json["errors"])


def test_no_error_key_is_forgotten() -> None:
    here = {case[1] for case in CASES} | {"command.internal_error"}
    assert here | test_dataset_error_keys.KEYS == {str(key) for key in ErrorKey}


def test_a_defect_is_answered_500_and_parked_with_the_traceback_that_the_answer_does_not_have(
    mall: Mall, stage: Stage
) -> None:
    sku, key = unique("sku"), mall.basket()
    put(mall.upstream, "product.put", sku, product(), channel=mall.channel)
    stage.rows("update reference set document = '{\"name\": 7}' where id = %s", sku)
    refused = mall.ask("basket.item.add", key, elements(sku))
    assert (refused.status, refused.error_key, refused.codes) == (
        500, "command.internal_error", ["command.internal_error"]
    )  # fmt: skip
    assert all(word not in refused.body for word in (b"Traceback", b"msgspec", b".py", b"Expected"))
    ((cause, detail, state),) = stage.rows("select cause, detail, state from dead_letter where key = %s", key)
    assert (cause, state) == ("command.internal_error", "parked")
    assert "Traceback" in detail
    assert mall.ask("basket.item.add", key, elements(BENQ)).version == 2


def test_a_defect_that_one_command_meets_costs_its_neighbours_nothing(mall: Mall, stage: Stage) -> None:
    sku, keys = unique("sku"), [mall.basket() for _ in range(4)]
    put(mall.upstream, "product.put", sku, product(), channel=mall.channel)
    stage.rows("update reference set document = '[]' where id = %s", sku)
    skus = [BENQ, sku, BENQ, BENQ]
    commands = [
        command("basket.item.add", key, elements(one), channel=mall.channel, headers=BUYER)
        for key, one in zip(keys, skus, strict=True)
    ]
    answered = {reply.key: reply.status for reply in mall.upstream.ask_all(commands)}
    assert [answered[key] for key in keys] == [201, 500, 201, 201]


def test_a_service_is_told_what_is_wrong_with_what_it_puts(mall: Mall) -> None:
    for type_, body, path in (
        ("promotion.put", {"target": "item"}, "$"),
        ("promotion.put", {"target": "item", "percentage": 101}, "$.percentage"),
        ("promotion.put", {"target": "item", "percentage": 1, "validFrom": "soon"}, "$.validFrom"),
        ("user.put", {"groups": "all"}, "$.groups"),
        ("customer.put", {}, "$.business"),
        ("cost-center.put", {"active": True}, "$.customer"),
        ("quote.put", {**quote("acme", BENQ), "state": "lost"}, "$.state"),
        ("quote.put", {**quote("acme", BENQ), "validTo": "never"}, "$.validTo"),
        ("channel.put", {"basketLifetime": "P0D"}, "$.basketLifetime"),
    ):
        refused = mall.ask(type_, unique("id"), body, headers=AS_SERVICE)
        assert (refused.status, refused.error_key) == (400, "command.malformed.error"), (type_, body)
        assert [error["path"] for error in refused.json["errors"]] == [path]
