"""Contract 4, with the original's own test data: what three searches make of a basket, step by step."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from outside.listener import Listener
from outside.observatory import (
    DS1,
    DS2,
    DS3,
    LABELS,
    RAWDATA,
    Reader,
    acceptance_data,
    datasets,
    datum,
    file,
    observatory,
    selecting,
    urn,
)
from outside.processes import WorkerProcess
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result

BOTH = f'tags:("{DS2}" OR "{DS3}")'
TOTALS = {
    DS1: {"objectsCount": 2, "filesCount": 8, "filesSize": 3_003_000, "quota": 2},
    DS2: {"objectsCount": 2, "filesCount": 8, "filesSize": 2_020_202, "quota": 2},
    DS3: {"objectsCount": 1, "filesCount": 4, "filesSize": 1_010_101, "quota": 1},
}
OF_DS1 = selecting(datasetUrn=DS1)  # sent with an empty q, which is not shown
OF_BOTH, OF_ALL = selecting(BOTH), selecting()
MICROSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A basket that has a product, and what it was answered, step by step."""

    reader: Reader
    product: Result
    steps: list[Result] = field(default_factory=list)
    events: list[Result] = field(default_factory=list)

    def say(self, type_: str, body: object) -> Result:
        self.steps.append(self.reader.ask(type_, body))
        return self.steps[-1]


@pytest.fixture(scope="module")
def told(stage: Stage, worker: WorkerProcess) -> Iterator[Conversation]:
    with Upstream(stage.broker_url) as upstream, Listener(stage.broker_url) as events:
        channel = observatory(upstream, acceptance_data())
        open_shop(upstream, channel)
        reader = Reader(upstream, channel)
        assert reader.ask("basket.create").status == 201
        elements = [{"sku": BENQ, "quantity": {"value": 1}}]
        told = Conversation(reader=reader, product=reader.ask("basket.item.add", {"elements": elements}))
        for body in (selecting("", datasetUrn=DS1), OF_BOTH, OF_ALL):
            told.say("basket.selection.add", body)
        for _ in range(2):
            entry = datasets(told.steps[-1])[DS2]
            date = entry["itemsSelections"][0]["date"]
            told.say("basket.selection.remove", {"datasetSelectionId": entry["id"], "selectionDate": date})
        assert events.until(lambda: len(events.by_key().get(reader.sub, [])) == 7)
        told.events.extend(events.by_key()[reader.sub])
        yield told


def expected(shown: Result, dataset: str, *requests: dict[str, Any]) -> dict[str, Any]:
    """Give the whole entry of a dataset; ids and dates, which the server chooses, as they are shown."""
    entry = datasets(shown)[dataset]
    dates = [selection["date"] for selection in entry["itemsSelections"]]
    assert len(dates) == len(requests)
    return {
        "id": entry["id"],
        "datasetIpid": dataset,
        "datasetLabel": LABELS[dataset],
        **TOTALS[dataset],
        "itemsSelections": [
            {
                "date": date,
                **TOTALS[dataset],
                "selectionRequest": {**request, "selectionDate": date},
            }
            for date, request in zip(dates, requests, strict=True)
        ],
    }


def test_a_search_in_one_dataset_adds_that_one(told: Conversation) -> None:
    shown = told.steps[0]
    assert shown.json["datasetSelections"] == [expected(shown, DS1, OF_DS1)]
    assert (shown.status, shown.version, shown.json["quota"]) == (200, 3, 2)


def test_a_search_by_tags_adds_two_more_and_leaves_the_first_as_it_was(told: Conversation) -> None:
    before, shown = told.steps[:2]
    assert datasets(shown) == {
        DS1: datasets(before)[DS1],
        DS2: expected(shown, DS2, OF_BOTH),
        DS3: expected(shown, DS3, OF_BOTH),
    }
    assert (shown.status, shown.version, shown.json["quota"]) == (200, 4, 5)


