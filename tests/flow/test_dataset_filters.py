"""Contract 4: filters and processing of a dataset in a basket."""

import time
from typing import Any

import pytest
from outside.observatory import (
    DS1,
    DS2,
    RAWDATA,
    Put,
    Reader,
    acceptance_data,
    counted,
    datasets,
    datum,
    file,
    observatory,
    publish,
    refusal,
    urn,
)
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result

FILTER, PROCESS = "basket.dataset.set-filters", "basket.dataset.set-processing"
INVALID = (400, "basket.dataset.filters_invalid.error")
BOTH = (400, "basket.dataset.filters_and_processing.error")
EXCEEDED = (409, "basket.dataset.process_limit_exceeded.error")
IN_TIME_SECONDS = 10.0  # a tenth; tried in every way it would take longer than the world has
SPLITS, FREE = "splits", "splits-without-limit"
LIMITS = {
    "features-1": ("FEATURES", 1), "features-2": ("FEATURES", 2),
    "files-7": ("FILES", 7), "files-8": ("FILES", 8),
    "bytes-below": ("BYTES", 3_002_999), "bytes-equal": ("BYTES", 3_003_000),
}  # fmt: skip


def process(forbids: bool, type_: str, value: int) -> dict[str, Any]:
    return {"forbidSplit": forbids, "limit": {"type": type_, "value": value}}


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    puts: list[Put] = [
        ("process.put", key, process(True, type_, value)) for key, (type_, value) in LIMITS.items()
    ]
    puts += [("process.put", SPLITS, process(False, "FEATURES", 1)), ("process.put", FREE, {})]
    with Upstream(stage.broker_url) as upstream:
        return observatory(upstream, [*acceptance_data(), *puts])


class Chosen:
    """DS1 in a reader's basket of version 1."""

    def __init__(self, reader: Reader, **search: object) -> None:
        self.reader = reader
        self.entry = reader.added(**{"datasetUrn": DS1, **search})[DS1]

    def set(self, type_: str, **fields: object) -> Result:
        return self.reader.ask(type_, {"datasetSelectionId": self.entry["id"], **fields})

    def now(self) -> tuple[int | None, dict[str, Any]]:
        shown = self.reader.show()
        return shown.version, datasets(shown)[DS1]


@pytest.fixture
def chosen(reader: Reader) -> Chosen:
    return Chosen(reader)


@pytest.mark.parametrize(
    "filters",
    [
        {"fileTypes": ["RAWDATA"]},
        {"fileTypes": ["QUICKLOOK", "RAWDATA"]},
        {"fileNamePattern": r"DO1\.[12]_RAW.*"},
        {"fileTypes": ["QUICKLOOK"], "fileNamePattern": "nothing"},
    ],
)
def test_a_filter_is_shown_and_changes_no_count(chosen: Chosen, filters: dict[str, object]) -> None:
    shown = chosen.set(FILTER, **filters)
    assert (shown.status, shown.version) == (200, 2)
    assert datasets(shown) == {DS1: {**chosen.entry, "fileSelectionDescription": filters}}
    assert shown.json["quota"] == 2
    assert chosen.set(FILTER, **filters).version == 2, "nothing has changed"


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        {"fileTypes": None, "fileNamePattern": None},
        {"fileTypes": [], "fileNamePattern": ""},
        {"fileTypes": []},
    ],
)
def test_nothing_but_the_id_removes_the_filter(chosen: Chosen, nothing: dict[str, object]) -> None:
    assert chosen.set(FILTER, **nothing).version == 1, "there was none"
    chosen.set(FILTER, fileTypes=["RAWDATA"], fileNamePattern="x")
    removed = chosen.set(FILTER, **nothing)
    assert (removed.status, removed.version, datasets(removed)) == (200, 3, {DS1: chosen.entry})


def test_a_filter_is_replaced_as_a_whole(chosen: Chosen) -> None:
    chosen.set(FILTER, fileTypes=["RAWDATA"], fileNamePattern="x")
    shown = chosen.set(FILTER, fileNamePattern="y")
    assert datasets(shown)[DS1]["fileSelectionDescription"] == {"fileNamePattern": "y"}


