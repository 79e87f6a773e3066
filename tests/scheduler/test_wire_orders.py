"""Orders over the wire: placed while one watches, announced, listed, read by whom they concern (6.6, 6.7)."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from outside.claims import OPERATOR, SERVICE, bearer
from outside.listener import Listener
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

LATE_SECONDS = 2.0
TRIES = 3  # a machine that stands still for a moment makes one of them late, and not the scheduler
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SEED = Path(__file__).parent.parent / "fixtures" / "intershop" / "recurrence.json"


def ago(**durations: float) -> str:
    return (datetime.now(UTC) - timedelta(**durations)).isoformat()


def orders(heard: Listener, key: str) -> list[Any]:
    return [event for event in heard.by_key().get(key, []) if event.type == "order.placed"]


@pytest.fixture(scope="module")
def told(live: Stage) -> dict[str, Any]:
    """What was said of a basket of patricia's from its recurrence to its first order, by type."""
    key, elements = unique("basket"), [{"sku": BENQ, "quantity": {"value": 1}}]
    with Upstream(live.broker_url) as buyer, Listener(live.broker_url) as heard:
        buyer.ask("basket.create", key)
        buyer.ask("basket.item.add", key, {"elements": elements})
        recurrence = {"startDate": ago(minutes=1), "interval": "P1D"}
        buyer.ask("basket.update", key, {"recurrence": recurrence}, headers={"traceparent": TRACE})
        assert heard.until(lambda: bool(orders(heard, key)))
        return {event.type: event for event in heard.by_key()[key]}


@pytest.fixture(scope="module")
def placed(told: dict[str, Any]) -> dict[str, Any]:
    return dict(told["order.placed"].json)


def test_what_falls_due_while_one_watches_is_ordered_at_once(
    live: Stage, buyer: Upstream, heard: Listener, basket: str
) -> None:
    late: list[float] = []
    while not late or (late[-1] >= LATE_SECONDS and len(late) < TRIES):
        late.append(seconds_late(live, buyer, heard, basket, generation=len(late) + 1))
    assert 0 <= late[-1] < LATE_SECONDS, late


def seconds_late(live: Stage, buyer: Upstream, heard: Listener, basket: str, *, generation: int) -> float:
    """Have an order fall due; give how long afterwards it was heard of."""
    ((now,),) = live.rows("select now()")
    due_at = now + timedelta(seconds=1.5)
    buyer.ask("basket.update", basket, {"recurrence": {"interval": "P0D"}})
    buyer.ask("basket.update", basket, {"recurrence": {"startDate": due_at.isoformat(), "interval": "P1D"}})
    assert len(orders(heard, basket)) == generation - 1
    assert heard.until(lambda: len(orders(heard, basket)) == generation)
    heard_at = time.time()
    order = orders(heard, basket)[-1].json
    assert order["recurring"]["dueAt"] == due_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert due_at <= datetime.fromisoformat(order["placedAt"])
    return heard_at - due_at.timestamp()


def test_missed_orders_are_placed_as_soon_as_the_recurrence_is_set(
    buyer: Upstream, heard: Listener, basket: str
) -> None:
    recurrence = {"startDate": ago(weeks=3, minutes=5), "interval": "P1W"}
    buyer.ask("basket.update", basket, {"recurrence": recurrence})
    assert heard.until(lambda: len(orders(heard, basket)) == 4)
    told = [event.json["recurring"] for event in orders(heard, basket)]
    assert [(one["occurrence"], one["catchUp"]) for one in told] == [
        (0, True),
        (1, True),
        (2, True),
        (3, False),
    ]


def test_or_skipped_and_the_regular_one_follows(buyer: Upstream, heard: Listener, basket: str) -> None:
    recurrence = {"startDate": ago(weeks=3, minutes=5), "interval": "P1W", "executeMissedOrders": False}
    buyer.ask("basket.update", basket, {"recurrence": recurrence})
    assert heard.until(lambda: bool(orders(heard, basket)))
    types = [event.type for event in heard.by_key()[basket] if event.type != "command.completed"]
    assert types == ["recurrence.started", "occurrence.skipped", "order.placed"]
    skipped = next(event.json for event in heard.by_key()[basket] if event.type == "occurrence.skipped")
    assert (skipped["first"]["occurrence"], skipped["last"]["occurrence"], skipped["count"]) == (0, 2, 3)


def test_the_seeds_own_recurrence_is_over_and_skipped_whole(
    buyer: Upstream, heard: Listener, basket: str
) -> None:
    assert buyer.ask("basket.update", basket, SEED.read_bytes()).status == 200
    assert heard.until(
        lambda: any(event.type == "recurrence.expired" for event in heard.by_key().get(basket, []))
    )
    skipped = next(event.json for event in heard.by_key()[basket] if event.type == "occurrence.skipped")
    assert (skipped["count"], skipped["first"]["dueAt"], skipped["last"]["dueAt"]) == (
        5,
        "2016-06-01T10:00:00Z",
        "2017-06-01T10:00:00Z",
    )
    assert buyer.ask("recurrence.get", basket).json["state"] == "expired"
    refused = buyer.ask("recurrence.resume", basket)
    assert (refused.status, refused.error_key) == (409, "error.recurring_orders.enable-not-possible")


