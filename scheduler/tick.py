"""A tick: due recurrences become orders, one transaction at a time.

Candidates are claimed by their baskets' locks, which nobody waits for; then read in a new statement, decided
by the domain, and written set-based together with their occurrences, events and next due instants. Any number
of schedulers may do this at once: the lock saves work, the unique key of an occurrence is the guarantee.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec

from contracts.errors import ErrorKey
from scheduler.candidates import Dealt, carry_out, decide, read
from worker import ids, logs, notices
from worker.domain import noticing
from worker.domain.recurrence import Reason
from worker.domain.scheduling import Suspension
from worker.store import database, orders, outbox, recurrences, reference
from worker.store.database import Engine, Transaction

_LARGEST_TICK = 500

_BROKEN = Reason(
    code=ErrorKey.INTERNAL_ERROR, message="the order could not be placed because of a defect of ours"
)

_T = TypeVar("_T")

log = logs.get(__name__)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How many candidates were claimed and dealt with, and how many orders were placed."""

    claimed: int = 0
    placed: int = 0


def tick(engine: Engine, at: datetime | None = None, size: int = _LARGEST_TICK) -> Outcome:
    """Deal with one batch of what is due, at the database's now or a given instant.

    `size` bounds the baskets that are locked at once, and the orders placed for them. Raises TryAgain. When
    the database refuses the batch, its recurrences are dealt with one by one, and the one that causes it is
    suspended.
    """
    keys: list[recurrences.Key] = []
    try:
        with database.transaction(engine) as tx:
            now = at or database.now(tx)
            keys = recurrences.claim(tx, now, size)
            return _deal(tx, keys, now, size)
    except database.StatementFailed as error:
        log.warning("tick.split", size=len(keys), why=str(error))
    outcomes = [_tick_alone(engine, key, at) for key in keys]
    return Outcome(
        claimed=sum(outcome.claimed for outcome in outcomes), placed=sum(one.placed for one in outcomes)
    )


def seconds_until_next(engine: Engine, longest: float) -> float:
    """Give the time until the next recurrence is due, at most so many seconds; 0 when one is due already."""
    with database.transaction(engine) as tx:
        next_due_at = recurrences.next_due(tx)
        if next_due_at is None:
            return longest
        return min(longest, max(0.0, (next_due_at - database.now(tx)).total_seconds()))


def _tick_alone(engine: Engine, key: recurrences.Key, at: datetime | None) -> Outcome:
    try:
        with database.transaction(engine) as tx:
            return _deal(tx, recurrences.claim_one(tx, key), at or database.now(tx), most=1)
    except database.StatementFailed as error:
        with database.transaction(engine) as tx:
            keys = recurrences.claim_one(tx, key)
            # Somebody may have set it anew in between; then it is another one that is due, or none.
            if recurrences.due(tx, keys, at or database.now(tx)):
                _suspend(tx, key, str(error))
        return Outcome(claimed=len(keys))


def _deal(tx: Transaction, keys: Sequence[recurrences.Key], now: datetime, most: int) -> Outcome:
    """Deal with recurrences whose baskets this transaction has locked."""
    if not keys:
        return Outcome()
    due = recurrences.due(tx, keys, now)
    if len(due) < len(keys):
        recurrences.stop_closed(tx, keys)
    candidates = _each(tx, [(one.key, partial(read, one)) for one in due])
    entries = reference.load(tx, {key for one in candidates for key in one.lookups()})
    share = max(1, most // len(keys))
    decided = _each(tx, [(one.key, partial(decide, one, entries, now, share)) for one in candidates])
    numbers = iter(orders.numbers(tx, sum(one.order_count for one in decided)))
    dealt = _each(
        tx, [(one.candidate.key, partial(carry_out, one, now, numbers, ids.new_id)) for one in decided]
    )
    _write(tx, dealt)
    return Outcome(claimed=len(keys), placed=sum(len(one.orders) for one in dealt))


def _each(tx: Transaction, work: Iterable[tuple[recurrences.Key, Callable[[], _T]]]) -> list[_T]:
    """Do each piece of work; one that breaks suspends its own recurrence and holds up no other."""
    done = []
    for key, piece in work:
        try:
            done.append(piece())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this basket's misfortune alone
            _suspend(tx, key, logs.where(error))
    return done


def _write(tx: Transaction, dealt: Sequence[Dealt]) -> None:
    orders.append(tx, [order for one in dealt for order in one.orders])
    orders.append_skips(
        tx,
        [(one.recurrence.channel, one.recurrence.basket_id, skip) for one in dealt for skip in one.skips],
    )
    recurrences.save(tx, [one.recurrence for one in dealt])
    outbox.append(tx, [event for one in dealt for event in one.events])


def _suspend(tx: Transaction, key: recurrences.Key, detail: str) -> None:
    """Take a recurrence that breaks us out of the schedule, and say so, for a person to look at."""
    channel, basket_id = key
    log.error("recurrence.broken", channel=channel, key=basket_id, why=detail)
    generation, version = recurrences.suspend(tx, key, _BROKEN)
    said = noticing.of_suspension(basket_id, generation, Suspension(reason=_BROKEN))
    outbox.append(tx, [notices.event(channel, basket_id, version, said)])
