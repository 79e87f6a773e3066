"""Data objects in rows: what is as it was sent is not touched, and a row remembers its first put."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import Connection, text

from worker.domain.datasets import Counts
from worker.domain.objects import Box, DataObject, File
from worker.local import waiting
from worker.store import catalog, eras

JUNE = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
SCENE = DataObject(
    provider_id="scene 1",
    datasets=("URN:A", 'odd"\\{},NULL'),
    attributes={"cloud": Decimal("12.50"), "tags": ["a", None], "nested": {"deep": True}},
    box=Box(west=-180.0, south=-1.5, east=2.25, north=90.0),
    created_at=JUNE,
    files=(
        File(name="a.tif", type="RAWDATA", size=2**53),
        File(name="a", type="AIP", size=0, reference=True),
    ),
    counts=Counts(objects=1, files=1, size=2**53, quota=1),
    terms="'scloud=\\\\ ''x' 'wscene':1 'w1':2",
    fields=("cloud", "nested.deep", "tags"),
)
BARE = DataObject(provider_id="bare", created_at=JUNE)
KEY = ("c", "scene")
ROW = text("SELECT *, ctid, xmin, xmax FROM data_object WHERE channel = 'c' AND id = :id")
NAMES = text("SELECT channel, name FROM data_attribute WHERE channel LIKE 'c%' ORDER BY channel, name")


def row(tx: Connection, id_: str = "scene") -> dict[str, Any]:
    return dict(tx.execute(ROW, {"id": id_}).mappings().one())


def ids(tx: Connection) -> list[str]:
    rows = tx.execute(text("SELECT id FROM data_object WHERE channel LIKE 'c%' ORDER BY id"))
    return list(rows.scalars())


def test_every_value_of_an_object_is_in_its_row(tx: Connection) -> None:
    assert catalog.save(tx, {KEY: SCENE, ("c", "bare"): BARE}) == 2
    kept = row(tx)
    assert kept["provider_id"] == "scene 1"
    assert kept["datasets"] == ["URN:A", 'odd"\\{},NULL']
    assert kept["attributes"] == {"cloud": 12.5, "tags": ["a", None], "nested": {"deep": True}}
    assert kept["files"] == [
        {"name": "a.tif", "type": "RAWDATA", "size": 2**53},
        {"name": "a", "type": "AIP", "size": 0, "reference": True},
    ]
    assert (kept["files_count"], kept["files_size"], kept["quota"]) == (1, 2**53, 1)
    assert [kept[edge] for edge in ("west", "south", "east", "north")] == [-180.0, -1.5, 2.25, 90.0]
    assert kept["created_at"] == JUNE
    assert kept["terms"] == "'scloud=\\\\ ''x' 'w1':2 'wscene':1"
    bare = row(tx, "bare")
    assert (bare["datasets"], bare["attributes"], bare["files"], bare["terms"]) == ([], {}, [], "")
    assert [bare[edge] for edge in ("west", "south", "east", "north")] == [None] * 4
    assert (bare["put_era"], bare["put_by"]) == (kept["put_era"], kept["put_by"])
    xid = text("SELECT pg_current_xact_id()::text::bigint")
    assert (kept["put_era"], kept["put_by"]) == (eras.current(tx), tx.execute(xid).scalar_one())


def test_nothing_to_do_is_nothing_done(tx: Connection) -> None:
    assert catalog.save(tx, {}) == 0
    assert catalog.save(tx, {}, [("c", "absent")]) == 0


def test_the_same_once_more_writes_and_locks_nothing(session: Callable[[], Connection]) -> None:
    first, second = session(), session()
    catalog.save(first, {KEY: SCENE})
    first.commit()
    before = row(first)
    first.commit()
    again = {"tags": ["a", None], "nested": {"deep": True}, "cloud": Decimal("12.5")}
    assert catalog.save(second, {KEY: structs.replace(SCENE, attributes=again)}) == 0
    # Were the row locked, xmax would say by whom.
    assert row(second) == before
    written = second.execute(text("SELECT pg_current_xact_id_if_assigned()")).scalar_one()
    assert written is None
    second.rollback()
    assert catalog.save(first, {}, [KEY]) == 1
    first.commit()


@pytest.mark.parametrize(
    "change",
    [
        {"provider_id": "scene 2"},
        {"datasets": ("URN:A",)},
        {"attributes": {}},
        {"files": ()},
        {"counts": Counts(objects=1, files=1, size=1, quota=0)},
        {"box": None},
        {"box": Box(west=-180.0, south=-1.5, east=2.25, north=89.0)},
        {"created_at": datetime(2026, 6, 1, 12, 0, 0, 123457, tzinfo=UTC)},
        {"terms": "'wscene':1"},
    ],
)
def test_another_content_is_written_and_the_first_put_stays(tx: Connection, change: dict[str, Any]) -> None:
    catalog.save(tx, {KEY: SCENE})
    tx.execute(text("UPDATE data_object SET put_era = 7, put_by = 8, changed_at = '2020-01-01T00:00:00Z'"))
    before = row(tx)
    assert catalog.save(tx, {KEY: structs.replace(SCENE, **change)}) == 1
    after = row(tx)
    assert (after["put_era"], after["put_by"]) == (7, 8)
    assert after["changed_at"] > before["changed_at"]
    assert {**after, "ctid": "", "changed_at": ""} != {**before, "ctid": "", "changed_at": ""}
    assert catalog.save(tx, {KEY: structs.replace(SCENE, **change)}) == 0


def test_deleted_and_put_again_it_is_another_object(tx: Connection) -> None:
    catalog.save(tx, {KEY: SCENE})
    tx.execute(text("UPDATE data_object SET put_era = 7, put_by = 8"))
    assert catalog.save(tx, {}, [KEY, ("d", "scene")]) == 1
    assert ids(tx) == []
    catalog.save(tx, {KEY: SCENE})
    assert row(tx)["put_era"] != 7


def test_what_is_removed_and_put_at_once_is_another_object_too(tx: Connection) -> None:
    catalog.save(tx, {KEY: SCENE})
    tx.execute(text("UPDATE data_object SET put_era = 7, put_by = 8"))
    assert catalog.save(tx, {KEY: SCENE}, [KEY]) == 2
    assert row(tx)["put_era"] != 7


def test_channels_have_objects_of_their_own(tx: Connection) -> None:
    catalog.save(tx, {KEY: SCENE, ("c2", "scene"): BARE})
    catalog.save(tx, {}, [("c2", "scene")])
    assert row(tx)["provider_id"] == "scene 1"


def test_attributes_are_noted_once_in_a_channel_and_stay(tx: Connection) -> None:
    tx.execute(text("DELETE FROM data_attribute"))
    more = structs.replace(SCENE, fields=("cloud", "azimuth"))
    catalog.save(tx, {KEY: SCENE, ("c", "more"): more, ("c2", "scene"): more})
    noted = [("c", "azimuth"), ("c", "cloud"), ("c", "nested.deep"), ("c", "tags")]
    noted += [("c2", "azimuth"), ("c2", "cloud")]
    assert [tuple(found) for found in tx.execute(NAMES)] == noted
    catalog.save(tx, {}, [KEY, ("c", "more"), ("c2", "scene")])
    assert [tuple(found) for found in tx.execute(NAMES)] == noted


WAITS = text("SELECT cardinality(pg_blocking_pids(:pid)) > 0")


@pytest.mark.parametrize("second_puts", [{"3", "1"}, {"1"}, {"3"}, set()])
def test_two_writers_of_the_same_objects_wait_and_never_deadlock(
    session: Callable[[], Connection], second_puts: set[str]
) -> None:
    first, second, watcher = session(), session(), session()
    catalog.save(first, {("c", id_): BARE for id_ in "13"})
    first.commit()
    catalog.save(first, {("c", "1"): SCENE})
    pid = second.execute(text("SELECT pg_backend_pid()")).scalar_one()
    put = {("c", id_): SCENE for id_ in "31" if id_ in second_puts}
    removed = [("c", id_) for id_ in "31" if id_ not in second_puts]
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(catalog.save, second, put, removed)
        assert waiting.until(lambda: watcher.execute(WAITS, {"pid": pid}).scalar_one(), seconds=4)
        # Had the second taken any of these before it waited, each could now wait for the other.
        free = text("SELECT id FROM data_object WHERE channel = 'c' FOR UPDATE SKIP LOCKED")
        assert list(watcher.execute(free).scalars()) == ["3"]
        watcher.rollback()
        first.commit()
        other.result(timeout=5)
    second.commit()
    assert set(ids(watcher)) == second_puts
    catalog.save(first, {}, [("c", id_) for id_ in "13"])
    first.commit()
