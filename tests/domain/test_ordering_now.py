"""`basket.checkout` of a recurrent basket: the next occurrence is ordered, and the basket stays open."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import shop
from msgspec import structs

from contracts.commands import BasketCheckout, BasketUpdate, RecurrenceInput, RecurrencePreview
from contracts.errors import ErrorKey
from worker.domain import closing, halting, recurring, scheduling, updating
from worker.domain.basket import Basket
from worker.domain.decisions import Completed, Context, Decision
from worker.domain.recurrence import Reason, Recurrence, State
from worker.domain.reference import Channel
from worker.domain.scheduling import Policy

RECURRING = Channel(shipping_tax_rate=Decimal(19), recurring_orders_enabled=True)
POLICY = Policy(missed_after=timedelta(hours=1), catch_up_limit=100)


def given(recurrence: Recurrence | None = None, **fields: Any) -> Context:
    return shop.context(channel=RECURRING, recurrence=recurrence, **fields)


def standing(**fields: Any) -> tuple[Basket, Recurrence]:
    """Set a recurrence on the document's basket: monthly from 15 March at ten, now being 1 March."""
    sent = {"start_date": "2026-03-15T10:00:00Z", "interval": "P1M", **fields}
    set_ = updating.update(shop.seed_basket(), BasketUpdate(recurrence=RecurrenceInput(**sent)), given())
    assert isinstance(set_, Completed)
    assert set_.recurrence is not None
    return shop.done(set_), set_.recurrence


def checkout(basket: Basket, context: Context) -> Decision:
    return closing.checkout(basket, BasketCheckout(), context)


def ordered(basket: Basket, context: Context) -> Completed:
    decision = checkout(basket, context)
    assert isinstance(decision, Completed)
    return decision


def test_the_next_occurrence_is_ordered_and_the_basket_stays_as_it_is() -> None:
    basket, recurrence = standing()
    decision = ordered(basket, given(recurrence))
    assert (decision.status, decision.basket, basket.is_open) == (201, basket, True)
    shown = decision.body.recurring
    assert (shown.generation, shown.occurrence, shown.due_at) == (1, 0, "2026-03-15T10:00:00Z")
    assert (shown.catch_up, shown.trigger) == (False, "now")
    assert decision.body.placed_at == "2026-03-01T12:00:00Z"
    assert decision.body.totals.basket_total.value == Decimal("1226.22")
    order = decision.order
    assert order is not None
    assert (order.occurrence, order.generation, order.is_catch_up) == (0, 1, False)
    assert [(notice.type, notice.version) for notice in decision.notices] == [("order.placed", None)]


def test_each_checkout_takes_the_next_one() -> None:
    basket, recurrence = standing()
    due = []
    for _ in range(3):
        decision = ordered(basket, given(recurrence))
        assert decision.recurrence is not None
        recurrence = decision.recurrence
        due.append(decision.body.recurring.due_at)
    assert due == ["2026-03-15T10:00:00Z", "2026-04-15T10:00:00Z", "2026-05-15T10:00:00Z"]
    assert recurrence.placed == 3


def test_an_order_now_costs_what_it_costs_now_and_the_basket_shows_what_it_did() -> None:
    basket, recurrence = standing()
    dearer = structs.replace(shop.MOUSE, price=structs.replace(shop.MOUSE.price, value=Decimal("57.08")))
    decision = ordered(basket, given(recurrence, products={**shop.PRODUCTS, "1612143": dearer}))
    assert decision.body.totals.basket_total.value == Decimal("1236.22")
    assert shop.done(decision).priced.totals.basket == Decimal("1226.22")


def test_the_last_repetition_ends_it_and_says_so() -> None:
    basket, recurrence = standing(repetitions=1)
    decision = ordered(basket, given(recurrence))
    assert [notice.type for notice in decision.notices] == ["order.placed", "recurrence.expired"]
    assert decision.recurrence is not None
    assert decision.recurrence.state is State.EXPIRED
    assert shop.done(decision).is_open
    refused = checkout(basket, given(decision.recurrence))
    assert shop.refusals(refused) == [(ErrorKey.ORDER_NOT_POSSIBLE, None)]


