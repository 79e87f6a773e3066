"""Erases persons step by step (`user.erase`; contract, section 5): baskets first, then what is kept of them.

Each step is a short transaction, so that no command waits, and may be repeated: a kill costs nothing. What is
still to be published holds only its own person up, until the next round.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from worker import logs, notices
from worker.domain import closing
from worker.domain.basket import Basket
from worker.store import baskets, database, erasure, outbox, recurrences
from worker.store.database import Engine, Transaction
from worker.store.erasure import Erasure

_PERSONS_AT_ONCE = 100
_BASKETS_AT_ONCE = 200
_ROWS_AT_ONCE = 1000

Step = Callable[[Transaction, Erasure, str], str | None]  # from a place to the next; None: no more

_read = msgspec.json.Decoder(Basket).decode

log = logs.get(__name__)


def forget(engine: Engine, goes_on: Callable[[], bool]) -> bool:
    """Work at what was asked for while `goes_on` says so; False when something is left to be done at once."""
    last: Erasure | None = None
    while True:
        with database.transaction(engine) as tx:
            persons = erasure.asked(tx, last, _PERSONS_AT_ONCE)
        for who in persons:
            if not goes_on():
                return False
            _forget(engine, who, goes_on)
        if len(persons) < _PERSONS_AT_ONCE:
            return goes_on()
        last = persons[-1]


def _forget(engine: Engine, who: Erasure, goes_on: Callable[[], bool]) -> None:
    """Take one person's steps; what goes wrong is that person's alone."""
    try:
        if _take_steps(engine, who, _close_baskets, goes_on):
            _take_steps(engine, who, _redact, goes_on)
    except database.TryAgain as error:
        log.warning("erasure.postponed", channel=who.channel, why=str(error))
    except Exception as error:  # noqa: BLE001 - it is tried again in the next round
        log.error("erasure.failed", channel=who.channel, why=logs.where(error))  # noqa: TRY400


def _take_steps(engine: Engine, who: Erasure, step: Step, goes_on: Callable[[], bool]) -> bool:
    """Take steps, each from where the last one ended; False when cut short, or when another is at work."""
    place: str | None = ""
    while place is not None:
        if not goes_on():
            return False
        with database.transaction(engine) as tx:
            if not erasure.claim(tx, who):
                return False
            place = step(tx, who, place)
    return True


def _close_baskets(tx: Transaction, who: Erasure, after: str) -> str | None:
    """Close some baskets; give the id of the last one, None when there are no more."""
    found = baskets.lock_owned(tx, who.channel, who.owner, after, _BASKETS_AT_ONCE)
    theirs = [basket for basket in _readable(who, found) if _is_theirs(basket, who)]
    keys = {(basket.channel, basket.id) for basket in theirs}
    live = recurrences.load(tx, keys)
    tombstones, removed, events = [], [], []
    cause = {"causation_id": who.causation_id, "traceparent": who.traceparent}
    at = database.now(tx)
    for basket in theirs:
        tombstone, ended, said = closing.erased(basket, live.get((basket.channel, basket.id)), at, **cause)
        tombstones.append(tombstone)
        removed += [ended] if ended is not None else []
        events += [notices.event(who.channel, basket.id, tombstone.version, one, **cause) for one in said]
    baskets.save(tx, created=[], changed=tombstones)
    recurrences.save(tx, removed)
    outbox.append(tx, events)
    erasure.note_handovers(tx, [(who.channel, basket.id, who.owner) for basket in theirs])
    return found[-1][0] if len(found) == _BASKETS_AT_ONCE else None


def _readable(who: Erasure, found: list[tuple[str, str]]) -> list[Basket]:
    read = []
    for id_, document in found:
        try:
            read.append(_read(document))
        except msgspec.DecodeError as error:
            log.error("basket.unreadable", channel=who.channel, key=id_, why=str(error))  # noqa: TRY400
    return read


def _is_theirs(basket: Basket, who: Erasure) -> bool:
    """Whether a basket is older than the erasure: the same `sub` may have come back since."""
    return basket.opened_at is None or who.asked_at is None or basket.opened_at <= who.asked_at


def _redact(tx: Transaction, who: Erasure, after: str) -> str | None:
    """Take one step in what is kept; give where to go on, None when nothing is left to be done now."""
    if erasure.redact_orders(tx, who, _ROWS_AT_ONCE // 5) or erasure.redact_letters(tx, who, _ROWS_AT_ONCE):
        return after
    theirs = erasure.taken_from(tx, who, after, _BASKETS_AT_ONCE)
    if theirs:
        emptied = erasure.redact_answers(tx, who, theirs, _ROWS_AT_ONCE)
        return after if emptied == _ROWS_AT_ONCE else theirs[-1].basket_id
    if not erasure.taken_from(tx, who, "", 1):
        erasure.finish(tx, who)
        log.info("user.erased", channel=who.channel)
    return None
