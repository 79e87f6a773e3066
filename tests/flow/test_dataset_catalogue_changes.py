"""A catalogue that changes under a basket: what was counted stays until its next change; nothing breaks."""

from typing import Any

import pytest
from outside.observatory import (
    DS1,
    DS2,
    Put,
    Reader,
    counted,
    datasets,
    datum,
    observatory,
    publish,
    refusal,
    small_house,
    urn,
)
from outside.stage import Stage
from outside.upstream import Upstream

CHANGES: dict[str, list[Put]] = {
    "the objects are deleted": [("data-object.delete", urn(name), None) for name in "ab"],
    "the dataset is deleted": [("dataset.delete", DS1, None)],
    "the groups are taken away": [("dataset.put", DS1, {"label": "DS1", "groups": []})],
    "the objects have moved": [("data-object.put", urn(name), datum(DS2)) for name in "ab"],
    "the objects have no files": [("data-object.put", urn(name), datum(DS1, files=[])) for name in "ab"],
}


@pytest.fixture
def reader(upstream: Upstream) -> Reader:
    """Somebody who has selected a, and then a and b."""
    reader = small_house(upstream, a=datum(DS1, size=1), b=datum(DS1, size=2))
    publish(upstream, reader.channel, ("dataset.put", DS2, {"label": "DS2"}), ("process.put", "free", {}))
    reader.added(entityIdsToInclude=[urn("a")])
    reader.added()
    return reader


def without_first(reader: Reader) -> Any:
    """Remove the first dated selection."""
    entry = datasets(reader.show())[DS1]
    body = {"datasetSelectionId": entry["id"], "selectionDate": entry["itemsSelections"][0]["date"]}
    return reader.ask("basket.selection.remove", body)


@pytest.mark.parametrize("change", CHANGES)
def test_until_the_basket_is_changed_it_shows_what_it_showed(
    reader: Reader, upstream: Upstream, change: str
) -> None:
    before = reader.show()
    publish(upstream, reader.channel, *CHANGES[change])
    assert reader.show().json == before.json
    id_ = datasets(before)[DS1]["id"]
    filtered = reader.ask("basket.dataset.set-filters", {"datasetSelectionId": id_, "fileTypes": ["RAWDATA"]})
    assert (filtered.status, filtered.version) == (200, 3)
    assert counted(datasets(filtered)[DS1]) == (2, 2, 3, 2), "no selection has changed"


@pytest.mark.parametrize("change", CHANGES)
def test_a_selection_is_removed_all_the_same_and_nothing_is_parked(
    reader: Reader, upstream: Upstream, stage: Stage, change: str
) -> None:
    publish(upstream, reader.channel, *CHANGES[change])
    removed = without_first(reader)
    assert (removed.status, removed.version) == (200, 3), removed.body
    (selection,) = datasets(removed)[DS1]["itemsSelections"]
    assert counted(selection) == (2, 2, 3, 2), "what it had found when it was added"
    removed = without_first(reader)
    assert (removed.status, removed.version, datasets(removed)) == (200, 4, {})
    assert stage.rows("select 1 from dead_letter where channel = %s", reader.channel) == []


@pytest.mark.parametrize("change", CHANGES)
def test_something_else_is_added_all_the_same(reader: Reader, upstream: Upstream, change: str) -> None:
    publish(upstream, reader.channel, *CHANGES[change], ("data-object.put", urn("other"), datum(DS2, size=5)))
    added = reader.add(entityIdsToInclude=[urn("other")])
    assert (added.status, added.version) == (200, 3), added.body
    assert counted(datasets(added)[DS2]) == (1, 1, 5, 1)
    assert len(datasets(added)[DS1]["itemsSelections"]) == 2


@pytest.mark.parametrize("change", CHANGES)
def test_a_process_is_attached_or_refused_and_nothing_breaks(
    reader: Reader, upstream: Upstream, change: str
) -> None:
    publish(upstream, reader.channel, *CHANGES[change])
    id_ = datasets(reader.show())[DS1]["id"]
    body = {"datasetSelectionId": id_, "processBusinessId": "free"}
    assert reader.ask("basket.dataset.set-processing", body).status == 200


def test_what_has_changed_counts_from_the_next_change_on(reader: Reader, upstream: Upstream) -> None:
    publish(
        upstream,
        reader.channel,
        ("data-object.put", urn("a"), datum(DS1, size=100)),
        ("dataset.put", DS1, {"label": "A new label"}),
    )
    entry = reader.added(entityIdsToInclude=[urn("b")])[DS1]
    assert counted(entry) == (2, 2, 102, 2), "the union, recomputed"
    assert [counted(one)[2] for one in entry["itemsSelections"]] == [1, 3, 2]
    assert entry["datasetLabel"] == "A new label"


def test_a_deleted_dataset_that_comes_back_is_there_again(reader: Reader, upstream: Upstream) -> None:
    publish(upstream, reader.channel, ("dataset.delete", DS1, None))
    assert reader.add().status == 204
    assert refusal(reader.ask("basket.checkout", {})) == (400, "basket.empty.error")
    publish(upstream, reader.channel, ("dataset.put", DS1, {"label": "Again"}))
    (task,) = reader.ordered()["datasetTasks"]
    assert (task["datasetLabel"], task["objectsCount"], task["filesSize"]) == ("Again", 2, 3)


def test_a_put_of_what_is_there_already_changes_nothing(upstream: Upstream) -> None:
    body = datum(DS1, size=9, attributes={"title": "x"})
    puts: list[Put] = [("dataset.put", DS1, {"label": "DS1"}), ("data-object.put", urn("a"), body)]
    reader = Reader(upstream, observatory(upstream, puts))
    publish(upstream, reader.channel, *puts)
    assert counted(reader.added("title:x")[DS1]) == (1, 1, 9, 1)


def test_an_object_is_found_by_what_it_is_now(upstream: Upstream) -> None:
    reader = small_house(upstream, a=datum(DS1, attributes={"title": "before", "level": 1}))
    changed = datum(DS1, attributes={"title": "after"}, providerId="P-2")
    publish(upstream, reader.channel, ("data-object.put", urn("a"), changed))
    for q, status in (
        ("title:after", 200), ("title:before", 204), ("after", 200), ("before", 204), ("level:1", 204),
        ("providerId:P-2", 200), ("level:[* TO *]", 204),
    ):  # fmt: skip
        assert reader.add(q).status == status, q
