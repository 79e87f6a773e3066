"""`user.erase`: each basket of the person is closed without an owner, and its recurrence ends."""

from typing import Any

import pytest
import shop
from msgspec import structs

from contracts.commands import BasketCreate, BasketUpdate, RecurrenceInput
from worker.domain import callers, closing, creating, updating
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Completed, Context
from worker.domain.recurrence import Recurrence, State
from worker.domain.reference import Channel

RECURRING = Channel(recurring_orders_enabled=True)


def given(**fields: Any) -> Context:
    return structs.replace(shop.context(channel=RECURRING, **fields), key="patricia")


def named(basket_id: str, *, is_open: bool = True) -> Basket:
    basket = structs.replace(shop.seed_basket(), id=basket_id)
    return basket if is_open else closing.closed(basket)


def recurrent(basket_id: str) -> tuple[Basket, Recurrence]:
    sent = RecurrenceInput(start_date="2026-06-01T10:00:00Z", interval="P1M")
    context = structs.replace(given(), key=basket_id)
    set_ = updating.update(named(basket_id), BasketUpdate(recurrence=sent), context)
    assert isinstance(set_, Completed)
    assert set_.recurrence is not None
    return shop.done(set_), set_.recurrence


def erased(
    basket: Basket, live: Recurrence | None = None
) -> tuple[Basket, Recurrence | None, list[tuple[str, str]]]:
    """Erase a basket; give its tombstone, its recurrence, and the events with their states or reasons."""
    tombstone, removed, said = closing.erased(basket, live, shop.NOW, "m-1", None)
    return (
        tombstone,
        removed,
        [(notice.type, getattr(notice.body, "reason", getattr(notice.body, "state", ""))) for notice in said],
    )


def test_a_basket_becomes_a_tombstone_of_nobody() -> None:
    tombstone, _, said = erased(named("one"))
    assert (tombstone.is_open, tombstone.owner, tombstone.version) == (False, "", 4)
    assert (tombstone.content.items, tombstone.customer, tombstone.groups) == ((), None, ())
    assert said == [("basket.expired", "user_erased")]


def test_one_that_was_closed_already_loses_its_owner_and_says_nothing() -> None:
    tombstone, _, said = erased(named("two", is_open=False))
    assert (tombstone.owner, tombstone.version, said) == ("", 4, [])


def test_a_recurrence_ends_and_says_so() -> None:
    basket, recurrence = recurrent("one")
    tombstone, removed, said = erased(basket, recurrence)
    assert removed is not None
    assert (removed.basket_id, removed.state, removed.causation_id) == ("one", State.REMOVED, "m-1")
    assert said == [("recurrence.removed", "removed"), ("basket.expired", "user_erased")]
    assert tombstone.content.recurrence is None


def test_a_recurrence_that_was_removed_before_ends_no_second_time() -> None:
    basket, recurrence = recurrent("one")
    _, removed, said = erased(basket, structs.replace(recurrence, state=State.REMOVED))
    assert (removed, said) == (None, [("basket.expired", "user_erased")])


@pytest.mark.parametrize(
    "caller", [shop.PATRICIA, Caller(user="robert"), Caller(user="guest", is_anonymous=True)]
)
def test_the_tombstone_of_an_erased_owner_may_be_opened_by_anybody(caller: Caller) -> None:
    tombstone, _, _ = erased(named("one"))
    assert callers.changing_problem(tombstone, caller) is None
    assert callers.reading_problem(tombstone, caller) is not None
    opened = shop.done(creating.create(tombstone, BasketCreate(), given(caller=caller)))
    assert (opened.owner, opened.version, opened.owner_is_anonymous) == (caller.user, 5, caller.is_anonymous)
