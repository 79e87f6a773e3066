"""A catalogue in a house whose clock the test holds: datasets, data objects, baskets of them, their orders.

What an order took is read from its rows with plain SQL. Instants of creation and of ticks are the test's;
transactions are the database's own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from outside.processes import wait_for

from tests.scheduler.standing import House, instant
from worker.domain.callers import Caller
from worker.domain.decisions import Completed

SERVICE = Caller(user="catalogue", is_service=True)
DS1, DS2 = "urn:dataset:1", "urn:dataset:2"
DAILY_NEW = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D", "newDataOnly": True}
FIRST, SECOND, THIRD, FOURTH = (f"2026-03-0{day}T10:00" for day in (1, 2, 3, 4))  # its first ticks
OLD = "2025-06-01T00:00"
FILES = ({"name": "raw.dat", "type": "RAWDATA", "size": 1000, "reference": False},)
_BELOW_THE_HORIZON = (
    "select coalesce(max(put_by), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint from data_object"
    " where put_era = (select max(era) from era)"
)
_HELD_BY_OURS_ALONE = (
    "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= coalesce(("
    " select min(backend_xid::text::bigint) from pg_stat_activity"
    " where datname = current_database() and state = 'idle in transaction'),"
    " pg_snapshot_xmax(pg_current_snapshot())::text::bigint)"
)
_TAKEN = (
    "select customer_order.number, array_agg(object_id order by object_id)"
    " from customer_order join order_data using (channel) where customer_order.id = order_id"
    " and basket_id = %s group by customer_order.number order by customer_order.number::bigint"
)


class Catalogue:
    """What upstream tells the house of data."""

    def __init__(self, house: House) -> None:
        self._house = house

    def dataset(self, id_: str = DS1, label: str = "DS", groups: Sequence[str] | None = None) -> None:
        body = {"label": label} | ({} if groups is None else {"groups": groups})
        self._house.put("dataset.put", id_, body)

    def put(
        self, id_: str, created: str | datetime, *, datasets: Sequence[str] = (DS1,), **more: Any
    ) -> None:
        """Put a data object, and wait until nothing is open any more that began before."""
        with self.putting(id_, created, datasets=datasets, **more):
            pass
        self.settles()

    @contextmanager
    def putting(
        self, id_: str, created: str | datetime, *, datasets: Sequence[str] = (DS1,), **more: Any
    ) -> Iterator[None]:
        """Put a data object in a transaction that stays open meanwhile."""
        body = {
            "providerId": id_,
            "datasets": datasets,
            "createdAt": instant(created).isoformat(),
            "files": FILES,
            **more,
        }
        with self._house.deciding("data-object.put", id_, body, caller=SERVICE) as decided:
            assert isinstance(decided, Completed), decided
            yield

    def settles(self) -> None:
        """Wait until every object that is seen was put below the horizon of a transaction of now."""
        wait_for(lambda: self._house.stage.rows(_BELOW_THE_HORIZON) == [(True,)])


def select(house: House, key: str = "b", now: str = "2025-12-31T00:00", **request: object) -> None:
    """Select everything, or what is asked for, into a basket."""
    body = {"engineType": "legacy", **request}
    decided = house.decide("basket.selection.add", key, body, now=now)
    assert isinstance(decided, Completed), decided
    assert decided.status == 200, "nothing was selected"


def taken(house: House, key: str = "b") -> list[list[str]]:
    """Give the objects of each order of a basket, in the order of their placing."""
    return [objects for _, objects in house.stage.rows(_TAKEN, key)]


def settles_but_for_ours(house: House) -> None:
    """Wait until what holds the horizon back is open in this database, or nothing is."""
    wait_for(lambda: house.stage.rows(_HELD_BY_OURS_ALONE) == [(True,)])


def remains(house: House) -> int:
    """Count what is kept of orders that are not there."""
    ((number,),) = house.stage.rows(
        "select count(*) from order_data where not exists"
        " (select from customer_order where (channel, id) = (order_data.channel, order_id))"
    )
    return int(number)
