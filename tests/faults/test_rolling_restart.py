"""SIGTERM under load: a clean exit within ten seconds, and the others go on without a reorder."""

from pathlib import Path

import pytest
from outside import crew, expected
from outside.flood import publish
from outside.ledger import Ledger
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import working
from outside.stage import Stage

pytestmark = pytest.mark.faults

BASKETS, COMMANDS = 200, 100  # at least
OUTSTANDING = 3000  # more than all hold together, and no more than a busy machine answers in time


def test_three_workers_restarted_one_after_the_other_reorder_nothing(stage: Stage, folder: Path) -> None:
    with crew.at_work(stage, folder, 3) as workers:
        fault = "3. rolling SIGTERM restart of 3 workers"
        # No end of its own: it goes on for as long as the restarts take.
        load = expected.numbered(BASKETS, 1000)
        with Ledger(stage, fault, load, rate=500, most_outstanding=OUTSTANDING) as ledger:
            ledger.wait_answered(1000)
            for number in range(workers.size):
                assert workers[number].stop() == 0
                assert "Traceback" not in workers[number].log
                workers.restart(number).wait_ready()
            assert ledger.publisher.is_alive(), "the load was to last for longer than the restarts"
            ledger.wait_answered(max(0, BASKETS * COMMANDS - ledger.answered), seconds=120)
            figures = ledger.settle()
    assert figures.published == figures.completed >= BASKETS * COMMANDS
    assert figures.reorders == 0


def test_an_idle_worker_stops_at_once(stage: Stage, folder: Path) -> None:
    with working(stage, "idle", folder) as worker:
        assert worker.stop() == 0


def test_a_worker_with_a_long_queue_before_it_stops_all_the_same(stage: Stage, folder: Path) -> None:
    (part,) = numbered(200, 50)
    with Listener(stage.broker_url) as events:
        with working(stage, "declares", folder):
            pass
        publish(stage.broker_url, part)
        with working(stage, "stopped", folder) as stopped:
            events.until_heard(300)
            assert stopped.stop() == 0
        assert len(events.different()) < 9000, "it was to be stopped with most of them before it"
        with working(stage, "finishes", folder):
            events.until_heard(10_000, seconds=60)
        assert_each_once_and_in_order(events, stage, [part])
