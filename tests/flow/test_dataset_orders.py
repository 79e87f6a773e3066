"""Contract 4 and 7: what an order of data takes, and that it stays what it was."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from outside.listener import Listener
from outside.observatory import (
    DS1,
    DS2,
    DS3,
    HD,
    LABELS,
    MD,
    RAWDATA,
    SD,
    Reader,
    datasets,
    datum,
    publish,
    refusal,
    small_house,
    urn,
)
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream

ALL_TASKS = {DS1: (2, 8, 3_003_000), DS2: (2, 8, 2_020_202), DS3: (1, 4, 1_010_101)}


def tasks(order: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Give what an order takes of each dataset: objects, files, bytes."""
    return {
        task["datasetIpid"]: (task["objectsCount"], task["filesCount"], task["filesSize"])
        for task in order.get("datasetTasks", [])
    }


def filtered(reader: Reader, dataset: str, **filters: object) -> None:
    id_ = datasets(reader.show())[dataset]["id"]
    reply = reader.ask("basket.dataset.set-filters", {"datasetSelectionId": id_, **filters})
    assert reply.status == 200, reply.body


def objects_of(reader: Reader, order: dict[str, Any]) -> set[str]:
    return {one["objectUrn"] for one in reader.files(order["id"])}


def test_an_order_says_what_it_takes_of_each_dataset_and_closes_the_basket(
    reader: Reader, events: Listener
) -> None:
    reader.added(datasetUrn=DS1)
    reader.added()
    order = reader.ordered()
    assert tasks(order) == ALL_TASKS
    assert [set(task) for task in order["datasetTasks"]] == [
        {"datasetIpid", "datasetLabel", "objectsCount", "filesCount", "filesSize"}
    ] * 3
    assert {task["datasetIpid"]: task["datasetLabel"] for task in order["datasetTasks"]} == LABELS
    assert (order["type"], order["basketId"], order["owner"]) == ("Order", reader.sub, reader.sub)
    assert order["lineItems"] == []
    assert reader.show().status == 204
    assert reader.ask("order.get", key=order["id"]).json == order

    def placed() -> list[Any]:
        return [one for one in events.by_key().get(reader.sub, []) if one.type == "order.placed"]

    assert events.until(lambda: bool(placed()))
    assert [one.json for one in placed()] == [order]
    assert reader.add().version == 4, "a new basket goes on counting"


def test_its_files_say_all_of_each(reader: Reader) -> None:
    reader.added(datasetUrn=DS3)
    files = reader.files(reader.ordered()["id"])
    sizes = {RAWDATA: 1_000_000, HD: 10_000, MD: 100, SD: 1}
    assert sorted(files, key=lambda one: -int(one["size"])) == [
        {
            "datasetIpid": DS3,
            "objectUrn": urn("DO3.1"),
            "name": f"DO3.1_{type_}",
            "type": type_,
            "size": size,
            "reference": False,
        }
        for type_, size in sizes.items()
    ]


def test_filters_hold_for_the_order(reader: Reader) -> None:
    reader.added()
    filtered(reader, DS1, fileTypes=["QUICKLOOK"])
    filtered(reader, DS2, fileNamePattern=r"DO2\.1_.*")
    filtered(reader, DS3, fileTypes=["RAWDATA"], fileNamePattern="DO3")
    order = reader.ordered()
    assert tasks(order) == {DS1: (2, 6, 1_003_000), DS2: (1, 4, 1_010_101)}, "DO3 is no whole name"
    names = {one["name"] for one in reader.files(order["id"])}
    quicklooks = {f"DO1.{place}_{type_}" for place in (1, 2) for type_ in (HD, MD, SD)}
    assert names == quicklooks | {f"DO2.1_{type_}" for type_ in (RAWDATA, HD, MD, SD)}


