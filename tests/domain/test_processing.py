"""Filters and processes of a dataset in a basket: one or the other, and what each of them refuses."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
import shop
from msgspec import UNSET, structs
from test_selecting import DS1, a_basket, given, only

from contracts.dataset_commands import BasketDatasetSetFilters, BasketDatasetSetProcessing
from contracts.errors import ErrorKey
from worker.domain import processing
from worker.domain.basket import Basket
from worker.domain.datasets import FileFilter, Processing
from worker.domain.decisions import Completed, Decision
from worker.domain.reference import LimitType, Process

PROCESSES = {
    "free": Process(),
    "small": Process(limit_type=LimitType.FILES, limit_value=7),
    "exact": Process(limit_type=LimitType.BYTES, limit_value=3_003_000),
}


def filtered(basket: Basket, **sent: Any) -> Decision:
    id_ = sent.pop("id_", only(basket).id)
    command = BasketDatasetSetFilters(dataset_selection_id=id_, **sent)
    return processing.set_filters(basket, command, given())


def processed(basket: Basket, **sent: Any) -> Decision:
    id_ = sent.pop("id_", only(basket).id)
    command = BasketDatasetSetProcessing(dataset_selection_id=id_, **sent)
    return processing.set_processing(basket, command, given(processes=PROCESSES))


@pytest.fixture
def basket() -> Basket:
    return a_basket(DS1)


def test_a_filter_is_kept_and_changes_no_count(basket: Basket) -> None:
    changed = shop.done(filtered(basket, file_types=("RAWDATA", "RAWDATA"), file_name_pattern=r".*\.dat"))
    assert only(changed).filter == FileFilter(types=("RAWDATA",), name_pattern=r".*\.dat")
    assert only(changed).counts == only(basket).counts
    assert changed.version == basket.version + 1


@pytest.mark.parametrize("sent", [{}, {"file_types": (), "file_name_pattern": ""}, {"file_types": None}])
def test_nothing_but_the_id_removes_the_filter(basket: Basket, sent: dict[str, Any]) -> None:
    changed = shop.done(filtered(shop.done(filtered(basket, file_types=("QUICKLOOK",))), **sent))
    assert only(changed).filter is None


def test_the_same_filter_again_changes_nothing(basket: Basket) -> None:
    changed = shop.done(filtered(basket, file_types=("RAWDATA",)))
    assert filtered(changed, file_types=("RAWDATA",)) == Completed(status=200, basket=changed)


@pytest.mark.parametrize("pattern", ["(", "*", r"(a)\1", "(?=a)", "[", "a" * 1001])
def test_a_pattern_that_is_none_is_refused(basket: Basket, pattern: str) -> None:
    assert shop.refusals(filtered(basket, file_name_pattern=pattern)) == [
        (ErrorKey.FILTERS_INVALID, "$.fileNamePattern")
    ]


def test_filters_and_processes_exclude_each_other(basket: Basket) -> None:
    attached = shop.done(processed(basket, process_business_id="free"))
    assert shop.refusals(filtered(attached, file_types=("RAWDATA",))) == [
        (ErrorKey.FILTERS_AND_PROCESSING, None)
    ]
    chosen = shop.done(filtered(basket, file_types=("RAWDATA",)))
    assert shop.refusals(processed(chosen, process_business_id="free")) == [
        (ErrorKey.FILTERS_AND_PROCESSING, None)
    ]


def test_a_dataset_that_is_not_there_is_not_found(basket: Basket) -> None:
    not_found = [(ErrorKey.DATASET_NOT_FOUND, "$.datasetSelectionId")]
    assert shop.refusals(filtered(basket, id_="nobody")) == not_found
    assert shop.refusals(processed(basket, id_="nobody", process_business_id="free")) == not_found


def test_a_process_is_attached_with_its_parameters_and_removed(basket: Basket) -> None:
    changed = shop.done(processed(basket, process_business_id="free", parameters={"bands": 3, "fast": True}))
    assert only(changed).processing == Processing(process_id="free", parameters={"bands": 3, "fast": True})
    assert only(shop.done(processed(changed))).processing is None


@pytest.mark.parametrize("id_", [None, UNSET, ""])
def test_removing_a_process_that_is_not_there_changes_nothing(basket: Basket, id_: Any) -> None:
    assert processed(basket, process_business_id=id_) == Completed(status=200, basket=basket)


def test_an_unknown_process_is_not_found(basket: Basket) -> None:
    assert shop.refusals(processed(basket, process_business_id="unheard")) == [
        (ErrorKey.PROCESS_NOT_FOUND, "$.processBusinessId")
    ]


def test_a_limit_may_be_reached_and_not_passed(basket: Basket) -> None:
    assert isinstance(processed(basket, process_business_id="exact"), Completed)
    assert shop.refusals(processed(basket, process_business_id="small")) == [
        (ErrorKey.PROCESS_LIMIT_EXCEEDED, None)
    ]


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ("fast", "$.parameters"),
        ([1], "$.parameters"),
        ({f"p{number}": 1 for number in range(101)}, "$.parameters"),
        ({"": 1}, "$.parameters['']"),
        ({"a b": 1}, "$.parameters['a b']"),
        ({"list": [1]}, "$.parameters.list"),
        ({"none": None}, "$.parameters.none"),
        ({"long": "a" * 1025}, "$.parameters.long"),
    ],
)
def test_parameters_are_plain_values_by_plain_names(basket: Basket, parameters: Any, path: str) -> None:
    decision = processed(basket, process_business_id="free", parameters=parameters)
    assert shop.refusals(decision) == [(ErrorKey.MALFORMED, path)]


def test_a_process_without_parameters_takes_null(basket: Basket) -> None:
    changed = shop.done(processed(basket, process_business_id="free", parameters=None))
    assert only(changed).processing == structs.replace(Processing(process_id="free"))


@pytest.mark.parametrize("written", ["1e400", "-1e400", "1" + "0" * 309, "1.8e308"])
def test_a_number_that_could_not_be_read_back_is_refused(basket: Basket, written: str) -> None:
    """It was kept as null, and nothing could be done with the basket any more."""
    number = int(written) if written.isdigit() else Decimal(written)
    refused = shop.refusals(processed(basket, process_business_id="free", parameters={"a": number}))
    assert refused == [(ErrorKey.MALFORMED, "$.parameters.a")]


@pytest.mark.parametrize("written", ["1e308", "-1.5e308", "1e-400", "1" + "0" * 308, "0.1"])
def test_a_number_that_is_taken_is_kept_and_can_be_read_back(basket: Basket, written: str) -> None:
    number = int(written) if written.isdigit() else Decimal(written)
    changed = shop.done(processed(basket, process_business_id="free", parameters={"a": number}))
    assert msgspec.json.decode(msgspec.json.encode(changed), type=Basket) == changed
