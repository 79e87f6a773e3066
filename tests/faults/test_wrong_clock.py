"""The clock of a node off by an hour, to either side: no effect. What decides is the database's clock.

A library is put before the C library of the processes under test; it needs a C compiler.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path

import pytest
from outside.claims import bearer
from outside.expected import Expected, mixed
from outside.ledger import Ledger
from outside.processes import scheduling, wait_for, working
from outside.shop import BENQ
from outside.stage import Stage
from outside.wire import command, unique

from tests.scheduler.standing import House, furnished

pytestmark = pytest.mark.faults

HOUR = 3600
BASKETS = 100
ON_TIME = timedelta(seconds=2)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        assert not os.environ.get("CI"), "there is no C compiler `cc` to make the shifted clock with"
        pytest.skip("there is no C compiler")
    built = tmp_path_factory.mktemp("clock") / "shifted_clock.so"
    source = Path(__file__).with_name("shifted_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O", "-o", built, source, "-ldl"], check=True)
    return built


def shifted(library: Path, seconds: int) -> dict[str, str]:
    """Give the environment of a process on such a node."""
    return {"LD_PRELOAD": str(library), "SHIFTED_BY": str(seconds)}


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_library_does_shift_what_a_process_sees(library: Path, seconds: int) -> None:
    program = "import datetime, time; print(time.time(), datetime.datetime.now().timestamp())"
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **shifted(library, seconds)},
        capture_output=True,
        text=True,
        check=True,
    )
    for clock in said.stdout.split():
        assert abs(float(clock) - datetime.now(UTC).timestamp() - seconds) < 60


def tokens_about_to_expire() -> Iterator[Expected]:
    """Give commands whose tokens are right by half an hour, and wrong by half an hour."""
    now = int(datetime.now(UTC).timestamp())
    for half_an_hour, status in ((HOUR // 2, 201), (-HOUR // 2, 401)):
        authorization = {"authorization": bearer(exp=now + half_an_hour)}
        for _ in range(50):
            message = command("basket.create", unique("basket"), headers=authorization, timestamp=None)
            yield Expected(message=message, status=status, version=1 if status == 201 else None)


def falls_due_soon(house: House) -> datetime:
    ((now,),) = house.stage.rows("select now()")
    due_at: datetime = now.astimezone(UTC) + timedelta(seconds=4)
    house.recurs(house.basket("due"), startDate=due_at.isoformat(), interval="P1Y")
    house.copies("due", BASKETS - 1)
    return due_at


def test_a_node_whose_clock_is_off_by_an_hour_changes_nothing(
    stage: Stage, folder: Path, library: Path
) -> None:
    load = chain(tokens_about_to_expire(), islice(mixed(seed=13), 3000))
    with ExitStack() as nodes:
        house = nodes.enter_context(furnished(stage))
        house.product(BENQ, 10.00)
        for name, by in (("fast", HOUR), ("slow", -HOUR)):
            node = shifted(library, by)
            slot = ("--slot", f"{int(by > 0)}/2")
            nodes.enter_context(working(stage, f"worker-{name}", folder, options=slot, **node))
            nodes.enter_context(scheduling(stage, f"scheduler-{name}", folder, **node))
        with Ledger(stage, "13. clocks of two nodes off by an hour", load, rate=400) as ledger:
            due_at = falls_due_soon(house)
            wait_for(lambda: stage.count("occurrence") == BASKETS)
            ledger.wait_published()
            figures = ledger.settle()
            rows = stage.rows("select placed_at from customer_order o join occurrence on order_id = o.id")
            placed = [at for (at,) in rows]
            ledger.note = f"{BASKETS} orders late by at most {(max(placed) - due_at).total_seconds():.1f}s"
    assert figures.completed > 2000
    assert timedelta(0) <= min(placed) - due_at
    assert max(placed) - due_at < ON_TIME