def test_an_event_carries_the_headers_of_all_events(told: dict[str, Any]) -> None:
    started, order = told["recurrence.started"], told["order.placed"]
    assert dict(order.headers) == {
        "key": started.key,
        "channel": "shop",
        "version": 3,
        "causation-id": started.causation_id,
        "contract-version": 1,
        "traceparent": TRACE,
    }
    assert (order.routing_key, order.content_type) == ("order.placed", "application/json")


@pytest.mark.parametrize(
    ("caller", "roles", "status"),
    [
        ("patricia", {}, 200),
        ("mallory", {}, 403),
        ("nobody", {"anonymous": True}, 403),
        ("erp", SERVICE, 200),
        ("ops", OPERATOR, 200),
    ],
)
def test_an_order_is_shown_to_its_owner_to_services_and_to_operators(
    buyer: Upstream, placed: dict[str, Any], caller: str, roles: dict[str, Any], status: int
) -> None:
    reply = buyer.ask("order.get", placed["id"], headers={"authorization": bearer(caller, **roles)})
    assert reply.status == status
    assert reply.error_key == (None if status == 200 else "command.forbidden.error")
    if status == 200:
        assert reply.json == placed


def test_an_order_that_does_not_exist_is_404_also_in_another_channel(
    buyer: Upstream, placed: dict[str, Any]
) -> None:
    assert buyer.ask("order.get", "no-such-order").error_key == "order.not_found.error"
    open_shop(buyer, "elsewhere")
    there = buyer.ask("order.get", placed["id"], channel="elsewhere")
    assert (there.status, there.error_key) == (404, "order.not_found.error")


@pytest.mark.parametrize(("caller", "roles", "status"), [("mallory", {}, 403), ("ops", OPERATOR, 200)])
def test_a_baskets_orders_are_listed_for_its_owner_and_for_operators(
    buyer: Upstream, placed: dict[str, Any], caller: str, roles: dict[str, Any], status: int
) -> None:
    basket = placed["basketId"]
    own = buyer.ask("basket.orders", basket)
    assert own.json == {
        "orders": [
            {
                "id": placed["id"],
                "number": placed["number"],
                "placedAt": placed["placedAt"],
                "occurrence": 0,
                "dueAt": placed["recurring"]["dueAt"],
                "basketTotal": placed["totals"]["basketTotal"],
            }
        ]
    }
    assert (
        buyer.ask("basket.orders", basket, headers={"authorization": bearer(caller, **roles)}).status
        == status
    )


def test_orders_are_paged_newest_first(buyer: Upstream, heard: Listener, basket: str) -> None:
    buyer.ask(
        "basket.update", basket, {"recurrence": {"startDate": ago(days=6, minutes=1), "interval": "P1D"}}
    )
    assert heard.until(lambda: len(orders(heard, basket)) == 7)
    first = buyer.ask("basket.orders", basket, {"limit": 4}).json
    rest = buyer.ask("basket.orders", basket, {"limit": 4, "before": first["next"]}).json
    assert [one["occurrence"] for one in first["orders"] + rest["orders"]] == [6, 5, 4, 3, 2, 1, 0]
    assert "next" not in rest


def test_an_operator_pauses_and_resumes_and_changes_no_basket(buyer: Upstream, basket: str) -> None:
    operator = {"authorization": bearer("ops", **OPERATOR)}
    buyer.ask(
        "basket.update", basket, {"recurrence": {"startDate": "2030-01-01T00:00:00Z", "interval": "P1D"}}
    )
    assert buyer.ask("recurrence.pause", basket, headers=operator).json["state"] == "paused"
    assert buyer.ask("recurrence.get", basket, headers=operator).json["state"] == "paused"
    assert buyer.ask("recurrence.resume", basket, headers=operator).json["state"] == "active"
    refused = buyer.ask("basket.update", basket, {"recurrence": {"interval": "P0D"}}, headers=operator)
    assert refused.status == 403
    for type_ in ("recurrence.pause", "recurrence.resume", "recurrence.get", "recurrence.preview"):
        stranger = buyer.ask(type_, basket, caller="mallory")
        assert (stranger.status, stranger.error_key) == (403, "basket.wrong_basket_id.error")


def test_a_removal_ends_the_orders(buyer: Upstream, heard: Listener, basket: str) -> None:
    witness = unique("basket")
    buyer.ask("basket.create", witness)
    soon = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    rules = ({"startDate": soon, "interval": "P1D"}, {"interval": "P0D"})
    sent = [command("basket.update", basket, {"recurrence": rule}) for rule in rules]
    assert [reply.status for reply in buyer.ask_all(sent)] == [200, 200]  # at once: it must not fall due
    buyer.ask("basket.update", witness, {"recurrence": {"startDate": soon, "interval": "P1D"}})
    said = heard.by_key
    assert heard.until(lambda: any(event.type == "order.failed" for event in said().get(witness, [])))
    assert orders(heard, basket) == []
    failed = next(event.json for event in said()[witness] if event.type == "order.failed")
    assert failed["reason"]["code"] == "basket.empty.error"
