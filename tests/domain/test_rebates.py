"""Promotions: which are taken, what each takes off, and that a rebate is spread to the last unit."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
import shop
from hypothesis import given
from hypothesis import strategies as st

from contracts.commands import BasketUpdate
from contracts.errors import ErrorKey
from worker.domain import rebates, updating
from worker.domain.basket import Basket, Totals
from worker.domain.decisions import Completed
from worker.domain.money import Money
from worker.domain.reference import Promotion

MICROSECOND = timedelta(microseconds=1)
ITEMS, SHIPPING = Decimal("1209.28"), Decimal("16.94")


def with_codes(*codes: str, **promotions: Promotion) -> Basket:
    """Send codes to the document's basket: 1162.20 and 47.08, shipping 16.94, everything taxed at 19 %."""
    return shop.updated(shop.seed_basket(), shop.context(promotions=promotions), **shop.coded(*codes))


def shown(totals: Totals) -> dict[str, str]:
    names = ("items", "basket_rebate", "shipping", "shipping_rebate", "tax", "basket")
    return {name: f"{getattr(totals, name):.2f}" for name in names}


@pytest.mark.parametrize(
    ("promotion", "expected"),
    [
        # 1162.20 - 116.22 and 47.08 - 4.71; 1088.35 * 19/119 = 173.7701…, and 2.70 for shipping
        (shop.percent_off("item", "10"), ("1088.35", "0.00", "0.00", "176.47", "1105.29")),
        (shop.amount_off("item", "5"), ("1199.28", "0.00", "0.00", "194.18", "1216.22")),
        # 120.928 is 120.93
        (shop.percent_off("basket", "10"), ("1209.28", "120.93", "0.00", "176.47", "1105.29")),
        (shop.amount_off("basket", "9.28"), ("1209.28", "9.28", "0.00", "194.30", "1216.94")),
        # 8.47 * 19/119 = 1.3523…
        (shop.percent_off("shipping", "50"), ("1209.28", "0.00", "8.47", "194.43", "1217.75")),
        (shop.amount_off("shipping", "6.94"), ("1209.28", "0.00", "6.94", "194.68", "1219.28")),
        (shop.percent_off("basket", "0"), ("1209.28", "0.00", "0.00", "195.78", "1226.22")),
    ],
)
def test_a_promotion_lowers_item_prices_the_basket_or_shipping(
    promotion: Promotion, expected: tuple[str, ...]
) -> None:
    items, basket_rebate, shipping_rebate, tax, basket = expected
    assert shown(with_codes("CODE", CODE=promotion).priced.totals) == {
        "items": items,
        "basket_rebate": basket_rebate,
        "shipping": "16.94",
        "shipping_rebate": shipping_rebate,
        "tax": tax,
        "basket": basket,
    }


def test_an_item_promotion_lowers_the_single_price_which_is_then_multiplied() -> None:
    given_ = shop.context(promotions={"TENTH": shop.percent_off("item", "10")})
    basket = shop.updated(shop.basket_of({"1612143": 3}), given_, **shop.coded("TENTH"))
    # 47.08 less 4.708, so 42.37, three times; and not 141.24 less a tenth, 127.12
    assert basket.priced.totals.items == Decimal("127.11")
    assert [(line.price, line.total) for line in basket.priced.lines] == [
        (Decimal("42.37"), Decimal("127.11"))
    ]


def test_an_amount_comes_off_every_single_piece() -> None:
    given_ = shop.context(promotions={"TWO": shop.amount_off("item", "2")})
    basket = shop.updated(shop.basket_of({"book": 5}), given_, **shop.coded("TWO"))
    assert basket.priced.totals.items == Decimal("43.50")


@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({"valid_from": shop.NOW}, True),
        ({"valid_from": shop.NOW + MICROSECOND}, False),
        ({"valid_to": shop.NOW}, True),
        ({"valid_to": shop.NOW - MICROSECOND}, False),
        ({"valid_from": shop.NOW, "valid_to": shop.NOW}, True),
        ({"minimum": Money("USD", ITEMS)}, True),
        ({"minimum": Money("USD", ITEMS + Decimal("0.01"))}, False),
        ({"minimum": Money("EUR", Decimal(1))}, False),
        ({"minimum": Money("USD", Decimal(0))}, True),
    ],
)
@pytest.mark.parametrize("target", ["item", "basket", "shipping"])
def test_it_holds_from_its_first_to_its_last_instant_and_from_its_minimum_on(
    target: str, fields: dict[str, Any], is_taken: bool
) -> None:
    basket = with_codes("CODE", CODE=shop.percent_off(target, "10", **fields))
    assert basket.content.promotions == (("CODE",) if is_taken else ())
    assert (basket.priced.totals.basket < Decimal("1226.22")) is is_taken


