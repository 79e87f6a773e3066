"""Creating and owning: who may open, read and change a basket, and what its owner leaves with it."""

from itertools import product

import pytest
import shop
from msgspec import structs

from contracts.commands import BasketCreate
from contracts.errors import ErrorKey
from worker.domain import callers, closing, creating
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Completed
from worker.domain.reference import Channel

GUEST = Caller(user="guest", is_anonymous=True)
OTHER_GUEST = Caller(user="other-guest", is_anonymous=True)
ROBERT = Caller(user="robert")
OPERATOR = Caller(user="olga", is_operator=True)
SERVICE = Caller(user="robert", is_service=True)
SERVICE_AS_PATRICIA = Caller(user="patricia", is_service=True)
BOTH_ROLES = Caller(user="patricia", is_service=True, is_operator=True)
OPERATING_OWNER = Caller(user="patricia", is_operator=True)


def owned_by(caller: Caller, *, is_open: bool = True) -> Basket:
    basket = shop.empty_basket(shop.context(caller=caller))
    return structs.replace(basket, is_open=is_open)


def test_a_new_basket_is_its_creators_empty_and_at_version_one() -> None:
    patricia = Caller(user="patricia", customer="acme", groups=("a", "b"))
    decision = creating.create(None, BasketCreate(), shop.context(caller=patricia))
    assert isinstance(decision, Completed)
    assert decision.status == 201
    basket = shop.done(decision)
    assert (basket.channel, basket.id, basket.version, basket.is_open) == ("default", "a-basket", 1, True)
    assert (basket.owner, basket.owner_is_anonymous) == ("patricia", False)
    assert (basket.customer, basket.groups) == ("acme", ("a", "b"))
    assert (basket.content.currency, basket.content.items) == ("USD", ())


def test_a_second_creation_by_the_owner_leaves_everything_as_it_is() -> None:
    basket = shop.seed_basket()
    decision = creating.create(basket, BasketCreate(purchase_currency="EUR"), shop.context())
    assert decision == Completed(status=200, basket=basket)


def test_a_tombstone_is_opened_again_at_the_next_version_and_empty() -> None:
    tombstone = structs.replace(shop.seed_basket(), is_open=False)
    decision = creating.create(tombstone, BasketCreate(), shop.context())
    assert isinstance(decision, Completed)
    assert decision.status == 201
    reopened = shop.done(decision)
    assert reopened.version == tombstone.version + 1
    assert reopened.content.items == ()
    assert reopened.priced.totals.basket == 0


@pytest.mark.parametrize(
    ("sent", "channel", "taken"), [("EUR", "USD", "EUR"), ("", "CHF", "CHF"), ("JPY", "JPY", "JPY")]
)
def test_the_currency_is_the_one_sent_or_the_channels(sent: str, channel: str, taken: str) -> None:
    given = shop.context(channel=Channel(currency=channel))
    assert (
        shop.done(creating.create(None, BasketCreate(purchase_currency=sent), given)).content.currency
        == taken
    )
    assert shop.done(creating.create(None, BasketCreate(), given)).content.currency == channel


def test_an_unknown_currency_is_malformed() -> None:
    refused = creating.create(None, BasketCreate(purchase_currency="usd"), shop.context())
    assert shop.refusals(refused) == [(ErrorKey.MALFORMED, "$.purchaseCurrency")]


WRONG, LOGIN, FORBIDDEN = ErrorKey.WRONG_BASKET_ID, ErrorKey.LOGIN_REQUIRED, ErrorKey.FORBIDDEN


@pytest.mark.parametrize(
    ("owner", "caller", "may_read", "may_change"),
    [
        (shop.PATRICIA, shop.PATRICIA, None, None),
        (shop.PATRICIA, ROBERT, WRONG, WRONG),
        (shop.PATRICIA, GUEST, LOGIN, LOGIN),
        (shop.PATRICIA, OPERATOR, None, WRONG),
        (shop.PATRICIA, SERVICE, WRONG, WRONG),
        (shop.PATRICIA, SERVICE_AS_PATRICIA, None, None),
        (shop.PATRICIA, OPERATING_OWNER, None, FORBIDDEN),
        (shop.PATRICIA, BOTH_ROLES, None, None),
        (GUEST, GUEST, None, None),
        (GUEST, OTHER_GUEST, WRONG, WRONG),
        (GUEST, shop.PATRICIA, WRONG, WRONG),
    ],
)
def test_a_basket_is_its_owners(
    owner: Caller, caller: Caller, may_read: ErrorKey | None, may_change: ErrorKey | None
) -> None:
    basket = owned_by(owner)
    found = [callers.reading_problem(basket, caller), callers.changing_problem(basket, caller)]
    assert [problem.code if problem else None for problem in found] == [may_read, may_change]


@pytest.mark.parametrize(("caller", "code"), [(ROBERT, WRONG), (GUEST, WRONG), (OPERATOR, WRONG)])
def test_a_tombstone_belongs_to_its_former_owner_alone(caller: Caller, code: ErrorKey) -> None:
    tombstone = owned_by(shop.PATRICIA, is_open=False)
    problem = callers.changing_problem(tombstone, caller)
    assert problem is not None
    assert problem.code is code
    assert callers.changing_problem(tombstone, shop.PATRICIA) is None


def test_an_operator_opens_no_basket_either() -> None:
    problem = callers.changing_problem(None, OPERATOR)
    assert problem is not None
    assert problem.code is FORBIDDEN
    assert callers.changing_problem(None, BOTH_ROLES) is None


def test_reference_data_needs_the_role_service_and_nothing_else() -> None:
    for is_service, is_operator in product((False, True), repeat=2):
        caller = Caller(user="u", is_service=is_service, is_operator=is_operator)
        problem = callers.reference_problem(caller)
        assert (problem is None) is is_service
        assert problem is None or problem.code is FORBIDDEN


def test_the_owners_last_groups_and_customer_are_remembered_and_nobody_elses() -> None:
    basket = owned_by(Caller(user="patricia", customer="acme", groups=("a",)))
    later = callers.remembered(basket, Caller(user="patricia", groups=("b", "c")))
    assert (later.customer, later.groups, later.version) == (None, ("b", "c"), basket.version)
    assert callers.remembered(basket, Caller(user="robert", groups=("x",))) == basket


def test_of_a_tombstone_nothing_is_remembered_but_its_owner_and_version() -> None:
    tombstone = closing.closed(owned_by(Caller(user="patricia", customer="acme", groups=("a",))))
    assert callers.remembered(tombstone, Caller(user="patricia", customer="acme", groups=("a",))) == tombstone
