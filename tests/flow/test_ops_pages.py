"""What an operator sees of a worker at work: counts that are what was sent, and nobody's data."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import psycopg
import pytest
from outside.claims import SECRET, token
from outside.flood import publish
from outside.listener import Listener
from outside.processes import WorkerProcess, wait_for
from outside.scraping import Pages, Samples
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

TOTAL = "basketry_commands_total"


class Difference:
    """What a worker has counted since the test began."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._before = pages.scrape()

    def __call__(self, name: str, **labels: str) -> float:
        sample = name, frozenset(labels.items())
        return self._pages.scrape()[sample] - self._before[sample]

    @property
    def commands(self) -> dict[tuple[str, str], float]:
        """Give what was counted, by type and outcome."""
        now = self._pages.scrape()
        counted = {sample: now[sample] - self._before[sample] for sample in now if sample[0] == TOTAL}
        return {
            (dict(labels)["command"], dict(labels)["outcome"]): number
            for (_, labels), number in counted.items()
            if number
        }


@pytest.fixture
def counted(pages: Pages, upstream: Upstream, stage: Stage) -> Difference:
    handled(upstream)
    wait_for(lambda: stage.rows("select 1 from outbox where published_at is null") == [])
    return Difference(pages)


def handled(upstream: Upstream) -> None:
    """Wait until the worker has done what earlier tests have sent, in whichever queue that is."""
    upstream.ask_all([command("basket.get", unique("nobody")) for _ in range(128)])


def test_every_command_is_counted_once_by_what_became_of_it(
    counted: Difference, upstream: Upstream, events: Listener
) -> None:
    baskets = [unique("basket") for _ in range(20)]
    created = [upstream.expecting(command("basket.create", basket)) for basket in baskets]
    upstream.ask_all(created)
    upstream.ask_all([created[0], created[1]])
    upstream.ask_all([command("basket.update", basket, {"department": "D"}) for basket in baskets[:7]])
    upstream.ask_all([command("basket.get", basket) for basket in baskets[:3]])
    upstream.ask_all([command("basket.get", unique("nobody")) for _ in range(4)])
    upstream.ask_all([command("basket.no-such", unique("basket")) for _ in range(2)])
    assert counted.commands == {
        ("basket.create", "completed"): 20,
        ("basket.create", "repeated"): 2,
        ("basket.update", "completed"): 7,
        ("basket.get", "completed"): 3,
        ("basket.get", "rejected"): 4,
        ("unknown", "parked"): 2,
    }
    assert counted("basketry_batch_commands_sum") == 38
    transactions = counted("basketry_batch_commands_count")
    assert 6 <= transactions <= 38
    assert counted("basketry_batch_transaction_seconds_count") == transactions


def test_what_is_rolled_back_at_the_commit_is_counted_once_when_it_is_committed(
    counted: Difference, upstream: Upstream, stage: Stage, worker: WorkerProcess
) -> None:
    broken = unique("broken")
    baskets = [*(unique("basket") for _ in range(20)), broken, *(unique("basket") for _ in range(20))]
    before = len(worker.log)
    with refused_at_the_commit(stage, broken):
        publish(stage.broker_url, [command("basket.create", basket) for basket in baskets])
        wait_for(lambda: sum(counted.commands.values()) >= 41)
    assert counted.commands == {("basket.create", "completed"): 40, ("basket.create", "parked"): 1}
    assert counted("basketry_batch_commands_sum") == 41
    assert "batch.split" in worker.log[before:]


@contextmanager
def refused_at_the_commit(stage: Stage, basket: str) -> Iterator[None]:
    """Have the database refuse every transaction that writes this basket, at its very end."""
    stage.rows(
        f"""create function refuse() returns trigger language plpgsql as $$ begin
                if new.id = '{basket}' then raise 'no' using errcode = 'check_violation'; end if;
                return null;
            end $$"""
    )
    stage.rows(
        """create constraint trigger refused after insert on basket deferrable initially deferred
           for each row execute function refuse()"""
    )
    try:
        yield
    finally:
        stage.rows("drop trigger refused on basket")
        stage.rows("drop function refuse")