def test_a_search_for_everything_counts_nothing_twice(told: Conversation) -> None:
    before, shown = told.steps[1:3]
    assert datasets(shown) == {
        DS1: expected(shown, DS1, OF_DS1, OF_ALL),
        DS2: expected(shown, DS2, OF_BOTH, OF_ALL),
        DS3: expected(shown, DS3, OF_BOTH, OF_ALL),
    }
    for dataset, entry in datasets(shown).items():
        assert entry["id"] == datasets(before)[dataset]["id"]
        assert entry["itemsSelections"][0] == datasets(before)[dataset]["itemsSelections"][0]
    assert (shown.status, shown.version, shown.json["quota"]) == (200, 5, 5)


def test_without_one_of_two_selections_the_totals_are_what_they_were(told: Conversation) -> None:
    shown = told.steps[3]
    assert datasets(shown) == {**datasets(told.steps[2]), DS2: expected(shown, DS2, OF_ALL)}
    assert (shown.status, shown.version, shown.json["quota"]) == (200, 6, 5)


def test_the_last_selection_takes_its_dataset_along(told: Conversation) -> None:
    shown, before = told.steps[4], datasets(told.steps[3])
    assert datasets(shown) == {DS1: before[DS1], DS3: before[DS3]}
    assert (shown.status, shown.version, shown.json["quota"]) == (200, 7, 3)
    assert told.reader.show().json == shown.json


def test_selections_of_one_add_have_one_date_to_the_microsecond(told: Conversation) -> None:
    entries = datasets(told.steps[2]).values()
    added = {entry["itemsSelections"][1]["date"] for entry in entries}
    assert len(added) == 1
    for entry in entries:
        dates = [selection["date"] for selection in entry["itemsSelections"]]
        assert dates == sorted(dates)
        assert all(MICROSECONDS.fullmatch(date) for date in dates)


def test_products_in_the_same_basket_are_untouched(told: Conversation) -> None:
    def of_products(shown: Result) -> dict[str, Any]:
        stays = {"version", "datasetSelections", "quota"}
        return {name: value for name, value in shown.json.items() if name not in stays}

    for step in told.steps:
        assert of_products(step) == of_products(told.product)
    assert told.product.json["totals"]["basketTotal"]["value"] == 210.28


def test_versions_have_no_gap_and_each_event_says_what_its_reply_said(told: Conversation) -> None:
    assert [event.version for event in told.events] == [1, 2, 3, 4, 5, 6, 7]
    assert [event.said for event in told.events[1:]] == [reply.said for reply in (told.product, *told.steps)]


def test_what_is_not_stored_internally_costs_no_quota(upstream: Upstream) -> None:
    dataset = "URN:DATASET:references"
    puts = [
        (
            "data-object.put",
            urn(f"referenced-{number}"),
            datum(dataset, files=[file("raw.dat", RAWDATA, 1000, reference=number >= 8)]),
        )
        for number in range(10)
    ]
    channel = observatory(upstream, [("dataset.put", dataset, {"label": "References"}), *puts])
    shown = Reader(upstream, channel).add()
    totals = {"objectsCount": 10, "filesCount": 10, "filesSize": 10_000, "quota": 8}
    (entry,) = shown.json["datasetSelections"]
    assert {name: entry[name] for name in totals} == totals
    assert {name: entry["itemsSelections"][0][name] for name in totals} == totals
    assert shown.json["quota"] == 8


def test_files_that_cannot_be_ordered_count_nowhere(upstream: Upstream) -> None:
    dataset = "URN:DATASET:documents"
    others = ["DOCUMENT", "THUMBNAIL", "OTHER", "AIP", "DESCRIPTION"]
    files = [file("raw.dat", RAWDATA, 7), *(file(f"{type_}.x", type_, 1000) for type_ in others)]
    papers = datum(dataset, files=[file("read.me", "DOCUMENT", 10)])
    channel = observatory(
        upstream,
        [
            ("dataset.put", dataset, {"label": "Documents"}),
            ("data-object.put", urn("with-documents"), datum(dataset, files=files)),
            ("data-object.put", urn("papers"), papers),
        ],
    )
    entry = Reader(upstream, channel).added()[dataset]
    assert (entry["filesCount"], entry["filesSize"], entry["quota"]) == (1, 7, 1)
    only_papers = Reader(upstream, channel).add(entityIdsToInclude=[urn("papers")])
    assert (only_papers.status, only_papers.body) == (204, b""), "nothing orderable"
