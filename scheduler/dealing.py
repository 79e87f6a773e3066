"""What both lanes of ticks do with recurrences that they have claimed: their work, and what is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import msgspec

from contracts.errors import ErrorKey
from scheduler.candidates import Dealt
from worker import logs, notices
from worker.domain import noticing
from worker.domain.recurrence import Reason
from worker.domain.scheduling import Suspension
from worker.store import database, orders, outbox, recurrences
from worker.store.database import Engine, Transaction

_BROKEN = Reason(
    code=ErrorKey.INTERNAL_ERROR, message="the order could not be placed because of a defect of ours"
)

_T = TypeVar("_T")

log = logs.get(__name__)


class Broken(Exception):  # noqa: N818 - it says what the recurrence is
    """Our work on a recurrence broke; it is suspended for that."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How many candidates were claimed and dealt with, and how many orders were placed, as of an instant.

    `claiming_seconds` is how long it took to find them.
    """

    at: datetime
    claiming_seconds: float = 0.0
    claimed: int = 0
    placed: int = 0


def alone(tx: Transaction, key: recurrences.Key, piece: Callable[[], _T]) -> _T:
    """Do a piece of work without I/O; raise Broken for one that breaks, its recurrence being suspended."""
    try:
        return piece()
    except Exception as error:
        # Whatever it is, it is this basket's misfortune alone.
        _suspend(tx, key, logs.where(error))
        raise Broken from error


def each(tx: Transaction, work: Iterable[tuple[recurrences.Key, Callable[[], _T]]]) -> list[_T]:
    """Do each piece of work; one that breaks holds up no other."""
    done = []
    for key, piece in work:
        with suppress(Broken):
            done.append(alone(tx, key, piece))
    return done


def write(tx: Transaction, dealt: Sequence[Dealt]) -> None:
    """Write what was decided, a statement a kind."""
    orders.append(tx, [order for one in dealt for order in one.orders])
    orders.append_skips(
        tx,
        [(one.recurrence.channel, one.recurrence.basket_id, skip) for one in dealt for skip in one.skips],
    )
    recurrences.save(tx, [one.recurrence for one in dealt])
    outbox.append(tx, [event for one in dealt for event in one.events])


def suspend_alone(
    engine: Engine, key: recurrences.Key, at: datetime | None, detail: str, *, holds_datasets: bool
) -> Outcome:
    """Suspend the one recurrence that the database refuses to go on with."""
    with database.transaction(engine) as tx:
        now = at or database.now(tx)
        keys = recurrences.claim_one(tx, key, holds_datasets=holds_datasets)
        # Somebody may have set it anew in between; then it is another one that is due, or none.
        if recurrences.due(tx, keys, now):
            _suspend(tx, key, detail)
    return Outcome(at=now, claimed=len(keys))


def _suspend(tx: Transaction, key: recurrences.Key, detail: str) -> None:
    """Take a recurrence that breaks us out of the schedule, and say so, for a person to look at."""
    channel, basket_id = key
    log.error("recurrence.broken", channel=channel, key=basket_id, why=detail)
    generation, version = recurrences.suspend(tx, key, _BROKEN)
    said = noticing.of_suspension(basket_id, generation, Suspension(reason=_BROKEN))
    outbox.append(tx, [notices.event(channel, basket_id, version, said)])
