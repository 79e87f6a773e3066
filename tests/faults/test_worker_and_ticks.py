"""Worker and scheduler on the same baskets at once, for long: no deadlock, no stale order, no reorder.

The long version of tests/races/test_worker_and_scheduler.py, whose baskets, edits and ticks it takes.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from outside import crew
from outside.expected import Expected
from outside.ledger import Ledger
from outside.processes import wait_for
from outside.stage import Stage

from tests.races import test_worker_and_scheduler as races
from tests.scheduler.standing import furnished

pytestmark = pytest.mark.faults

ROUNDS = 150
ANSWERED_WITHIN_SECONDS = 120.0
AT_VERSION = 3


def edits(keys: Sequence[str]) -> Iterator[Expected]:
    """Give the edits with what must become of them: a recurrence that pauses is no change of the basket."""
    versions = Counter(dict.fromkeys(keys, AT_VERSION))
    for message in races.edits(keys, ROUNDS):
        is_change = message.properties.type.startswith("basket.")
        versions[message.key] += is_change
        is_add = message.properties.type == "basket.item.add"
        yield Expected(message=message, status=201 if is_add else 200, version=versions[message.key])


def end_when_answered(ledger: Ledger, is_over: threading.Event) -> None:
    try:
        wait_for(lambda: ledger.answered == ROUNDS * races.BASKETS, seconds=ANSWERED_WITHIN_SECONDS)
    finally:
        is_over.set()


def test_neither_waits_for_the_other_for_ever(stage: Stage, folder: Path) -> None:
    is_over = threading.Event()
    with furnished(stage) as house, crew.at_work(stage, folder, 2) as workers, ThreadPoolExecutor(1) as pool:
        keys = races.recurrent_baskets(house)
        first = {key: races.shown(house.say("basket.get", key)) for key in keys}
        before = races.deadlocks(stage)
        with Ledger(stage, "16. worker and tick on the same baskets", edits(keys), rate=300) as ledger:
            answered = pool.submit(end_when_answered, ledger, is_over)
            days = races.tick_until(house, is_over)
            answered.result()
            races.catch_up(house, keys, days)
            ledger.note = f"{(days + 1) * len(keys)} orders"
            ledger.settle()
        assert not any("deadlock" in worker.log for worker in workers.workers)
    races.assert_no_order_is_stale(stage, first, days)
    assert races.deadlocks(stage) == before
