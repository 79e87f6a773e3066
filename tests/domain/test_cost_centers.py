"""`costCenterID`: of the customer that the owner buys for, a business one, and active."""

from typing import Any

import pytest
import shop
from msgspec import structs

from contracts.commands import BasketUpdate
from contracts.errors import ErrorKey
from worker.domain import callers, orderable, updating
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Context, Decision
from worker.domain.reference import CostCenter, Customer, User

BUYER = Caller(user="patricia", customer="acme")
CUSTOMERS = {"acme": Customer(is_business=True), "private": Customer(is_business=False)}
COST_CENTERS = {
    "511288": CostCenter(customer="acme"),
    "closed": CostCenter(customer="acme", is_active=False),
    "theirs": CostCenter(customer="beta"),
    "private": CostCenter(customer="private"),
    "0042": CostCenter(customer="acme"),
}


def given(caller: Caller = BUYER, **fields: Any) -> Context:
    return shop.context(caller=caller, customers=CUSTOMERS, cost_centers=COST_CENTERS, **fields)


def charge(cost_center_id: str, context: Context | None = None, basket: Basket | None = None) -> Decision:
    command = BasketUpdate(cost_center_id=cost_center_id)
    return updating.update(basket or shop.seed_basket(), command, context or given())


def charged() -> Basket:
    basket = shop.done(charge("511288"))
    return structs.replace(basket, customer="acme")


@pytest.mark.parametrize("number", ["511288", "0042"])
def test_an_active_cost_center_of_a_business_customer_is_set(number: str) -> None:
    basket = shop.done(charge(number))
    assert (basket.content.cost_center_id, basket.version) == (number, 4)


@pytest.mark.parametrize(
    ("customer", "number", "code"),
    [
        (None, "511288", ErrorKey.COST_CENTER_NO_CUSTOMER),
        (None, "unknown", ErrorKey.COST_CENTER_NO_CUSTOMER),
        ("unknown", "511288", ErrorKey.COST_CENTER_INVALID_CUSTOMER),
        ("private", "private", ErrorKey.COST_CENTER_INVALID_CUSTOMER),
        ("private", "unknown", ErrorKey.COST_CENTER_INVALID_CUSTOMER),
        ("acme", "unknown", ErrorKey.COST_CENTER_NOT_FOUND),
        ("acme", "42", ErrorKey.COST_CENTER_NOT_FOUND),
        ("acme", "closed", ErrorKey.COST_CENTER_NOT_FOUND),
        ("acme", "theirs", ErrorKey.COST_CENTER_NOT_FOUND),
    ],
)
def test_the_customer_is_asked_for_first_then_its_kind_then_the_cost_center(
    customer: str | None, number: str, code: ErrorKey
) -> None:
    refused = charge(number, given(Caller(user="patricia", customer=customer)))
    assert shop.refusals(refused) == [(code, "$.costCenterID")]


@pytest.mark.parametrize("customer", [None, "acme", "private", "unknown"])
def test_an_empty_text_removes_it_whoever_the_customer_is(customer: str | None) -> None:
    removed = shop.done(charge("", given(Caller(user="patricia", customer=customer)), charged()))
    assert removed.content.cost_center_id == ""


def test_with_a_new_owner_it_is_the_new_owners_customer_that_counts() -> None:
    command = BasketUpdate(cost_center_id="511288", new_owner_authentication_token="t")
    nobody, robert = Caller(user="patricia"), Caller(user="robert", customer="acme")
    taken = updating.update(shop.seed_basket(), command, given(nobody, new_owner=robert))
    assert (shop.done(taken).owner, shop.done(taken).content.cost_center_id) == ("robert", "511288")
    refused = updating.update(
        shop.seed_basket(), command, given(BUYER, new_owner=structs.replace(robert, customer=None))
    )
    assert shop.refusals(refused) == [(ErrorKey.COST_CENTER_NO_CUSTOMER, "$.costCenterID")]


@pytest.mark.parametrize(
    ("user", "customer", "groups"),
    [
        (None, "token", ("a",)),
        (User(), "token", ("a",)),
        (User(customer="acme"), "acme", ("a",)),
        (User(groups=("b", "c")), "token", ("b", "c")),
        (User(groups=()), "token", ()),
        (User(customer="acme", groups=("b",)), "acme", ("b",)),
    ],
)
def test_what_is_put_of_a_user_holds_instead_of_the_token(
    user: User | None, customer: str, groups: tuple[str, ...]
) -> None:
    sent = Caller(user="patricia", customer="token", groups=("a",), is_operator=True)
    assert callers.overridden(sent, user) == Caller(
        user="patricia", customer=customer, groups=groups, is_operator=True
    )


@pytest.mark.parametrize(
    ("users", "remembered", "code"),
    [
        ({}, "acme", None),
        ({}, None, ErrorKey.COST_CENTER_NO_CUSTOMER),
        ({}, "beta", ErrorKey.COST_CENTER_INVALID_CUSTOMER),
        ({"patricia": User(customer="private")}, "acme", ErrorKey.COST_CENTER_INVALID_CUSTOMER),
        ({"patricia": User(customer="acme")}, None, None),
        ({"patricia": User(groups=())}, "acme", None),
        ({"robert": User(customer="private")}, "acme", None),
    ],
)
def test_an_order_asks_for_the_customer_as_put_or_else_as_in_the_owners_last_command(
    users: dict[str, User], remembered: str | None, code: ErrorKey | None
) -> None:
    context = given(users=users)
    basket = structs.replace(charged(), customer=remembered)
    found = orderable.obstacles(basket, context.channel, context.catalog, context.now)
    assert [problem.code for problem in found] == ([] if code is None else [code])
