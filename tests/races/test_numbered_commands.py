"""Many baskets, several publishers, one after the other and twice over: one effect, one event, in order."""

from pathlib import Path

import pytest
from outside.flood import publish_side_by_side
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, assert_repeats_are_identical, numbered
from outside.processes import WorkerProcess, wait_for, working
from outside.stage import Stage


def test_200_baskets_of_20_commands_from_4_publishers(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    parts = numbered(200, 20, publishers=4)
    publish_side_by_side(stage.broker_url, parts)
    events.until_heard(4000, seconds=60)
    assert_each_once_and_in_order(events, stage, parts)
    assert len(events.heard) == 4000
    # An event is marked once its confirm has come, which may be after it was heard.
    wait_for(lambda: stage.rows("select 1 from outbox where published_at is null") == [])


@pytest.mark.slow
def test_everything_twice_from_two_publishers_before_two_workers_of_which_one_is_killed(
    stage: Stage, worker: WorkerProcess, folder: Path, events: Listener
) -> None:
    """The second worker stands by for every queue; what the first had not acked comes to it again."""
    (part,) = numbered(100, 20)
    with working(stage, "standing-by", folder) as standing_by:
        publish_side_by_side(stage.broker_url, [part, part])
        assert events.until(lambda: len(events.heard) >= 200)
        worker.kill()
        events.until_heard(2000, seconds=60)
        assert standing_by.is_alive
    assert_each_once_and_in_order(events, stage, [part])
    assert_repeats_are_identical(events)
