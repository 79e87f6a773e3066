"""Events that are no results: what happened to a basket, as it goes into the outbox."""

from __future__ import annotations

from uuid import uuid4

from contracts import codec_json, events
from worker.domain.basket import Basket
from worker.domain.noticing import Notice
from worker.store.outbox import Event


def event(basket: Basket, said: Notice, *, causation_id: str | None, traceparent: str | None) -> Event:
    """Make the event of a notice; `causation_id` is the command behind it."""
    return Event(
        event_id=uuid4(),
        channel=basket.channel,
        key=basket.id,
        type=said.type,
        correlation_id=causation_id,
        headers=events.notice_headers(
            key=basket.id,
            channel=basket.channel,
            causation_id=causation_id,
            version=basket.version,
            traceparent=traceparent,
        ),
        body=codec_json.encode(said.body).decode(),
    )
