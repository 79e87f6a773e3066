"""A worker that stops under load says so once, not for each message it gives back."""

from pathlib import Path

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import working
from outside.stage import Stage

pytestmark = pytest.mark.slow


def test_what_still_arrives_while_a_worker_stops_is_no_line_each(stage: Stage, folder: Path) -> None:
    (part,) = numbered(60, 40)
    with Listener(stage.broker_url) as events:
        with working(stage, "leaves", folder) as leaving:
            publish(stage.broker_url, part)
            events.until_heard(200, seconds=60)
            assert leaving.stop() == 0
        assert 200 <= len(events.different()) < 2400
        with working(stage, "follows", folder):
            events.until_heard(2400, seconds=60)
        assert_each_once_and_in_order(events, stage, [part])
    assert "during closing" not in leaving.log
