"""The third part: selections of datasets, their quota, an order of data, and one that takes only what is new.

The catalogue is that of the original's own tests: five objects in three datasets, sizes in bytes.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.table import Table

from worker.local.demo import story
from worker.local.demo.story import Step

if TYPE_CHECKING:
    from worker.local.demo.show import Stage

CHANNEL = "observatory"

_LARGE = (1_000_000, 500_000, 1_000, 500)
_SMALL = (1_000_000, 10_000, 100, 1)
_TYPES = ("RAWDATA", "QUICKLOOK_HD", "QUICKLOOK_MD", "QUICKLOOK_SD")
_CATALOGUE = (("DS1", 2, _LARGE), ("DS2", 2, _SMALL), ("DS3", 1, _SMALL))
# Objects, files, bytes, quota of each dataset, as the original's tests have them.
_EXPECTED = {"DS1": (2, 8, 3_003_000, 2), "DS2": (2, 8, 2_020_202, 2), "DS3": (1, 4, 1_010_101, 1)}
_NEW_OBJECT = "DO-new"
_TRIES = 20
_PAUSE_SECONDS = 0.5
_FALLS_DUE_IN = timedelta(seconds=3)


def show(stage: Stage) -> list[str]:
    """Play it on the caller's own basket; give what was not as expected."""
    wrong = _tell(stage, [*_puts(), _forget_new_object()])  # an interrupted run has left it
    wrong += _show_selections(stage)
    wrong += _show_order(stage)
    return wrong + _show_new_data(stage)


def _show_selections(stage: Stage) -> list[str]:
    steps = [
        _select("Select a dataset", dataset="DS1"),
        _select("Select by a query", query="tags:(DS2 OR DS3)"),
        _select("Select everything there is"),
        _step("A mistake, and what it says", "basket.selection.add", _search(query="colour:(red OR"), 422),
    ]
    answers = stage.play(steps)
    wrong = story.unexpected_answers(steps, answers)
    for problem in json.loads(answers[-1].body)["errors"]:
        stage.console.print(f"  {problem['code']}: {problem['message']}", highlight=False)
    basket = json.loads(answers[2].body)
    table = Table(
        "dataset", "objects", "files", "bytes", "quota", "selections", title="Three selections, counted once"
    )
    found = {}
    for one in basket["datasetSelections"]:
        counts = (one["objectsCount"], one["filesCount"], one["filesSize"], one["quota"])
        found[one["datasetIpid"]] = counts
        table.add_row(one["datasetLabel"], *map(str, counts), str(len(one["itemsSelections"])))
    stage.console.print(table)
    stage.console.print(f"The basket's quota is {basket['quota']} internal raw files.")
    return wrong if found == _EXPECTED else [*wrong, f"the datasets hold {found}, not {_EXPECTED}"]


def _show_order(stage: Stage) -> list[str]:
    """Order the raw data of one dataset and all of the others, and page through the files."""
    (got,) = stage.play([_step("Get the basket", "basket.get", None, 200)])
    first = json.loads(got.body)["datasetSelections"][0]
    chosen = {"datasetSelectionId": first["id"], "fileTypes": ["RAWDATA"]}
    steps = [
        _step("Order raw data alone", "basket.dataset.set-filters", chosen, 200),
        _step("Order", "basket.checkout", None, 201),
    ]
    answers = stage.play(steps)
    wrong = story.unexpected_answers(steps, answers)
    if wrong:
        return wrong
    order = json.loads(answers[1].body)
    _print_tasks(stage, order, "An order of data, the first dataset without its quicklooks")
    page = Step(title="Files", type="order.files", key=order["id"], body={"limit": 3}, status=200)
    (answer,) = stage.play([page])
    table = Table("dataset", "object", "file", "type", "bytes", title="The first of its files")
    for one in json.loads(answer.body)["files"]:
        table.add_row(one["datasetIpid"], one["objectUrn"], one["name"], one["type"], str(one["size"]))
    stage.console.print(table)
    files = sum(task["filesCount"] for task in order["datasetTasks"])
    expected = 2 + 8 + 4
    return [] if files == expected else [f"{files} files were ordered, {expected} were expected"]


