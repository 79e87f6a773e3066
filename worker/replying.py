"""Replies: what a command came to, sent to who asked, in the order of the commands and in their formats.

Nothing waits for them: an asker without a reply sends the command again under the same message id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts import answers, envelope
from worker import logs, publisher, results
from worker.publisher import Outgoing, Publisher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.ledger import Reply

log = logs.get(__name__)


def send(replies: Sequence[Reply], through: Publisher) -> None:
    """Send replies in order. RabbitMQ breaks on a forged direct reply-to: then each goes alone."""
    messages = [_outgoing(reply) for reply in replies]
    try:
        refused = len(through.publish(messages).nacked)
        if refused:
            log.warning("replies.dropped", count=refused, why="their queues are full")
    except publisher.Broken as error:
        log.warning("replies.one_by_one", count=len(replies), why=str(error))
        _send_one_by_one(messages, through)
    except publisher.Unavailable as error:
        log.warning("replies.dropped", count=len(replies), why=str(error))


def _send_one_by_one(replies: Sequence[Outgoing], through: Publisher) -> None:
    for sent, reply in enumerate(replies):
        try:
            through.publish([reply])
        except publisher.Broken as error:
            log.warning("reply.undeliverable", why=str(error))
        except publisher.Unavailable as error:
            log.warning("replies.dropped", count=len(replies) - sent, why=str(error))
            return


def _outgoing(reply: Reply) -> Outgoing:
    result = reply.result
    media_type, body = _in_the_askers_format(reply)
    return Outgoing(
        exchange="",
        routing_key=reply.reply_to,
        properties={
            "type": result.type,
            "message_id": str(result.event_id),
            "correlation_id": reply.correlation_id,
            "content_type": media_type,
        },
        headers=result.headers,
        body=body,
    )


def _in_the_askers_format(reply: Reply) -> tuple[str, bytes]:
    """Give the reply in XML to who writes XML; in JSON when it would be larger than the broker takes."""
    body = reply.result.body.encode()
    if reply.media_type == envelope.JSON:
        return envelope.JSON, body
    written = answers.in_xml(reply.result.type, reply.result.headers.get("command", ""), body)
    if written is None or len(written) > results.MAX_EVENT_BYTES:
        log.warning("reply.in_json", message_id=str(reply.result.event_id), asked=reply.media_type)
        return envelope.JSON, body
    return reply.media_type, written
