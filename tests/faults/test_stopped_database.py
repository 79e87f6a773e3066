"""PostgreSQL away for a while under load: the worker holds what it has, and nothing is lost or parked."""

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import WorkerProcess
from outside.stage import Stage

pytestmark = pytest.mark.faults

AWAY_SECONDS = 3.0
READY_WITHIN_SECONDS = 30.0


def test_commands_wait_while_the_database_is_away_and_are_handled_when_it_is_back(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    postgres = stage.servers.postgres
    if postgres is None:
        pytest.skip("the server is not ours to stop")
    pid = worker.pid
    (part,) = numbered(100, 30)
    publish(stage.broker_url, part[:1500])
    events.until_heard(200)
    postgres.stop()
    try:
        publish(stage.broker_url, part[1500:])
        events.until(lambda: False, seconds=AWAY_SECONDS)
        assert len(events.different()) < 3000, "it was to be stopped under load"
        assert worker.is_alive
    finally:
        postgres.start()
        postgres.wait_ready(READY_WITHIN_SECONDS)
    events.until_heard(3000, seconds=40)
    assert_each_once_and_in_order(events, stage, [part])
    assert (worker.is_alive, worker.pid) == (True, pid)


def test_a_stop_while_the_database_is_away_is_still_a_clean_stop(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    postgres = stage.servers.postgres
    if postgres is None:
        pytest.skip("the server is not ours to stop")
    (part,) = numbered(10, 5)
    postgres.stop()
    try:
        publish(stage.broker_url, part)
        assert events.until(lambda: "batch.held" in worker.log)
        assert worker.stop() == 0
    finally:
        postgres.start()
        postgres.wait_ready(READY_WITHIN_SECONDS)
