"""Contract 4, 6.5 and 6.7: recurrent orders of data, each with what the searches find at its moment."""

from collections.abc import Sequence
from typing import Any

import pytest
from holding import DS1, DS2, SERVICE, Catalogue, remains, select, taken
from standing import House

from worker.domain.datasets import Counts
from worker.store import searching

DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D"}
FIRST, SECOND, THIRD = "2026-03-01T10:00", "2026-03-02T10:00", "2026-03-03T10:00"
OLD = "2025-06-01T00:00"  # created before anything was selected


@pytest.fixture
def catalogue(house: House) -> Catalogue:
    """Two datasets: three objects in the first, one of them in the second, too."""
    catalogue = Catalogue(house)
    catalogue.dataset(DS1, "Sea ice")
    catalogue.dataset(DS2, "Clouds")
    catalogue.put("o1", OLD)
    catalogue.put("o2", OLD, files=[raw("a", 5), quicklook("b", 3)])
    catalogue.put("o3", OLD, datasets=[DS1, DS2])
    return catalogue


def raw(name: str, size: int) -> dict[str, Any]:
    return {"name": name, "type": "RAWDATA", "size": size, "reference": False}


def quicklook(name: str, size: int) -> dict[str, Any]:
    return {"name": name, "type": "QUICKLOOK_SD", "size": size, "reference": False}


def standing(house: House, key: str = "b", products: dict[str, int] | None = None, **recurrence: Any) -> None:
    """Have a basket with everything selected, and maybe products, that is ordered every day."""
    house.basket(key, products or {})
    select(house, key)
    house.recurs(key, **{**DAILY, **recurrence})


def failures(house: House, key: str = "b") -> list[tuple[int, str]]:
    return [
        (event["body"]["attempt"], event["body"]["reason"]["code"])
        for event in house.events(key, "order.failed")
    ]


def selection_ids(house: House, key: str = "b") -> dict[str, str]:
    shown = house.say("basket.get", key)
    return {one["datasetIpid"]: one["id"] for one in shown["datasetSelections"]}


def test_an_order_lists_each_dataset_with_what_it_takes_of_it(house: House, catalogue: Catalogue) -> None:
    standing(house)
    assert house.ticks(FIRST) == 1
    (order,) = house.orders()
    assert order["datasetTasks"] == [
        {
            "datasetIpid": DS1,
            "datasetLabel": "Sea ice",
            "objectsCount": 3,
            "filesCount": 4,
            "filesSize": 2008,
        },
        {"datasetIpid": DS2, "datasetLabel": "Clouds", "objectsCount": 1, "filesCount": 1, "filesSize": 1000},
    ]
    assert (order["lineItems"], order["recurring"]["dueAt"]) == ([], "2026-03-01T10:00:00Z")
    assert taken(house) == [["o1", "o2", "o3", "o3"]]
    assert house.stage.rows("select id from customer_order") == [(order["id"],)]


def test_the_files_of_an_order_stay_what_they_were(house: House, catalogue: Catalogue) -> None:
    standing(house)
    house.ticks(FIRST)
    house.say("data-object.delete", "o3", caller=SERVICE)
    (order,) = house.orders()
    shown = house.say("order.files", order["id"], {})
    assert [(one["objectUrn"], one["name"], one["size"]) for one in shown["files"]] == [
        ("o1", "raw.dat", 1000),
        ("o2", "a", 5),
        ("o2", "b", 3),
        ("o3", "raw.dat", 1000),
        ("o3", "raw.dat", 1000),
    ]


def test_every_order_searches_anew_within_the_dates_of_the_selections(
    house: House, catalogue: Catalogue
) -> None:
    standing(house)
    house.ticks(FIRST)
    catalogue.put("late", OLD)  # created before the selection, put after the first order
    catalogue.put("young", "2026-03-01T12:00")  # created after the selection
    house.ticks(SECOND)
    assert taken(house) == [["o1", "o2", "o3", "o3"], ["late", "o1", "o2", "o3", "o3"]]


def test_the_label_and_the_access_are_those_of_the_moment_of_the_order(
    house: House, catalogue: Catalogue
) -> None:
    standing(house)
    house.ticks(FIRST)
    catalogue.dataset(DS1, "Ice of the sea", groups=["others"])
    catalogue.dataset(DS2, "Cloudier")
    house.ticks(SECOND)
    tasks = house.orders()[1]["datasetTasks"]
    assert [(one["datasetIpid"], one["datasetLabel"]) for one in tasks] == [(DS2, "Cloudier")]


@pytest.mark.parametrize("overrides", [True, False])
def test_groups_are_those_that_upstream_says_or_else_those_of_the_last_command(
    house: House, catalogue: Catalogue, overrides: bool
) -> None:
    standing(house)
    catalogue.dataset(DS1, "Sea ice", groups=["ice"])
    if overrides:
        house.put("user.put", "patricia", {"groups": ["ice"]})
    house.ticks(FIRST)
    house.put("user.put", "patricia", {"groups": []})
    house.ticks(SECOND)
    shown = [[task["datasetIpid"] for task in order["datasetTasks"]] for order in house.orders()]
    assert shown == [[DS1, DS2] if overrides else [DS2], [DS2]]


def test_filters_apply_to_what_is_ordered(house: House, catalogue: Catalogue) -> None:
    standing(house)
    body = {"datasetSelectionId": selection_ids(house)[DS1], "fileTypes": ["QUICKLOOK"]}
    house.say("basket.dataset.set-filters", "b", body)
    house.ticks(FIRST)
    (order,) = house.orders()
    counts = [(one["objectsCount"], one["filesCount"], one["filesSize"]) for one in order["datasetTasks"]]
    assert counts == [(1, 1, 3), (1, 1, 1000)]


