"""Contract 6.8 over a restore: transaction ids count from the beginning in another cluster; nothing is lost.

The house that is restored has given out ids that its new cluster gives out once more.
"""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from outside.stage import Stage

from tests.scheduler.holding import DS1, Catalogue, select, taken
from tests.scheduler.standing import House, furnished
from worker.local.postgres import Postgres

pytestmark = pytest.mark.slow

DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D", "newDataOnly": True}
FIRST, SECOND, THIRD, FOURTH = (f"2026-03-0{day}T10:00" for day in (1, 2, 3, 4))
LATE = "2026-02-20T00:00"
_NEXT_ID = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_USE_UP_IDS = "do $$ begin for n in 1..20000 loop perform pg_current_xact_id(); commit; end loop; end $$"


@contextmanager
def another_cluster(stage: Stage, state_dir: Path) -> Iterator[Stage]:
    """Start a server of its own, with an empty database."""
    postgres = Postgres(state_dir)
    postgres.prepare()
    postgres.start()
    try:
        postgres.wait_ready(60.0)
        servers = replace(stage.servers, postgres=postgres, database_url=postgres.url)
        with closing(replace(stage, servers=servers, database_url=postgres.url)) as there:
            yield there
    finally:
        postgres.stop()
        postgres.remove()


def run(postgres: Postgres | None, program: str, *arguments: str) -> None:
    if postgres is None:
        pytest.skip("the server is not ours, and its programs are not known here")
    done = subprocess.run(
        [postgres.binaries / program, *arguments],
        env=dict(postgres.environment()),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def move(origin: Stage, target: Stage, backup: Path) -> None:
    run(origin.servers.postgres, "pg_dump", "--format=custom", f"--file={backup}", origin.database_url)
    address = ("--dbname", target.database_url)
    run(target.servers.postgres, "pg_restore", "--no-owner", "--exit-on-error", *address, str(backup))


@pytest.fixture
def house(stage: Stage) -> Iterator[House]:
    """A house whose transaction ids are high."""
    while stage.rows(_NEXT_ID)[0][0] < 40_000:
        stage.rows(_USE_UP_IDS)
    with furnished(stage) as house:
        yield house


def test_each_object_is_in_exactly_one_order_also_when_transaction_ids_start_over(
    house: House, tmp_path: Path
) -> None:
    catalogue = Catalogue(house)
    catalogue.dataset(DS1, "Sea ice")
    catalogue.put("old", "2025-06-01T00:00")
    house.basket("b", {})
    select(house)
    house.recurs(**DAILY)
    house.ticks(FIRST)
    catalogue.put("late", LATE)
    catalogue.put("young", "2026-03-01T12:00")
    with another_cluster(house.stage, tmp_path / "there") as there:
        move(house.stage, there, tmp_path / "backup")
        ((highest,),) = there.rows("select max(put_by) from data_object")
        assert there.rows(_NEXT_ID)[0][0] < highest, "its ids were to begin anew"
        moved = House(there)
        try:
            catalogue = Catalogue(moved)
            catalogue.put("here", LATE)
            moved.ticks(SECOND)
            assert taken(moved) == [["old"], ["here", "late", "young"]]
            catalogue.put("again", LATE)
            moved.ticks(THIRD, FOURTH)
            assert taken(moved)[2:] == [["again"]]
            assert moved.table()[-1] == "1: 3 2026-03-04 10:00 no_new_data"
        finally:
            moved.engine.dispose()
