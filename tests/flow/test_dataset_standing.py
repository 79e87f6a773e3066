"""Contract 6.8: recurrent orders of data, end to end with a scheduler; new data are ordered once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from outside.listener import Listener
from outside.observatory import DS1, Put, Reader, datum, observatory, publish, urn
from outside.processes import WorkerProcess, scheduling
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
GONE = "URN:DATASET:gone"


@pytest.fixture(scope="module", autouse=True)
def _scheduler(stage: Stage, worker: WorkerProcess, folder: Path) -> Iterator[None]:
    with scheduling(stage, "scheduler", folder):
        yield


@pytest.fixture
def reader(upstream: Upstream) -> Reader:
    channel = observatory(upstream, [("dataset.put", DS1, {"label": "DS1"})], recurringOrdersEnabled=True)
    return Reader(upstream, channel)


def put(reader: Reader, **created: datetime) -> None:
    puts: list[Put] = [
        ("data-object.put", urn(name), datum(DS1, created_at=at.isoformat())) for name, at in created.items()
    ]
    publish(reader.upstream, reader.channel, *puts)


def recurs(reader: Reader, start: datetime, **more: object) -> None:
    recurrence = {"startDate": start.isoformat(), "interval": "P1D", **more}
    reply = reader.ask("basket.update", {"recurrence": recurrence})
    assert reply.status == 200, reply.body


def heard(events: Listener, reader: Reader, type_: str) -> list[Result]:
    return [one for one in events.by_key().get(reader.sub, []) if one.type == type_]


def wait_heard(events: Listener, reader: Reader, type_: str, count: int = 1) -> list[Any]:
    assert events.until(lambda: len(heard(events, reader, type_)) >= count), [
        (one.type, one.body) for one in events.by_key().get(reader.sub, [])
    ]
    return [one.json for one in heard(events, reader, type_)]


def names(reader: Reader, order: dict[str, Any]) -> set[str]:
    return {one["objectUrn"].removeprefix("URN:AIP:DATA:ORDER:")[:-3] for one in reader.files(order["id"])}


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=3)


def test_a_recurrent_basket_orders_the_same_data_again_and_stays_open(
    reader: Reader, events: Listener
) -> None:
    put(reader, old=datetime.now(UTC) - 3 * DAY)
    shown = reader.add()
    put(reader, late=datetime.now(UTC) - 2 * DAY, new=datetime.now(UTC) + timedelta(milliseconds=1))
    recurs(reader, soon() - DAY)
    first, second = wait_heard(events, reader, "order.placed", 2)
    assert [names(reader, order) for order in (first, second)] == [{"old", "late"}] * 2
    assert [order["recurring"]["occurrence"] for order in (first, second)] == [0, 1]
    assert [order["recurring"]["catchUp"] for order in (first, second)] == [True, False]
    assert [task["objectsCount"] for task in second["datasetTasks"]] == [2]
    still = reader.show()
    assert still.version == 2
    assert still.json["datasetSelections"] == shown.json["datasetSelections"]


def test_with_new_data_only_each_datum_is_ordered_once(reader: Reader, events: Listener) -> None:
    now = datetime.now(UTC)
    put(reader, old=now - 3 * DAY, recent=now - timedelta(hours=1))
    reader.added()
    start = soon() - DAY
    recurs(reader, start, newDataOnly=True)
    (first,) = wait_heard(events, reader, "order.placed")
    put(reader, late=now - 3 * DAY, after=datetime.now(UTC) - timedelta(milliseconds=100))
    _, second = wait_heard(events, reader, "order.placed", 2)
    assert names(reader, first) == {"old"}, "what was created before its instant"
    assert names(reader, second) == {"recent", "late", "after"}, "new, or put late"
    put(reader, again=now - 3 * DAY, once=datetime.now(UTC) - timedelta(milliseconds=100))
    early = reader.ask("basket.checkout", {})
    assert early.status == 201, early.body
    assert names(reader, early.json) == {"again", "once"}
    assert early.json["recurring"]["trigger"] == "now"
    assert reader.ask("recurrence.get").json["orderCount"] == 3


def test_what_is_put_again_is_not_new(reader: Reader, events: Listener) -> None:
    now = datetime.now(UTC)
    put(reader, a=now - 3 * DAY)
    reader.added()
    recurs(reader, soon() - DAY, newDataOnly=True)
    wait_heard(events, reader, "order.placed")
    changed = datum(DS1, size=99, created_at=(now - 3 * DAY).isoformat())
    publish(reader.upstream, reader.channel, ("data-object.put", urn("a"), changed))
    put(reader, b=now - 3 * DAY)
    _, second = wait_heard(events, reader, "order.placed", 2)
    assert names(reader, second) == {"b"}


def test_when_nothing_is_new_the_occurrence_is_skipped_and_has_not_failed(
    reader: Reader, events: Listener
) -> None:
    put(reader, old=datetime.now(UTC) - 3 * DAY)
    reader.added()
    start = soon() - DAY
    recurs(reader, start, newDataOnly=True)
    (skipped,) = wait_heard(events, reader, "occurrence.skipped")
    due_at = (start + DAY).isoformat().replace("+00:00", "Z")
    assert skipped == {
        "basketId": reader.sub,
        "generation": skipped["generation"],
        "first": {"occurrence": 1, "dueAt": due_at},
        "last": {"occurrence": 1, "dueAt": due_at},
        "count": 1,
        "reason": "no_new_data",
    }
    assert len(heard(events, reader, "order.placed")) == 1
    assert heard(events, reader, "order.failed") == []
    status = reader.ask("recurrence.get").json
    assert (status["state"], status["orderCount"], "lastError" in status) == ("active", 1, False)
    assert status["recurrence"]["newDataOnly"] is True


def test_when_nothing_is_left_the_order_has_failed_and_says_why(reader: Reader, events: Listener) -> None:
    put(reader, old=datetime.now(UTC) - 3 * DAY)
    reader.added()
    publish(reader.upstream, reader.channel, ("data-object.delete", urn("old"), None))
    recurs(reader, datetime.now(UTC) - timedelta(minutes=1))
    (failed,) = wait_heard(events, reader, "order.failed")
    assert failed["reason"]["code"] == "basket.empty.error"
    assert failed["reason"]["message"]
    assert (failed["occurrence"], failed["attempt"], "nextTryAt" in failed) == (0, 1, True)
    assert heard(events, reader, "order.placed") == []


def test_one_order_of_data_that_fails_holds_up_no_other(reader: Reader, events: Listener) -> None:
    put(reader, old=datetime.now(UTC) - 3 * DAY)
    reader.added()
    other = Reader(reader.upstream, reader.channel)
    publish(reader.upstream, reader.channel, ("dataset.put", GONE, {"label": "Gone"}))
    publish(reader.upstream, reader.channel, ("data-object.put", urn("gone"), datum(GONE)))
    other.added(datasetUrn=GONE)
    publish(reader.upstream, reader.channel, ("dataset.put", GONE, {"label": "Gone", "groups": []}))
    start = datetime.now(UTC) + timedelta(seconds=1)
    recurs(other, start)
    recurs(reader, start)
    assert wait_heard(events, other, "order.failed")[0]["reason"]["code"] == "basket.empty.error"
    assert names(reader, wait_heard(events, reader, "order.placed")[0]) == {"old"}
