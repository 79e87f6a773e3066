"""Command queues that are full refuse: publishers try again, and nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from outside.expected import numbered
from outside.ledger import Ledger
from outside.outages import lasts, ours
from outside.processes import wait_for, working
from outside.stage import COMMAND_QUEUES, Management, Stage, left_in

pytestmark = pytest.mark.faults

MOST = 40  # in each command queue
FULL_SECONDS = 3.0
BASKETS, COMMANDS = 200, 20


def test_a_full_queue_nacks_publishers_who_try_again(stage: Stage, folder: Path) -> None:
    ours(stage.servers.rabbitmq)
    with working(stage, "declares", folder):
        pass
    fault = f"back-pressure: command queues of {MOST} messages, and no worker at first"
    load = numbered(BASKETS, COMMANDS)
    with short_queues(stage), Ledger(stage, fault, load, rate=2000, is_careful=True) as ledger:
        wait_for(lambda: ledger.publisher.nacked > 0)
        lasts(FULL_SECONDS, lambda: waiting(stage) < 2 * COMMAND_QUEUES * MOST)
        refused = ledger.publisher.nacked
        with working(stage, "worker", folder):
            ledger.wait_answered(BASKETS * COMMANDS)
            ledger.note = f"refused {ledger.publisher.nacked} times, {refused} before there was a worker"
            ledger.settle()


@contextmanager
def short_queues(stage: Stage) -> Iterator[None]:
    management = Management.of(stage.servers)
    assert management is not None
    policy = f"policies/{quote(stage.vhost)}/short"
    limits = {"pattern": r"^basket\.commands\.\d+$", "definition": {"max-length": MOST}}
    management.call("PUT", policy, {**limits, "apply-to": "queues"})
    try:
        yield
    finally:
        management.call("DELETE", policy)


def waiting(stage: Stage) -> int:
    return sum(left_in(stage, f"basket.commands.{number:02d}") for number in range(COMMAND_QUEUES))
