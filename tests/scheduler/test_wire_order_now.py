"""Contract 6.6: `basket.checkout` of a recurrent basket orders the next occurrence now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from outside.claims import OPERATOR, SERVICE, bearer
from outside.listener import Listener
from outside.processes import wait_for
from outside.shop import BENQ
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result, command, unique

NOT_POSSIBLE = (409, "error.recurring_orders.order_not_possible")


def recur(buyer: Upstream, basket: str, **recurrence: object) -> None:
    body = {"recurrence": {"interval": "P1M", "startDate": "2030-01-31T10:00:00Z", **recurrence}}
    assert buyer.ask("basket.update", basket, body).status == 200


def occurrences(live: Stage, basket: str) -> list[tuple[Any, ...]]:
    return live.rows(
        "select n, last_n, to_char(due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), order_id, reason"
        " from occurrence where basket_id = %s order by n",
        basket,
    )


def placed(heard: Listener, basket: str) -> list[Result]:
    return [event for event in heard.by_key().get(basket, []) if event.type == "order.placed"]


def test_the_lowest_future_occurrence_is_ordered_with_its_nominal_date(
    live: Stage, buyer: Upstream, heard: Listener, basket: str
) -> None:
    recur(buyer, basket)
    replies = [buyer.ask("basket.checkout", basket) for _ in range(3)]
    assert [(reply.status, reply.version) for reply in replies] == [(201, 3)] * 3
    assert [reply.json["recurring"] for reply in replies] == [
        {"generation": 1, "occurrence": n, "dueAt": due_at, "catchUp": False, "trigger": "now"}
        for n, due_at in enumerate(("2030-01-31T10:00:00Z", "2030-02-28T10:00:00Z", "2030-03-31T10:00:00Z"))
    ]
    assert occurrences(live, basket) == [
        (n, n, due_at, reply.json["id"], None)
        for n, (due_at, reply) in enumerate(
            zip(("2030-01-31 10:00", "2030-02-28 10:00", "2030-03-31 10:00"), replies, strict=True)
        )
    ]
    assert heard.until(lambda: len(placed(heard, basket)) == 3)
    assert [event.body for event in placed(heard, basket)] == [reply.body for reply in replies]
    status = buyer.ask("recurrence.get", basket).json
    assert (status["state"], status["orderCount"], status["nextOrderDate"]) == (
        "active",
        3,
        "2030-04-30T10:00:00Z",
    )
    assert [order["occurrence"] for order in status["lastOrders"]] == [2, 1, 0]
    assert buyer.ask("basket.get", basket).version == 3


def test_a_repeat_orders_nothing_more(live: Stage, buyer: Upstream, basket: str) -> None:
    recur(buyer, basket)
    message = command("basket.checkout", basket)
    replies = buyer.ask_all([message] * 6)
    assert {reply.message_id for reply in replies} == {replies[0].message_id}
    assert len(occurrences(live, basket)) == 1


def test_in_one_burst_every_list_shows_the_orders_before_it(buyer: Upstream, basket: str) -> None:
    recur(buyer, basket)
    types = ("basket.checkout", "basket.orders", "recurrence.get", "basket.checkout", "recurrence.pause")
    first, orders, status, second, paused = buyer.ask_all([command(type_, basket) for type_ in types])
    assert [one["id"] for one in orders.json["orders"]] == [first.json["id"]]
    assert [one["id"] for one in status.json["lastOrders"]] == [first.json["id"]]
    assert [one["id"] for one in paused.json["lastOrders"]] == [second.json["id"], first.json["id"]]


def test_it_counts_against_the_repetitions_and_ends_with_the_last(
    live: Stage, buyer: Upstream, heard: Listener, basket: str
) -> None:
    recur(buyer, basket, repetitions=2)
    message = [buyer.ask("basket.checkout", basket) for _ in range(3)]
    assert [reply.status for reply in message] == [201, 201, 409]
    assert (message[-1].status, message[-1].error_key) == NOT_POSSIBLE
    assert buyer.ask("recurrence.get", basket).json["state"] == "expired"
    types = ["order.placed", "order.placed", "recurrence.expired"]
    assert heard.until(lambda: [one.type for one in heard.by_key()[basket] if one.type in types] == types)
    assert buyer.ask("basket.get", basket).status == 200, "an expired recurrence leaves the basket open"
    assert len(occurrences(live, basket)) == 2


def test_it_may_be_ordered_while_paused_and_stays_paused(live: Stage, buyer: Upstream, basket: str) -> None:
    recur(buyer, basket)
    buyer.ask("recurrence.pause", basket)
    assert buyer.ask("basket.checkout", basket).json["recurring"]["occurrence"] == 0
    assert buyer.ask("recurrence.get", basket).json["state"] == "paused"
    assert len(occurrences(live, basket)) == 1


def test_behind_the_end_there_is_nothing_left(buyer: Upstream, basket: str) -> None:
    recur(buyer, basket, endDate="2030-02-28T10:00:00Z")
    replies = [buyer.ask("basket.checkout", basket) for _ in range(3)]
    assert [reply.status for reply in replies] == [201, 201, 409]


@pytest.mark.parametrize(
    ("claims", "error_key"),
    [
        ({"sub": "mallory"}, "basket.wrong_basket_id.error"),
        ({"sub": "guest", "anonymous": True}, "basket.login_required.error"),
        ({"sub": "erp", **SERVICE}, "basket.wrong_basket_id.error"),
        ({"sub": "patricia", **OPERATOR}, "command.forbidden.error"),
    ],
)
def test_nobody_else_orders_it(
    live: Stage, buyer: Upstream, basket: str, claims: Any, error_key: str
) -> None:
    recur(buyer, basket)
    refused = buyer.ask("basket.checkout", basket, headers={"authorization": bearer(**claims)})
    assert (refused.status, refused.error_key) == (403, error_key)
    assert occurrences(live, basket) == []


def test_what_was_missed_stays_with_the_scheduler(
    live: Stage, buyer: Upstream, heard: Listener, basket: str
) -> None:
    """Set and ordered in one burst: whoever comes first, 0 to 2 are caught up, and 3 is ordered now."""
    start = (datetime.now(UTC) - timedelta(days=2, minutes=1)).isoformat()
    body = {"recurrence": {"interval": "P1D", "startDate": start}}
    _, order = buyer.ask_all([command("basket.update", basket, body), command("basket.checkout", basket)])
    assert (order.json["recurring"]["occurrence"], order.json["recurring"]["trigger"]) == (3, "now")
    assert heard.until(lambda: len(placed(heard, basket)) == 4)
    triggers = {
        one.json["recurring"]["occurrence"]: one.json["recurring"]["trigger"] for one in placed(heard, basket)
    }
    assert triggers == {0: "schedule", 1: "schedule", 2: "schedule", 3: "now"}
    assert [row[0] for row in occurrences(live, basket)] == [0, 1, 2, 3]


def test_beside_the_scheduler_no_occurrence_is_ordered_twice(
    live: Stage, heard: Listener, buyer: Upstream
) -> None:
    """Three times ten baskets fall due at one instant, and just then each is ordered early as well."""
    ((now,),) = live.rows("select now()")
    waves = {
        now + timedelta(seconds=0.9 + wave * 0.4): [unique("basket") for _ in range(10)] for wave in range(3)
    }
    elements = {"elements": [{"sku": BENQ, "quantity": {"value": 1}}]}
    setup = []
    for due_at, keys in waves.items():
        body = {"recurrence": {"startDate": due_at.isoformat(), "interval": "P1D"}}
        for key in keys:
            setup += [command("basket.create", key), command("basket.item.add", key, elements)]
            setup.append(command("basket.update", key, body))
    assert {reply.status for reply in buyer.ask_all(setup)} == {200, 201}
    early: list[Result] = []
    for due_at, keys in waves.items():
        wait_for(lambda due_at=due_at: datetime.now(UTC) >= due_at - timedelta(seconds=0.06))  # type: ignore[misc]
        early += buyer.ask_all([command("basket.checkout", key) for key in keys])
    assert [reply.status for reply in early] == [201] * 30
    for reply in early:
        # Either it came before the due instant and was the first, or the scheduler has that one.
        n = reply.json["recurring"]["occurrence"]
        assert heard.until(lambda key=reply.key, n=n: len(placed(heard, key)) == n + 1)  # type: ignore[misc]
        told = {one.json["id"]: one.json["recurring"] for one in placed(heard, reply.key)}
        assert [(row[0], told[row[3]]["occurrence"]) for row in occurrences(live, reply.key)] == [
            (number, number) for number in range(n + 1)
        ]
        assert told[reply.json["id"]]["trigger"] == "now"
        assert n in (0, 1)
        triggers = [one["trigger"] for one in told.values()]
        assert sorted(triggers) == ["now", "schedule"][: n + 1]
