"""Who is there: a row for each slot whose worker consumes its queues, written anew every second.

The broker cannot tell: a passive declare counts the active consumer alone, never the ones that wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

PRESENT_SECONDS = 5  # a worker that has not written for so long is taken for absent


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The slots whose workers were there at an instant of the database, and since when each consumes.

    `partitions` is how many command queues there are to be shared.
    """

    at: datetime
    partitions: int
    consuming_since: dict[int, datetime]


# Each arrival is later than the one before, also when the database's clock was set back meanwhile: others
# know by it that the worker has subscribed anew.
_ARRIVE = text("""
INSERT INTO slot (slots, slot, worker, consuming_since, seen_at)
VALUES (:slots, :slot, :worker, now(), now())
ON CONFLICT (slots, slot) DO UPDATE
SET worker = excluded.worker, seen_at = excluded.seen_at,
    consuming_since = GREATEST(now(), slot.consuming_since + interval '1 microsecond')
RETURNING consuming_since
""")

_SIGN = text("""
INSERT INTO slot (slots, slot, worker, consuming_since, seen_at)
VALUES (:slots, :slot, :worker, :since, now())
ON CONFLICT (slots, slot) DO UPDATE
SET worker = excluded.worker, seen_at = excluded.seen_at,
    consuming_since = GREATEST(slot.consuming_since, excluded.consuming_since)
""")

_VIEW = text("""
SELECT now() AS at, partitions, slot, consuming_since
FROM partitioning
LEFT JOIN slot ON slots = :slots AND seen_at > now() - make_interval(secs => :seconds)
""")

_LEAVE = text("DELETE FROM slot WHERE slots = :slots AND slot = :slot AND worker = :worker")

_FORGET = text("DELETE FROM slot WHERE seen_at < now() - interval '1 day'")


def arrive(tx: Connection, number: int, of: int, worker: str) -> datetime:
    """Say that a worker has begun to consume the queues of its slot; give the instant to sign with."""
    tx.execute(_FORGET)
    since: datetime = tx.execute(_ARRIVE, {"slots": of, "slot": number, "worker": worker}).scalar_one()
    return since


def sign(tx: Connection, number: int, of: int, worker: str, since: datetime) -> None:
    """Say that a worker still consumes, since it arrived.

    Two workers with one slot may share its row: the later one's arrival is kept.
    """
    tx.execute(_SIGN, {"slots": of, "slot": number, "worker": worker, "since": since})


def leave(tx: Connection, number: int, of: int, worker: str) -> None:
    """Say that a worker consumes no more."""
    tx.execute(_LEAVE, {"slots": of, "slot": number, "worker": worker})


def view(tx: Connection, of: int) -> View:
    """Tell which of so many slots have their workers."""
    rows = tx.execute(_VIEW, {"slots": of, "seconds": PRESENT_SECONDS}).all()
    since = {row.slot: row.consuming_since for row in rows if row.slot is not None}
    return View(at=rows[0].at, partitions=rows[0].partitions, consuming_since=since)
