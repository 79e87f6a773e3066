"""Selections in a basket: what is asked of the catalogue, and what becomes of the answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shop
from msgspec import structs

from contracts.dataset_commands import (
    BasketDatasetRemove,
    BasketSelectionAdd,
    BasketSelectionRemove,
    BasketSelectionUpload,
    SearchParameters,
)
from contracts.errors import ErrorKey
from worker.domain import selecting
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.datasets import MAX_SELECTIONS, Counts, DatasetSelection, Processing
from worker.domain.decisions import Asks, Completed, Context, Refused, Step
from worker.domain.reference import LimitType, Process
from worker.domain.search import lucene
from worker.domain.search.questions import (
    Answer,
    Found,
    Measure,
    Measured,
    Recount,
    Recounted,
    TooCostly,
    UnknownFields,
)

ASTRID = Caller(user="astrid", groups=("astronomers",))
TWO = Counts(objects=2, files=8, size=3_003_000, quota=2)
ONE = Counts(objects=1, files=4, size=1_010_101, quota=1)
DS1, DS2 = (Found(dataset_id=id_, label=f"Data {id_}", counts=TWO, total=TWO) for id_ in ("DS1", "DS2"))
EVERYTHING = BasketSelectionAdd(engine_type="legacy")
T0 = datetime(2026, 2, 1, tzinfo=UTC)


def given(answer: Answer | None = None, **changed: Any) -> Context:
    context = shop.context(**{"caller": ASTRID, **changed})
    return structs.replace(context, key="astrid", answer=answer)


def with_found(*found: Found, basket: Basket | None = None, command: Any = EVERYTHING, **more: Any) -> Step:
    return selecting.add(basket, command, given(Measured(found), **more))


def a_basket(*found: Found) -> Basket:
    return shop.done(with_found(*found))  # type: ignore[arg-type]


def only(basket: Basket) -> DatasetSelection:
    (dataset,) = basket.content.datasets
    return dataset


def asked(step: Step) -> Any:
    assert isinstance(step, Asks), step
    return step.question


def refusals(step: Step) -> list[tuple[ErrorKey, str | None]]:
    assert isinstance(step, Refused), step
    return [(problem.code, problem.path) for problem in step.problems]


def test_a_search_is_asked_for_with_the_callers_groups_and_bounded_by_now() -> None:
    question = asked(selecting.add(None, EVERYTHING, given()))
    assert isinstance(question, Measure)
    assert question.groups == ("astronomers",)
    assert question.asked.before == shop.NOW
    assert question.known == ()


def test_what_is_there_already_is_measured_with_it() -> None:
    question = asked(selecting.add(a_basket(DS1), EVERYTHING, given()))
    ((dataset_id, (criteria,)),) = question.known
    assert (dataset_id, criteria.before) == ("DS1", shop.NOW)


def test_the_callers_own_basket_is_opened_by_what_is_found() -> None:
    basket = a_basket(DS1, DS2)
    assert (basket.version, basket.owner, basket.is_open) == (1, "astrid", True)
    assert [one.dataset_id for one in basket.content.datasets] == ["DS1", "DS2"]
    assert len({one.id for one in basket.content.datasets}) == 2


def test_a_search_that_finds_nothing_opens_nothing() -> None:
    assert with_found() == Completed(status=204)


def test_a_search_that_finds_nothing_changes_nothing() -> None:
    basket = a_basket(DS1)
    assert with_found(basket=basket) == Completed(status=204, basket=basket)


def test_any_other_basket_must_be_there() -> None:
    step = selecting.add(None, EVERYTHING, structs.replace(given(), key="another"))
    assert refusals(step) == [(ErrorKey.BASKET_NOT_FOUND, None)]


def test_a_tombstone_is_opened_anew_without_what_was_in_it() -> None:
    before = a_basket(DS1)
    closed = structs.replace(before, is_open=False, version=7)
    basket = shop.done(with_found(DS2, basket=closed))  # type: ignore[arg-type]
    assert (basket.version, [one.dataset_id for one in basket.content.datasets]) == (8, ["DS2"])


def test_selections_are_never_merged() -> None:
    basket = a_basket(DS1)
    again = structs.replace(DS1, counts=ONE, total=TWO)
    grown = only(shop.done(with_found(again, basket=basket)))  # type: ignore[arg-type]
    assert [selection.counts for selection in grown.selections] == [TWO, ONE]
    assert grown.counts == TWO
    assert grown.id == only(basket).id


def test_our_date_moves_on_until_it_is_free() -> None:
    basket = a_basket(DS1)
    for _ in range(2):
        basket = shop.done(with_found(DS1, basket=basket))  # type: ignore[arg-type]
    dates = [selection.at - shop.NOW for selection in only(basket).selections]
    assert dates == [timedelta(0), timedelta(microseconds=1), timedelta(microseconds=2)]


@pytest.mark.parametrize("sent", ["2026-02-01T00:00:00Z", "2026-02-01T01:00:00+01:00", 1769904000000])
def test_a_date_that_is_sent_bounds_the_search_and_names_the_selection(sent: object) -> None:
    command = structs.replace(EVERYTHING, selection_date=sent)
    assert asked(selecting.add(None, command, given())).asked.before == T0
    basket = shop.done(with_found(DS1, command=command))  # type: ignore[arg-type]
    assert only(basket).selections[0].at == T0


def test_a_date_that_is_taken_is_a_conflict() -> None:
    command = structs.replace(EVERYTHING, selection_date="2026-02-01T00:00:00Z")
    basket = shop.done(with_found(DS1, command=command))  # type: ignore[arg-type]
    step = with_found(DS1, DS2, basket=basket, command=command)
    assert refusals(step) == [(ErrorKey.SELECTION_DUPLICATE, "$.selectionDate")]


@pytest.mark.parametrize("sent", ["yesterday", "2026-02-30T00:00:00Z", 1.5, ["2026-02-01T00:00:00Z"]])
def test_what_is_no_date_is_refused(sent: object) -> None:
    command = structs.replace(EVERYTHING, selection_date=sent)
    assert refusals(selecting.add(None, command, given())) == [(ErrorKey.MALFORMED, "$.selectionDate")]


def test_a_basket_holds_a_bounded_number_of_selections() -> None:
    found = [structs.replace(DS1, dataset_id=f"DS{number}") for number in range(MAX_SELECTIONS + 1)]
    assert refusals(with_found(*found)) == [(ErrorKey.LIMIT_EXCEEDED, None)]
    full = a_basket(*found[:-1])
    assert refusals(with_found(DS1, basket=full)) == [(ErrorKey.LIMIT_EXCEEDED, None)]


@pytest.mark.parametrize("engine", [None, "", "  "])
def test_an_engine_must_be_named(engine: str | None) -> None:
    command = BasketSelectionAdd(engine_type=engine)
    assert refusals(selecting.add(None, command, given())) == [
        (ErrorKey.ENGINE_TYPE_REQUIRED, "$.engineType")
    ]


def test_everything_wrong_with_a_search_is_said_at_once() -> None:
    command = BasketSelectionAdd(
        engine_type="",
        dataset_urn="a blank",
        search_parameters=SearchParameters(q=("fine", "a AND"), g="POINT(1 1)", lat="3"),
        entity_ids_to_include=("ok", "not ok"),
        selection_date="never",
    )
    assert sorted(refusals(selecting.add(None, command, given()))) == sorted(
        [
            (ErrorKey.ENGINE_TYPE_REQUIRED, "$.engineType"),
            (ErrorKey.MALFORMED, "$.datasetUrn"),
            (ErrorKey.QUERY_INVALID, "$.searchParameters.q[1]"),
            (ErrorKey.QUERY_INVALID, "$.searchParameters.g"),
            (ErrorKey.QUERY_INVALID, "$.searchParameters.lat"),
            (ErrorKey.MALFORMED, "$.entityIdsToInclude[1]"),
            (ErrorKey.MALFORMED, "$.selectionDate"),
        ]
    )


def test_nulls_are_as_good_as_nothing() -> None:
    command = BasketSelectionAdd(
        engine_type="legacy",
        dataset_urn=None,
        search_parameters=SearchParameters(q=None, g=None, lat=None),
        entity_ids_to_include=None,
        entity_ids_to_exclude=None,
        selection_date=None,
    )
    assert asked(selecting.add(None, command, given())) == asked(selecting.add(None, EVERYTHING, given()))


def test_an_attribute_that_nobody_has_is_named_with_its_place() -> None:
    command = structs.replace(EVERYTHING, search_parameters=SearchParameters(q="a:1 AND colour:red"))
    step = selecting.add(None, command, given(UnknownFields(("colour",))))
    assert refusals(step) == [(ErrorKey.QUERY_INVALID, "$.searchParameters.q")]
    assert isinstance(step, Refused)
    assert step.problems[0].message == "there is no attribute 'colour', at position 8"


def test_a_search_that_costs_too_much_is_refused() -> None:
    assert refusals(selecting.add(None, EVERYTHING, given(TooCostly()))) == [
        (ErrorKey.SERVICE_UNAVAILABLE, None)
    ]


def test_a_process_limits_what_its_dataset_may_hold() -> None:
    reference: dict[str, Any] = {"processes": {"p": Process(limit_type=LimitType.FEATURES, limit_value=2)}}
    before = a_basket(DS1)
    attached = structs.replace(only(before), processing=Processing(process_id="p"))
    basket = structs.replace(before, content=structs.replace(before.content, datasets=(attached,)))
    equal = with_found(DS1, basket=basket, **reference)
    assert isinstance(equal, Completed)
    more = structs.replace(DS1, total=structs.replace(TWO, objects=3))
    assert refusals(with_found(more, basket=basket, **reference)) == [(ErrorKey.PROCESS_LIMIT_EXCEEDED, None)]


def test_an_upload_asks_for_its_ids() -> None:
    command = BasketSelectionUpload(provider_ids=("a", "b", "a"))
    question = asked(selecting.upload(None, command, given()))
    assert [term.text for term in question.asked.predicate.parts] == ["sproviderId=a", "sproviderId=b"]


def test_an_upload_of_nothing_finds_nothing_without_asking() -> None:
    assert selecting.upload(None, BasketSelectionUpload(provider_ids=()), given()) == Completed(status=204)


def test_an_upload_of_too_many_is_too_large() -> None:
    command = BasketSelectionUpload(provider_ids=tuple(str(number) for number in range(1001)))
    assert refusals(selecting.upload(None, command, given())) == [(ErrorKey.TOO_LARGE, "$.providerIds")]


def test_the_last_selection_takes_its_dataset_along_without_asking() -> None:
    basket = a_basket(DS1, DS2)
    first = basket.content.datasets[0]
    command = BasketSelectionRemove(dataset_selection_id=first.id, selection_date="2026-03-01T12:00:00Z")
    left = shop.done(selecting.remove(basket, command, given()))  # type: ignore[arg-type]
    assert [one.dataset_id for one in left.content.datasets] == ["DS2"]
    assert left.version == basket.version + 1


def test_one_of_several_is_removed_and_the_rest_counted_anew() -> None:
    basket = shop.done(with_found(DS1, basket=a_basket(DS1)))  # type: ignore[arg-type]
    dataset = only(basket)
    command = BasketSelectionRemove(dataset_selection_id=dataset.id, selection_date="2026-03-01T12:00:00Z")
    question = asked(selecting.remove(basket, command, given()))
    assert isinstance(question, Recount)
    assert [one.before for one in question.selections] == [dataset.selections[1].at]
    left = shop.done(selecting.remove(basket, command, given(Recounted(ONE))))  # type: ignore[arg-type]
    assert only(left).counts == ONE


@pytest.mark.parametrize(
    ("id_", "date"), [("nobody", "2026-03-01T12:00:00Z"), (None, "2026-03-01T12:00:00.000009Z")]
)
def test_removing_what_is_not_there_changes_nothing(id_: str | None, date: str) -> None:
    basket = a_basket(DS1)
    command = BasketSelectionRemove(dataset_selection_id=id_ or only(basket).id, selection_date=date)
    assert selecting.remove(basket, command, given()) == Completed(status=200, basket=basket)
    gone = BasketDatasetRemove(dataset_selection_id="nobody")
    assert selecting.remove_dataset(basket, gone, given()) == Completed(status=200, basket=basket)


def test_a_dataset_is_removed_whole() -> None:
    basket = a_basket(DS1, DS2)
    command = BasketDatasetRemove(dataset_selection_id=basket.content.datasets[1].id)
    left = shop.done(selecting.remove_dataset(basket, command, given()))  # type: ignore[arg-type]
    assert only(left).dataset_id == "DS1"


def test_a_query_is_parsed_once_for_the_question_and_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Any] = []
    parse = lucene.parse
    monkeypatch.setattr(lucene, "parse", lambda texts: parsed.append(texts) or parse(texts))
    command = structs.replace(EVERYTHING, search_parameters=SearchParameters(q="asked:once"))
    asked(selecting.add(None, command, given()))
    with_found(DS1, command=command)
    assert parsed == [("asked:once",)]
