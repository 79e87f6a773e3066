"""The rows of the REGARDS page, as the original's clients send them: with all fields, null or not."""

from typing import Any

import pytest
from outside.observatory import DS1, DS2, DS3, Reader, datasets, observatory, refusal
from outside.upstream import Upstream

NOTHING: dict[str, Any] = {
    "engineType": None,
    "datasetUrn": None,
    "searchParameters": None,
    "entityIdsToInclude": None,
    "entityIdsToExclude": None,
    "selectionDate": None,
}
FULL: dict[str, Any] = {
    "engineType": "legacy",
    "datasetUrn": DS1,
    "searchParameters": {"q": [f'tags:"{DS2}"']},
    "entityIdsToInclude": None,
    "entityIdsToExclude": ["URN:DATA:unheard-of"],
    "selectionDate": "2026-01-01T00:00:00.123456Z",
}


@pytest.mark.parametrize("body", [NOTHING, {}, None, {**NOTHING, "engineType": ""}, {"engineType": " \t "}])
def test_add_bad_selection(reader: Reader, body: dict[str, Any] | None) -> None:
    refused = reader.ask("basket.selection.add", body if body is not None else {"datasetUrn": DS1})
    assert refusal(refused) == (422, "basket.selection.engine_type_required.error")
    assert [error["path"] for error in refused.json["errors"]] == ["$.engineType"]
    assert reader.show().status == 204


@pytest.mark.parametrize(
    "search",
    [{"q": ""}, {"q": [""]}, {"q": None}, {"q": None, "g": None, "bbox": None}, {}, None],
)
def test_add_empty_opensearch_selection(upstream: Upstream, search: dict[str, Any] | None) -> None:
    """The original's catalogue of this test is empty."""
    reader = Reader(upstream, observatory(upstream))
    nothing = reader.ask(
        "basket.selection.add", {**NOTHING, "engineType": "legacy", "searchParameters": search}
    )
    assert (nothing.status, nothing.body, nothing.version) == (204, b"", None)
    assert reader.show().status == 204


@pytest.mark.parametrize(
    "search",
    [{"q": ""}, {"q": [""]}, {"q": None}, {"q": None, "g": None, "bbox": None}, {}, None],
)
def test_an_empty_opensearch_selection_is_everything(reader: Reader, search: dict[str, Any] | None) -> None:
    shown = reader.ask(
        "basket.selection.add", {**NOTHING, "engineType": "legacy", "searchParameters": search}
    )
    assert datasets(shown).keys() == {DS1, DS2, DS3}


def test_add_full_opensearch_selection_with_no_match(reader: Reader) -> None:
    nothing = reader.ask("basket.selection.add", FULL)
    assert (nothing.status, nothing.body, nothing.version) == (204, b"", None)
    assert reader.show().status == 204


def test_a_full_opensearch_selection_is_shown_as_it_was_sent(reader: Reader) -> None:
    body = {**FULL, "searchParameters": {"q": [f'tags:"{DS1}"', ""]}}
    (entry,) = reader.ask("basket.selection.add", body).json["datasetSelections"]
    (selection,) = entry["itemsSelections"]
    assert selection["date"] == FULL["selectionDate"]
    assert selection["selectionRequest"] == {name: value for name, value in body.items() if value is not None}


def test_get_basket(reader: Reader) -> None:
    added = reader.add("")
    shown = reader.show()
    assert (shown.status, shown.json, shown.version) == (200, added.json, 1)
    assert (shown.json["id"], shown.json["owner"]) == (reader.sub, reader.sub)


def test_get_empty_basket(reader: Reader) -> None:
    shown = reader.show()
    assert (shown.status, shown.body) == (204, b"")


def test_remove_dataset_selection(reader: Reader) -> None:
    before = reader.added("")
    removed = reader.ask("basket.dataset.remove", {"datasetSelectionId": before[DS1]["id"]})
    assert (removed.status, removed.version) == (200, 2)
    assert datasets(removed) == {DS2: before[DS2], DS3: before[DS3]}
    assert removed.json["quota"] == 3


def test_of_the_last_dataset_selection_an_empty_basket_is_left(reader: Reader) -> None:
    (entry,) = reader.added(datasetUrn=DS1).values()
    removed = reader.ask("basket.dataset.remove", {"datasetSelectionId": entry["id"]})
    assert (removed.status, removed.version) == (200, 2)
    assert {"datasetSelections", "quota"} & removed.json.keys() == set()
    assert reader.show().json == removed.json


def test_remove_dated_item_selection(reader: Reader) -> None:
    reader.added("")
    before = reader.added(datasetUrn=DS2)
    first, second = before[DS2]["itemsSelections"]
    body = {"datasetSelectionId": before[DS2]["id"], "selectionDate": first["date"]}
    removed = reader.ask("basket.selection.remove", body)
    assert (removed.status, removed.version) == (200, 3)
    assert datasets(removed) == {**before, DS2: {**before[DS2], "itemsSelections": [second]}}


def test_empty_basket(reader: Reader) -> None:
    reader.added("")
    emptied = reader.ask("basket.empty")
    assert (emptied.status, emptied.body) == (204, b"")
    assert reader.show().status == 204
    again = reader.add("")
    assert (again.status, again.version) == (200, 3)


def test_empty_an_empty_basket(reader: Reader) -> None:
    assert reader.ask("basket.empty").status == 204


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("basket.dataset.remove", {"datasetSelectionId": "unheard-of"}),
        (
            "basket.selection.remove",
            {"datasetSelectionId": "unheard-of", "selectionDate": "2026-01-01T00:00:00Z"},
        ),
    ],
)
def test_what_is_not_there_is_removed_without_a_new_version(
    reader: Reader, type_: str, body: dict[str, str]
) -> None:
    before = reader.add("")
    unchanged = reader.ask(type_, body)
    assert (unchanged.status, unchanged.version, unchanged.json) == (200, 1, before.json)


def test_a_date_that_is_not_there_is_removed_without_a_new_version(reader: Reader) -> None:
    before = reader.add("")
    id_ = datasets(before)[DS1]["id"]
    body = {"datasetSelectionId": id_, "selectionDate": "2001-01-01T00:00:00Z"}
    unchanged = reader.ask("basket.selection.remove", body)
    assert (unchanged.status, unchanged.version, unchanged.json) == (200, 1, before.json)


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01T00:00:00Z", "", True, {}, None])
def test_an_unparsable_date_is_refused(reader: Reader, date: object) -> None:
    before = reader.add("")
    body = {"datasetSelectionId": datasets(before)[DS1]["id"], "selectionDate": date}
    refused = reader.ask("basket.selection.remove", body)
    assert refusal(refused) == (400, "command.malformed.error")
    assert refused.json["errors"][0]["path"] == "$.selectionDate"
    assert reader.show().json == before.json


@pytest.mark.parametrize("type_", ["basket.dataset.remove", "basket.selection.remove"])
def test_removing_from_a_basket_that_is_not_there(reader: Reader, type_: str) -> None:
    body = {"datasetSelectionId": "x", "selectionDate": "2026-01-01T00:00:00Z"}
    if type_ == "basket.dataset.remove":
        del body["selectionDate"]
    assert refusal(reader.ask(type_, body)) == (404, "basket.basket_not_found.error")
