"""A basket that somebody else has locked, as an order of data does: its commands wait, and nobody else's."""

import time
from pathlib import Path

import psycopg
import pytest
from outside.furnishing import filled
from outside.observatory import Reader, acceptance_data, observatory
from outside.processes import wait_for, working
from outside.searching import ADD, OF_DS1, slow
from outside.shop import open_shop
from outside.stage import Stage, fresh
from outside.upstream import Upstream
from outside.wire import command, unique

pytestmark = pytest.mark.slow

LONGEST_WAIT_SECONDS = 1.5  # a moment with its batch, another one alone; and a busy machine
ROUNDS = 3  # who waits for the locked one does so in each; what else the machine does is seldom so long


@pytest.fixture
def channel(upstream: Upstream) -> str:
    channel = unique("channel")
    open_shop(upstream, channel)
    return channel


def test_its_commands_wait_in_order_and_others_go_on(stage: Stage, upstream: Upstream, channel: str) -> None:
    locked, others = filled(upstream, channel=channel), [filled(upstream, channel=channel) for _ in range(20)]
    with psycopg.connect(stage.database_url) as holding, Upstream(stage.broker_url) as owner:
        holding.execute("select from basket where id = %s for update", (locked,))
        for number in range(3):
            owner.send(
                owner.expecting(
                    command("basket.update", locked, {"department": f"D{number}"}, channel=channel)
                )
            )
        assert min(seconds_of_all(upstream, others, channel) for _ in range(ROUNDS)) < LONGEST_WAIT_SECONDS
        assert owner.replies == []
        holding.rollback()
        replies = owner.wait_for(3)
    assert [reply.json["department"] for reply in replies] == ["D0", "D1", "D2"]
    assert [reply.version for reply in replies] == [2, 3, 4]


def seconds_of_all(upstream: Upstream, keys: list[str], channel: str) -> float:
    """Have a command done for each of some baskets; give how long that takes."""
    sent = [command("basket.update", key, {"department": "Sales"}, channel=channel) for key in keys]
    began_at = time.monotonic()
    assert {reply.status for reply in upstream.ask_all(sent)} == {200}
    return time.monotonic() - began_at


def test_it_is_not_parked_however_long_it_takes(stage: Stage, upstream: Upstream, channel: str) -> None:
    key = filled(upstream, channel=channel)
    with psycopg.connect(stage.database_url) as holding, Upstream(stage.broker_url) as owner:
        holding.execute("select from basket where id = %s for update", (key,))
        asked = command("basket.update", key, {"department": "Sales"}, channel=channel)
        owner.send(owner.expecting(asked))
        waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and application_name like %s"
        wait_for(lambda: bool(stage.rows(waits, "%apart")))
        wait_for(lambda: not stage.rows(waits, "%apart"))  # its lock_timeout is over
        wait_for(lambda: bool(stage.rows(waits, "%apart")))  # and it is tried again
        holding.rollback()
        (reply,) = owner.wait_for(1)
    assert (reply.status, reply.version) == (200, 2)
    assert stage.rows("select 1 from dead_letter where key = %s", key) == []


def test_as_much_as_a_worker_holds_may_wait_and_its_connection_lives(stage: Stage, folder: Path) -> None:
    """It reads nothing then, which must not be taken for a broker that says nothing."""
    large = {"department": "Sales", "dynamicMessages": ["x" * 250_000]}
    with (
        fresh(stage.servers) as house,
        working(house, "full", folder, BASKETRY_BROKER_HEARTBEAT="2") as worker,
        Upstream(house.broker_url) as owner,
    ):
        channel = unique("channel")
        open_shop(owner, channel)
        key = filled(owner, channel=channel)
        owner.replies.clear()
        with psycopg.connect(house.database_url) as holding:
            holding.execute("select from basket where id = %s for update", (key,))
            for _ in range(30):
                owner.send(owner.expecting(command("basket.update", key, large, channel=channel)))
            # More than the four silent intervals after which a broker is taken for gone.
            wait_for(lambda: worker.log.count("command.held") >= 6 or worker.log.count("worker.ready") > 1)
            holding.rollback()
        assert [reply.status for reply in owner.wait_for(30)] == [200] * 30
        assert worker.log.count("worker.ready") == 1


def test_one_that_stays_locked_holds_up_no_other_that_was(stage: Stage, folder: Path) -> None:
    with (
        fresh(stage.servers) as house,
        working(house, "locked", folder) as worker,
        Upstream(house.broker_url) as owner,
        psycopg.connect(house.database_url) as for_long,
        psycopg.connect(house.database_url) as for_a_while,
    ):
        channel = unique("channel")
        open_shop(owner, channel)
        stays, goes = filled(owner, channel=channel), filled(owner, channel=channel)
        owner.replies.clear()
        for holding, key in ((for_long, stays), (for_a_while, goes)):
            holding.execute("select from basket where id = %s for update", (key,))
            owner.send(
                owner.expecting(command("basket.update", key, {"department": "Sales"}, channel=channel))
            )
        wait_for(lambda: worker.log.count("command.held") > 0)  # both were set apart before
        for_a_while.rollback()
        (reply,) = owner.wait_for(1)
        assert (reply.json["id"], reply.version) == (goes, 2)


def test_its_commands_stand_behind_no_slow_search(stage: Stage, upstream: Upstream, channel: str) -> None:
    """Eight searches take the two of their lane twenty seconds; a tick of orders has a basket for 0.2."""
    key = filled(upstream, channel=channel)
    readers = [Reader(upstream, observatory(upstream, acceptance_data())) for _ in range(8)]
    with (
        slow(stage),
        psycopg.connect(stage.database_url) as holding,
        Upstream(stage.broker_url) as owner,
    ):
        holding.execute("select from basket where id = %s for update", (key,))
        searches = [upstream.send(reader.command(ADD, OF_DS1)) for reader in readers]
        owner.send(owner.expecting(command("basket.update", key, {"department": "Sales"}, channel=channel)))
        waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and application_name like %s"
        wait_for(lambda: bool(stage.rows(waits, "%apart")))
        holding.rollback()
        assert [reply.status for reply in owner.wait_for(1)] == [200]
        assert not all(upstream.answers_to(one) for one in searches)
        assert [upstream.answer_to(one).status for one in searches] == [503] * 8
