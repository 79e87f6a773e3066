"""`basket.update`: only what is sent changes, an empty text removes, and every problem is named at once."""

from decimal import Decimal
from typing import Any

import pytest
import shop
from msgspec import structs

from contracts.commands import AddressInput, BasketUpdate, PromotionInput, ShippingMethodInput
from contracts.errors import ErrorKey
from worker.domain import updating
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Context, Decision
from worker.domain.reference import Channel

MISSING = ErrorKey.ADDRESS_MISSING_FIELDS


def update(basket: Basket, given: Context | None = None, /, **fields: Any) -> Decision:
    return updating.update(basket, BasketUpdate(**fields), given or shop.context())


def method(id_: str) -> ShippingMethodInput:
    return ShippingMethodInput(id=id_)


@pytest.mark.parametrize("field", ["department", "taxation_id", "external_order_reference_id"])
def test_a_text_is_set_kept_and_removed_by_an_empty_one(field: str) -> None:
    basket = shop.done(update(shop.seed_basket(), **{field: "0123"}))
    assert getattr(basket.content, field) == "0123"
    kept = shop.done(update(basket, tax_exempt=True))
    assert getattr(kept.content, field) == "0123"
    assert getattr(shop.done(update(kept, **{field: ""})).content, field) == ""


def test_a_command_raises_the_version_by_one_however_much_it_changes() -> None:
    before = shop.seed_basket()
    after = shop.done(
        update(before, department="Sales", common_ship_to_address=shop.address(), tax_exempt=False)
    )
    assert after.version == before.version + 1


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "x", "type": "y", "dynamic_messages": [1]},
        {"department": ""},
        {"common_shipping_method": method("STD_GROUND")},
        {"purchase_currency": "USD"},
        {"purchase_currency": ""},
        {"cost_center_id": ""},
        {"new_owner_authentication_token": ""},
        {"promotions": (PromotionInput(code="UNKNOWN"),)},
    ],
)
def test_what_changes_nothing_leaves_the_version_alone(fields: dict[str, Any]) -> None:
    before = shop.seed_basket()
    assert shop.done(update(before, **fields)).version == before.version


def test_the_same_address_again_changes_nothing() -> None:
    once = shop.done(update(shop.seed_basket(), common_ship_to_address=shop.address()))
    assert shop.done(update(once, common_ship_to_address=shop.address(country_code="de"))) == once


def test_a_method_sets_the_price_of_shipping_and_an_empty_id_removes_it() -> None:
    fast = shop.done(update(shop.seed_basket(), common_shipping_method=method("STD_5DAY")))
    assert fast.priced.totals.shipping == Decimal("25.00")
    none = shop.done(update(fast, common_shipping_method=method("")))
    assert none.priced.totals.shipping == 0


@pytest.mark.parametrize("id_", ["UNKNOWN", "YEN"])
def test_a_method_that_is_unknown_or_has_no_price_in_the_currency_is_not_eligible(id_: str) -> None:
    refused = update(shop.seed_basket(), common_shipping_method=method(id_))
    assert shop.refusals(refused) == [(ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE, "$.commonShippingMethod")]


def test_with_multiple_shipments_a_basket_takes_no_method_but_an_address() -> None:
    several = shop.context(channel=Channel(supports_multiple_shipments=True))
    refused = update(shop.seed_basket(), several, common_shipping_method=method("STD_GROUND"))
    assert shop.refusals(refused) == [(ErrorKey.SHIPPING_METHOD_NOT_ALLOWED, "$.commonShippingMethod")]
    addressed = shop.done(update(shop.seed_basket(), several, common_ship_to_address=shop.address()))
    assert addressed.content.ship_to is not None


