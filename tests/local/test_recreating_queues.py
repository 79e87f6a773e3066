"""The runbook's way to recreate queues with this release's arguments: to another number of them, and back."""

from pathlib import Path

import pytest
from command_line import CommandLine
from outside.connecting import connect
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.operator import examined
from outside.processes import working
from outside.stage import Stage

from contracts import topology
from worker.operating.findings import Verdict


@pytest.mark.slow
def test_queues_of_an_earlier_release_become_this_ones_while_commands_come_in(
    stage: Stage, tmp_path: Path
) -> None:
    with connect(stage.broker_url) as connection:
        for queue in topology.QUEUES:
            earlier = {key: value for key, value in queue.arguments.items() if "length" not in key}
            connection.channel().queue_declare(queue.name, durable=True, arguments=earlier)
    basketry = CommandLine(state_dir=tmp_path / "state", settings=stage.environment)
    (part,) = numbered(60, 20)
    with working(stage, "worker", tmp_path), Listener(stage.broker_url) as events:
        publish(stage.broker_url, part[:400])
        assert examined(stage)["arguments"].verdict is Verdict.WARNING
        for number, sent in (("9", part[400:800]), ("8", part[800:])):
            changing = basketry.begin("partitions", number)
            publish(stage.broker_url, sent)
            assert changing.wait(120) == 0
        events.until_heard(len(part), seconds=60)
        assert_each_once_and_in_order(events, stage, [part])
        found = examined(stage)["arguments"]
    assert "basket.commands.00" not in found.what
    assert found.what.startswith(f"{topology.DEAD} ("), "the dead queue is no partition, and serves as it is"
