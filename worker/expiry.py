"""Closes baskets that nobody has touched for their channel's `basketLifetime` (contract, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from contracts.durations import parse_duration
from contracts.envelope import DEFAULT_CHANNEL
from worker import logs, notices
from worker.domain import closing
from worker.domain.basket import Basket
from worker.domain.reference import Channel
from worker.store import baskets, database, outbox, recurrences, reference
from worker.store.baskets import Place, Untouched
from worker.store.database import Engine, Transaction

_AT_ONCE = 200
_FIRST: Place = (date.min, "")

_read = msgspec.json.Decoder(Basket).decode

log = logs.get(__name__)


def expire(engine: Engine, goes_on: Callable[[], bool]) -> bool:
    """Close what is due in every channel, while `goes_on` says so; False when it was cut short."""
    with database.transaction(engine) as tx:
        channels = {DEFAULT_CHANNEL: Channel(), **reference.channels(tx)}
    return all(
        _expire(engine, channel_id, channel, goes_on)
        for channel_id, channel in channels.items()
        if channel is not None
    )


def _expire(engine: Engine, channel_id: str, channel: Channel, goes_on: Callable[[], bool]) -> bool:
    lifetime = parse_duration(channel.basket_lifetime)
    place: Place | None = _FIRST
    while lifetime is not None and place is not None:
        if not goes_on():
            return False
        with database.transaction(engine) as tx:
            before = database.now(tx) - lifetime
            untouched = baskets.lock_untouched(tx, channel_id, before, place, _AT_ONCE)
            closed = _close(tx, channel_id, untouched)
        if closed:
            log.info("baskets.expired", channel=channel_id, baskets=closed)
        place = untouched[-1].place if len(untouched) == _AT_ONCE else None
    return True


def _close(tx: Transaction, channel_id: str, untouched: Sequence[Untouched]) -> int:
    tombstones, events = [], []
    for one in untouched:
        try:
            basket = _read(one.document)
        except msgspec.DecodeError as error:
            log.error("basket.unreadable", channel=channel_id, key=one.place[1], why=str(error))  # noqa: TRY400
            continue
        tombstone = closing.closed(basket)
        said = closing.expiry(basket, one.changed_at, "untouched")
        tombstones.append(tombstone)
        events.append(notices.event(channel_id, tombstone.id, tombstone.version, said))
    baskets.save(tx, created=[], changed=tombstones)
    left = recurrences.load(tx, {(channel_id, tombstone.id) for tombstone in tombstones})
    recurrences.save(tx, [past for one in left.values() if (past := closing.past(one)) is not None])
    outbox.append(tx, events)
    return len(tombstones)
