"""How many command queues there are, and will be: one row, the truth for workers and for who changes it.

A worker holds the row while it declares queues, so that nobody changes the number in between.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from worker.store import database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine


class Partitioning(msgspec.Struct, frozen=True, kw_only=True):
    """So many queues are consumed; commands go to the next ones already when there are any.

    `hash_` is the type of the exchange in front of them; None until the first worker of a house has decided.
    """

    partitions: int
    next_partitions: int | None
    hash_: str | None

    @property
    def is_changing(self) -> bool:
        return self.next_partitions is not None


_READ = "SELECT partitions, next_partitions, hash FROM partitioning"

_DECIDE = text("UPDATE partitioning SET hash = :hash WHERE hash IS NULL")

_BEGIN = text("""
UPDATE partitioning SET next_partitions = :partitions
WHERE partitions <> :partitions AND COALESCE(next_partitions, :partitions) = :partitions
""")

_FINISH = text("""
UPDATE partitioning SET partitions = :partitions, next_partitions = NULL, hash = :hash
WHERE next_partitions = :partitions
""")

_LOCK = text("SELECT pg_try_advisory_lock(:lock)")
_ALONE = 0x6261736B70617274  # "baskpart": one change at a time, whoever makes it


def read(tx: Connection) -> Partitioning:
    """Tell how it is."""
    return _one(tx, _READ)


def hold(tx: Connection) -> Partitioning:
    """Tell how it is, and keep it so until the transaction ends."""
    return _one(tx, f"{_READ} FOR SHARE")


def begin(tx: Connection, partitions: int) -> bool:
    """Say that there will be so many; waits for who holds it. False when another change is under way."""
    return tx.execute(_BEGIN, {"partitions": partitions}).rowcount == 1


def finish(tx: Connection, partitions: int, hash_: str) -> bool:
    """Say that there are so many now, behind this kind of hash; False when nobody has begun that."""
    return tx.execute(_FINISH, {"partitions": partitions, "hash": hash_}).rowcount == 1


def decide(tx: Connection, hash_: str) -> bool:
    """Settle the kind of hash; False when somebody has, and it stays."""
    return tx.execute(_DECIDE, {"hash": hash_}).rowcount == 1


@contextmanager
def alone(engine: Engine) -> Iterator[bool]:
    """Keep others from changing it meanwhile; False when somebody is at it. Raises database.TryAgain."""
    try:
        with engine.connect() as connection:
            try:
                is_alone = bool(connection.execute(_LOCK, {"lock": _ALONE}).scalar_one())
                connection.commit()
                yield is_alone
            finally:
                connection.invalidate()  # the lock ends with the session
    except DBAPIError as error:
        raise database.TryAgain(type(error.orig).__name__) from None


def _one(tx: Connection, query: str) -> Partitioning:
    row = tx.execute(text(query)).one()
    return Partitioning(partitions=row.partitions, next_partitions=row.next_partitions, hash_=row.hash)
