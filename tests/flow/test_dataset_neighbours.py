"""A slow search delays its own basket and nobody else's; cut off it is answered, ended it is done later.

Slow is a search that waits for a lock on the objects that the test holds, or one of a table that takes long.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from outside.listener import Listener
from outside.observatory import DS1, Reader, acceptance_data, counted, datasets, observatory, selecting
from outside.processes import WorkerProcess, working
from outside.searching import ADD, OF_DS1, is_searching, locked, searching, slow, wait_searching
from outside.shop import BENQ, open_shop
from outside.stage import Stage, fresh
from outside.upstream import Upstream
from outside.wire import Message, unique

from worker.local.servers import Servers

pytestmark = pytest.mark.slow

AT_ONCE_SECONDS = 1.0
NEIGHBOURS = 20  # so that some share the search's queue, of eight


@pytest.fixture(scope="module")
def stage(servers: Servers) -> Iterator[Stage]:
    """A house of its own: its workers are stopped and killed."""
    with fresh(servers) as stage:
        yield stage


@pytest.fixture(scope="module")
def worker(stage: Stage, folder: Path) -> Iterator[WorkerProcess]:
    with working(stage, "neighbours", folder) as worker:
        yield worker


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    with Upstream(stage.broker_url) as upstream:
        channel = observatory(upstream, acceptance_data())
        open_shop(upstream, channel)
        return channel


def seconds_of_each(stage: Stage, channel: str) -> list[float]:
    """Have each neighbour fill a basket, one command after the other; give how long each waited at least.

    Who stands behind a search waits with every command: the machine alone makes this or that one slow.
    """
    least = []
    with Upstream(stage.broker_url) as other:
        for _ in range(NEIGHBOURS):
            key, took = unique("basket"), []
            elements = [{"sku": BENQ, "quantity": {"value": 1}}]
            for type_, body in (("basket.create", None), *2 * [("basket.item.add", {"elements": elements})]):
                began_at = time.monotonic()
                assert other.ask(type_, key, body, channel=channel).status == 201
                took.append(time.monotonic() - began_at)
            least.append(min(took))
    return least


def test_a_slow_search_delays_nobodys_product_basket(
    stage: Stage, reader: Reader, upstream: Upstream, channel: str
) -> None:
    with locked(stage):
        search = searching(stage, upstream, reader.command(ADD, OF_DS1))
        took = seconds_of_each(stage, channel)
        assert max(took) < AT_ONCE_SECONDS, sorted(took)[-5:]
        assert is_searching(stage), "the search has waited all the time"
        assert upstream.answers_to(search) == []
    found = upstream.answer_to(search)
    assert (found.status, counted(datasets(found)[DS1])) == (200, (2, 8, 3_003_000, 2))


def test_commands_of_the_same_basket_wait_behind_it_and_are_applied_in_order(
    stage: Stage, reader: Reader, upstream: Upstream, channel: str
) -> None:
    with locked(stage):
        sent = [searching(stage, upstream, reader.command(ADD, OF_DS1))]
        updates = [{"department": f"D{number}"} for number in range(3)]
        sent += [upstream.send(reader.command("basket.update", update)) for update in updates]
        sent.append(upstream.send(reader.command(ADD, selecting())))
        sent.append(upstream.send(reader.command("basket.update", {"taxationID": "7"})))
        sent.append(upstream.send(reader.command("basket.get")))
        seconds_of_each(stage, channel)
        assert [upstream.answers_to(message) for message in sent] == [[]] * len(sent)
    replies = [upstream.answer_to(message) for message in sent]
    assert [one.status for one in replies] == [200] * 7
    assert [one.version for one in replies] == [1, 2, 3, 4, 5, 6, 6]
    assert [one.correlation_id for one in upstream.replies] == [message.message_id for message in sent]
    assert replies[-1].json["department"] == "D2"
    assert len(datasets(replies[-1])) == 3


def test_many_slow_searches_at_once_delay_nobody_else(stage: Stage, upstream: Upstream, channel: str) -> None:
    readers = [Reader(upstream, channel) for _ in range(30)]
    with locked(stage):
        sent = [upstream.send(reader.command(ADD, selecting())) for reader in readers]
        wait_searching(stage)
        took = seconds_of_each(stage, channel)
        assert max(took) < AT_ONCE_SECONDS, sorted(took)[-5:]
    assert {upstream.answer_to(message).status for message in sent} <= {200, 503}


def test_a_search_that_is_cut_off_is_answered_and_not_parked(
    stage: Stage, reader: Reader, upstream: Upstream, events: Listener
) -> None:
    with slow(stage):
        search = upstream.send(reader.command(ADD, selecting()))
        behind = upstream.send(reader.command("basket.get"))
        refused = upstream.answer_to(search)
        assert (refused.status, refused.error_key) == (503, "error.service_unavailable")
        assert upstream.answer_to(behind).status == 204, "no basket is left behind"
    assert events.answer(search).said == refused.said
    assert stage.rows("select 1 from dead_letter where key = %s", reader.sub) == []
    assert upstream.ask_for(search).said == refused.said, "a repeat is no new search"
    assert reader.add().version == 1


def test_an_upload_and_a_checkout_that_are_cut_off_are_answered_too(
    stage: Stage, reader: Reader, upstream: Upstream
) -> None:
    before = reader.add()
    with slow(stage):
        upload = upstream.send(reader.command("basket.selection.upload", {"providerIds": ["DO1.1"]}))
        assert upstream.answer_to(upload).status == 503
        checkout = upstream.send(reader.command("basket.checkout", {}))
        assert upstream.answer_to(checkout).status == 503
    assert reader.show().json == before.json
    assert stage.rows("select 1 from customer_order where basket_id = %s", reader.sub) == []
    assert stage.rows("select 1 from dead_letter where key = %s", reader.sub) == []
    assert reader.ordered()["datasetTasks"]


def assert_applied_once(stage: Stage, events: Listener, search: Message, folder: Path, name: str) -> None:
    """Have another worker find what the one before has left."""
    with working(stage, name, folder):
        found = events.answer(search)
        assert (found.status, found.version) == (200, 1)
        assert len(datasets(found)[DS1]["itemsSelections"]) == 1
        with Upstream(stage.broker_url) as upstream:
            shown = upstream.ask(
                "basket.get", search.key, channel=found.headers["channel"], caller=search.key
            )
        assert shown.json == found.json
    assert len({one.message_id for one in events.answers(search)}) == 1


@pytest.fixture
def ending(
    servers: Servers, folder: Path
) -> Iterator[tuple[Stage, WorkerProcess, Reader, Upstream, Listener]]:
    """A house whose only worker is about to end."""
    with (
        fresh(servers) as stage,
        working(stage, unique("ending"), folder) as worker,
        Upstream(stage.broker_url) as upstream,
        Listener(stage.broker_url) as events,
    ):
        reader = Reader(upstream, observatory(upstream, acceptance_data()))
        yield stage, worker, reader, upstream, events


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_that_ends_in_a_search_leaves_it_to_the_next(
    ending: tuple[Stage, WorkerProcess, Reader, Upstream, Listener], ended_by: signal.Signals, folder: Path
) -> None:
    stage, worker, reader, upstream, events = ending
    with locked(stage):
        search = searching(stage, upstream, reader.command(ADD, OF_DS1))
        if ended_by == signal.SIGTERM:
            assert worker.stop() == 0
        else:
            worker.kill()
    assert_applied_once(stage, events, search, folder, unique("next"))