def _show_new_data(stage: Stage) -> list[str]:
    """Have a standing order take everything once, and what is new from then on."""
    start = (datetime.now(UTC) + _FALLS_DUE_IN).replace(microsecond=0)
    recurrence = {"startDate": start.isoformat(), "interval": "P1D", "newDataOnly": True}
    steps = [
        _select("Select everything there is"),
        _step("Every day, only what is new", "basket.update", {"recurrence": recurrence}, 200),
    ]
    wrong = _tell(stage, steps)
    stage.console.print(f"The first order falls due at {start:%H:%M:%S} UTC …")
    placed = stage.events.wait_for(
        lambda found: sum(event.type == "order.placed" for event in found) > 1  # the one from before, too
    )
    orders = [event.body for event in placed if event.type == "order.placed" and "recurring" in event.body]
    if len(orders) != 1:
        return [*wrong, f"{len(orders)} orders fell due, one was expected"]
    _print_tasks(stage, orders[0], "The first order takes all there is")
    wrong += _tell(stage, [_object(_NEW_OBJECT, "DS3", _SMALL)])
    order = _order_what_is_new(stage)
    wrong += [] if order else ["the new object was not ordered"]
    if order:
        _print_tasks(stage, order, "The next one, ordered early, takes the object that came since")
        found = [(task["datasetIpid"], task["objectsCount"]) for task in order["datasetTasks"]]
        wrong += [] if found == [("DS3", 1)] else [f"{found} was ordered, one object of DS3 was expected"]
    return wrong + _tell(
        stage,
        [
            _step("Remove the recurrence", "basket.update", {"recurrence": {"interval": "P0D"}}, 200),
            _step("Empty the basket", "basket.empty", None, 204),
            _forget_new_object(),
        ],
    )


def _order_what_is_new(stage: Stage) -> dict[str, Any] | None:
    """Order the next occurrence now; what was put a moment ago counts once older transactions have ended."""
    for _ in range(_TRIES):
        (answer,) = stage.play([_step("Order now", "basket.checkout", None, 201)])
        if answer.error_key is None:
            order: dict[str, Any] = json.loads(answer.body)
            return order
        time.sleep(_PAUSE_SECONDS)
    return None


def _print_tasks(stage: Stage, order: dict[str, Any], title: str) -> None:
    table = Table("order", "dataset", "objects", "files", "bytes", title=title)
    for task in order["datasetTasks"]:
        counts = (task["objectsCount"], task["filesCount"], task["filesSize"])
        table.add_row(order["number"], task["datasetLabel"], *map(str, counts))
    stage.console.print(table)


def _tell(stage: Stage, steps: list[Step]) -> list[str]:
    return story.unexpected_answers(steps, stage.play(steps))


def _puts() -> list[Step]:
    """What a catalogue tells the basket service beforehand."""
    steps = [_put("Tell the channel", "channel", CHANNEL, {"recurringOrdersEnabled": True})]
    for dataset, objects, sizes in _CATALOGUE:
        steps.append(_put("Tell a dataset", "dataset", dataset, {"label": f"Dataset {dataset[-1]}"}))
        steps += [_object(f"DO-{dataset}-{number}", dataset, sizes) for number in range(1, objects + 1)]
    return steps


def _forget_new_object() -> Step:
    return Step(
        title="Forget the new object",
        type="data-object.delete",
        key=_NEW_OBJECT,
        body=None,
        status=204,
        is_by_service=True,
    )


def _object(id_: str, dataset: str, sizes: tuple[int, ...]) -> Step:
    files = [
        {"name": f"{id_}_{type_.lower()}.dat", "type": type_, "size": size}
        for type_, size in zip(_TYPES, sizes, strict=True)
    ]
    body = {
        "providerId": id_,
        "datasets": [dataset],
        "attributes": {"mission": "Example"},
        "createdAt": "2026-01-01T00:00:00Z",
        "files": files,
    }
    return _put("Tell a data object", "data-object", id_, body)


def _put(title: str, kind: str, key: str, body: dict[str, Any]) -> Step:
    return Step(title=title, type=f"{kind}.put", key=key, body=body, status=204, is_by_service=True)


def _select(title: str, dataset: str | None = None, query: str = "") -> Step:
    return _step(title, "basket.selection.add", _search(dataset, query), 200)


def _search(dataset: str | None = None, query: str = "") -> dict[str, Any]:
    return {"engineType": "legacy", "datasetUrn": dataset, "searchParameters": {"q": query}}


def _step(title: str, type_: str, body: dict[str, Any] | None, status: int) -> Step:
    """One command for the caller's own basket."""
    return Step(title=title, type=type_, key=None, body=body, status=status)
