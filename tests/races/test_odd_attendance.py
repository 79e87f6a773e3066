"""Odd surroundings: a worker hands back once an arrival, and takes no failure for another."""

from pathlib import Path

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import WorkerProcess, wait_for, working
from outside.stage import Stage

pytestmark = pytest.mark.slow

FROM_THE_FUTURE = """
insert into slot values (3, 1, 'of another clock', now() + interval '1 hour', now() + interval '1 hour')
"""


def test_an_arrival_that_lies_in_the_future_is_handed_back_to_once(stage: Stage, folder: Path) -> None:
    stage.rows(FROM_THE_FUTURE)
    (part,) = numbered(60, 40)
    with (
        working(stage, "alone", folder, BASKETRY_SLOT="0/3") as worker,
        Listener(stage.broker_url) as events,
    ):
        publish(stage.broker_url, part)
        events.until_heard(2400, seconds=60)
        assert_each_once_and_in_order(events, stage, [part])
        assert worker.log.count("slots.handed_back") <= 1
        stage.rows("update slot set consuming_since = consuming_since + interval '1 s' where slot = 1")
        wait_for(lambda: "slots.handed_back" in worker.log)
    stage.rows("delete from slot")


def test_a_ready_file_that_cannot_be_written_costs_no_command(stage: Stage, folder: Path) -> None:
    (part,) = numbered(10, 10)
    with Listener(stage.broker_url) as events:
        with working(stage, "declares", folder):
            pass
        publish(stage.broker_url, part)
        worker = WorkerProcess(stage, "unheard", folder, BASKETRY_READY_FILE="/nonexistent/folder/ready")
        try:
            events.until_heard(100)
            assert_each_once_and_in_order(events, stage, [part])
            assert "worker.ready_unsaid" in worker.log
            assert worker.log.count('"worker.ready"') == 1
        finally:
            worker.dismiss()
