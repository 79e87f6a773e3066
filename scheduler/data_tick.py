"""A tick of the other lane: baskets with datasets, one by one, each with the search that its order takes.

One transaction is one basket and at most one order: while its search runs, that basket is locked and no
other. A search that is cut off, that finds nothing, or that cannot be read fails its own occurrence, which is
tried again like every other failure; what it has kept for an order that is not placed is taken back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeAlias

import msgspec
from msgspec import structs

from scheduler import dealing
from scheduler.candidates import Dealt, asked, carry_out, decide, read
from scheduler.dealing import Broken, Outcome
from worker import ids, logs
from worker.domain.recurrence import Reason
from worker.domain.search.questions import Answer, Gather, TooCostly
from worker.ops import searching as ops
from worker.store import database, ordered_data, orders, recurrences, reference, searching
from worker.store.database import Engine, Transaction

SEARCH_SECONDS = 5.0  # the longest that a search may take

_Ask: TypeAlias = Callable[[str, Gather], Answer]  # channel

log = logs.get(__name__)


def tick(engine: Engine, at: datetime | None = None) -> Outcome:
    """Deal with one basket of what is due, at the database's now or a given instant.

    Raises TryAgain. A basket that the database refuses is suspended; one that alone is too slow has failed,
    be it in its search or in what we make of it.
    """
    keys: list[recurrences.Key] = []
    began = _Spent.so_far()
    try:
        with database.transaction(engine) as tx:
            now = at or database.now(tx)
            claim = recurrences.claim(tx, now, 1, holds_datasets=True)
            keys = claim.keys
            dealt = _deal(tx, keys, now, partial(_search, tx))
        return structs.replace(dealt, claimed=dealt.claimed + claim.moved)
    except database.StatementFailed as error:
        if not keys:
            raise
        return dealing.suspend_alone(engine, keys[0], at, str(error), holds_datasets=True)
    except (database.TooSlow, database.Lapsed) as error:
        if not keys or (isinstance(error, database.Lapsed) and not began.was_work()):
            raise
        log.warning("data_tick.too_slow", key=keys[0][1], why=str(error))
    # Else it would be the first in turn for ever, and nobody behind it would come to theirs.
    with database.transaction(engine) as tx:
        keys = recurrences.claim_one(tx, keys[0], holds_datasets=True)
        return _deal(tx, keys, at or database.now(tx), ask=None)


class _Spent(msgspec.Struct, frozen=True):
    """Clock and CPU time of this thread at an instant, in seconds."""

    clock: float
    work: float

    @classmethod
    def so_far(cls) -> _Spent:
        return cls(time.monotonic(), time.thread_time())

    def was_work(self) -> bool:
        """Whether we have worked since, be it on a crowded machine, and were not stopped."""
        now = self.so_far()
        return now.work - self.work > (now.clock - self.clock) / 10


def _search(tx: Transaction, channel: str, question: Gather) -> Answer:
    began_at = time.monotonic()
    answer = searching.answer(tx, channel, question, SEARCH_SECONDS)
    ops.note(time.monotonic() - began_at, is_cut_off=isinstance(answer, TooCostly))
    return answer


def _deal(tx: Transaction, keys: list[recurrences.Key], now: datetime, ask: _Ask | None) -> Outcome:
    """Deal with the recurrence whose basket this transaction has locked, if there is one.

    Without `ask` nothing is searched for, nor even made a question of: that was too much before.
    """
    if not keys:
        return Outcome(at=now)
    due = recurrences.due(tx, keys, now)
    if not due:
        recurrences.stop_closed(tx, keys)
    order_id, dealt = ids.new_id(), []
    with suppress(Broken):
        dealt = [_dealt_with(tx, one, now, ask, order_id) for one in due]
    dealing.write(tx, dealt)
    orders_placed = [order.id for one in dealt for order in one.orders]
    if order_id not in orders_placed:
        ordered_data.forget(tx, keys[0][0], [order_id])
    return Outcome(at=now, claimed=len(keys), placed=len(orders_placed))


def _dealt_with(
    tx: Transaction, due: recurrences.Due, now: datetime, ask: _Ask | None, order_id: str
) -> Dealt:
    """Decide about a recurrence, with the search that this takes; raises Broken."""
    key = due.key
    candidate = dealing.alone(tx, key, partial(read, due))
    entries = reference.load(tx, set(candidate.lookups()))
    answer: Answer | Reason | None = TooCostly()
    if ask is not None:
        question = dealing.alone(tx, key, partial(asked, candidate, entries, now, order_id))
        answer = ask(key[0], question) if isinstance(question, Gather) else question
    decided = dealing.alone(tx, key, partial(decide, candidate, entries, now, 1, answer))
    numbers = iter(orders.numbers(tx, decided.order_count))
    return dealing.alone(tx, key, partial(carry_out, decided, now, numbers, ids.new_id))