def test_the_currency_changes_only_while_the_basket_is_empty() -> None:
    changed = shop.done(update(shop.basket_of({}), purchase_currency="EUR"))
    assert changed.content.currency == "EUR"
    refused = update(shop.basket_of({"book": 1}), purchase_currency="EUR")
    assert shop.refusals(refused) == [(ErrorKey.PURCHASE_CURRENCY_FIXED, "$.purchaseCurrency")]
    same = shop.basket_of({"book": 1})
    assert shop.done(update(same, purchase_currency="USD")) == same


def test_a_method_without_a_price_in_the_new_currency_does_not_come_along() -> None:
    refused = update(shop.basket_of({}, "STD_GROUND"), purchase_currency="EUR")
    assert [code for code, _ in shop.refusals(refused)] == [ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE]
    changed = shop.done(
        update(
            shop.basket_of({}, "STD_GROUND"), purchase_currency="JPY", common_shipping_method=method("YEN")
        )
    )
    assert (changed.content.currency, changed.content.shipping_method_id) == ("JPY", "YEN")


@pytest.mark.parametrize("code", ["usd", "XTS", "EURO", "€", "US"])
def test_only_an_iso_currency_that_is_money_is_taken(code: str) -> None:
    refused = update(shop.basket_of({}), purchase_currency=code)
    assert shop.refusals(refused) == [(ErrorKey.MALFORMED, "$.purchaseCurrency")]


@pytest.mark.parametrize(
    ("field", "path"),
    [("common_ship_to_address", "$.commonShipToAddress"), ("invoice_to_address", "$.invoiceToAddress")],
)
@pytest.mark.parametrize(
    ("address", "problems"),
    [
        (AddressInput(urn="urn:address:customer:c:a"), [(ErrorKey.ADDRESS_NOT_FOUND, "")]),
        (AddressInput(id="a"), [(ErrorKey.ADDRESS_NOT_FOUND, "")]),
        (AddressInput(), [(MISSING, "")]),
        (AddressInput(urn="", id=""), [(MISSING, "")]),
        (AddressInput(first_name="Patricia"), [(MISSING, "")]),
        (shop.address(city=" "), [(MISSING, "")]),
        (shop.address(country_code="XX"), [(ErrorKey.INVALID_ADDRESS, ".countryCode")]),
        (shop.address(country_code="DEU"), [(ErrorKey.INVALID_ADDRESS, ".countryCode")]),
        (
            shop.address(country_code="XX", city=""),
            [(MISSING, ""), (ErrorKey.INVALID_ADDRESS, ".countryCode")],
        ),
    ],
)
def test_an_address_resolves_or_is_complete(
    field: str, path: str, address: AddressInput, problems: list[tuple[ErrorKey, str]]
) -> None:
    refused = update(shop.seed_basket(), **{field: address})
    assert shop.refusals(refused) == [(code, path + suffix) for code, suffix in problems]


def test_the_missing_fields_are_named_as_they_are_sent() -> None:
    refused = update(shop.seed_basket(), invoice_to_address=AddressInput(title="Mrs."))
    message = refused.problems[0].message  # type: ignore[union-attr]
    for name in ("firstName", "lastName", "addressLine1", "postalCode", "city", "countryCode"):
        assert name in message


def test_address_data_win_over_an_id_in_the_same_body() -> None:
    basket = shop.done(update(shop.seed_basket(), common_ship_to_address=shop.address(id="x", urn="y")))
    assert basket.content.ship_to is not None
    assert basket.content.ship_to.city == "Potsdam"
    assert basket.content.ship_to.id not in ("x", "y")


def test_the_same_data_have_the_same_id_and_other_data_another() -> None:
    ids = [
        shop.done(update(shop.seed_basket(), invoice_to_address=address)).content.invoice_to.id  # type: ignore[union-attr]
        for address in (shop.address(), shop.address(country_code="de"), shop.address(title="Mrs."))
    ]
    assert ids[0] == ids[1] != ids[2]
    assert {len(id_) for id_ in ids} == {24}


