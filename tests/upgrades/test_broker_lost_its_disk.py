"""A broker that comes back empty: what waited there is lost, and comes back as the runbook says."""

import signal
from pathlib import Path

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import wait_for, working
from outside.stage import Management, Stage

pytestmark = pytest.mark.slow

TELL_AGAIN = "update outbox set published_at = null where created_at >= %s and dead_letter_id is null"


def test_commands_come_back_from_upstream_and_events_from_the_outbox(stage: Stage, folder: Path) -> None:
    management = Management.of(stage.servers)
    if management is None:
        pytest.skip("the broker is not ours to disturb")
    (part,) = numbered(50, 40)
    with working(stage, "worker", folder) as worker:
        with Listener(stage.broker_url) as events:
            ((began_at,),) = stage.rows("select now()")
            publish(stage.broker_url, part[:1000])
            events.until_heard(300)
            worker.signal(signal.SIGSTOP)
            publish(stage.broker_url, part[1000:])
            ids = {event.causation_id: event.message_id for event in events.different()}
        management.call("DELETE", f"vhosts/{stage.vhost}")
        management.call("PUT", f"vhosts/{stage.vhost}")
        worker.signal(signal.SIGCONT)
        wait_for(lambda: worker.log.count("worker.ready") >= 2)
        assert 300 <= stage.count("inbox") < 2000, "what waited at the broker is lost"
        publish(stage.broker_url, part)
        wait_for(lambda: stage.count("inbox") == 2000, seconds=60)
        # Who marks what it has told, and who takes the marks away, might wait for each other.
        wait_for(lambda: stage.rows("select 1 from outbox where published_at is null limit 1") == [])
        with Listener(stage.broker_url) as events:
            stage.rows(TELL_AGAIN, began_at)
            events.until_heard(2000, seconds=60)
            assert_each_once_and_in_order(events, stage, [part])
            again = {event.causation_id: event.message_id for event in events.different()}
            assert {cause: again[cause] for cause in ids} == ids, "told again under their ids"
