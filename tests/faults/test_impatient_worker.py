"""The database away for longer than a worker is patient: its messages go back, and wait for the database."""

from pathlib import Path

import pytest
from outside.connecting import connect
from outside.expected import numbered
from outside.ledger import Ledger
from outside.outages import lasts, ours, stopped
from outside.processes import WorkerProcess, wait_for, working
from outside.stage import COMMAND_QUEUES, Stage

pytestmark = pytest.mark.faults

PATIENCE_SECONDS = 4
EXIT_OUTAGE = 75
UNTOUCHED_SECONDS = 5.0


def test_messages_are_given_back_and_taken_again_only_when_the_database_answers(
    stage: Stage, folder: Path
) -> None:
    postgres = ours(stage.servers.postgres)
    patience = {"BASKETRY_OUTAGE_PATIENCE": f"PT{PATIENCE_SECONDS}S"}
    fault = f"4. the database away for longer than a worker's patience of {PATIENCE_SECONDS} s"
    with (
        working(stage, "first", folder, **patience) as first,
        Ledger(stage, fault, numbered(100, 1000), rate=200) as ledger,
    ):
        ledger.wait_answered(500)
        with stopped(postgres):
            wait_for(lambda: not first.is_alive, seconds=PATIENCE_SECONDS + 25)
            assert first.stop() == EXIT_OUTAGE
            second = WorkerProcess(stage, "second", folder, **patience)
            wait_for(lambda: "database.awaited" in second.log)
            lasts(UNTOUCHED_SECONDS, lambda: second.is_alive and consumers(stage) == 0)
            waiting = ledger.outstanding
        try:
            second.wait_ready()
            ledger.wait_answered(waiting)
            ledger.note = f"exit code {EXIT_OUTAGE}, {waiting} waited for the second worker"
            ledger.settle()
            assert second.stop() == 0
        finally:
            second.dismiss()
    assert "returned_often" not in second.log
    assert stage.count("dead_letter") == 0


def consumers(stage: Stage) -> int:
    """Count the command queues that somebody takes from."""
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        names = [f"basket.commands.{number:02d}" for number in range(COMMAND_QUEUES)]
        declared = [channel.queue_declare(name, passive=True) for name in names]
        return sum(one.method.consumer_count for one in declared)
