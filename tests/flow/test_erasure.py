"""Contract 5, `user.erase`: the person is taken out of everything that is kept; counts and sums stay."""

from collections.abc import Iterator
from typing import Any

import pytest
from outside.claims import OPERATOR, SERVICE
from outside.furnishing import AS_SERVICE, of
from outside.listener import Listener
from outside.processes import WorkerProcess, wait_for
from outside.shop import open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result, command, unique

from tests.flow.person import CHANNEL, Person, rows_with, wait_until_forgotten


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL, recurringOrdersEnabled=True)


@pytest.fixture
def person(upstream: Upstream, stage: Stage) -> Person:
    return Person(upstream, stage)


@pytest.fixture(scope="module")
def _erased_once(stage: Stage, _open: None) -> Iterator[Person]:
    with Upstream(stage.broker_url) as upstream:
        person = Person(upstream, stage)
        person.erase_wholly()
        yield person


@pytest.fixture
def erased(_erased_once: Person, upstream: Upstream) -> Person:
    """Give somebody who has been erased, to be asked about and not to be changed."""
    _erased_once.upstream = upstream
    return _erased_once


def test_nothing_of_a_person_is_left_but_counts_and_sums(person: Person, stage: Stage) -> None:
    person.park_one()
    wait_for(lambda: not stage.rows("select 1 from outbox where published_at is null"))
    before = rows_with(stage, person.mark)
    assert set(before) == {"basket", "customer_order", "outbox", "dead_letter"}
    totals = stage.rows(
        "select document->'total' from customer_order where owner = %s order by id", person.sub
    )

    erased = person.erase_wholly()
    assert (erased.status, erased.body) == (204, b"")
    assert rows_with(stage, person.mark) == {}
    kept = stage.rows(
        "select owner, document->>'owner', document->'document'->>'owner', document->'total'"
        " from customer_order where basket_id = any(%s) order by id",
        person.baskets,
    )
    assert [row[:3] for row in kept] == [("", "", "")] * 2
    assert [row[3:] for row in kept] == totals
    assert stage.rows("select 1 from basket where owner = %s", person.sub) == []
    assert stage.rows("select 1 from handover where former_owner = %s", person.sub) == []
    ((state, body),) = stage.rows("select state, body from dead_letter where key = %s", person.open)
    assert (state, bytes(body)) == ("discarded", b"")


def test_the_order_is_still_one_for_services_and_operators_and_for_nobody_else(erased: Person) -> None:
    for claims in (SERVICE, OPERATOR):
        shown = erased.ask("order.get", erased.order["id"], headers=of("erp", **claims)).json
        for name in ("id", "number", "basketId", "placedAt", "totals", "lineItems", "purchaseCurrency"):
            assert shown[name] == erased.order[name]
        assert set(erased.order) - set(shown) >= {
            "invoiceToAddress", "commonShipToAddress", "department", "taxationID", "externalOrderReferenceID"
        }  # fmt: skip
    for caller in (erased.sub, "mallory"):
        refused = erased.ask("order.get", erased.order["id"], caller=caller)
        assert refused.error_key == "command.forbidden.error"
    early = erased.ask("order.get", erased.early["id"], headers=of("erp", **SERVICE)).json
    assert early["recurring"] == erased.early["recurring"]


def test_the_world_is_told_that_baskets_and_recurrences_have_ended(
    person: Person, events: Listener, stage: Stage
) -> None:
    sent = person.ask_for(command("user.erase", person.sub, channel=CHANNEL, headers=AS_SERVICE))

    def told(key: str) -> list[Result]:
        return [event for event in events.by_key().get(key, []) if event.causation_id == sent.causation_id]

    wait_until_forgotten(stage, person.sub)
    assert events.until(lambda: len(told(person.open)) == 1 and len(told(person.recurring)) == 2)
    assert [event.type for event in told(person.open)] == ["basket.expired"]
    assert [event.type for event in told(person.recurring)] == ["recurrence.removed", "basket.expired"]
    assert told(person.ordered) == []
    for key, version in ((person.open, 5), (person.recurring, 5)):
        expired = told(key)[-1]
        said = expired.json
        assert (expired.version, said["basketId"], said["reason"]) == (version, key, "user_erased")
        assert person.sub.encode() not in expired.body
    assert told(person.recurring)[0].json["state"] == "removed"


@pytest.mark.parametrize("claims", [{}, OPERATOR, {"anonymous": True}])
def test_a_person_is_erased_by_services_alone_not_even_by_themselves(
    person: Person, stage: Stage, claims: dict[str, Any]
) -> None:
    before = rows_with(stage, person.mark)
    refused = person.ask("user.erase", person.sub, headers=of(person.sub, **claims))
    assert (refused.status, refused.error_key) == (403, "command.forbidden.error")
    unknown = person.ask("user.erase", person.sub, {"x": 1}, headers=AS_SERVICE)
    assert unknown.error_key == "command.unknown_field.error"
    assert stage.rows("select 1 from erasure where owner = %s", person.sub) == []
    assert rows_with(stage, person.mark) == before
    assert person.ask("basket.get", person.open).status == 200


def test_a_person_of_another_channel_is_another_person(person: Person, stage: Stage) -> None:
    assert person.erase(channel="shop").status == 204
    wait_until_forgotten(stage, person.sub)
    assert person.ask("basket.get", person.open).status == 200


def test_an_erasure_again_or_of_nobody_changes_nothing(erased: Person, stage: Stage) -> None:
    def kept() -> list[tuple[Any, ...]]:
        return stage.rows(
            "select id, version, owner from basket where id = any(%s) order by id", erased.baskets
        )

    def said() -> list[tuple[Any, ...]]:
        return stage.rows(
            "select key, type, body from outbox where key = any(%s) order by seq", erased.baskets
        )

    before, nobody = (kept(), said()), unique("nobody")
    assert erased.erase_wholly().status == 204
    assert erased.ask("user.erase", nobody, headers=AS_SERVICE).status == 204
    wait_until_forgotten(stage, nobody)
    assert (kept(), said()) == before


def test_the_same_sub_may_come_back_and_goes_on_with_the_version(person: Person) -> None:
    person.erase_wholly()
    for key in person.baskets:
        assert person.ask("basket.get", key).error_key == "basket.basket_not_found.error"
    back = person.ask("basket.create", person.open)
    assert (back.status, back.version, back.json["owner"]) == (201, 6, person.sub)
    assert "shippingBuckets" not in back.json
    assert [one["id"] for one in person.ask("basket.list", person.sub).json["baskets"]] == [person.open]
    assert person.ask("order.get", person.order["id"]).error_key == "command.forbidden.error"


def test_a_repeat_of_what_the_person_sent_is_known_and_answered_without_its_body(erased: Person) -> None:
    again, first = erased.repeat(), erased.answer
    assert (again.message_id, again.headers, again.body) == (first.message_id, first.headers, b"")


@pytest.mark.parametrize("claims", [{}, {"anonymous": True}])
def test_the_orders_of_an_erased_person_are_listed_for_operators_alone(
    erased: Person, claims: dict[str, Any]
) -> None:
    operator = erased.ask("basket.orders", erased.ordered, headers=of("ops", **OPERATOR))
    assert [one["id"] for one in operator.json["orders"]] == [erased.order["id"]]
    refused = erased.ask("basket.orders", erased.ordered, headers=of("mallory", **claims))
    assert (refused.status, refused.error_key) == (403, "basket.wrong_basket_id.error")
