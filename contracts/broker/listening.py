"""Handing events over: each once, in order, acknowledged after the handler has returned and never before.

A repeat (same `message_id`, as after a crash) is dropped by what the consumer remembers as seen. A handler
that raises is given the same event again, after a growing pause and before any other event; after `attempts`
its exception ends the listening, and the event goes back to its queue. What failed is never acknowledged.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from contracts import topology
from contracts.broker.link import Link, pauses
from contracts.broker.words import Broken, Source, Stopped
from contracts.received import Event

_REMEMBERED = 100_000
# Else RabbitMQ 4 drops an event after 20 deliveries that came to nothing.
_DELIVERY_LIMIT = 1_000_000

_log = logging.getLogger(__name__)


class Seen(Protocol):
    """The message ids of events that were handed over; a `set` will do for a while."""

    def __contains__(self, message_id: str, /) -> bool: ...

    def add(self, message_id: str, /) -> None: ...


class RecentIds:
    """The latest message ids, in memory: at most `limit`, for this process only, gone when it ends.

    It drops what the broker delivers again after a broken connection. Where a crash between the handler's
    commit and the acknowledgement matters, the handler stores the message id in its own transaction, under a
    unique key, and drops what it finds there.
    """

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self._limit = limit
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, message_id: str, /) -> bool:
        return message_id in self._ids

    def add(self, message_id: str, /) -> None:
        """Remember one more, and forget the oldest beyond the limit."""
        self._ids[message_id] = None
        if len(self._ids) > self._limit:
            self._ids.popitem(last=False)


def source(queue: str, types: tuple[str, ...], prefetch: int) -> Source:
    """Name a durable queue of events; `types` are routing keys. Without any, a queue is taken as it is."""
    return Source(
        queue=queue,
        bindings=tuple((topology.EVENTS, type_) for type_ in types),
        arguments={"x-queue-type": "quorum", "x-delivery-limit": _DELIVERY_LIMIT},
        prefetch=max(1, prefetch),  # with 0 the broker would take every event as acknowledged
    )


def listen(
    link: Link, on_event: Callable[[Event], object], *, seen: Seen, attempts: int, patience_seconds: float
) -> None:
    """Hand over until the link is stopped; raises Unreachable, Refused, and what the handler raised last."""
    try:
        with suppress(Stopped):
            while True:
                try:
                    link.open(time.monotonic() + patience_seconds)
                    _hand_over_next(link, on_event, seen, attempts)
                except Broken as error:
                    _log.warning("event=connection_broken reason=%s", error)
    finally:
        link.close()


def _hand_over_next(link: Link, on_event: Callable[[Event], object], seen: Seen, attempts: int) -> None:
    delivery = link.receive(float("inf"))
    if delivery is None:
        return
    message_id = delivery.message_id
    if not message_id or message_id not in seen:
        _try(link, on_event, Event.received(delivery), attempts)
        if message_id:  # what is not of the service may have none
            seen.add(message_id)
    link.acknowledge(delivery)


def _try(link: Link, on_event: Callable[[Event], object], event: Event, attempts: int) -> None:
    for attempt, pause in enumerate(pauses(), start=1):
        try:
            on_event(event)
        except Exception as error:
            if attempt >= attempts:
                raise
            _log.warning(
                "event=handler_failed attempt=%d type=%s message_id=%s error=%r",
                attempt,
                event.type,
                event.message_id,
                error,
            )
        else:
            return
        link.rest(pause)
