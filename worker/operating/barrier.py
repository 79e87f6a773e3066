"""Wait until everything that was in some command queues is committed.

A read goes into each queue, past the hash: a queue's messages are handled in order, so its answer, whatever
it says, comes after all that was there before. An answer is not durable; whoever has none yet is asked again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import amqp

_ASK_AGAIN_SECONDS = 5.0
_LOOK_SECONDS = 0.5
_REPLIES = "amq.rabbitmq.reply-to"


def pass_through(channel: Any, queues: Sequence[str], until: float, say: Callable[[str], None]) -> list[str]:
    """Ask each queue until all have answered or it is `until` (monotonic); give those that have not."""
    round_ = uuid.uuid4().hex
    silent = dict.fromkeys(queues)

    def hear(message: Any) -> None:
        asked, _, queue = str(message.properties.get("correlation_id", "")).partition(":")
        if asked == round_:
            silent.pop(queue, None)

    tag = channel.basic_consume(_REPLIES, no_ack=True, callback=hear)
    ask_at = 0.0
    while silent and time.monotonic() < until:
        if time.monotonic() >= ask_at:
            ask_at = time.monotonic() + _ASK_AGAIN_SECONDS
            say(f"Waiting for {len(silent)} queues to be worked off.")
            for queue in tuple(silent):  # an answer may come while the next is asked
                _ask(channel, queue, f"{round_}:{queue}")
        _listen(channel)
    channel.basic_cancel(tag)
    return list(silent)


def _ask(channel: Any, queue: str, correlation_id: str) -> None:
    """Send a read that nobody is allowed to make; a full queue may refuse it, and is asked again."""
    question = amqp.Message(
        b"",
        type="basket.get",
        message_id=uuid.uuid4().hex,
        correlation_id=correlation_id,
        reply_to=_REPLIES,
        application_headers={},
    )
    channel.basic_publish(question, exchange="", routing_key=queue)


def _listen(channel: Any) -> None:
    try:
        channel.connection.drain_events(timeout=_LOOK_SECONDS)
    except TimeoutError:
        return
