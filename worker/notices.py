"""Events that are no results: what happened to a basket, as it goes into the outbox."""

from __future__ import annotations

from uuid import uuid4

from contracts import codec_json, events
from worker.domain.noticing import Notice
from worker.store.outbox import Event


def event(
    channel: str,
    basket_id: str,
    version: int,
    said: Notice,
    *,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> Event:
    """Make the event of a notice about a basket; `causation_id` is the command behind it."""
    return Event(
        event_id=uuid4(),
        channel=channel,
        key=basket_id,
        type=said.type,
        correlation_id=causation_id,
        headers=events.notice_headers(
            key=basket_id,
            channel=channel,
            causation_id=causation_id,
            version=version if said.version is None else said.version,
            traceparent=traceparent,
        ),
        body=codec_json.encode(said.body).decode(),
    )
