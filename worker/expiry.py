"""Closes baskets that nobody has touched for their channel's `basketLifetime` (contract, section 5)."""

from __future__ import annotations

from contracts.durations import parse_duration
from contracts.envelope import DEFAULT_CHANNEL
from worker import notices
from worker.domain import closing
from worker.domain.reference import Channel
from worker.store import baskets, database, outbox, reference
from worker.store.database import Engine

_AT_ONCE = 200


def expire(engine: Engine) -> int:
    """Close what is due in every channel, so many baskets a transaction; give the number closed."""
    with database.transaction(engine) as tx:
        channels = {DEFAULT_CHANNEL: Channel(), **reference.channels(tx)}
    return sum(_expire(engine, channel_id, channel) for channel_id, channel in channels.items())


def _expire(engine: Engine, channel_id: str, channel: Channel) -> int:
    lifetime = parse_duration(channel.basket_lifetime)
    closed_in_all, is_more = 0, lifetime is not None
    while lifetime and is_more:
        with database.transaction(engine) as tx:
            before = database.now(tx) - lifetime
            untouched = baskets.lock_untouched(tx, channel_id, before, _AT_ONCE)
            tombstones = [closing.closed(basket) for basket, _ in untouched]
            baskets.save(tx, created=[], changed=tombstones)
            said = (closing.expiry(basket, changed_at, "untouched") for basket, changed_at in untouched)
            outbox.append(
                tx,
                [
                    notices.event(channel_id, tombstone.id, tombstone.version, notice)
                    for tombstone, notice in zip(tombstones, said, strict=True)
                ],
            )
        closed_in_all += len(untouched)
        is_more = len(untouched) == _AT_ONCE
    return closed_in_all