@pytest.mark.parametrize("why", ["filter", "deleted", "dataset deleted", "moved away", "never"])
def test_when_nothing_is_left_there_is_no_order(upstream: Upstream, why: str, stage: Stage) -> None:
    reader = small_house(upstream, a=datum(DS1))
    reader.added()
    if why == "filter":
        filtered(reader, DS1, fileTypes=["QUICKLOOK"])
    elif why == "deleted":
        publish(upstream, reader.channel, ("data-object.delete", urn("a"), None))
    elif why == "dataset deleted":
        publish(upstream, reader.channel, ("dataset.delete", DS1, None))
    elif why == "moved away":
        publish(upstream, reader.channel, ("data-object.put", urn("a"), datum(DS2)))
    else:
        reader.ask("basket.dataset.remove", {"datasetSelectionId": datasets(reader.show())[DS1]["id"]})
    before = reader.show()
    refused = reader.ask("basket.checkout", {})
    assert refusal(refused) == (400, "basket.empty.error")
    assert reader.show().json == before.json
    assert stage.rows("select 1 from customer_order where basket_id = %s", reader.sub) == []


def test_the_date_of_the_selection_bounds_the_order(upstream: Upstream) -> None:
    reader = small_house(upstream, a=datum(DS1))
    (entry,) = reader.added().values()
    selected_at = datetime.fromisoformat(entry["itemsSelections"][0]["date"])
    before = (selected_at - timedelta(microseconds=1)).isoformat()
    publish(
        upstream,
        reader.channel,
        ("data-object.put", urn("late"), datum(DS1, created_at=before)),
        ("data-object.put", urn("same"), datum(DS1, created_at=selected_at.isoformat())),
        ("data-object.put", urn("new"), datum(DS1, created_at=datetime.now(UTC).isoformat())),
    )
    order = reader.ordered()
    assert tasks(order) == {DS1: (2, 2, 2)}
    assert objects_of(reader, order) == {urn("a"), urn("late")}, "put late, and created before"


def test_an_order_of_two_selections_has_each_file_once(reader: Reader) -> None:
    reader.added(entityIdsToInclude=[urn("DO1.1")])
    reader.added(entityIdsToExclude=[urn("DO2.2")], datasetUrn=DS1)
    order = reader.ordered()
    assert tasks(order) == {DS1: ALL_TASKS[DS1]}
    assert len(reader.files(order["id"])) == 8


def test_what_is_changed_or_deleted_after_the_order_is_as_it_was_ordered(upstream: Upstream) -> None:
    reader = small_house(upstream, a=datum(DS1, size=5), b=datum(DS1, size=7))
    reader.added()
    order = reader.ordered()
    files = reader.files(order["id"])
    publish(upstream, reader.channel, ("data-object.put", urn("a"), datum(DS1, size=6)))
    publish(upstream, reader.channel, ("data-object.delete", urn("b"), None))
    publish(upstream, reader.channel, ("dataset.delete", DS1, None))
    assert reader.files(order["id"]) == files
    assert sum(one["size"] for one in files) == 12
    assert reader.ask("order.get", key=order["id"]).json == order


def test_a_basket_of_products_and_datasets_is_one_order(upstream: Upstream, channel: str) -> None:
    open_shop(upstream, channel)
    reader = Reader(upstream, channel)
    reader.added(datasetUrn=DS3)
    reader.ask("basket.item.add", {"elements": [{"sku": BENQ, "quantity": {"value": 2}}]})
    order = reader.ordered()
    assert tasks(order) == {DS3: ALL_TASKS[DS3]}
    assert [(line["sku"], line["quantity"]) for line in order["lineItems"]] == [(BENQ, 2)]
    assert order["totals"]["basketTotal"]["value"] == 420.56


def test_products_are_ordered_even_when_no_data_are_left(upstream: Upstream) -> None:
    reader = small_house(upstream, a=datum(DS1))
    open_shop(upstream, reader.channel)
    reader.added()
    reader.ask("basket.item.add", {"elements": [{"sku": BENQ, "quantity": {"value": 1}}]})
    publish(upstream, reader.channel, ("data-object.delete", urn("a"), None))
    order = reader.ordered()
    assert (tasks(order), len(order["lineItems"])) == ({}, 1)


def test_a_repeated_checkout_is_one_order(reader: Reader, upstream: Upstream, stage: Stage) -> None:
    reader.added()
    message = reader.command("basket.checkout", {})
    replies = upstream.ask_all([message] * 3)
    assert all(reply.said == replies[0].said for reply in replies)
    assert len(stage.rows("select 1 from customer_order where basket_id = %s", reader.sub)) == 1
