"""A tick: due recurrences become orders, one transaction at a time; baskets with datasets go by `data_tick`.

Candidates are claimed by their baskets' locks, which nobody waits for; then read in a new statement, decided
by the domain, and written set-based together with their occurrences, events and next due instants. Any number
of schedulers may do this at once: the lock saves work, the unique key of an occurrence is the guarantee.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from msgspec import structs

from scheduler import dealing
from scheduler.candidates import carry_out, decide, read
from scheduler.dealing import Outcome
from worker import ids, logs
from worker.store import database, orders, recurrences, reference
from worker.store.database import Engine, Transaction

_LARGEST_TICK = 500

log = logs.get(__name__)


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
            started = time.monotonic()
            claim = recurrences.claim(tx, now, size, holds_datasets=False)
            claiming_seconds, keys = time.monotonic() - started, claim.keys
            dealt = _deal(tx, keys, now, size)
        return structs.replace(dealt, claiming_seconds=claiming_seconds, claimed=dealt.claimed + claim.moved)
    except database.StatementFailed as error:
        if not keys:
            raise
        log.warning("tick.split", size=len(keys), why=str(error))
    outcomes = [_tick_alone(engine, key, at) for key in keys]
    return Outcome(
        at=now,
        claimed=sum(outcome.claimed for outcome in outcomes),
        placed=sum(one.placed for one in outcomes),
    )


def seconds_until_next(engine: Engine, longest: float, after: datetime, *, holds_datasets: bool) -> float:
    """Give the time until the first recurrence of a lane falls due after an instant, at most so many seconds.

    What was due at that instant and is still there is somebody else's work: it may take them long.
    """
    with database.transaction(engine) as tx:
        next_due_at = recurrences.next_due(tx, after, holds_datasets=holds_datasets)
        if next_due_at is None:
            return longest
        return min(longest, max(0.0, (next_due_at - database.now(tx)).total_seconds()))


def _tick_alone(engine: Engine, key: recurrences.Key, at: datetime | None) -> Outcome:
    try:
        with database.transaction(engine) as tx:
            keys = recurrences.claim_one(tx, key, holds_datasets=False)
            return _deal(tx, keys, at or database.now(tx), most=1)
    except database.StatementFailed as error:
        return dealing.suspend_alone(engine, key, at, str(error), holds_datasets=False)


def _deal(tx: Transaction, keys: Sequence[recurrences.Key], now: datetime, most: int) -> Outcome:
    """Deal with recurrences whose baskets this transaction has locked."""
    if not keys:
        return Outcome(at=now)
    due = recurrences.due(tx, keys, now)
    if len(due) < len(keys):
        recurrences.stop_closed(tx, keys)
    candidates = dealing.each(tx, [(one.key, partial(read, one)) for one in due])
    entries = reference.load(tx, {key for one in candidates for key in one.lookups()})
    share = max(1, most // len(keys))
    decided = dealing.each(tx, [(one.key, partial(decide, one, entries, now, share)) for one in candidates])
    numbers = iter(orders.numbers(tx, sum(one.order_count for one in decided)))
    dealt = dealing.each(
        tx, [(one.candidate.key, partial(carry_out, one, now, numbers, ids.new_id)) for one in decided]
    )
    dealing.write(tx, dealt)
    return Outcome(at=now, claimed=len(keys), placed=sum(len(one.orders) for one in dealt))