def test_nothing_left_fails_with_a_clear_reason_is_tried_again_and_then_waits_for_a_person(
    house: House, catalogue: Catalogue
) -> None:
    standing(house)
    for id_ in ("o1", "o2", "o3"):
        house.say("data-object.delete", id_, caller=SERVICE)
    tries = [FIRST, "2026-03-01T10:01", "2026-03-01T10:11", "2026-03-01T11:11", "2026-03-01T15:11"]
    assert house.ticks(*tries, "2026-03-01T16:00", SECOND) == 0
    assert failures(house) == [(n, "basket.empty.error") for n in (1, 2, 3, 4, 5)]
    (failed, *_) = house.events("b", "order.failed")
    assert failed["body"]["reason"]["message"] == "nothing is left of the selected data"
    assert (house.state(), house.table(), remains(house)) == ("suspended", [], 0)


def test_what_comes_back_before_the_next_try_is_ordered_with_it(house: House, catalogue: Catalogue) -> None:
    standing(house)
    catalogue.dataset(DS1, groups=[])
    catalogue.dataset(DS2, groups=[])
    house.ticks(FIRST)
    catalogue.dataset(DS2, "Clouds")
    assert house.ticks("2026-03-01T10:01") == 1
    assert house.table() == ["1: 0 2026-03-01 10:00 order"]
    assert taken(house) == [["o3"]]


def test_a_basket_with_products_is_ordered_also_when_no_data_is_left(
    house: House, catalogue: Catalogue
) -> None:
    standing(house, products={"mouse": 1})
    catalogue.dataset(DS1, groups=[])
    catalogue.dataset(DS2, groups=[])
    assert house.ticks(FIRST) == 1
    (order,) = house.orders()
    assert order["datasetTasks"] == []
    assert [line["sku"] for line in order["lineItems"]] == ["mouse"]


def test_an_obstacle_of_another_kind_fails_the_order_without_a_search(
    house: House, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing(house, products={"mouse": 1})
    house.product("mouse", 5, available=False)
    monkeypatch.setattr(searching, "answer", None)
    assert house.ticks(FIRST) == 0
    assert failures(house) == [(1, "basket.product.not_available.error")]


def test_a_search_that_is_cut_off_fails_its_order_and_leaves_nothing(
    house: House, catalogue: Catalogue, cut_off: list[float]
) -> None:
    standing(house)
    cut_off.append(0.0001)
    assert house.ticks(FIRST) == 0
    assert failures(house) == [(1, "error.service_unavailable")]
    assert remains(house) == 0
    cut_off.clear()
    assert house.ticks("2026-03-01T10:01") == 1
    assert taken(house) == [["o1", "o2", "o3", "o3"]]


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> Sequence[float]:
    """Bound searches by other seconds, as long as there is a number in the list."""
    seconds: list[float] = []
    real = searching.answer

    def answer(tx: Any, channel: str, question: Any, deadline: float) -> Any:
        return real(tx, channel, question, seconds[0] if seconds else deadline)

    monkeypatch.setattr(searching, "answer", answer)
    return seconds


def test_several_missed_ones_are_caught_up_in_a_transaction_each(house: House, catalogue: Catalogue) -> None:
    standing(house)
    assert house.ticks("2026-03-03T12:00") == 3
    assert house.table() == [
        "1: 0 2026-03-01 10:00 order",
        "1: 1 2026-03-02 10:00 order",
        "1: 2 2026-03-03 10:00 order",
    ]
    assert [order["recurring"]["catchUp"] for order in house.orders()] == [True] * 3
    assert len(house.stage.rows("select distinct xmin::text from customer_order")) == 3


def test_an_order_of_data_is_announced_like_any_other(house: House, catalogue: Catalogue) -> None:
    house.channel(upcomingNotice="PT2H")
    standing(house)
    assert house.ticks("2026-03-01T08:00") == 0
    assert [one["body"]["dueAt"] for one in house.events("b", "order.upcoming")] == ["2026-03-01T10:00:00Z"]
    assert remains(house) == 0


def test_what_falls_due_while_paused_is_skipped_without_a_search(house: House, catalogue: Catalogue) -> None:
    standing(house)
    house.say("recurrence.pause", "b", {"until": "2026-03-02T11:00:00Z"}, now="2026-02-28T00:00")
    assert house.ticks(FIRST, SECOND, "2026-03-02T11:00", THIRD) == 1
    assert house.table() == [
        "1: 0 2026-03-01 10:00 to 1 2026-03-02 10:00 paused",
        "1: 2 2026-03-03 10:00 order",
    ]
    assert remains(house) == 0


def test_a_basket_changes_its_lane_with_what_it_holds(house: House, catalogue: Catalogue) -> None:
    standing(house, products={"mouse": 1})
    for id_ in selection_ids(house).values():
        house.say("basket.dataset.remove", "b", {"datasetSelectionId": id_})
    house.ticks(FIRST)
    select(house)
    house.ticks(SECOND)
    assert ["datasetTasks" in order for order in house.orders()] == [False, True]


def test_counts_of_an_order_are_those_of_its_files(house: House, catalogue: Catalogue) -> None:
    """Whatever the basket showed when it was selected."""
    standing(house)
    catalogue.put("o1", OLD, files=[raw("x", 7), raw("y", 11)])
    house.ticks(FIRST)
    (order,) = house.orders()
    first = order["datasetTasks"][0]
    assert Counts(
        objects=first["objectsCount"], files=first["filesCount"], size=first["filesSize"]
    ) == Counts(objects=3, files=5, size=1026)
