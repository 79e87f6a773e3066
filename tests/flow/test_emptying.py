"""Contract 2.1, 1.2: `basket.empty` throws a basket away, with its recurrence, and leaves a tombstone."""

import pytest
from outside.claims import OPERATOR, SERVICE
from outside.furnishing import HOME, IN_2030, elements, filled, of
from outside.listener import Listener
from outside.processes import WorkerProcess
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

CHANNEL = "emptying"


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL, recurringOrdersEnabled=True)


def test_a_basket_is_gone_and_the_answer_is_empty(upstream: Upstream, stage: Stage) -> None:
    key = filled(upstream, BENQ)
    upstream.ask("basket.update", key, {"commonShipToAddress": HOME, "department": "Sales"})
    reply = upstream.ask("basket.empty", key)
    assert (reply.type, reply.status, reply.body, reply.version) == ("command.completed", 204, b"", 4)
    assert upstream.ask("basket.get", key).error_key == "basket.basket_not_found.error"
    ((version, owner, is_open, document),) = stage.rows(
        "select version, owner, is_open, document::text from basket where id = %s", key
    )
    assert (version, owner, is_open) == (4, "patricia", False)
    assert not any(word in document for word in ("Potsdam", "Sales", BENQ, "210.28"))


def test_an_empty_place_may_be_emptied_again_and_stays_as_it_is(upstream: Upstream, stage: Stage) -> None:
    key, never = filled(upstream), unique("basket")
    first, second, absent = (upstream.ask("basket.empty", one) for one in (key, key, never))
    assert [(reply.status, reply.version) for reply in (first, second, absent)] == [
        (204, 2), (204, None), (204, None)
    ]  # fmt: skip
    assert stage.rows("select version from basket where id = any(%s)", [key, never]) == [(2,)]


def test_its_former_owner_begins_anew_at_the_next_version(upstream: Upstream) -> None:
    key = filled(upstream, BENQ)
    upstream.ask("basket.update", key, {"department": "Sales", "purchaseCurrency": "USD"})
    upstream.ask("basket.empty", key)
    stranger = upstream.ask("basket.create", key, caller="mallory")
    assert (stranger.status, stranger.error_key) == (403, "basket.wrong_basket_id.error")
    again = upstream.ask("basket.create", key, {"purchaseCurrency": "EUR"})
    assert (again.status, again.version, again.json["purchaseCurrency"]) == (201, 5, "EUR")
    assert {"department", "shippingBuckets"}.isdisjoint(again.json)


@pytest.mark.parametrize(
    ("headers", "error_key"),
    [
        (of("mallory"), "basket.wrong_basket_id.error"),
        (of("guest", anonymous=True), "basket.login_required.error"),
        (of("erp", **SERVICE), "basket.wrong_basket_id.error"),
        (of("patricia", **OPERATOR), "command.forbidden.error"),
        ({**of("patricia"), "expected-version": 1}, "basket.version_conflict.error"),
    ],
)
def test_anothers_basket_is_not_emptied(
    upstream: Upstream, headers: dict[str, object], error_key: str
) -> None:
    key = filled(upstream, BENQ)
    assert upstream.ask("basket.empty", key, headers=headers).error_key == error_key
    assert upstream.ask("basket.get", key).version == 2


def test_a_standing_order_ends_with_its_basket_and_the_world_is_told(
    upstream: Upstream, events: Listener, stage: Stage
) -> None:
    key = filled(upstream, BENQ, channel=CHANNEL)
    recurrence = {"startDate": IN_2030, "interval": "P1M"}
    upstream.ask("basket.update", key, {"recurrence": recurrence}, channel=CHANNEL)
    message = upstream.expecting(command("basket.empty", key, channel=CHANNEL))
    assert upstream.ask_for(message).version == 4
    events.answer(message)
    assert events.until(lambda: events.by_key()[key][-1].type == "recurrence.removed")
    removed = events.by_key()[key][-1]
    assert (removed.causation_id, removed.json["state"]) == (message.message_id, "removed")
    assert "nextOrderDate" not in removed.json
    assert stage.rows("select state, next_due_at from recurrence where basket_id = %s", key) == [
        ("removed", None)
    ]
    assert upstream.ask("recurrence.get", key, channel=CHANNEL).error_key == "basket.basket_not_found.error"


def test_a_basket_made_anew_recurs_only_when_it_is_told_to_and_not_in_the_past(
    upstream: Upstream, stage: Stage
) -> None:
    """The history of a standing order outlives its basket: a start in the past is not caught up twice."""
    key, own = filled(upstream, BENQ, channel=CHANNEL), {"channel": CHANNEL}
    monthly = {"startDate": "2020-01-01T10:00:00Z", "interval": "P1Y", "executeMissedOrders": True}
    future = {**monthly, "startDate": IN_2030}
    upstream.ask("basket.update", key, {"recurrence": future}, **own)
    upstream.ask("basket.checkout", key, **own)
    upstream.ask("basket.empty", key, **own)
    upstream.ask("basket.create", key, **own)
    upstream.ask("basket.item.add", key, elements(BENQ), **own)
    assert upstream.ask("recurrence.get", key, **own).error_key == "recurrence.not_found.error"
    upstream.ask("basket.update", key, {"recurrence": monthly}, **own)
    status = upstream.ask("recurrence.get", key, **own).json
    # 2030-01-01 was ordered early: the next on the new grid is the first behind it.
    assert (status["generation"], status["orderCount"], status["nextOrderDate"]) == (
        2,
        0,
        "2031-01-01T10:00:00Z",
    )


def test_a_repeat_does_not_empty_what_was_made_since(upstream: Upstream, events: Listener) -> None:
    key = filled(upstream, BENQ)
    message = upstream.expecting(command("basket.empty", key))
    first = upstream.ask_for(message)
    upstream.ask("basket.create", key)
    assert upstream.ask_for(message).said == first.said
    assert upstream.ask("basket.get", key).version == 4
    events.answer(message)
    assert len(events.answers(message)) == 1


def test_in_one_burst_a_basket_is_made_and_emptied_again_and_again_without_a_gap(upstream: Upstream) -> None:
    key = unique("basket")
    types = ["basket.create", "basket.empty", "basket.get"] * 15
    replies = upstream.ask_all([command(type_, key) for type_ in types])
    assert [reply.status for reply in replies] == [201, 204, 404] * 15
    versions = [reply.version for reply in replies if reply.version is not None]
    assert versions == list(range(1, 31))
