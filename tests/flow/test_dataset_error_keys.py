"""Every error key of datasets, with its status and the place it names; `test_error_paths` counts them in."""

from collections.abc import Callable
from typing import Any

import pytest
from outside.observatory import DS1, Reader, acceptance_data, observatory, refusal
from outside.searching import slow
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result

Act = Callable[[Reader, dict[str, Any]], Result]


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: object) -> str:
    assert worker
    process = {"forbidSplit": True, "limit": {"type": "FEATURES", "value": 1}}
    with Upstream(stage.broker_url) as upstream:
        return observatory(upstream, [*acceptance_data(), ("process.put", "one-at-a-time", process)])


def on_dataset(type_: str, **more: object) -> Act:
    return lambda reader, held: reader.ask(type_, {"datasetSelectionId": held["id"], **more})


def filtered_and_processed(reader: Reader, held: dict[str, Any]) -> Result:
    chosen = {"datasetSelectionId": held["id"], "fileTypes": ["RAWDATA"]}
    assert reader.ask("basket.dataset.set-filters", chosen).status == 200
    attached = {"datasetSelectionId": held["id"], "processBusinessId": "one-at-a-time"}
    return reader.ask("basket.dataset.set-processing", attached)


def twice_at_one_instant(reader: Reader, held: dict[str, Any]) -> Result:
    (selection,) = held["itemsSelections"]
    return reader.add(datasetUrn=DS1, selectionDate=selection["date"])


CASES: list[tuple[int, str, str | None, Act]] = [
    (404, "basket.dataset.not_found.error", "$.datasetSelectionId",
     lambda reader, _: reader.ask("basket.dataset.set-filters", {"datasetSelectionId": "never"})),
    (404, "process.not_found.error", "$.processBusinessId",
     on_dataset("basket.dataset.set-processing", processBusinessId="never-put")),
    (400, "basket.dataset.filters_invalid.error", "$.fileNamePattern",
     on_dataset("basket.dataset.set-filters", fileNamePattern="(")),
    (400, "basket.dataset.filters_and_processing.error", None, filtered_and_processed),
    (422, "basket.selection.engine_type_required.error", "$.engineType",
     lambda reader, _: reader.ask("basket.selection.add", {"engineType": " "})),
    (422, "basket.selection.query_invalid.error", "$.searchParameters.q", lambda reader, _: reader.add("(")),
    (409, "basket.selection.duplicate.error", "$.selectionDate", twice_at_one_instant),
    (409, "basket.dataset.process_limit_exceeded.error", None,
     on_dataset("basket.dataset.set-processing", processBusinessId="one-at-a-time")),
]  # fmt: skip
CUT_OFF = "error.service_unavailable"
KEYS = {case[1] for case in CASES} | {CUT_OFF}


@pytest.mark.parametrize(("status", "error_key", "path", "act"), CASES, ids=[case[1] for case in CASES])
def test_every_error_key_has_its_status_and_says_where(
    upstream: Upstream, channel: str, status: int, error_key: str, path: str | None, act: Act
) -> None:
    reader = Reader(upstream, channel)
    held = reader.added(datasetUrn=DS1)[DS1]
    refused = act(reader, held)
    assert refusal(refused) == (status, error_key)
    assert [(error["code"], error.get("path")) for error in refused.json["errors"]] == [(error_key, path)]


@pytest.mark.slow
def test_a_search_that_takes_too_long_is_refused_for_its_cost_alone(
    stage: Stage, upstream: Upstream, channel: str
) -> None:
    reader = Reader(upstream, channel)
    with slow(stage):
        assert refusal(reader.add()) == (503, CUT_OFF)
    assert reader.add().status == 200