def test_the_way_from_publishing_to_the_event_is_timed(
    counted: Difference, upstream: Upstream, events: Listener
) -> None:
    now = int(time.time())
    sent = [
        upstream.expecting(command("basket.create", unique("basket"), timestamp=stamp))
        for stamp in (now - 20, now - 20, now + 3600, None)
    ]
    upstream.ask_all(sent)
    for message in sent:
        events.answer(message)
    wait_for(lambda: counted("basketry_commit_to_confirm_seconds_count") == 4)
    assert counted("basketry_publish_to_commit_seconds_count") == 3
    assert counted("basketry_publish_to_commit_seconds_bucket", le="10.0") == 1, "a clock that is ahead"
    assert counted("basketry_publish_to_commit_seconds_bucket", le="30.0") == 3
    assert 1 <= counted("basketry_publish_to_event_seconds_count") <= 3, "the sweep may have been faster"
    assert counted("basketry_commit_to_confirm_seconds_sum") < 10


def test_a_worker_at_work_lives_is_ready_and_shows_its_state(pages: Pages, upstream: Upstream) -> None:
    assert pages.asked("/livez") == (200, {"alive": True})
    wait_for(lambda: pages.is_ready)
    assert pages.asked("/readyz") == (200, {"ready": True})
    seen = pages.scrape()
    expected = {
        "basketry_consuming": 1,
        "basketry_broker_connected": 1,
        "basketry_database_up": 1,
        "basketry_held_seconds": 0,
    }
    assert {name: seen[name, frozenset()] for name in expected} == expected
    assert queues(seen) == {"home": 8, "guest": 0}
    assert seen["basketry_database_unseen_seconds", frozenset()] < 15
    who = {"version": version("basketry"), "role": "worker", "name": "worker", "slot": "0/1"}
    assert seen["basketry_process_info", frozenset(who.items())] == 1
    for publisher in ("events", "replies", "sweeper"):
        assert seen["basketry_publisher_blocked", frozenset({("publisher", publisher)})] == 0


def queues(seen: Samples) -> dict[str, float]:
    return {dict(labels)["kind"]: n for (name, labels), n in seen.items() if name == "basketry_queues_held"}


@pytest.mark.slow
def test_a_parked_command_is_seen_to_wait_for_a_person(
    pages: Pages, upstream: Upstream, stage: Stage
) -> None:
    upstream.ask("basket.no-such", unique("basket"))
    ((parked,),) = stage.rows("select count(*) from dead_letter where state = 'parked'")
    wait_for(lambda: pages.value("basketry_dead_letters_parked") == parked)


def test_nothing_on_any_page_is_a_secret_or_somebodys(pages: Pages, upstream: Upstream, stage: Stage) -> None:
    names = [unique("basket"), unique("patricia"), unique("channel"), unique("no-such-type"), unique("m")]
    basket, user, channel, type_, message_id = names
    upstream.ask("basket.create", basket, channel=channel, caller=user, message_id=message_id)
    upstream.ask(type_, basket, channel=channel, caller=user)
    shown = b"".join(pages.get(path)[2] for path in ("/metrics", "/livez", "/readyz", f"/{basket}")).decode()
    for value in (*names, SECRET, token(user), stage.database_url, stage.broker_url, "password"):
        assert value not in shown
    assert "@" not in shown
    assert "eyJ" not in shown, "the beginning of a token"


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/admin"])
def test_there_is_nothing_else(pages: Pages, upstream: Upstream, path: str) -> None:
    assert pages.get(path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_nothing_can_be_changed(pages: Pages, upstream: Upstream, method: str) -> None:
    assert pages.get("/readyz", method)[0] == 405


@pytest.mark.parametrize(("sent_ago", "at_least"), [(1000, 1000), (1_000_000_000, 0)])
def test_a_message_waits_since_it_was_sent_unless_it_says_years(
    stage: Stage, upstream: Upstream, pages: Pages, sent_ago: int, at_least: int
) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    said_at = int(time.time()) - sent_ago
    update = command("basket.update", basket, {"department": "D"}, timestamp=said_at)
    with psycopg.connect(stage.database_url) as holding:
        holding.execute("select from basket where id = %s for update", (basket,))
        upstream.send(upstream.expecting(update))
        waits = "basketry_oldest_waiting_seconds", frozenset[tuple[str, str]]()
        wait_for(lambda: pages.scrape()[waits] > 0)
        assert at_least <= pages.scrape()[waits] < at_least + 100
