"""A search while something else happens: to its connections, session, basket, sender, or the catalogue."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
from outside.furnishing import AS_SERVICE
from outside.listener import Listener
from outside.observatory import (
    DS1,
    DS2,
    DS3,
    Reader,
    acceptance_data,
    counted,
    datasets,
    datum,
    observatory,
    publish,
    refusal,
    selecting,
    urn,
)
from outside.processes import WorkerProcess, wait_for, working
from outside.searching import ADD, OF_DS1, is_searching, locked, searching, slow
from outside.stage import Management, Stage, fresh
from outside.upstream import Upstream
from outside.wire import Message, unique

from worker.local.servers import Servers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(servers: Servers) -> Iterator[Stage]:
    """A house of its own, since its connections are cut."""
    with fresh(servers) as stage:
        yield stage


@pytest.fixture(scope="module")
def worker(stage: Stage, folder: Path) -> Iterator[WorkerProcess]:
    with working(stage, "interrupted", folder) as worker:
        yield worker


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    with Upstream(stage.broker_url) as upstream:
        return observatory(upstream, acceptance_data(), recurringOrdersEnabled=True)


def assert_applied_once(upstream: Upstream, reader: Reader, events: Listener, message: Message) -> None:
    found = events.answer(message)
    assert (found.status, found.version) == (200, 1)
    shown = upstream.answer_to(upstream.send(reader.command("basket.get")))
    assert (shown.version, len(datasets(shown)[DS1]["itemsSelections"])) == (1, 1)
    assert len({one.message_id for one in events.answers(message)}) == 1


def test_the_same_message_while_its_search_goes_on_is_one_selection(
    stage: Stage, reader: Reader, upstream: Upstream, events: Listener
) -> None:
    message = reader.command(ADD, OF_DS1)
    with locked(stage):
        searching(stage, upstream, message)
        for _ in range(3):
            upstream.send(message)
    wait_for(lambda: len(upstream.answers_to(message)) == 4)
    first, *others = upstream.answers_to(message)
    assert [one.said for one in others] == [first.said] * 3
    assert_applied_once(upstream, reader, events, message)


def test_a_search_whose_session_is_ended_is_done_again(
    stage: Stage, reader: Reader, upstream: Upstream, events: Listener
) -> None:
    """An outage of the database is never an answer."""
    message = reader.command(ADD, OF_DS1)
    with locked(stage):
        searching(stage, upstream, message)
        for pid in is_searching(stage):
            stage.rows("select pg_terminate_backend(%s)", pid)
    assert_applied_once(upstream, reader, events, message)
    assert stage.rows("select 1 from dead_letter where key = %s", reader.sub) == []


def test_searches_go_on_after_every_session_was_ended(stage: Stage, upstream: Upstream, channel: str) -> None:
    readers = [Reader(upstream, channel) for _ in range(10)]
    upstream.ask_all([reader.command(ADD, OF_DS1) for reader in readers])  # so that every session is open
    stage.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    sent = [upstream.send(reader.command(ADD, selecting(datasetUrn=DS2))) for reader in readers]
    assert [(upstream.answer_to(one).status, upstream.answer_to(one).version) for one in sent] == [
        (200, 2)
    ] * 10


def test_a_search_that_lost_its_connection_to_the_broker_is_applied_once(
    stage: Stage, reader: Reader, upstream: Upstream, events: Listener
) -> None:
    message = reader.command(ADD, OF_DS1)
    with locked(stage):
        searching(stage, upstream, message)
        closed = close_connections_of_workers(stage)
        assert closed
    assert_applied_once(upstream, reader, events, message)
    more = upstream.send(reader.command(ADD, selecting(datasetUrn=DS2)))
    assert upstream.answer_to(more).version == 2


def close_connections_of_workers(stage: Stage) -> int:
    """Close, as soon as the broker lists them, all connections but those of this test; give their number."""
    management = Management.of(stage.servers)
    if management is None:
        pytest.skip("the broker is not ours to disturb")

    def names() -> list[str]:
        listed = management.connections(stage.vhost).items()
        return [name for name, given in listed if given.startswith("basketry")]

    wait_for(lambda: bool(names()))
    closed = names()
    for name in closed:
        with suppress(HTTPError):  # it was gone already
            management.call("DELETE", f"connections/{quote(name)}")
    return len(closed)


def test_what_stands_behind_a_search_that_finds_nothing_meets_no_basket(
    stage: Stage, reader: Reader, upstream: Upstream
) -> None:
    nothing = selecting("providerId:nobody")
    with locked(stage):
        sent = [searching(stage, upstream, reader.command(ADD, nothing))]
        for type_, body in (
            ("basket.update", {"department": "D"}),
            ("basket.create", None),
            (ADD, OF_DS1),
            ("basket.empty", None),
            (ADD, OF_DS1),
        ):
            sent.append(upstream.send(reader.command(type_, body)))
    replies = [upstream.answer_to(one) for one in sent]
    assert [(one.status, one.version) for one in replies] == [
        (204, None), (404, None), (201, 1), (200, 2), (204, 3), (200, 4)
    ]  # fmt: skip


def test_a_checkout_behind_a_search_orders_what_it_has_found(
    stage: Stage, reader: Reader, upstream: Upstream
) -> None:
    with locked(stage):
        add = searching(stage, upstream, reader.command(ADD, selecting()))
        checkout = upstream.send(reader.command("basket.checkout", {}))
        again = upstream.send(reader.command(ADD, OF_DS1))
    assert upstream.answer_to(add).version == 1
    order = upstream.answer_to(checkout)
    assert (order.status, len(order.json["datasetTasks"])) == (201, 3)
    assert len(reader.files(order.json["id"])) == 20
    assert (upstream.answer_to(again).status, upstream.answer_to(again).version) == (200, 3)


def test_an_expected_version_is_asked_when_its_turn_has_come(
    stage: Stage, reader: Reader, upstream: Upstream
) -> None:
    with locked(stage):
        searching(stage, upstream, reader.command(ADD, OF_DS1))
        right = upstream.send(reader.command(ADD, selecting(), headers={"expected-version": 1}))
        wrong = upstream.send(reader.command(ADD, selecting(), headers={"expected-version": 1}))
    assert (upstream.answer_to(right).status, upstream.answer_to(right).version) == (200, 2)
    assert refusal(upstream.answer_to(wrong)) == (412, "basket.version_conflict.error")


def test_a_put_while_a_search_goes_on_waits_for_nobody(
    stage: Stage, reader: Reader, upstream: Upstream, channel: str
) -> None:
    """The search reads datasets and users, too; only what has its own key stands behind it."""
    with locked(stage):
        search = searching(stage, upstream, reader.command(ADD, OF_DS1))
        publish(upstream, channel, ("dataset.put", "URN:DATASET:meanwhile", {"label": "Meanwhile"}))
        publish(upstream, channel, ("user.put", unique("user"), {"groups": ["alpha"]}))
        assert upstream.answers_to(search) == []
    assert upstream.answer_to(search).status == 200


def test_an_erased_user_has_no_basket_after_the_search(
    stage: Stage, reader: Reader, upstream: Upstream
) -> None:
    with locked(stage):
        search = searching(stage, upstream, reader.command(ADD, OF_DS1))
        erase = upstream.send(reader.command("user.erase", headers=AS_SERVICE))
    assert upstream.answer_to(search).status == 200
    assert upstream.answer_to(erase).status == 204
    wait_for(lambda: not stage.rows("select 1 from erasure where owner = %s", reader.sub))
    assert reader.show().status == 204


def test_what_was_cut_off_may_be_sent_again_with_a_new_id(
    stage: Stage, reader: Reader, upstream: Upstream
) -> None:
    before = reader.added(datasetUrn=DS3)
    with slow(stage):
        cut = upstream.send(reader.command(ADD, OF_DS1))
        removed = upstream.send(
            reader.command("basket.dataset.remove", {"datasetSelectionId": before[DS3]["id"]})
        )
        assert upstream.answer_to(cut).status == 503
        assert upstream.answer_to(removed).status in (200, 503), "it must be counted anew, or need not be"
    shown = reader.add(datasetUrn=DS1)
    assert (shown.status, counted(datasets(shown)[DS1])[0]) == (200, 2)


def test_a_datum_that_comes_while_the_search_waits_counts_by_its_date(
    stage: Stage, upstream: Upstream
) -> None:
    channel = observatory(upstream, acceptance_data())
    reader = Reader(upstream, channel)
    date = "2025-01-01T00:00:00Z"
    with locked(stage):
        message = reader.command(ADD, selecting(datasetUrn=DS1, selectionDate=date))
        search = searching(stage, upstream, message)
    assert counted(datasets(upstream.answer_to(search))[DS1])[0] == 2
    publish(upstream, channel, ("data-object.put", urn("old"), datum(DS1)))
    publish(upstream, channel, ("data-object.put", urn("new"), datum(DS1, created_at=date)))
    entry = reader.added(datasetUrn=DS1)[DS1]
    assert [counted(one)[0] for one in entry["itemsSelections"]] == [2, 4]
    assert counted(entry)[0] == 4
