"""SIGTERM under load: a clean exit within ten seconds, and a second worker goes on without a reorder."""

from pathlib import Path

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import working
from outside.stage import Stage

pytestmark = pytest.mark.faults


def test_each_of_three_workers_takes_over_from_the_one_before(stage: Stage, folder: Path) -> None:
    (part,) = numbered(100, 40)
    with working(stage, "first", folder) as first, Listener(stage.broker_url) as events:
        with working(stage, "second", folder) as second:
            publish(stage.broker_url, part[:2000])
            events.until_heard(300)
            assert first.stop() == 0
            assert len(events.different()) < 2000, "it was to be stopped under load"
            with working(stage, "third", folder) as third:
                publish(stage.broker_url, part[2000:])
                events.until_heard(2300, seconds=30)
                assert second.stop() == 0
                events.until_heard(4000, seconds=40)
                assert third.is_alive
        assert_each_once_and_in_order(events, stage, [part])
        for worker in (first, second, third):
            assert "Traceback" not in worker.log


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