def test_a_filter_stays_when_selections_come_and_go(chosen: Chosen) -> None:
    chosen.set(FILTER, fileTypes=["RAWDATA"])
    entry = chosen.reader.added()[DS1]
    assert entry["fileSelectionDescription"] == {"fileTypes": ["RAWDATA"]}
    body = {"datasetSelectionId": entry["id"], "selectionDate": entry["itemsSelections"][0]["date"]}
    left = datasets(chosen.reader.ask("basket.selection.remove", body))[DS1]
    assert left["fileSelectionDescription"] == {"fileTypes": ["RAWDATA"]}


@pytest.mark.parametrize(
    "pattern", ["(", "[a", "a{2,1}", "*", "+a", "a**", "(?P<n", "\\", r"(a)\1", "(?=a)b", "a" * 100_000]
)
def test_a_pattern_that_is_none_is_refused(chosen: Chosen, pattern: str) -> None:
    refused = chosen.set(FILTER, fileNamePattern=pattern)
    assert refusal(refused) == INVALID
    (error,) = refused.json["errors"]
    assert (error["path"], bool(error["message"])) == ("$.fileNamePattern", True)
    assert chosen.now() == (1, chosen.entry)


@pytest.mark.parametrize("types", [["DOCUMENT"], ["QUICKLOOK_SD"], ["rawdata"], [7], "RAWDATA", [None]])
def test_other_file_types_are_malformed(chosen: Chosen, types: object) -> None:
    assert refusal(chosen.set(FILTER, fileTypes=types)) == (400, "command.malformed.error")
    assert chosen.now() == (1, chosen.entry)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){40}", "((a*)*)*b", "(a{1,100}){1,100}"])
def test_a_catastrophic_pattern_costs_no_time(upstream: Upstream, pattern: str) -> None:
    name = "a" * 1000 + "!"
    files = [file(f"{name}{number}", RAWDATA, 1) for number in range(150)]
    channel = observatory(
        upstream,
        [("dataset.put", DS1, {"label": "L"}), ("data-object.put", urn("a"), datum(DS1, files=files))],
    )
    chosen = Chosen(Reader(upstream, channel))
    reply = chosen.set(FILTER, fileNamePattern=pattern)
    assert reply.status == 200 or refusal(reply) == INVALID
    began_at = time.monotonic()
    assert chosen.reader.ask("basket.checkout", {}).status == (400 if reply.status == 200 else 201)
    assert time.monotonic() - began_at < IN_TIME_SECONDS


@pytest.mark.parametrize("type_", [FILTER, PROCESS])
def test_an_unknown_dataset_is_not_found(chosen: Chosen, type_: str) -> None:
    for fields in ({}, {"fileTypes": ["RAWDATA"]} if type_ == FILTER else {"processBusinessId": FREE}):
        refused = chosen.reader.ask(type_, {"datasetSelectionId": "unheard-of", **fields})
        assert refusal(refused) == (404, "basket.dataset.not_found.error")
    assert chosen.now() == (1, chosen.entry)


@pytest.mark.parametrize("type_", [FILTER, PROCESS])
def test_without_a_basket_there_is_nothing_to_set(reader: Reader, type_: str) -> None:
    assert refusal(reader.ask(type_, {"datasetSelectionId": "x"})) == (404, "basket.basket_not_found.error")


def test_a_process_is_attached_with_its_parameters_replaced_and_removed(chosen: Chosen) -> None:
    parameters = {"level": 2, "ratio": 0.25, "deep": True, "name": "ñ", "empty": ""}
    shown = chosen.set(PROCESS, processBusinessId=FREE, parameters=parameters)
    described = {"processBusinessId": FREE, "parameters": parameters}
    assert (shown.status, shown.version) == (200, 2)
    assert datasets(shown) == {DS1: {**chosen.entry, "processDatasetDescription": described}}
    assert chosen.reader.show().json == shown.json
    shown = chosen.set(PROCESS, processBusinessId=SPLITS)
    assert datasets(shown)[DS1]["processDatasetDescription"] == {"processBusinessId": SPLITS}
    removed = chosen.set(PROCESS, processBusinessId=None, parameters=None)
    assert (removed.version, datasets(removed)) == (4, {DS1: chosen.entry})
    assert chosen.set(PROCESS).version == 4, "nothing to remove"


