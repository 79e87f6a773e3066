"""The Celery task: a batch of deliveries in, an outcome out.

Done: everything is decided, committed and said, and may be acked; a refusal and a parked command are done
too. Try again: nothing was kept, and the batch is to be offered again. A database error that one command
causes makes the batch run one by one, and costs that command alone.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from contracts import answers, envelope
from contracts.envelope import Delivery, Envelope
from worker import batch, ids, logs, publisher, relay, results, routes
from worker.publisher import Outgoing, Publisher
from worker.store import database
from worker.tokens import Keyring

if TYPE_CHECKING:
    from celery import Celery

    from worker.ledger import Reply

NAME = "basketry.apply_commands"
_RELAYED_WITHIN_SECONDS = 0.5

log = logs.get(__name__)


class Done(msgspec.Struct, frozen=True):
    """All deliveries may be acked."""


class TryAgain(msgspec.Struct, frozen=True):
    """Deliveries from `first` on are to be offered again; the ones before are done."""

    first: int
    why: str


class Tools(msgspec.Struct, frozen=True):
    """What a worker process works with."""

    engine: database.Engine
    replying: Publisher
    relaying: Publisher  # apart: a queue of events in trouble costs nobody a reply
    keyring: Keyring
    reply_queue_prefixes: tuple[str, ...]


def register(app: Celery, tools: Tools) -> None:
    """Register the task; the consumer calls it once for every batch."""

    @app.task(name=NAME, shared=False)  # type: ignore[untyped-decorator]
    def apply_commands(deliveries: Sequence[Delivery]) -> Done | TryAgain:
        return _apply(tools, deliveries)


def _apply(tools: Tools, deliveries: Sequence[Delivery]) -> Done | TryAgain:
    envelopes = [envelope.open_envelope(delivery, tools.reply_queue_prefixes) for delivery in deliveries]
    done = 0
    for batch_ in _cut(envelopes):
        outcome = _apply_batch(tools, batch_)
        if isinstance(outcome, TryAgain):
            return TryAgain(done + outcome.first, outcome.why)
        done += len(batch_)
    return Done()


def _cut(envelopes: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """Cut what arrived together into transactions."""
    together: list[Envelope] = []
    for one in envelopes:
        if together and (
            routes.begins_anew(one.type, {earlier.type for earlier in together})
            or routes.hands_over(together[-1].command)
        ):
            yield together
            together = []
        together.append(one)
    yield together


def _apply_batch(tools: Tools, envelopes: Sequence[Envelope]) -> Done | TryAgain:
    """Apply commands in one transaction, or in several when their answers are too much for one."""
    done, size = 0, len(envelopes)
    while done < len(envelopes):
        outcome = _apply_together(tools, envelopes[done : done + size])
        if isinstance(outcome, TryAgain):
            return TryAgain(done + outcome.first, outcome.why)
        if isinstance(outcome, int):
            size = outcome
        else:
            done += size
    return Done()


def _apply_together(tools: Tools, envelopes: Sequence[Envelope]) -> Done | TryAgain | int:
    """Apply commands in one transaction; nothing is done when only so many of them fit into one."""
    try:
        _commit_and_say(tools, envelopes)
    except database.TryAgain as error:
        return TryAgain(0, str(error))
    except batch.TooMuch as error:
        return error.first
    except Exception as error:  # noqa: BLE001 - what one command has caused, its neighbours must not suffer
        log.warning("batch.split", size=len(envelopes), why=logs.where(error))
        return _apply_one_by_one(tools, envelopes)
    return Done()


def _apply_one_by_one(tools: Tools, envelopes: Sequence[Envelope]) -> Done | TryAgain:
    for index, one in enumerate(envelopes):
        try:
            try:
                _commit_and_say(tools, [one])
            except database.TryAgain:
                raise
            except Exception:  # noqa: BLE001 - this is the one; it is parked with its traceback
                _commit_and_say(tools, [one], failure=traceback.format_exc())
        except database.TryAgain as error:
            return TryAgain(index, str(error))
        except Exception as error:  # noqa: BLE001 - not even parking worked: hold it rather than lose it
            names = {"message_id": one.message_id, "key": one.key, "command": one.type}
            log.error("command.unparkable", why=logs.where(error), **names)  # noqa: TRY400
            return TryAgain(index, type(error).__name__)
    return Done()


def _commit_and_say(tools: Tools, envelopes: Sequence[Envelope], failure: str | None = None) -> None:
    """Apply commands in one transaction; then send the replies in order, then relay the events.

    What the broker does not take now is not lost: events wait in the outbox for the sweep, and an asker
    without a reply sends the command again under the same message id.
    """
    with database.transaction(tools.engine) as tx:
        handled = batch.handle(tx, envelopes, tools.keyring, ids.new_id, failure)
    _send([_outgoing(reply) for reply in handled.replies], tools.replying)
    try:
        # What takes longer is a backlog, and the sweep's: the next batch must not wait for it.
        until = time.monotonic() + _RELAYED_WITHIN_SECONDS
        relay.relay(
            tools.engine, tools.relaying, handled.partitions, goes_on=lambda: time.monotonic() < until
        )
    except (publisher.Unavailable, database.TryAgain) as error:
        log.warning("relay.postponed", why=str(error))


def _send(replies: Sequence[Outgoing], through: Publisher) -> None:
    """Send replies in order. RabbitMQ breaks on a forged direct reply-to: then each goes alone."""
    try:
        refused = len(through.publish(replies).nacked)
        if refused:
            log.warning("replies.dropped", count=refused, why="their queues are full")
    except publisher.Broken as error:
        log.warning("replies.one_by_one", count=len(replies), why=str(error))
        _send_one_by_one(replies, through)
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
