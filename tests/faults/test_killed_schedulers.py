"""Schedulers killed and stopped in the middle of a tick, beside another: each due occurrence is ordered once.

What one meets between its claim and its writing, step by step, is tests/races/test_two_schedulers.py; here
they are processes, met by the locks that they hold.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from outside.ledger import Ledger
from outside.midway import Midway
from outside.processes import SchedulerProcess, scheduling, wait_for
from outside.stage import Stage

from tests.scheduler.standing import House, furnished

pytestmark = pytest.mark.faults

KILLS = 12
WAVE = 300  # baskets that fall due at once
LAST_YEAR = {"startDate": "2025-11-01T10:00:00Z", "interval": "P10Y"}  # due in earnest, and once


@pytest.fixture
def house(stage: Stage) -> Iterator[House]:
    """Baskets for every wave; none is due yet."""
    with furnished(stage) as house:
        house.recurs(house.basket(), **LAST_YEAR)
        house.copies("b", (KILLS + 1) * WAVE - 1)
        stage.rows("update recurrence set next_due_at = null")
        yield house


def falls_due(house: House, wave: int) -> None:
    house.stage.rows(
        "update recurrence set next_due_at = '2025-11-01T10:00Z' where basket_id in"
        " (select basket_id from recurrence order by basket_id limit %s offset %s)",
        WAVE,
        wave * WAVE,
    )


def placed(house: House) -> int:
    return house.stage.count("customer_order")


def assert_each_once(house: House, number: int) -> None:
    assert house.stage.rows(
        "select count(*), count(distinct basket_id), min(n), max(last_n) from occurrence"
    ) == [(number, number, 0, 0)]
    assert house.stage.rows("select count(*), count(distinct basket_id) from customer_order") == [
        (number, number)
    ]


def test_one_of_two_killed_again_and_again_and_one_that_stands_still(
    house: House, stage: Stage, folder: Path
) -> None:
    fault = f"2. kill -9 a scheduler {KILLS} times, then SIGSTOP one"
    with Midway(stage) as midway, Ledger(stage, fault, ()) as ledger, scheduling(stage, "survivor", folder):
        for kill in range(KILLS):
            victim = SchedulerProcess(stage, "victim", folder)
            victim.wait_ready()
            falls_due(house, kill)
            midway.kill(victim)
            victim.dismiss()
            wait_for(lambda due=(kill + 1) * WAVE: placed(house) == due)  # type: ignore[misc]
        with scheduling(stage, "sleeper", folder) as sleeper:
            falls_due(house, KILLS)
            midway.stop(sleeper)
            wait_for(lambda: placed(house) == (KILLS + 1) * WAVE)
            # It may have claimed none, the other all of them: then nobody waited for its end.
            wait_for(lambda: not midway.holds_baskets(sleeper))
            sleeper.signal(signal.SIGCONT)
            wait_for(lambda: not midway.holds_baskets(sleeper))
            assert sleeper.is_alive
        ledger.note = f"{placed(house)} orders for {(KILLS + 1) * WAVE} occurrences"
        ledger.settle()
    assert_each_once(house, (KILLS + 1) * WAVE)
