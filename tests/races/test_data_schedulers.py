"""Two schedulers at the same baskets of data: each occurrence is ordered once, with its files, whoever ends.

Invariant of every test: one row and one order for each due occurrence, and files of no other order.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from outside.midway import Midway
from outside.processes import Process, SchedulerProcess, ended, scheduling, wait_for
from outside.searching import slow
from outside.stage import Stage

from scheduler import data_tick
from tests.scheduler import standing
from tests.scheduler.holding import DS1, Catalogue, remains, select
from tests.scheduler.standing import House, at, furnished
from worker.store import database

NUMBER = 300
PRODUCTS = 40
DUE = "2026-03-01T10:00"
LAST_YEAR = {"startDate": "2025-11-01T10:00:00Z", "interval": "P10Y", "newDataOnly": True}  # due in earnest
_SOON_SECONDS = 4.5  # less than a search may take
STOPPING_TICK = Path(standing.__file__).with_name("stopping_data_tick.py")
LATER = "update recurrence set data_due_at = data_due_at + interval '100 years'"
NOW = "update recurrence set data_due_at = data_due_at - interval '100 years'"
SEARCHES = (
    "select count(*) = 1 from pg_stat_activity where datname = current_database()"
    " and application_name = %s and wait_event_type = 'Lock'"
)


@pytest.fixture
def house(stage: Stage) -> Iterator[House]:
    """A house with a dataset of three objects."""
    with furnished(stage) as house:
        catalogue = Catalogue(house)
        catalogue.dataset(DS1, "Sea ice")
        for id_ in ("o1", "o2", "o3"):
            catalogue.put(id_, "2025-06-01T00:00")
        yield house


@pytest.fixture
def crowd(house: House) -> House:
    """Three hundred baskets with everything selected, each due once."""
    house.basket("b", {})
    select(house)
    house.recurs(**LAST_YEAR)
    house.copies("b", NUMBER - 1)
    return house


def placed(house: House) -> int:
    return house.stage.count("customer_order")


def assert_each_once(house: House, number: int = NUMBER) -> None:
    rows = house.stage.rows("select basket_id, count(*), min(n), max(n) from occurrence group by basket_id")
    assert len(rows) == number
    assert {row[1:] for row in rows} == {(1, 0, 0)}
    assert house.stage.rows("select count(*), count(distinct basket_id) from customer_order") == [
        (number, number)
    ]
    assert house.stage.rows("select count(distinct key) from outbox where type = 'order.placed'") == [
        (number,)
    ]
    assert house.stage.rows(
        "select count(*), min(objects), max(objects) from"
        " (select count(distinct object_id) as objects from order_data group by order_id) as orders"
    ) == [(number, 3, 3)]
    assert remains(house) == 0


def tick_until_nothing_is_due(stage: Stage, start: threading.Barrier) -> int:
    """Be the lane of a scheduler; give the number of orders placed."""
    with closing_engine(stage) as engine:
        mine = 0
        start.wait()
        while (outcome := data_tick.tick(engine)).claimed:
            mine += outcome.placed
    return mine


@contextmanager
def closing_engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    try:
        yield engine
    finally:
        engine.dispose()


def test_two_at_once_place_every_order_of_data_once(crowd: House) -> None:
    start = threading.Barrier(2)
    with ThreadPoolExecutor(2) as schedulers:
        shares = [schedulers.submit(tick_until_nothing_is_due, crowd.stage, start) for _ in range(2)]
    assert sum(share.result() for share in shares) == NUMBER
    assert all(share.result() for share in shares)
    assert_each_once(crowd)


@pytest.mark.slow
def test_one_of_two_processes_that_is_killed_in_the_middle_loses_nothing(crowd: House, folder: Path) -> None:
    crowd.stage.rows(LATER)
    victim = SchedulerProcess(crowd.stage, "victim", folder)
    with Midway(crowd.stage) as midway, scheduling(crowd.stage, "survivor", folder):
        victim.wait_ready()
        crowd.stage.rows(NOW)  # else the one that has started first might be done before the other has begun
        midway.kill(victim)
        assert placed(crowd) < NUMBER
        wait_for(lambda: placed(crowd) == NUMBER, seconds=90)
    victim.dismiss()
    assert_each_once(crowd)


@pytest.mark.parametrize("moment", ["claimed", "searched"])
def test_one_that_stands_still_in_the_middle_orders_nothing_when_it_goes_on(
    crowd: House, moment: str
) -> None:
    crowd.stage.rows("delete from recurrence where basket_id > 'b-00010'")
    crowd.stage.rows("delete from basket where id > 'b-00010'")
    program = [sys.executable, str(STOPPING_TICK), crowd.stage.database_url, f"{DUE}+00:00", moment]
    with (
        ended(subprocess.Popen(program, stdout=subprocess.PIPE, text=True)) as stopped,
        closing_engine(crowd.stage) as engine,
    ):
        said = stopped.stdout
        assert said is not None
        assert said.readline() == f"{moment}\n"
        # The others are ordered at once; what is locked, as soon as the database has given the sleeper up.
        crowd.ticks(DUE)
        assert placed(crowd) >= 11
        wait_for(lambda: data_tick.tick(engine, at=at(DUE)).placed > 0 or placed(crowd) == 12)
        assert placed(crowd) == 12
        stopped.send_signal(signal.SIGCONT)
        assert said.readline() == "try again\n"
    assert_each_once(crowd, 12)


@contextmanager
def stuck_searches(house: House) -> Iterator[psycopg.Connection]:
    """Have every search wait until the connection is given back, or until it is cut off."""
    with psycopg.connect(house.stage.database_url) as connection:
        connection.execute("lock table data_object in access exclusive mode")
        yield connection


def is_searching(house: House, scheduler: Process) -> bool:
    return house.stage.rows(SEARCHES, f"basketry {scheduler.name} data") == [(True,)]


def products_fall_due(house: House, key: str) -> None:
    """Have forty baskets of products due, now."""
    house.recurs(house.basket(key), **{**LAST_YEAR, "newDataOnly": False})
    house.copies(key, PRODUCTS - 1)


@pytest.mark.slow
def test_a_slow_search_delays_no_order_of_products(house: House, folder: Path) -> None:
    with scheduling(house.stage, "busy", folder) as scheduler:
        house.basket("data", {})
        select(house, "data")
        with stuck_searches(house) as connection:
            house.recurs("data", **LAST_YEAR)
            wait_for(lambda: is_searching(house, scheduler))
            began = time.monotonic()
            products_fall_due(house, "products")
            wait_for(lambda: placed(house) == PRODUCTS, seconds=_SOON_SECONDS)
            assert is_searching(house, scheduler), f"the search has ended in {time.monotonic() - began} s"
            connection.rollback()
        wait_for(lambda: placed(house) == PRODUCTS + 1)
        assert house.said("data")[-1] == "order.placed"


@pytest.mark.slow
def test_a_search_that_is_cut_off_fails_its_order_alone_while_products_go_on(
    house: House, folder: Path
) -> None:
    with scheduling(house.stage, "cutting", folder):
        house.basket("data", {})
        select(house, "data")
        with slow(house.stage):
            house.recurs("data", **LAST_YEAR)
            for wave in range(4):
                products_fall_due(house, f"products{wave}")
                wait_for(lambda due=(wave + 1) * PRODUCTS: placed(house) == due, seconds=_SOON_SECONDS)  # type: ignore[misc]
            wait_for(lambda: bool(house.events("data", "order.failed")))
        (failed,) = house.events("data", "order.failed")
        assert failed["body"]["reason"]["code"] == "error.service_unavailable"
        assert remains(house) == 0


@pytest.mark.slow
def test_a_scheduler_that_is_stopped_while_it_searches_ends_in_time_and_leaves_nothing_half_written(
    house: House, folder: Path
) -> None:
    house.basket("data", {})
    select(house, "data")
    with scheduling(house.stage, "stopped", folder) as scheduler:
        with stuck_searches(house):
            house.recurs("data", **LAST_YEAR)
            wait_for(lambda: is_searching(house, scheduler))
            assert scheduler.stop() == 0
        assert "Traceback" not in scheduler.log
    assert (placed(house), remains(house)) == (0, 0)
    assert len(house.events("data", "order.failed")) <= 1