def test_an_amount_in_another_currency_is_kept_out_and_a_percentage_has_none() -> None:
    assert with_codes("CODE", CODE=shop.amount_off("basket", "5", "EUR")).content.promotions == ()
    assert with_codes("CODE", CODE=shop.percent_off("basket", "5")).content.promotions == ("CODE",)


def test_the_minimum_is_compared_with_the_items_before_any_promotion_and_without_shipping() -> None:
    half, bulk = shop.percent_off("item", "50"), {"minimum": Money("USD", ITEMS)}
    basket = with_codes("HALF", "BULK", HALF=half, BULK=shop.amount_off("basket", "1", **bulk))
    assert basket.content.promotions == ("HALF", "BULK")
    assert (basket.priced.totals.items, basket.priced.totals.basket_rebate) == (Decimal("604.64"), Decimal(1))
    above_items = {"minimum": Money("USD", ITEMS + SHIPPING)}
    assert with_codes("CODE", CODE=shop.amount_off("basket", "1", **above_items)).content.promotions == ()


@pytest.mark.parametrize(
    ("promotion", "expected"),
    [
        (shop.amount_off("basket", "5000"), ("1209.28", "1209.28", "0.00", "2.70", "16.94")),
        (shop.amount_off("shipping", "5000"), ("1209.28", "0.00", "16.94", "193.08", "1209.28")),
        (shop.amount_off("item", "5000"), ("0.00", "0.00", "0.00", "2.70", "16.94")),
        # the mouse costs 47.08, less than what is taken off it
        (shop.amount_off("item", "100"), ("1062.20", "0.00", "0.00", "172.29", "1079.14")),
        (shop.percent_off("basket", "100"), ("1209.28", "1209.28", "0.00", "2.70", "16.94")),
    ],
)
def test_no_more_is_taken_off_than_there_is(promotion: Promotion, expected: tuple[str, ...]) -> None:
    totals = shown(with_codes("CODE", CODE=promotion).priced.totals)
    names = ("items", "basket_rebate", "shipping_rebate", "tax", "basket")
    assert tuple(totals[name] for name in names) == expected


def test_several_promotions_are_each_reckoned_from_the_whole() -> None:
    tenth, five = shop.percent_off("basket", "10"), shop.amount_off("basket", "5")
    assert with_codes("A", "B", A=tenth, B=five).priced.totals.basket_rebate == Decimal("125.93")
    assert with_codes("A", "B", A=tenth, B=tenth).priced.totals.basket_rebate == Decimal("241.86")
    most = shop.percent_off("basket", "60")
    assert with_codes("A", "B", A=most, B=most).priced.totals.basket_rebate == ITEMS


def test_the_same_code_twice_is_once() -> None:
    tenth = shop.percent_off("basket", "10")
    once = with_codes("A", A=tenth)
    assert with_codes("A", "A", A=tenth) == once
    again = shop.updated(once, shop.context(promotions={"A": tenth}), **shop.coded("A"))
    assert again == once


def test_codes_are_added_to_those_that_are_there() -> None:
    known = {code: shop.amount_off("basket", "1") for code in "ABC"}
    first = with_codes("B", **known)
    second = shop.updated(first, shop.context(promotions=known), **shop.coded("C", "B", "A"))
    assert second.content.promotions == ("B", "C", "A")
    assert (second.priced.totals.basket_rebate, second.version) == (Decimal(3), first.version + 1)


def test_an_unknown_or_inapplicable_code_is_kept_out_silently_and_the_others_are_taken() -> None:
    late = shop.percent_off("basket", "10", valid_to=shop.NOW - MICROSECOND)
    sent = BasketUpdate(department="Sales", **shop.coded("NONE", "LATE", "GOOD", ""))
    promotions = {"LATE": late, "GOOD": shop.amount_off("basket", "1")}
    decision = updating.update(shop.seed_basket(), sent, shop.context(promotions=promotions))
    assert isinstance(decision, Completed)
    assert decision.status == 200
    assert shop.done(decision).content.promotions == ("GOOD",)
    assert shop.done(decision).content.department == "Sales"


