"""The table of error keys is the contract's: keys, statuses and order."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import codec_json
from contracts.errors import ErrorKey, Errors, Problem, in_order, is_before

# Contract, section 2.3, from top to bottom and from left to right.
TABLE = [
    ("command.too_large.error", 413),
    ("command.unsupported_content_type.error", 415),
    ("command.unknown_type.error", 400),
    ("command.message_id_required.error", 400),
    ("basket.basket_id_required.error", 400),
    ("command.reply_to_required.error", 400),
    ("command.reply_to_forbidden.error", 400),
    ("command.malformed.error", 400),
    ("command.unauthorized.error", 401),
    ("channel.not_found.error", 404),
    ("basket.basket_not_found.error", 404),
    ("basket.login_required.error", 403),
    ("basket.wrong_basket_id.error", 403),
    ("command.forbidden.error", 403),
    ("basket.version_conflict.error", 412),
    ("error.recurring_orders.disabled", 501),
    ("command.message_id_reused.error", 409),
    ("command.unknown_field.error", 400),
    ("basket.limit_exceeded.error", 400),
    ("basket.address_not_found.error", 400),
    ("basket.invalid_address.error", 400),
    ("basket.store_addresses_not_allowed.error", 400),
    ("customer.address.missing_fields.error", 400),
    ("basket.shipping_method_not_allowed.error", 400),
    ("basket.shipping_method_not_eligible.error", 400),
    ("basket.purchase_currency_fixed.error", 400),
    ("basket.recurrence_missing_interval.error", 400),
    ("basket.recurrence_missing_start_date.error", 400),
    ("basket.recurrence_invalid.error", 400),
    ("basket.recurring_not_allowed.error", 400),
    ("basket.cost_center.no_customer.error", 400),
    ("basket.cost_center.invalid_customer.error", 400),
    ("basket.cost_center.not_found.error", 400),
    ("basket.product.sku_required.error", 400),
    ("basket.product.quantity_invalid.error", 400),
    ("basket.product.not_available.error", 400),
    ("product.not_found.error", 404),
    ("basket.lineitem.not_found.error", 404),
    ("order.not_found.error", 404),
    ("recurrence.not_found.error", 404),
    ("quote.not_found.error", 404),
    ("quote.expired.error", 403),
    ("quote.rejected.error", 403),
    ("basket.empty.error", 400),
    # "409 / 422: section 4, section 6.6", and 7 for the last
    ("basket.selection.engine_type_required.error", 422),
    ("basket.selection.query_invalid.error", 422),
    ("basket.selection.duplicate.error", 409),
    ("basket.dataset.process_limit_exceeded.error", 409),
    ("error.recurring_orders.enable-not-possible", 409),
    ("error.recurring_orders.order_not_possible", 409),
    ("error.recurring_orders.occurrence_not_open", 409),
    ("error.service_unavailable", 503),
    ("command.internal_error", 500),
]
# Sections 4 and 7: keys to which the table gives no place.
PLACELESS = [
    ("basket.dataset.filters_invalid.error", 400),
    ("basket.dataset.filters_and_processing.error", 400),
    ("basket.dataset.not_found.error", 404),
    ("process.not_found.error", 404),
    ("basket.quote_item_fixed.error", 400),
]
KNOWN = [(key.value, key.status) for key in ErrorKey]


def test_every_key_of_ours_stands_in_the_contract_with_its_status() -> None:
    assert set(KNOWN) <= {*TABLE, *PLACELESS}


def test_our_order_is_the_contracts() -> None:
    ours = [entry for entry in KNOWN if entry not in PLACELESS]
    assert ours == [entry for entry in TABLE if entry in KNOWN]


def problem(key: ErrorKey, message: str = "") -> Problem:
    return Problem(code=key, message=message)


@pytest.mark.parametrize("seed", range(5))
def test_the_first_problem_of_an_answer_is_the_first_of_the_table(seed: int) -> None:
    keys = [key for key in ErrorKey if (key.value, key.status) in TABLE]
    random.Random(seed).shuffle(keys)
    ordered = [one.code.value for one in in_order(map(problem, keys))]
    assert ordered == [key for key, _ in TABLE if key in ordered]
    assert len(ordered) == len(keys)


@given(st.lists(st.sampled_from(list(ErrorKey)), max_size=30))
def test_equal_problems_keep_their_order(keys: list[ErrorKey]) -> None:
    ordered = in_order(problem(key, str(number)) for number, key in enumerate(keys))
    for key in set(keys):
        numbers = [int(one.message) for one in ordered if one.code is key]
        assert numbers == [number for number, one in enumerate(keys) if one is key]


def test_one_key_wins_over_those_below_it() -> None:
    assert is_before(ErrorKey.MALFORMED, ErrorKey.UNAUTHORIZED)
    assert not is_before(ErrorKey.UNAUTHORIZED, ErrorKey.MALFORMED)
    assert not is_before(ErrorKey.UNAUTHORIZED, ErrorKey.UNAUTHORIZED)


def test_a_hundred_problems_are_listed_and_the_first_is_never_left_out() -> None:
    problems = [problem(ErrorKey.UNKNOWN_FIELD)] * 500 + [problem(ErrorKey.MALFORMED)]
    listed = in_order(problems)
    assert len(listed) == 100
    assert listed[0].code is ErrorKey.MALFORMED


def test_the_body_of_a_refusal_has_code_message_and_path_if_there_is_one() -> None:
    errors = Errors(
        errors=(
            Problem(code=ErrorKey.UNKNOWN_FIELD, message="m", path="$.x"),
            Problem(code=ErrorKey.UNAUTHORIZED, message="n"),
        )
    )
    assert codec_json.encode(errors) == (
        b'{"errors":[{"code":"command.unknown_field.error","message":"m","path":"$.x"},'
        b'{"code":"command.unauthorized.error","message":"n"}]}'
    )
