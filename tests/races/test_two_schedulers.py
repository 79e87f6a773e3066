"""Two schedulers at the same recurrences: each occurrence is ordered once, whoever is killed or stands still.

Invariant of every test: one row and one order for each due occurrence, one event for each order.
"""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from outside.processes import SchedulerProcess, ended, scheduling, wait_for
from outside.stage import Stage

from scheduler import tick
from tests.scheduler import standing
from tests.scheduler.standing import House, at, furnished
from worker.store import database

NUMBER = 2000
DUE = "2026-03-01T10:00"
LAST_YEAR = {"startDate": "2025-11-01T10:00:00Z", "interval": "P10Y"}  # due in earnest, and once
STOPPING_TICK = Path(standing.__file__).with_name("stopping_tick.py")


@pytest.fixture
def crowd(stage: Stage) -> Iterator[House]:
    """Two thousand baskets, each due once."""
    with furnished(stage) as house:
        house.recurs(house.basket(), **LAST_YEAR)
        house.copies("b", NUMBER - 1)
        yield house


def placed(house: House) -> int:
    return house.stage.count("customer_order")


def assert_each_once(house: House) -> None:
    rows = house.stage.rows("select basket_id, count(*), min(n), max(n) from occurrence group by basket_id")
    assert len(rows) == NUMBER
    assert {row[1:] for row in rows} == {(1, 0, 0)}
    assert house.stage.rows("select count(*), count(distinct basket_id) from customer_order") == [
        (NUMBER, NUMBER)
    ]
    assert house.stage.rows(
        "select count(*), count(distinct key) from outbox where type = 'order.placed'"
    ) == [(NUMBER, NUMBER)]
    assert house.stage.rows("select count(*) from recurrence where next_due_at <= now()") == [(0,)]


def tick_until_nothing_is_due(stage: Stage, start: threading.Barrier) -> int:
    """Be a scheduler; give the number of orders placed."""
    engine, mine = database.engine(stage.database_url, "tests"), 0
    start.wait()
    try:
        while stage.rows("select 1 from recurrence where next_due_at <= now() limit 1"):
            mine += tick.tick(engine, size=23).placed  # many small transactions that meet each other
    finally:
        engine.dispose()
    return mine


def test_four_schedulers_at_once_place_every_order_once(crowd: House) -> None:
    start = threading.Barrier(4)
    with ThreadPoolExecutor(4) as schedulers:
        shares = [schedulers.submit(tick_until_nothing_is_due, crowd.stage, start) for _ in range(4)]
    assert sum(share.result() for share in shares) == NUMBER
    assert sum(share.result() > 0 for share in shares) > 1
    assert_each_once(crowd)


def test_two_processes_at_once_place_every_order_once(crowd: House, folder: Path) -> None:
    first = SchedulerProcess(crowd.stage, "first", folder)
    with scheduling(crowd.stage, "second", folder):
        try:
            wait_for(lambda: placed(crowd) == NUMBER, seconds=90)
        finally:
            first.kill()
    assert_each_once(crowd)


def ticks_in_a_process(stage: Stage) -> "subprocess.Popen[str]":
    """Start a scheduler of small transactions, so that a kill meets it in the middle of one."""
    program = (
        "import sys; from scheduler import tick; from worker.store import database\n"
        "engine = database.engine(sys.argv[1], 'killed')\n"
        "while True: print(tick.tick(engine, size=60).placed, flush=True)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, stage.database_url], stdout=subprocess.PIPE, text=True
    )


def kill_again_and_again(house: House, seed: int) -> int:
    """Kill a scheduler after a few transactions, start another, until all is placed; give the kills."""
    chance, kills = random.Random(seed), 0
    while placed(house) < NUMBER:
        with ended(ticks_in_a_process(house.stage)) as victim:
            assert victim.stdout is not None
            for _ in range(chance.randint(2, 14)):
                victim.stdout.readline()
            victim.kill()
        kills += 1
    return kills


def tick_slowly(stage: Stage, stop: threading.Event) -> None:
    """Be a scheduler on a slow machine."""
    with closing_engine(stage) as engine:
        while not stop.wait(0.02):
            tick.tick(engine, size=5)


@pytest.mark.slow
def test_one_that_is_killed_again_and_again_beside_another_orders_nothing_twice(crowd: House) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(1) as other:
        beside = other.submit(tick_slowly, crowd.stage, stop)
        try:
            kills = kill_again_and_again(crowd, seed=1)
        finally:
            stop.set()
        beside.result()
    assert kills >= 2
    assert_each_once(crowd)


@contextmanager
def closing_engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    try:
        yield engine
    finally:
        engine.dispose()


def test_one_that_stands_still_between_claim_and_write_orders_nothing_when_it_goes_on(crowd: House) -> None:
    program = [sys.executable, str(STOPPING_TICK), crowd.stage.database_url, f"{DUE}+00:00"]
    with (
        ended(subprocess.Popen(program, stdout=subprocess.PIPE, text=True)) as stopped,
        closing_engine(crowd.stage) as engine,
    ):
        said = stopped.stdout
        assert said is not None
        claimed = int(said.readline())
        assert 0 < claimed < NUMBER
        # The others are ordered at once; what is locked, as soon as the database has given the sleeper up.
        crowd.ticks(DUE)
        assert NUMBER - claimed <= placed(crowd) <= NUMBER
        wait_for(lambda: tick.tick(engine, at=at(DUE)).placed > 0 or placed(crowd) == NUMBER)
        crowd.ticks(DUE)
        assert placed(crowd) == NUMBER
        stopped.send_signal(signal.SIGCONT)
        assert said.readline() == "try again\n"
    assert_each_once(crowd)