def test_a_promotion_that_is_over_is_taken_off_no_longer() -> None:
    promotions = {"A": shop.percent_off("basket", "10", valid_to=shop.NOW)}
    basket = with_codes("A", **promotions)
    later = shop.context(promotions=promotions, now=shop.NOW + MICROSECOND)
    assert shop.updated(basket, later, department="Sales").priced.totals.basket == Decimal("1226.22")


def test_a_basket_takes_fifty_promotions_and_not_one_more() -> None:
    known = {str(number): shop.amount_off("basket", "0.01") for number in range(51)}
    given_ = shop.context(promotions=known)
    full = shop.updated(shop.seed_basket(), given_, **shop.coded(*list(known)[:50]))
    assert full.priced.totals.basket_rebate == Decimal("0.50")
    one_more = updating.update(full, BasketUpdate(**shop.coded("50")), given_)
    assert shop.refusals(one_more) == [(ErrorKey.LIMIT_EXCEEDED, "$.promotions")]
    for harmless in ("0", "UNKNOWN"):
        assert shop.updated(full, given_, **shop.coded(harmless)) == full


@pytest.mark.parametrize(
    ("rebate", "totals", "shares"),
    [
        ("10.00", ["33.33", "33.33", "33.34"], ["3.33", "3.33", "3.34"]),
        ("0.01", ["1.00", "3.00", "2.00"], ["0.00", "0.01", "0.00"]),
        ("0.02", ["5.00", "6.00", "5.00"], ["0.01", "0.00", "0.01"]),
        ("100.00", ["1162.20", "10.70"], ["99.09", "0.91"]),
        # seven times 0.0057… is 0.07: the largest gives back what it has, the others the rest
        ("0.04", ["1.00"] * 6 + ["1.01"], ["0.00", "0.00", "0.01", "0.01", "0.01", "0.01", "0.00"]),
        ("7.00", ["7.00", "0.00"], ["7.00", "0.00"]),
        ("0.00", ["7.00", "3.00"], ["0.00", "0.00"]),
        ("0.00", [], []),
        ("0.00", ["0.00"], ["0.00"]),
    ],
)
def test_a_rebate_is_spread_in_proportion_and_the_remainder_goes_on_the_largest(
    rebate: str, totals: list[str], shares: list[str]
) -> None:
    spread = rebates.spread(Decimal(rebate), [(Decimal(19), Decimal(total)) for total in totals], "USD")
    assert spread == [Decimal(share) for share in shares]


cents = st.integers(0, 10**9).map(lambda number: Decimal(number).scaleb(-2))


@given(st.lists(cents, min_size=1, max_size=12), st.fractions(0, 1))
def test_the_shares_sum_to_the_rebate_and_none_is_negative_or_more_than_its_item(
    totals: list[Decimal], part: Fraction
) -> None:
    whole = sum(totals, Decimal(0))
    rebate = Decimal(int(whole * 100 * part.numerator / part.denominator)).scaleb(-2)
    shares = rebates.spread(rebate, [(Decimal(19), total) for total in totals], "USD")
    assert sum(shares, Decimal(0)) == rebate
    for share, total in zip(shares, totals, strict=True):
        assert 0 <= share <= total
        exact = Fraction(rebate) * Fraction(total) / Fraction(whole) if whole else Fraction(0)
        assert abs(Fraction(share) - exact) <= Fraction(len(totals), 200)


three = st.lists(
    st.builds(
        lambda target, is_percentage, value: (
            shop.percent_off(target, value) if is_percentage else shop.amount_off(target, value)
        ),
        st.sampled_from(["item", "basket", "shipping"]),
        st.booleans(),
        st.integers(0, 10_000).map(lambda number: str(Decimal(number).scaleb(-2))),
    ),
    min_size=3,
    max_size=3,
)


@given(three)
def test_the_order_of_the_codes_makes_no_difference(promotions: list[Promotion]) -> None:
    known = dict(zip("ABC", promotions, strict=True))
    priced = [with_codes(*codes, **known).priced for codes in permutations("ABC")]
    assert all(one == priced[0] for one in priced)
