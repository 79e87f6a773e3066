"""Workers killed while their command waits for the database: that is not taken for the command's fault."""

from pathlib import Path

import psycopg
import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import wait_for, working
from outside.stage import Stage

pytestmark = pytest.mark.faults

MAKE_IT_SUSPECT = 2
MORE_THAN_POISON_NEEDS = 5


def test_workers_killed_while_a_table_is_locked_park_nothing(stage: Stage, folder: Path) -> None:
    (sent,) = numbered(1, 3)
    stage.rows("delete from dead_letter")
    with working(stage, "declares", folder):
        pass
    with Listener(stage.broker_url) as events, psycopg.connect(stage.database_url) as another:
        another.execute("lock table basket in exclusive mode")
        publish(stage.broker_url, sent)
        for kill in range(MAKE_IT_SUSPECT + MORE_THAN_POISON_NEEDS):
            with working(stage, f"killed-{kill}", folder) as worker:
                held = "batch.held" if kill >= MAKE_IT_SUSPECT else "command.held"
                # In a pause, which is longer each time; an attempt is over within a second.
                wait_for(lambda: worker.log.count(held) > 2 and not under_way(stage))  # noqa: B023
                worker.kill()
        another.rollback()
        with working(stage, "goes-on", folder):
            events.until_heard(len(sent))
    assert_each_once_and_in_order(events, stage, [sent])


def under_way(stage: Stage) -> list[tuple[int]]:
    return stage.rows("select count from attempt where count > 0")
