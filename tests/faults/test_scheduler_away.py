"""A scheduler that was away over several periods: exactly the occurrences of a literal table; nobody waits.

A real process meets what was missed; which instants are due is a matter of the database's clock, so the
recurrences end long before the day of the test.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from outside.ledger import Ledger
from outside.processes import SchedulerProcess, scheduling, wait_for
from outside.stage import Stage

from tests.scheduler.standing import House, furnished

pytestmark = pytest.mark.faults

DAILY = {"startDate": "2026-03-01T10:00:00Z", "endDate": "2026-03-06T10:00:00Z", "interval": "P1D"}
EXECUTED = [
    "1: 0 2026-03-01 10:00 order",
    "1: 1 2026-03-02 10:00 order",
    "1: 2 2026-03-03 10:00 order",
    "1: 3 2026-03-04 10:00 order",
    "1: 4 2026-03-05 10:00 order",
    "1: 5 2026-03-06 10:00 order",
]
NOT_EXECUTED = [
    "1: 0 2026-03-01 10:00 order",
    "1: 1 2026-03-02 10:00 to 5 2026-03-06 10:00 missed",
]
MISSED = 10_000
OTHERS = 100
NOT_DELAYED = timedelta(seconds=2)
PREPARED_WITHIN = timedelta(
    seconds=2
)  # what is written after it was due is late, and not the scheduler's fault
MEGABYTES = 120.0  # of a scheduler, whatever it catches up with


@pytest.fixture
def house(stage: Stage) -> Iterator[House]:
    with furnished(stage) as house:
        yield house


def test_what_it_missed_is_ordered_or_skipped_as_each_recurrence_says(
    house: House, stage: Stage, folder: Path
) -> None:
    baskets = {"executed": (True, EXECUTED), "not-executed": (False, NOT_EXECUTED)}
    for key, (executes, _) in baskets.items():
        house.recurs(house.basket(key), **DAILY, executeMissedOrders=executes)
    house.ticks("2026-03-01T10:00")  # then it was stopped
    with Ledger(stage, "12. scheduler stopped over 5 periods", ()) as ledger:
        with scheduling(stage, "back-again", folder):
            wait_for(lambda: {house.state(key) for key in baskets} == {"expired"})
            ledger.settle()
        ledger.note = "6 orders for 6 occurrences, or 1 order and 1 range of 5 missed"
    assert {key: house.table(key) for key in baskets} == {key: table for key, (_, table) in baskets.items()}
    assert [order["recurring"]["catchUp"] for order in house.orders("executed")] == [False, *[True] * 5]


def most_megabytes(process: SchedulerProcess) -> float:
    """Give the most memory that a process has held so far."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    ((_, kilobytes, _),) = (line.split() for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def test_ten_thousand_missed_by_one_basket_take_bounded_memory_and_delay_no_other(
    house: House, stage: Stage, folder: Path
) -> None:
    ((now,),) = stage.rows("select now()")
    long_ago = now.astimezone(UTC) - timedelta(days=MISSED - 1, minutes=1)
    house.recurs(house.basket("long"), startDate=long_ago.isoformat(), interval="P1D")
    house.ticks(now)
    assert house.state("long") == "suspended"
    fault = f"12. {MISSED} missed on one basket"
    with Ledger(stage, fault, ()) as ledger, scheduling(stage, "catches-up", folder) as scheduler:
        at_rest = most_megabytes(scheduler)
        due_at = falls_due_soon(house)
        house.say("recurrence.resume", "long", {"missed": "all"}, now=now.isoformat())
        wait_for(lambda: count(stage, "long") == MISSED, seconds=120)
        late = max(placed_at for (placed_at,) in instants(stage)) - due_at
        ledger.settle(seconds=120)
        most = most_megabytes(scheduler)
        ledger.note = f"{most:.0f} MB, {at_rest:.0f} at rest; others late by {late.total_seconds():.1f}s"
    assert len(instants(stage)) == OTHERS
    assert late < NOT_DELAYED
    assert most < MEGABYTES


def falls_due_soon(house: House) -> datetime:
    """Have other baskets fall due at one instant, while the long one catches up."""
    ((now,),) = house.stage.rows("select now()")
    due_at: datetime = now.astimezone(UTC) + PREPARED_WITHIN
    house.recurs(house.basket("other"), startDate=due_at.isoformat(), interval="P1Y")
    house.copies("other", OTHERS - 1)
    return due_at


def count(stage: Stage, basket: str) -> int:
    ((number,),) = stage.rows("select count(*) from customer_order where basket_id = %s", basket)
    return int(number)


def instants(stage: Stage) -> list[tuple[datetime]]:
    return [(at,) for (at,) in stage.rows("select placed_at from customer_order where basket_id <> 'long'")]