@pytest.mark.parametrize("parameters", [[], "x", {"a": []}, {"a": {"b": 1}}, {"a": "x\x00"}])
def test_parameters_are_texts_numbers_or_truth_values(chosen: Chosen, parameters: object) -> None:
    refused = chosen.set(PROCESS, processBusinessId=FREE, parameters=parameters)
    assert refusal(refused) == (400, "command.malformed.error")
    assert chosen.now() == (1, chosen.entry)


def test_an_unknown_process_is_not_found(chosen: Chosen) -> None:
    refused = chosen.set(PROCESS, processBusinessId="unheard-of")
    assert refusal(refused) == (404, "process.not_found.error")
    assert chosen.now() == (1, chosen.entry)


@pytest.mark.parametrize("key", LIMITS)
def test_a_process_that_forbids_splitting_takes_so_much_and_no_more(chosen: Chosen, key: str) -> None:
    """The dataset has 2 objects, 8 files and 3,003,000 bytes."""
    reply = chosen.set(PROCESS, processBusinessId=key)
    if key in ("features-2", "files-8", "bytes-equal"):
        assert (reply.status, reply.version) == (200, 2)
    else:
        assert refusal(reply) == EXCEEDED
        assert chosen.now() == (1, chosen.entry)


@pytest.mark.parametrize("key", [SPLITS, FREE])
def test_a_process_that_may_split_takes_everything(chosen: Chosen, key: str) -> None:
    assert chosen.set(PROCESS, processBusinessId=key).status == 200


@pytest.mark.parametrize("key", ["features-1", "files-7", "bytes-below"])
def test_the_limit_holds_for_later_adds_too(reader: Reader, key: str) -> None:
    chosen = Chosen(reader, entityIdsToInclude=[urn("DO1.1")])
    assert chosen.set(PROCESS, processBusinessId=key).status == 200
    before = reader.show()
    assert refusal(reader.add()) == EXCEEDED
    assert refusal(reader.ask("basket.selection.upload", {"providerIds": ["DO1.2"]})) == EXCEEDED
    assert reader.show().json == before.json, "DS2 and DS3 neither"
    shown = reader.add(entityIdsToInclude=[urn("DO1.1"), urn("DO2.1")])
    assert (shown.status, counted(datasets(shown)[DS1])) == (200, counted(chosen.entry))
    assert datasets(shown).keys() == {DS1, DS2}


def test_filters_and_a_process_exclude_each_other(chosen: Chosen) -> None:
    chosen.set(FILTER, fileTypes=["RAWDATA"])
    assert refusal(chosen.set(PROCESS, processBusinessId=FREE)) == BOTH
    chosen.set(FILTER)
    assert chosen.set(PROCESS, processBusinessId=FREE).status == 200
    assert refusal(chosen.set(FILTER, fileNamePattern=".*")) == BOTH
    assert chosen.set(FILTER).status == 200, "to remove what is not there is no contradiction"
    chosen.set(PROCESS)
    assert chosen.set(FILTER, fileNamePattern=".*").status == 200


def test_a_process_that_is_deleted_keeps_nobody_from_editing(upstream: Upstream, chosen: Chosen) -> None:
    publish(upstream, chosen.reader.channel, ("process.put", "passing", {}))
    assert chosen.set(PROCESS, processBusinessId="passing").status == 200
    publish(upstream, chosen.reader.channel, ("process.delete", "passing", None))
    assert chosen.reader.add(datasetUrn=DS2).status == 200
    assert chosen.set(PROCESS).status == 200
