"""`user.erase`: the person's baskets are closed without an owner, and their recurrences end."""

from typing import Any

import pytest
import shop
from msgspec import structs

from contracts.commands import BasketCreate, BasketUpdate, RecurrenceInput
from worker.domain import callers, closing, creating, updating
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Completed, Context, Erasure
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


def erasure(decision: Completed) -> Erasure:
    assert decision.erasure is not None
    return decision.erasure


def test_every_basket_becomes_a_tombstone_of_nobody() -> None:
    erased = closing.erase([named("one"), named("two")], [], given())
    assert (erased.status, erasure(erased).user) == (204, "patricia")
    for tombstone in erasure(erased).baskets:
        assert (tombstone.is_open, tombstone.owner, tombstone.version) == (False, "", 4)
        assert tombstone.content.items == ()
        assert (tombstone.customer, tombstone.groups) == (None, ())


def test_each_basket_that_was_open_says_that_it_is_closed() -> None:
    erased = closing.erase([named("one"), named("two", is_open=False)], [], given())
    assert [(notice.type, notice.key, notice.version, notice.body.reason) for notice in erased.notices] == [
        ("basket.expired", "one", 4, "user_erased")
    ]
    assert [(basket.id, basket.owner, basket.version) for basket in erasure(erased).baskets] == [
        ("one", "", 4),
        ("two", "", 4),
    ]


def test_recurrences_end_and_say_so_at_the_version_they_had() -> None:
    basket, recurrence = recurrent("one")
    erased = closing.erase([basket, named("two")], [recurrence], given())
    (removed,) = erasure(erased).recurrences
    assert (removed.basket_id, removed.state, removed.causation_id) == ("one", State.REMOVED, "m-1")
    assert [(notice.type, notice.key, notice.version) for notice in erased.notices] == [
        ("recurrence.removed", "one", 4),
        ("basket.expired", "one", 5),
        ("basket.expired", "two", 4),
    ]


def test_who_has_nothing_is_erased_all_the_same() -> None:
    erased = closing.erase([], [], given())
    assert (erased.status, erased.notices) == (204, ())
    assert erasure(erased) == Erasure(user="patricia", baskets=(), recurrences=())


@pytest.mark.parametrize(
    "caller", [shop.PATRICIA, Caller(user="robert"), Caller(user="guest", is_anonymous=True)]
)
def test_the_tombstone_of_an_erased_owner_may_be_opened_by_anybody(caller: Caller) -> None:
    (tombstone,) = erasure(closing.erase([named("one")], [], given())).baskets
    assert callers.changing_problem(tombstone, caller) is None
    opened = shop.done(creating.create(tombstone, BasketCreate(), given(caller=caller)))
    assert (opened.owner, opened.version, opened.owner_is_anonymous) == (caller.user, 5, caller.is_anonymous)