def test_nothing_left_in_the_future_is_a_conflict() -> None:
    basket, recurrence = standing(end_date="2026-03-15T10:00:00Z")
    late = given(recurrence, now=datetime.fromisoformat("2026-03-15T10:00:00+00:00"))
    assert shop.refusals(checkout(basket, late)) == [(ErrorKey.ORDER_NOT_POSSIBLE, None)]


def test_it_is_allowed_while_paused() -> None:
    basket, recurrence = standing()
    decision = ordered(basket, given(halting.paused(recurrence, shop.NOW, until=None)))
    assert decision.recurrence is not None
    assert (decision.recurrence.state, decision.body.recurring.occurrence) == (State.PAUSED, 0)


def suspended(recurrence: Recurrence) -> Recurrence:
    return halting.suspended(recurrence, shop.NOW, Reason(code="c", message="m"))


def expired(recurrence: Recurrence) -> Recurrence:
    return structs.replace(recurrence, state=State.EXPIRED)


@pytest.mark.parametrize("halted", [suspended, expired])
def test_a_suspended_or_expired_one_orders_nothing(halted: Any) -> None:
    basket, recurrence = standing()
    refused = checkout(basket, given(halted(recurrence)))
    assert shop.refusals(refused) == [(ErrorKey.ORDER_NOT_POSSIBLE, None)]
    assert ErrorKey.ORDER_NOT_POSSIBLE.status == 409


def test_what_keeps_the_basket_from_being_ordered_is_named_and_takes_no_occurrence() -> None:
    basket, recurrence = standing()
    refused = checkout(basket, given(suspended(recurrence), products={}, methods={}))
    assert [code for code, _ in shop.refusals(refused)] == [
        *[ErrorKey.PRODUCT_NOT_FOUND] * 2,
        ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE,
        ErrorKey.ORDER_NOT_POSSIBLE,
    ]
    only_the_basket = checkout(basket, given(recurrence, products={}))
    assert [code for code, _ in shop.refusals(only_the_basket)] == [ErrorKey.PRODUCT_NOT_FOUND] * 2


def test_the_scheduler_orders_what_was_due_and_passes_over_what_was_ordered_now() -> None:
    basket, recurrence = standing()
    now = datetime.fromisoformat("2026-04-20T12:00:00+00:00")  # 15 March and 15 April were missed
    decision = ordered(basket, given(recurrence, now=now))
    assert decision.recurrence is not None
    assert decision.body.recurring.occurrence == 2
    advance = scheduling.advance(decision.recurrence, now, POLICY, None, most=10)
    assert [getattr(one, "occurrence", None) for one in advance.happened] == [0, 1]
    june = datetime.fromisoformat("2026-06-15T10:00:00+00:00")
    later = scheduling.advance(advance.recurrence, june, POLICY, None, most=10)
    assert [getattr(one, "occurrence", None) for one in later.happened] == [3]


def test_the_preview_passes_over_what_was_ordered_now() -> None:
    basket, recurrence = standing(repetitions=4)
    decision = ordered(basket, given(recurrence, now=datetime.fromisoformat("2026-04-20T12:00:00+00:00")))
    shown = recurring.preview(basket, RecurrencePreview(count=10), given(decision.recurrence))
    assert isinstance(shown, Completed)
    assert [(one.occurrence, one.due_at[:10]) for one in shown.body.occurrences] == [
        (0, "2026-03-15"),
        (1, "2026-04-15"),
        (3, "2026-06-15"),
    ]


def test_another_interval_begins_after_what_was_ordered_now() -> None:
    basket, recurrence = standing()
    decision = ordered(basket, given(recurrence))
    weekly = RecurrenceInput(start_date="2026-03-15T10:00:00Z", interval="P1W")
    changed = updating.update(basket, BasketUpdate(recurrence=weekly), given(decision.recurrence))
    assert isinstance(changed, Completed)
    (notice,) = changed.notices
    assert (notice.type, notice.body.generation) == ("recurrence.changed", 2)
    assert notice.body.next_order_date == "2026-03-22T10:00:00Z"