def test_recurring_orders_are_disabled_also_for_a_removal() -> None:
    for recurrence in ({"interval": "P1M", "startDate": "2026-01-01"}, {"interval": "P0D"}, {}):
        refused = update(shop.seed_basket(), recurrence=recurrence)
        assert shop.refusals(refused) == [(ErrorKey.RECURRING_DISABLED, "$.recurrence")]


def test_more_than_fifty_promotions_are_too_many() -> None:
    codes = tuple(PromotionInput(code=str(number)) for number in range(51))
    assert shop.refusals(update(shop.seed_basket(), promotions=codes)) == [
        (ErrorKey.LIMIT_EXCEEDED, "$.promotions")
    ]
    assert shop.done(update(shop.seed_basket(), promotions=codes[:50]))


def test_a_cost_center_needs_a_business_customer() -> None:
    nobody, somebody = shop.seed_basket(), shop.context(caller=Caller(user="patricia", customer="c"))
    assert shop.refusals(update(nobody, cost_center_id="511288")) == [
        (ErrorKey.COST_CENTER_NO_CUSTOMER, "$.costCenterID")
    ]
    assert shop.refusals(update(nobody, somebody, cost_center_id="511288")) == [
        (ErrorKey.COST_CENTER_INVALID_CUSTOMER, "$.costCenterID")
    ]


def test_a_new_owner_takes_the_basket_with_what_their_token_says() -> None:
    before = shop.seed_basket()
    robert = Caller(user="robert", customer="acme", groups=("g",))
    given = shop.context(new_owner=robert)
    after = shop.done(update(before, given, new_owner_authentication_token="t", department="Sales"))
    assert (after.owner, after.customer, after.groups) == ("robert", "acme", ("g",))
    assert after.version == before.version + 1
    assert after.content.department == "Sales"


@pytest.mark.parametrize("new_owner", [None, Caller(user="guest", is_anonymous=True)])
def test_a_bad_or_anonymous_new_owner_is_refused(new_owner: Caller | None) -> None:
    given = shop.context(new_owner=new_owner)
    refused = update(shop.seed_basket(), given, new_owner_authentication_token="t")
    assert shop.refusals(refused) == [(ErrorKey.MALFORMED, "$.newOwnerAuthenticationToken")]


def test_a_basket_handed_to_its_owner_has_not_changed() -> None:
    before = shop.seed_basket()
    given = shop.context(new_owner=Caller(user="patricia"))
    assert shop.done(update(before, given, new_owner_authentication_token="t")) == before


def test_every_change_recalculates_at_the_prices_of_now() -> None:
    dearer = structs.replace(shop.MOUSE, price=structs.replace(shop.MOUSE.price, value=Decimal("57.08")))
    given = shop.context(products={**shop.PRODUCTS, "1612143": dearer})
    after = shop.done(update(shop.seed_basket(), given, department="Sales"))
    assert after.priced.totals.basket == Decimal("1236.22")


def test_new_prices_alone_are_shown_and_no_new_version() -> None:
    before = shop.seed_basket()
    dearer = structs.replace(shop.MOUSE, price=structs.replace(shop.MOUSE.price, value=Decimal("57.08")))
    given = shop.context(products={**shop.PRODUCTS, "1612143": dearer})
    after = shop.done(update(before, given, taxation_id=""))
    assert (after.priced.totals.basket, after.version) == (Decimal("1236.22"), before.version)


def test_one_refusal_names_all_problems_and_changes_nothing() -> None:
    basket = shop.seed_basket()
    refused = update(
        basket,
        department="Sales",
        common_ship_to_address=AddressInput(id="x"),
        invoice_to_address=AddressInput(city="Potsdam"),
        common_shipping_method=method("UNKNOWN"),
        cost_center_id="1",
    )
    assert {code for code, _ in shop.refusals(refused)} == {
        ErrorKey.ADDRESS_NOT_FOUND,
        MISSING,
        ErrorKey.SHIPPING_METHOD_NOT_ELIGIBLE,
        ErrorKey.COST_CENTER_NO_CUSTOMER,
    }
