"""The one way from the outbox to the broker.

A relay takes the lock of an outbox partition for one transaction, publishes all that is pending there in
sequence, marks it and commits. Killed between confirm and mark, the events go out again with the same ids;
so the first appearance of each is in order, whoever relays.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from contracts import topology
from worker import logs
from worker.publisher import Outgoing
from worker.store import database, outbox

if TYPE_CHECKING:
    from collections.abc import Collection

    from worker.publisher import Publisher
    from worker.store.outbox import Event

_EVENTS_PER_TRANSACTION = 500
_SMALLEST_SHARE = 10

log = logs.get(__name__)


def relay(engine: database.Engine, publisher: Publisher, partitions: Collection[int]) -> int:
    """Publish what is pending in those partitions that no other relay has; give the number of events.

    Raises publisher.Unavailable or database.TryAgain; what was not marked goes out again later.
    """
    relayed, share = 0, max(_SMALLEST_SHARE, _EVENTS_PER_TRANSACTION // max(1, len(partitions)))
    while partitions:
        with database.transaction(engine) as tx:
            events = outbox.pending(tx, outbox.lock(tx, partitions), share)
            unrouted = publisher.publish([_outgoing(event) for event in events])
            if events:
                outbox.mark_published(tx, events)
        if unrouted:
            log.debug("events.unrouted", count=unrouted, why="no queue is bound to them")
        relayed += len(events)
        taken = Counter(event.partition for event in events)
        partitions = [partition for partition, count in taken.items() if count >= share]
    return relayed


def _outgoing(event: Event) -> Outgoing:
    return Outgoing(
        exchange=topology.EVENTS,
        routing_key=event.type,
        properties={
            "type": event.type,
            "message_id": str(event.event_id),
            "correlation_id": event.correlation_id,
            "content_type": "application/json",
        },
        headers=event.headers,
        body=event.body.encode(),
        is_mandatory=True,
    )
